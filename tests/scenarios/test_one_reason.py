"""One reason (contract 8.3): a refused event gets exactly one, the first of the contract's order that applies."""

import json

import pytest

from schemas.events import TYPES
from schemas.records import Reason
from tests.scenarios.renting import request, start
from tests.scenarios.telling import (
    PER_HOUR_0_36,
    Record,
    asked,
    event,
    given_back,
    granted,
    instant,
    machine,
    opened,
    paid,
    released,
    served,
    settings,
    started,
    stopped,
    tell,
    tick,
)

UNKNOWN_GPU = machine(gpu="abacus", gpus=1)
REFILL = {"enabled": True, "threshold": "5", "amount": "20"}
FLUX = (
    opened("fluxedge"),
    paid("00:10", "7", payment="p"),
    started("00:20", PER_HOUR_0_36, "runs"),
    started("00:20", PER_HOUR_0_36, "gone"),
    released("00:21", "gone"),
    granted("00:22", "1", grant="g"),
)
PURE = (
    opened("puredocs"),
    paid("00:10", "1", payment="p"),
    start("00:20", "gpu-s", "runs"),
    settings("00:30", instance_quota=1),
)
FLEX = (opened("flexai"), paid("00:10", "7", payment="p"), granted("00:22", "1", grant="g"))

# reason → (what came before, an event that has no other fault)
GUILTY: dict[str, tuple[tuple[bytes, ...], bytes]] = {
    "unknown_profile": ((), opened("nobody", "01:00", id="x")),
    "account_exists": (FLEX, opened("flexai", "01:00", id="x")),
    "unknown_account": (
        (),
        event("grant.issued", "01:00", {"grant": "h", "amount": 1, "bucket": "bonus"}, id="x"),
    ),
    "capability_disabled": (
        FLUX,
        event("account.settings_changed", "01:00", {"auto_refill": REFILL}, id="x"),
    ),
    "refund_not_allowed": (FLUX, event("refund.requested", "01:00", {"refund": "r"}, id="x")),
    "withdrawal_not_allowed": (FLUX, event("withdrawal.requested", "01:00", {"amount": 1}, id="x")),
    "method_not_accepted": (FLEX, paid("01:00", "5", method="paypal", id="x")),
    "currency_mismatch": (FLEX, paid("01:00", "5", currency="EUR", id="x")),
    "below_minimum": (FLEX, paid("01:00", "1", id="x")),
    "unknown_sku": (FLEX, served("01:00", "abacus", id="x")),
    "coupon_unknown": (FLUX, event("coupon.redeemed", "01:00", {"code": "c"}, id="x")),
    "payment_state": (FLEX, paid("01:00", "7", payment="p", id="x")),
    "resource_state": (FLUX, started("01:00", PER_HOUR_0_36, "runs", id="x")),
    "instance_quota": ((*FLUX, settings("00:30", instance_quota=1)), asked("01:00", PER_HOUR_0_36, id="x")),
    "insufficient_balance": (FLUX, asked("01:00", machine(gpus=100_000), id="x")),
}
each_guilty = pytest.mark.parametrize("reason", GUILTY)


def _with(line: bytes, **changes: object) -> bytes:
    return json.dumps(json.loads(line) | changes).encode()


@pytest.mark.req("X-11")
@each_guilty
def test_each_reason_can_be_given(reason: str) -> None:
    before, guilty = GUILTY[reason]

    assert tell(*before, guilty).reasons() == [reason]


@each_guilty
def test_what_is_no_event_has_no_other_fault(reason: str) -> None:
    before, guilty = GUILTY[reason]
    malformed = _with(guilty, data=json.loads(guilty)["data"] | {"surplus": 1})

    assert tell(*before, malformed).reasons() == ["schema_invalid"]


@each_guilty
def test_identity_is_looked_at_before_the_business(reason: str) -> None:
    before, guilty = GUILTY[reason]
    told_before = event("key.created", "00:40", {"key": "k"}, id="x")

    assert tell(*before, told_before, guilty).reasons()[-1] == "duplicate_conflict"


