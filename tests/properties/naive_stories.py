"""The stories of the naive readings as events, and what the engine says of them in the readings' words."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from schemas.values import instant_of
from tests.properties.naive_account import DAY, HOUR, MINUTE, Event, Walk
from tests.properties.stories import moment
from tests.scenarios.telling import Told, event, opened, tell

# What it is, what the engine says, what the reading says.
Compared = tuple[str, Any, Any]
ZONES = ("UTC", "Asia/Shanghai", "America/New_York", "Europe/Berlin")
TYPES = {
    "grant": "grant.issued", "coupon": "coupon.redeemed", "refund": "refund.requested",
    "withdraw": "withdrawal.requested", "settings": "account.settings_changed", "serve": "request.served",
    "request": "instance.requested", "start": "instance.started", "stop": "instance.stopped",
    "release": "instance.released", "beat": "instance.heartbeat", "sample": "capacity.sampled",
    "delete": "capacity.deleted", "renew": "term.renewed", "auto_renew": "term.auto_renew_set",
    "change": "instance.mode_changed", "state": "model.state_changed",
    "replicas": "deployment.replicas_changed", "limits_set": "deployment.limits_set",
    "key": "key.created", "tier": "key.tier_changed",
}  # fmt: skip
METERS = {"tokens_in": "input_tokens", "tokens_out": "output_tokens"}


def as_event(number: int, one: Event, currency: str, all_of: list[Event]) -> bytes:
    """Event `number` of a story as a line of JSON."""
    time_ms, kind, data = one
    if kind == "again":
        return as_event(data["of"], all_of[data["of"]], currency, all_of)
    if kind == "conflict":
        other = {"grant": f"other {number}", "amount": number + 1, "bucket": "bonus"}
        return event("grant.issued", moment(time_ms), other, id=f"e{data['of']}")
    body: dict[str, Any] = {name: value for name, value in data.items() if value is not None}
    kind = _spelled(kind, body, number, currency)
    return event(
        TYPES.get(kind, kind), moment(time_ms), json.loads(json.dumps(body, default=str)), id=f"e{number}"
    )


def _spelled(kind: str, body: dict[str, Any], number: int, currency: str) -> str:
    """Gives `body` the contract's names; the event's type, or its short name."""
    if "name" in body:
        body["resource"] = body.pop("name")
    if kind in ("request", "start"):
        body.setdefault("sku", "rtx-4090")
    match kind:
        case "pay":
            body |= {"currency": currency}
            return f"payment.{body.pop('state')}"
        case "transfer":
            body |= {"currency": currency, "voucher": "v"}
            return f"transfer.{body.pop('state')}"
        case "give_back":
            body |= {"currency": currency}
            return {"refund": "payment.refunded", "chargeback": "payment.disputed"}[body.pop("kind")]
        case "grant" | "refund":
            body[kind] = f"{kind} {number}"
        case "withdraw":
            body["amount"] = "1"
        case "settings" if body.get("auto_refill"):
            body["auto_refill"] = {"enabled": True, "threshold": "1", "amount": "10"}
        case "serve":
            body |= {"request": f"r{number}"}
            for meter, count in body.pop("tokens").items():
                body[METERS.get(meter, meter)] = count
    return kind


def tell_both(naive: Walk, profile: str, currency: str, story: list[Event], end: int) -> Told:
    """Tell `story` to the reading and to the engine, up to `end`; what the engine says."""
    naive.tell(story, end)
    lines = [as_event(n, each, currency, naive.told) for n, each in enumerate(naive.told)]
    return tell(opened(profile, zone=naive.zone.key), *lines, until=moment(end))


def records(told: Told, naive: Walk, charges: list[Any]) -> list[Compared]:
    """What was written; `charges` are the engine's, in the words of the reading."""
    written = [(what, engine, naive.said(what)) for what, engine in said(told).items()]
    return [("charges", charges, naive.charges), *written]


def standing(told: Told, naive: Walk) -> list[Compared]:
    """Where the account stands at the end."""
    line = told.line()
    return [
        ("buckets", {name: Decimal(amount) for name, amount in line["buckets"].items()}, naive.buckets),
        ("flags", line["flags"], ["disputed"] if naive.disputed else []),
    ]


def ms(time: str) -> int:
    """Since the dawn of the stories."""
    return instant_of(time) - instant_of(moment(0))


