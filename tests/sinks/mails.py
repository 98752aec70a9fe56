"""A notice of every type, with the values that the fold gives it, on providers that show dollars, yuan and credits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from schemas.profile import Profile, load_profile
from schemas.records import NoticeType
from sinks.email.codes import Codes
from sinks.email.render import Letterhead
from tests.sinks.samples import notice

SHIPPED = Path(__file__).parents[2] / "schemas" / "profiles"
PROFILES: dict[str, Profile] = {path.stem: load_profile(path) for path in SHIPPED.glob("*.toml")}
SENDER = "billing@example.org"
LETTERHEAD = Letterhead(
    SENDER, PROFILES, Codes(b"a secret of thirty-two characters", "https://pay.example.org")
)
PLAIN = Letterhead(SENDER, PROFILES)

RECEIPT = {
    "payment": "p-1",
    "amount": "100",
    "method": "alipay",
    "credited": "98.50",
    "fee": "1.50",
    "bonus": "10",
    "native_amount": "14",
    "native_currency": "USD",
    "balance": "123.4",
}
VALUES: dict[NoticeType, dict[str, str]] = {
    NoticeType.RECEIPT: RECEIPT,
    NoticeType.LOW_BALANCE: {"balance": "4.999995", "threshold": "5.00"},
    NoticeType.BALANCE_ZERO: {"balance": "-0.000045"},
    NoticeType.OVERDUE: {"balance": "-3.20"},
    NoticeType.TERM_EXPIRING: {"expires": "2026-11-08T00:00:00.000Z", "auto_renew": "false"},
    NoticeType.TERM_EXPIRED: {"expired": "2026-11-08T00:00:00.000Z"},
    NoticeType.TERM_RENEWED: {"until": "2026-12-08T00:00:00.000Z", "price": "1500.00"},
    NoticeType.RENEWAL_FAILED: {"price": "1500.00", "balance": "12.5"},
    NoticeType.DELETION_DUE: {"at": "2026-11-08T00:00:00.000Z"},
    NoticeType.DATA_DELETED: {"deleted": "2026-11-08T00:00:00.000Z"},
    NoticeType.RESOURCE_PAUSED: {"balance": "0.40", "needed": "0.60"},
    NoticeType.RESOURCE_RESUMABLE: {"balance": "20.40"},
    NoticeType.RESOURCE_STOPPED: {"reason": "heartbeat_lost"},
    NoticeType.REFILL_REQUESTED: {"amount": "20.00", "command": "cmd_1f"},
    NoticeType.REFILL_FAILED: {"amount": "20.00", "command": "cmd_1f", "reason": "declined"},
    NoticeType.SPEND_DIGEST: {
        "spent": "9.99955",
        "from": "2026-10-31T00:00:00.000Z",
        "to": "2026-11-01T00:00:00.000Z",
        "period": "daily",
    },
    NoticeType.SPEND_LIMIT: {"spent": "50.01", "limit": "50.00"},
}
ABOUT_ACCOUNT = frozenset(
    {
        NoticeType.RECEIPT,
        NoticeType.LOW_BALANCE,
        NoticeType.BALANCE_ZERO,
        NoticeType.OVERDUE,
        NoticeType.REFILL_REQUESTED,
        NoticeType.REFILL_FAILED,
        NoticeType.SPEND_DIGEST,
    }
)
# Where the goldens lie → what its notices have in common.
CASES: dict[str, dict[str, Any]] = {
    "en": {"profile": "flexai", "currency": "USD", "locale": "en", "zone": "America/New_York"},
    "zh": {"profile": "neolink", "currency": "CNY", "locale": "zh-CN", "zone": "Asia/Shanghai"},
    "en-credits": {"profile": "puredocs", "currency": "USD", "locale": "en-US", "zone": "UTC"},
    "zh-credits": {"profile": "puredocs", "currency": "USD", "locale": "zh_Hans_CN", "zone": "UTC"},
}


def sample(kind: NoticeType, case: str = "en", **changes: Any) -> Any:
    """The notice of type `kind`."""
    resource = None if kind in ABOUT_ACCOUNT else "gpu-7"
    given = {"account": "acme", "resource": resource} | CASES[case] | changes
    return notice(
        1,
        kind.value,
        changes.pop("values", VALUES[kind]),
        **{k: v for k, v in given.items() if k != "values"},
    )


def samples() -> Iterator[tuple[str, NoticeType, Any]]:
    """(case, type, notice) of every golden mail."""
    for case in CASES:
        for kind in NoticeType:
            yield case, kind, sample(kind, case)