@each_guilty
def test_an_event_that_is_too_old_has_no_other_fault(reason: str) -> None:
    before, guilty = GUILTY[reason]
    old = _with(guilty, time="2026-09-20T00:00:00Z")

    assert tell(tick("00:00"), *before, old).reasons()[-1] == "too_old"


@pytest.mark.parametrize(
    "reason",
    [name for name in GUILTY if name not in ("unknown_profile", "account_exists", "unknown_account")],
)
def test_an_unknown_account_hides_every_fault_behind_it(reason: str) -> None:
    _, guilty = GUILTY[reason]

    assert tell(guilty).reasons() == ["unknown_account"]


PAIRS: list[tuple[str, str, tuple[bytes, ...], bytes]] = [
    ("schema_invalid", "duplicate_conflict", (*FLEX, granted("00:30", "1", id="x")), event("key.created", "01:00", {}, id="x")),
    ("schema_invalid", "too_old", (tick("00:00"), *FLEX), event("key.created", "2026-09-01T00:00:00Z", {})),
    ("schema_invalid", "unknown_sku", FLUX, event("instance.started", "01:00", {"resource": "m", "sku": "machine", "mode": "payg"})),
    ("schema_invalid", "capability_disabled", FLUX, event("instance.requested", "01:00", {"resource": "m", "sku": "machine", "mode": "package", "spec": PER_HOUR_0_36})),
    ("duplicate_conflict", "too_old", (tick("00:00"), *FLEX, granted("00:30", "1", id="x")), granted("2026-09-01T00:00:00Z", "2", id="x")),
    ("unknown_profile", "account_exists", FLEX, opened("nobody", "01:00")),
    ("capability_disabled", "unknown_sku", FLUX, event("instance.started", "01:00", {"resource": "m", "sku": "abacus", "mode": "spot"})),
    ("capability_disabled", "unknown_sku", FLUX, asked("01:00", UNKNOWN_GPU, mode="spot")),
    ("capability_disabled", "unknown_sku", FLEX, event("instance.started", "01:00", {"resource": "m", "sku": "abacus", "mode": "payg"})),
    ("capability_disabled", "unknown_resource", FLUX, event("term.renewed", "01:00", {"resource": "nowhere"})),
    ("capability_disabled", "unknown_resource", FLUX, event("term.auto_renew_set", "01:00", {"resource": "nowhere", "enabled": True})),
    ("capability_disabled", "unknown_resource", FLUX, event("instance.mode_changed", "01:00", {"resource": "nowhere", "mode": "payg"})),
    ("capability_disabled", "resource_state", FLUX, started("01:00", PER_HOUR_0_36, "runs", mode="spot")),
    ("capability_disabled", "resource_state", FLUX, event("instance.mode_changed", "01:00", {"resource": "gone", "mode": "spot"})),
    ("capability_disabled", "instance_quota", (*FLUX, settings("00:30", instance_quota=0)), asked("01:00", PER_HOUR_0_36, mode="spot")),
    ("capability_disabled", "insufficient_balance", (opened("fluxedge"),), asked("01:00", PER_HOUR_0_36, auto_renew=True)),
    ("refund_not_allowed", "currency_mismatch", FLUX, given_back("payment.refunded", "01:00", "p", "1", currency="EUR")),
    ("refund_not_allowed", "payment_state", FLUX, given_back("payment.refunded", "01:00", "nowhere", "1")),
    ("method_not_accepted", "currency_mismatch", FLEX, paid("01:00", "5", method="paypal", currency="EUR")),
    ("method_not_accepted", "below_minimum", FLEX, paid("01:00", "1", method="paypal")),
    ("method_not_accepted", "payment_state", FLEX, paid("01:00", "7", payment="p", method="paypal")),
    ("method_not_accepted", "currency_mismatch", FLEX, event("transfer.uploaded", "01:00", {"payment": "t", "voucher": "v", "amount": 1, "currency": "CNY"})),
    ("method_not_accepted", "payment_state", FLEX, event("transfer.approved", "01:00", {"payment": "t", "voucher": "v", "amount": 1, "currency": "USD"})),
    ("currency_mismatch", "below_minimum", FLEX, paid("01:00", "1", currency="EUR")),
    ("currency_mismatch", "payment_state", FLEX, paid("01:00", "7", payment="p", currency="EUR")),
    ("currency_mismatch", "payment_state", FLEX, given_back("payment.disputed", "01:00", "nowhere", "1", currency="EUR")),
    ("below_minimum", "payment_state", FLEX, paid("01:00", "1", payment="p")),
    ("unknown_sku", "resource_state", FLUX, started("01:00", UNKNOWN_GPU, "runs")),
    ("unknown_sku", "resource_state", FLUX, started("01:00", UNKNOWN_GPU, "gone")),
    ("unknown_sku", "instance_quota", (*FLUX, settings("00:30", instance_quota=0)), asked("01:00", UNKNOWN_GPU)),
    ("unknown_sku", "insufficient_balance", (opened("fluxedge"),), asked("01:00", UNKNOWN_GPU)),
    ("resource_state", "instance_quota", (*FLUX, settings("00:30", instance_quota=0)), asked("01:00", PER_HOUR_0_36, "runs")),
    ("resource_state", "insufficient_balance", FLUX, asked("01:00", machine(gpus=100_000), "gone")),
    ("refund_not_allowed", "payment_state", PURE, event("refund.requested", "01:00", {"refund": "r", "payment": "nowhere", "amount": "5"})),
    ("currency_mismatch", "payment_state", PURE, paid("01:00", "1", payment="p", kind="payment.failed", currency="EUR")),
    ("unknown_sku", "resource_state", PURE, request("01:00", "abacus", "runs")),
    ("unknown_sku", "insufficient_balance", PURE, request("01:00", "abacus", "new")),
    ("resource_state", "instance_quota", PURE, request("01:00", "gpu-l", "runs")),
    ("instance_quota", "insufficient_balance", PURE, request("01:00", "gpu-l", "new")),
    ("instance_quota", "insufficient_balance", (*FLUX, settings("00:30", instance_quota=0)), asked("01:00", machine(gpus=100_000))),
]  # fmt: skip