def said(told: Told) -> dict[str, list[tuple[Any, ...]]]:
    """Entries, notices, commands and refusals in the words of the readings; one instant's notices have no order."""
    return {
        "entries": [
            (ms(e["time"]), e["type"], Decimal(e["amount"]), e["bucket"], Decimal(e["balance"]))
            for e in told.entries()
        ],
        "notices": in_order((ms(n["time"]), n["type"], n.get("resource")) for n in told.of("notice")),
        "commands": in_order(
            (
                ms(c["time"]),
                c["type"],
                c.get("resource"),
                c["reason"],
                *([c["replicas"]] if "replicas" in c else []),
            )
            for c in told.of("command")
        ),
        "refused": [(ms(r["time"]), r["reason"]) for r in told.of("rejection")],
    }


def in_order(records: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """What is said at one instant in an order of its own."""
    return sorted(records, key=lambda said: (said[0], repr(said[1:])))


# --- what happens to any account ----------------------------------------------------------------------------


def some(*values: object) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


def money(*values: str) -> st.SearchStrategy[Decimal]:
    return st.sampled_from(values).map(Decimal)


payments = st.integers(1, 4).map("p{}".format)


def account_events(
    methods: tuple[str, ...], amounts: tuple[str, ...]
) -> dict[str, st.SearchStrategy[dict[str, Any]]]:
    """Payments, credit and settings."""
    return {
        "pay": st.fixed_dictionaries({
            "state": some("succeeded", "succeeded", "succeeded", "created", "failed", "expired"),
            "payment": payments, "amount": money(*amounts), "method": some(*methods),
            "fee": money("0", "0", "0", "0.30"), "bonus": money("0", "0", "0", "1.50"),
        }),
        "transfer": st.fixed_dictionaries({
            "state": some("uploaded", "approved", "rejected"), "payment": st.integers(5, 6).map("p{}".format),
            "amount": money("20"),
        }),
        "give_back": st.fixed_dictionaries({
            "kind": some("refund", "chargeback"), "payment": payments, "amount": money("1", "6"),
        }),
        "grant": st.fixed_dictionaries({"amount": money("0.30", "2"), "bucket": some("trial", "bonus")}),
        "coupon": st.just({"code": "WELCOME250"}),
        "refund": st.just({}),
        "withdraw": st.just({}),
        "settings": st.one_of(
            st.fixed_dictionaries({"low_balance": money("0", "2", "5", "12")}),
            st.fixed_dictionaries({"digest": some("off", "daily", "weekly")}),
            st.fixed_dictionaries({"spend_limits": st.fixed_dictionaries({"a": money("0.50", "2")})}),
            st.just({"auto_refill": True}),
        ),
    }  # fmt: skip


gaps = st.sampled_from(
    [0, 0, 1, 400, 1_000, MINUTE, 10 * MINUTE, HOUR, HOUR, 7 * HOUR, DAY, 3 * DAY, 9 * DAY]
)


def rented(told: Told) -> list[tuple[Any, ...]]:
    """Charges in the words of the readings; the period of a request's charge is not said."""
    return [
        (ms(c["time"]), c.get("resource"), c["sku"], c["meter"],
         *((None, None) if "request" in c else (ms(c["start"]), ms(c["end"]))),
         Decimal(c["quantity"]), Decimal(c["unit_price"]), Decimal(c["amount"]))
        for c in told.charges()
    ]  # fmt: skip


BEGINS = {"request": ("paid",), "start": ("paid", "run"), "sample": ("stored",)}
ABOUT = {
    **dict.fromkeys(("renew", "auto_renew", "change"), "paid"),
    **dict.fromkeys(("stop", "release", "beat", "state", "replicas", "limits_set"), "run"),
    "delete": "stored",
}


@st.composite
def events(
    draw: st.DrawFn,
    kinds: tuple[str, ...],
    data: dict[str, st.SearchStrategy[dict[str, Any]]],
    steps: st.SearchStrategy[int],
    method: str,
) -> list[Event]:
    """What happens to an account that has some money, mostly to what it has started already."""
    fund = {"state": "succeeded", "payment": "p0", "amount": draw(money("1", "12", "70", "1300", "20000")),
            "method": method, "fee": Decimal(0), "bonus": Decimal(0)}  # fmt: skip
    told: list[Event] = [(0, "pay", fund)]
    now = 0
    known: dict[str, set[str]] = {"paid": set(), "run": set(), "stored": set()}
    for _ in range(draw(st.integers(1, 22))):
        now += draw(steps)
        kind = draw(st.sampled_from(kinds))
        said = dict(draw(data[kind]))
        for what in BEGINS.get(kind, ()):
            known[what].add(said["name"])
        if kind in ABOUT:
            names = sorted(known[ABOUT[kind]])
            if not names:
                continue
            said["name"] = draw(st.sampled_from(names))
        told.append((now, kind, said))
    return told
