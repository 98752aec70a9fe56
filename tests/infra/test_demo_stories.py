"""The demo's stories, folded by the pure engine: what each promises to show does happen, whatever month and seed."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from infra.books import load_book
from infra.demo.bills import displayed
from infra.demo.script import DAY_MS, DAYS, Script
from infra.demo.stories import STORIES, flexai, fluxedge, gpugeek, neolink, puredocs
from schemas.values import instant_text
from schemas.wire import encode
from streams.core import story
from streams.core.story import Story

BOOK = load_book()
Tell = Callable[[Script], None]


@dataclass(frozen=True)
class Told:
    """What came of a story."""

    events: int
    story: Story

    def refused(self) -> Counter[tuple[str | None, str]]:
        return Counter((r.account, r.reason) for r in self.story.out.rejections)

    def noticed(self) -> Counter[tuple[str, str, str | None]]:
        return Counter((n.account, n.type, n.resource) for n in self.story.out.notices)

    def commanded(self) -> Counter[tuple[str, str, str | None]]:
        return Counter((c.account, c.type, c.resource) for c in self.story.out.commands)

    def posted(self, account: str, kind: str) -> list[str]:
        return [e.amount for e in self.story.out.entries if e.account == account and e.type == kind]

    def corrected(self) -> set[str | None]:
        return {c.resource for c in self.story.out.charges if c.corrects}

    def balance(self, account: str) -> Decimal:
        return self.story.accounts[account].balance


def told(tell: Tell, seed: int = 1, first: date = date(2026, 10, 21)) -> Told:
    """The month from `first`, as the demo plays it: a tick ends each day."""
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    script = Script(int(start.timestamp()) * 1000, seed)
    tell(script)
    lines: list[bytes] = []
    events = 0
    for day in script.days():
        lines += [step.raw for step in day.steps]
        events += len(day.steps)
        tick = {"specversion": "1.0", "id": f"t-{day.end_ms}", "source": "test", "type": "clock.tick",
                "subject": "clock", "time": instant_text(day.end_ms), "data": {}}  # fmt: skip
        lines.append(encode(tick))
    return Told(events, story.run(lines, BOOK, script.start_ms + DAYS * DAY_MS))


# Whatever else is refused is a fault of the story.
REFUSED: dict[str, dict[tuple[str | None, str], int]] = {
    "flexai": {
        (flexai.BOT, "below_minimum"): 1,
        (flexai.BOT, "method_not_accepted"): 2,
        (flexai.MILL, "duplicate_conflict"): 1,
        (None, "schema_invalid"): 1,
    },
    "fluxedge": {
        (fluxedge.FARM, "method_not_accepted"): 1,
        (fluxedge.FARM, "refund_not_allowed"): 1,
        (fluxedge.FARM, "withdrawal_not_allowed"): 1,
        (fluxedge.OWL, "insufficient_balance"): 1,
    },
    "gpugeek": {
        (gpugeek.LAB, "instance_quota"): 1,
        (gpugeek.RENDER, "insufficient_balance"): 1,
        (gpugeek.STUDIO, "payment_state"): 1,
    },
    "neolink": {
        (neolink.HARBOR, "sku_not_launched"): 1,
        (neolink.HARBOR, "withdrawal_not_allowed"): 1,
        (neolink.HARBOR, "refund_not_allowed"): 1,
        (neolink.HARBOR, "capability_disabled"): 1,
        (neolink.SCHOOL, "capability_disabled"): 1,
        (neolink.NOTES, "insufficient_balance"): 1,
    },
    "puredocs": {
        (puredocs.CHAT, "coupon_used"): 1,
        (puredocs.CHAT, "coupon_unknown"): 1,
        (puredocs.RIG, "insufficient_balance"): 1,
        (puredocs.ARCHIVE, "currency_mismatch"): 1,
        (puredocs.ARCHIVE, "refund_not_allowed"): 1,
    },
}


@pytest.mark.parametrize(("first", "seed"), [(date(2026, 10, 21), 1), (date(2028, 2, 3), 7)])
@pytest.mark.parametrize(("name", "tell"), STORIES)
def test_nothing_is_refused_but_what_the_story_says(name: str, tell: Tell, first: date, seed: int) -> None:
    month = told(tell, seed, first)

    assert month.refused() == REFUSED[name]
    assert month.events < 20_000
    owing = {account for account in month.story.accounts if month.balance(account) < 0}
    assert owing == ({neolink.NOTES} if name == "neolink" else set())


def test_the_same_seed_tells_the_same_bytes() -> None:
    def raw() -> list[bytes]:
        script = Script(0, 3)
        for _, tell in STORIES:
            tell(script)
        return [step.raw for day in script.days() for step in day.steps]

    assert raw() == raw()


def test_puredocs_refills_pauses_resumes_and_gives_back() -> None:
    month = told(puredocs.tell)

    notices, commands = month.noticed(), month.commanded()
    assert notices[puredocs.CHAT, "refill_failed", None] == 1
    assert notices[puredocs.CHAT, "refill_requested", None] == commands[puredocs.CHAT, "payment.refill", None]
    # The first top-up, and every refill, the declined one included, which goes through later.
    assert len(month.posted(puredocs.CHAT, "topup")) == 1 + commands[puredocs.CHAT, "payment.refill", None]
    assert month.posted(puredocs.CHAT, "coupon") == ["2.50"]
    assert month.posted(puredocs.RIG, "grant") == ["3.00"]
    for kind in ("resource_paused", "resource_resumable", "spend_limit"):
        assert notices[puredocs.RIG, kind, "rig-m"] >= 1
    assert commands[puredocs.RIG, "deployment.pause", "rig-m"] == 1
    assert notices[puredocs.CHAT, "resource_paused", "chat-s"] == 0
    # 10:00 to 14:06 are five started hours.
    assert month.corrected() == {"scan-l"}
    assert month.posted(puredocs.ARCHIVE, "refund") == ["-40.00"]
    assert month.balance(puredocs.ARCHIVE) == Decimal("100.00") - 5 * Decimal("3.50") - 40


def test_gpugeek_renews_changes_preempts_and_forgives_on_the_sixth_day() -> None:
    month = told(gpugeek.tell)

    notices, commands = month.noticed(), month.commanded()
    assert notices[gpugeek.LAB, "term_renewed", "lab-week"] == 3
    assert notices[gpugeek.LAB, "term_expiring", "lab-week"] == 4
    assert commands[gpugeek.LAB, "instance.stop", "lab-week"] == 1
    preempted = [n for n in month.story.out.notices if n.resource == "lab-spot"]
    assert [(n.type, dict(n.values or {})) for n in preempted] == [
        ("resource_stopped", {"reason": "preempted"})
    ]
    # Paid 1,500 for a month, 100 hours of it used at 3.20.
    assert month.posted(gpugeek.STUDIO, "refund") == ["1180.00"]
    assert month.corrected() == {"vfx-1"}
    for kind in ("low_balance", "overdue"):
        assert notices[gpugeek.RENDER, kind, None] == 1
    assert notices[gpugeek.RENDER, "deletion_due", "dune"] == 1
    assert notices[gpugeek.RENDER, "data_deleted", "dune"] == 0
    assert commands[gpugeek.MODELS, "model.cold", gpugeek.PRIVATE] == 3
    scaled = [c.replicas for c in month.story.out.commands if c.type == "deployment.scale"]
    assert scaled == [3, 4, 3, 1]


def test_gpugeek_disks_cost_at_night() -> None:
    lines = [
        c for c in told(gpugeek.tell).story.out.charges if c.resource == "lab-day" and c.meter == "capacity"
    ]

    assert len(lines) > 29 * 24
    assert {c.amount for c in lines} == {"0.05"}


def test_neolink_settles_at_midnight_renews_twice_and_clears_after_fifteen_days() -> None:
    month = told(neolink.tell)

    notices, commands, charges = month.noticed(), month.commanded(), month.story.out.charges
    # Midnight in Shanghai.
    assert {c.time[11:19] for c in charges if c.resource in {"port-files", "image-store"}} == {"16:00:00"}
    assert [c.amount for c in charges if c.resource == "port-files"][:2] == ["1.20", "0.60"]
    images = {c.amount for c in charges if c.resource == "image-store"}
    assert images - {"0.00"} == {"0.07"}
    assert [c.amount for c in charges if c.resource == "blink"] == ["0.01"]
    assert {c.amount for c in charges if c.model} == {"0.00"}
    assert notices[neolink.SCHOOL, "term_renewed", "class"] == 2
    assert commands[neolink.SCHOOL, "instance.start", "class"] == 2
    prepaid = [
        c.amount for c in charges if c.resource == "class" and c.meter == "capacity" and c.quantity == "700"
    ]
    assert prepaid == ["7.00"] * 3
    assert month.corrected() == {"lab-hour"}
    assert notices[neolink.NOTES, "deletion_due", "notes"] == 1
    assert commands[neolink.NOTES, "data.delete", "notes"] == 1


def test_credits_are_shown_where_the_profile_shows_them() -> None:
    assert displayed(BOOK, "puredocs", Decimal("10.50")) == "1,050 credits"
    assert displayed(BOOK, "flexai", Decimal("10.50")) == ""