@pytest.mark.req("X-11")
@pytest.mark.parametrize(
    ("first", "second", "before", "guilty"),
    PAIRS,
    ids=[f"{a} before {b} {n}" for n, (a, b, _, _) in enumerate(PAIRS)],
)
def test_of_two_faults_the_first_is_told(
    first: str, second: str, before: tuple[bytes, ...], guilty: bytes
) -> None:
    told = tell(*before, guilty)

    assert told.reasons() == [first]
    assert list(Reason).index(Reason(first)) < list(Reason).index(Reason(second))


def test_a_term_is_not_offered_where_there_are_no_packages() -> None:
    assert tell(opened("fluxedge"), asked("01:00", PER_HOUR_0_36, term="daily")).reasons() == [
        "capability_disabled"
    ]


def test_the_order_of_reasons_is_the_contracts() -> None:
    order = (
        "schema_invalid duplicate_conflict too_old too_new unknown_profile account_exists unknown_account"
        " capability_disabled refund_not_allowed withdrawal_not_allowed method_not_accepted currency_mismatch"
        " below_minimum unknown_resource unknown_sku sku_not_launched coupon_unknown coupon_used payment_state"
        " resource_state instance_quota insufficient_balance"
    )

    assert [reason.value for reason in Reason] == order.split()


# --- resource_state --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "after",
    [
        started("02:00", PER_HOUR_0_36, "gone"), asked("02:00", PER_HOUR_0_36, "gone"), stopped("02:00", "gone"),
        released("02:00", "gone"), event("instance.heartbeat", "02:00", {"resource": "gone"}),
    ],
)  # fmt: skip
def test_nothing_is_accepted_after_a_release(after: bytes) -> None:
    assert tell(*FLUX, after).reasons() == ["resource_state"]


@pytest.mark.parametrize(
    "again", [stopped("02:00", "runs"), event("instance.heartbeat", "02:00", {"resource": "runs"})]
)
def test_a_stopped_lease_neither_stops_again_nor_beats(again: bytes) -> None:
    assert tell(*FLUX, stopped("01:00", "runs"), again).reasons() == ["resource_state"]


def test_a_refused_event_changes_nothing_but_the_clock() -> None:
    before, _ = GUILTY["resource_state"]
    refused = [guilty for known, guilty in GUILTY.values() if known is FLUX]

    with_them, without = tell(*before, *refused), tell(*before, tick("01:00"))

    assert [r for r in with_them.records if r["record"] != "rejection"] == without.records


# --- nothing stalls the stream ---------------------------------------------------------------------------


def _least_data(kind: str) -> Record:
    """Data of a type with its required fields."""
    words: dict[str, object] = {
        "profile": "flexai", "email": "a@example.com", "key": "k", "tier": "paid", "grant": "n", "amount": 5,
        "bucket": "bonus", "code": "c", "refund": "r", "payment": "n", "method": "card", "currency": "USD",
        "voucher": "v", "resource": "runs", "sku": "machine", "mode": "payg", "reason": "user", "enabled": True,
        "replicas": 1, "min_replicas": 1, "max_replicas": 2, "target_requests": 5, "state": "idle", "gb": 1,
        "request": "q", "model": "bge-m3",
    }  # fmt: skip
    data = {name: words[name] for name, info in TYPES[kind].model_fields.items() if info.is_required()}
    return data | (
        {"spec": PER_HOUR_0_36} if data.get("sku") == "machine" and kind.startswith("instance") else {}
    )


@pytest.mark.req("X-11")
@pytest.mark.parametrize("profile", ["fluxedge", "flexai"])
@pytest.mark.parametrize("resource", ["runs", "gone", "nowhere"])
@pytest.mark.parametrize("kind", sorted(TYPES))
def test_no_event_stalls_the_stream(kind: str, resource: str, profile: str) -> None:
    before = FLUX if profile == "fluxedge" else FLEX
    data = _least_data(kind)
    if "resource" in data:
        data["resource"] = resource

    told = tell(*before, event(kind, "01:00", data), granted("02:00", "3", grant="last"))

    assert told.of("entry", type="grant")[-1]["amount"] == "3.00"
    assert len(told.reasons()) <= 1


@pytest.mark.req("X-11")
@pytest.mark.parametrize("profile", ["fluxedge", "flexai"])
def test_gauges_are_not_sold_here(profile: str) -> None:
    before = FLUX if profile == "fluxedge" else FLEX

    told = tell(
        *before, event("capacity.sampled", "01:00", {"resource": "disk", "sku": "cloud-disk", "gb": 5})
    )

    assert told.reasons() == ["unknown_sku"]


STORED = event("capacity.sampled", "09:00", {"resource": "x", "sku": "cloud-disk", "gb": "1"})


@pytest.mark.parametrize("kind", ["instance.started", "instance.requested"])
def test_storage_is_no_instance_and_an_instance_no_storage(kind: str) -> None:
    asked = event(kind, "10:00", {"resource": "x", "sku": "rtx-4090", "mode": "payg"})
    funds = {"payment": "p", "method": "alipay", "amount": "100", "currency": "CNY"}
    funded = (opened("gpugeek"), event("payment.succeeded", "00:01", funds))
    later = event("capacity.sampled", "11:00", {"resource": "x", "sku": "cloud-disk", "gb": "1"})

    assert tell(*funded, STORED, asked).reasons() == ["resource_state"]
    assert tell(*funded, asked, later).reasons() == ["resource_state"]


@pytest.mark.parametrize("profile", ["fluxedge", "puredocs", "neolink", "flexai"])
@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("deployment.replicas_changed", {"replicas": 2}),
        ("deployment.limits_set", {"min_replicas": 1, "max_replicas": 2, "target_requests": 3}),
        ("model.state_changed", {"state": "idle"}),
    ],
)
def test_where_no_models_are_hosted_their_events_are_refused_at_once(
    profile: str, kind: str, data: Record
) -> None:
    told = tell(opened(profile), event(kind, "01:00", {"resource": "r"} | data), tick("01:00"))

    assert told.reasons() == ["capability_disabled"]
    assert told.of("rejection")[0]["time"] == instant("01:00")
