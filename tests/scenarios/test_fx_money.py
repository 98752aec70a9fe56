"""FluxEdge, money: what may come in, what never goes out, and the runway warning (FX-03, FX-06 … FX-09)."""

from decimal import Decimal

import pytest

from tests.scenarios.telling import (
    PER_HOUR_0_36,
    TEN_CENTS_A_SECOND,
    event,
    given_back,
    granted,
    instant,
    opened,
    paid,
    settings,
    started,
    stopped,
    tell,
    tick,
)

OPENED = opened("fluxedge")
REFILL = {"enabled": True, "threshold": "5", "amount": "20"}


@pytest.mark.req("FX-03")
def test_auto_refill_cannot_be_switched_on_and_is_never_executed() -> None:
    told = tell(
        OPENED,
        settings("00:01", auto_refill=REFILL),
        paid("00:02", "6.5"),
        started("10:00", TEN_CENTS_A_SECOND),
        tick("12:00"),
    )

    assert told.reasons() == ["capability_disabled"]
    assert [c for c in told.commands() if c[1] == "payment.refill"] == []


@pytest.mark.req("FX-03")
def test_auto_refill_may_always_be_switched_off() -> None:
    told = tell(OPENED, settings("00:01", auto_refill={"enabled": False}))

    assert told.reasons() == []


@pytest.mark.req("FX-03")
def test_a_refused_setting_changes_none_of_its_companions() -> None:
    told = tell(
        OPENED, paid("00:00", "6"), settings("00:01", auto_refill=REFILL, low_balance="100"), tick("01:00")
    )

    assert told.notices("low_balance") == []


@pytest.mark.req("FX-06")
@pytest.mark.parametrize("method", ["paypal", "card", "flux"])
def test_paypal_card_and_flux_are_credited(method: str) -> None:
    told = tell(OPENED, paid("01:00", "25", method=method))

    assert told.balance() == "25.00"
    assert told.of("notice", type="receipt")[0]["values"]["method"] == method


@pytest.mark.req("FX-06")
@pytest.mark.parametrize("method", ["alipay", "wechat", "qr"])
@pytest.mark.parametrize("kind", ["payment.created", "payment.succeeded"])
def test_any_other_method_is_set_aside(method: str, kind: str) -> None:
    told = tell(OPENED, paid("01:00", "25", method=method, kind=kind))

    assert told.reasons() == ["method_not_accepted"]
    assert told.balance() == "0.00"


@pytest.mark.req("FX-06")
def test_a_bank_transfer_is_not_taken() -> None:
    told = tell(
        OPENED,
        event(
            "transfer.uploaded", "01:00", {"payment": "t", "voucher": "v", "amount": "5", "currency": "USD"}
        ),
    )

    assert told.reasons() == ["method_not_accepted"]


@pytest.mark.req("FX-06", "R-FX3")
def test_flux_is_credited_at_the_dollar_value_of_its_payment() -> None:
    told = tell(OPENED, paid("01:00", "25", method="flux", native_amount="100.5", native_currency="FLUX"))

    assert told.balance() == "25.00"
    assert told.entries()[0]["currency"] == "USD"
    values = told.of("notice", type="receipt")[0]["values"]
    assert (values["native_amount"], values["native_currency"]) == ("100.50", "FLUX")


@pytest.mark.req("R-FX3")
def test_the_account_is_kept_in_dollars() -> None:
    told = tell(
        OPENED, paid("01:00", "25", currency="EUR"), paid("02:00", "25", currency="FLUX", method="flux")
    )

    assert told.reasons() == ["currency_mismatch"] * 2
    assert told.line()["currency"] == "USD"


@pytest.mark.req("FX-07")
def test_a_withdrawal_is_refused_and_the_refusal_can_be_audited() -> None:
    told = tell(
        OPENED, paid("01:00", "25"), event("withdrawal.requested", "02:00", {"amount": "5"}, id="w-1")
    )

    (refusal,) = told.of("rejection")
    assert (refusal["reason"], refusal["time"]) == ("withdrawal_not_allowed", instant("02:00"))
    assert refusal["detail"] == "a balance cannot be withdrawn"
    assert (refusal["event"]["id"], refusal["event"]["data"]) == ("w-1", {"amount": "5"})
    assert told.balance() == "25.00"


@pytest.mark.req("FX-08")
@pytest.mark.parametrize("method", ["paypal", "card", "flux"])
def test_no_deposit_is_refunded(method: str) -> None:
    told = tell(
        OPENED,
        paid("01:00", "25", payment="p", method=method),
        given_back("payment.refunded", "02:00", "p", "25"),
        event("refund.requested", "03:00", {"refund": "r", "payment": "p"}),
    )

    assert told.reasons() == ["refund_not_allowed", "refund_not_allowed"]
    assert told.balance() == "25.00"


@pytest.mark.req("FX-09")
def test_only_leases_and_chargebacks_take_money_out() -> None:
    told = tell(
        OPENED,
        paid("01:00", "25", payment="p"),
        granted("01:00", "5"),
        event("withdrawal.requested", "02:00", {"amount": "5"}),
        given_back("payment.refunded", "02:00", "p", "25"),
        started("10:00", PER_HOUR_0_36),
        stopped("11:00"),
        given_back("payment.disputed", "12:00", "p", "25"),
    )

    debits = {entry["type"] for entry in told.entries() if Decimal(entry["amount"]) < 0}
    assert debits == {"charge", "chargeback"}
    charged = {charge["id"]: charge for charge in told.charges()}
    assert all(charged[entry["charge"]]["sku"] == "machine" for entry in told.entries(type="charge"))


@pytest.mark.req("R-FX4")
def test_a_card_dispute_is_no_refund_it_takes_the_money_and_flags_the_account() -> None:
    told = tell(OPENED, paid("01:00", "25", payment="p"), given_back("payment.disputed", "02:00", "p", "25"))

    assert told.reasons() == []
    assert [(e["type"], e["amount"], e["bucket"]) for e in told.entries()] == [
        ("topup", "25.00", "paid"),
        ("chargeback", "-25.00", "paid"),
    ]
    assert told.line()["flags"] == ["disputed"]


@pytest.mark.req("R-FX4")
def test_a_dispute_of_spent_money_leaves_a_debt() -> None:
    told = tell(
        OPENED,
        paid("01:00", "25", payment="p"),
        started("02:00", TEN_CENTS_A_SECOND),
        stopped("02:01"),
        given_back("payment.disputed", "03:00", "p", "25"),
    )

    assert told.balance() == "-6.00"


@pytest.mark.req("R-FX4")
def test_a_dispute_stops_what_runs_with_the_next_line() -> None:
    told = tell(
        OPENED,
        paid("01:00", "100", payment="p"),
        started("02:00", TEN_CENTS_A_SECOND),
        given_back("payment.disputed", "02:00:30", "p", "100"),
        tick("03:00"),
    )

    assert told.commands() == [(instant("02:01"), "instance.stop", "m-1", "unpaid")]


@pytest.mark.req("R-FX5")
def test_no_runway_warning_unless_asked_for() -> None:
    told = tell(OPENED, paid("00:00", "8.64"), started("01:00", PER_HOUR_0_36), tick("20:00"))

    assert told.notices("low_balance") == []


@pytest.mark.req("R-FX5")
def test_the_runway_warning_comes_below_24_hours_of_present_burn() -> None:
    told = tell(
        OPENED,
        settings("00:00", runway_alert=True),
        paid("00:00", "8.646"),
        started("01:00", PER_HOUR_0_36),
        tick("20:00"),
    )

    # 24 h × 0.36 = 8.64: at 8.64 exactly there is none, a minute later there is.
    assert told.notices("low_balance") == [instant("01:02")]
    assert told.of("notice", type="low_balance")[0]["values"]["threshold"] == "8.64"


@pytest.mark.req("R-FX5")
def test_a_second_lease_shortens_the_runway_at_its_start() -> None:
    told = tell(
        OPENED,
        settings("00:00", runway_alert=True),
        paid("00:00", "10"),
        started("01:00", PER_HOUR_0_36, "a"),
        started("01:30", PER_HOUR_0_36, "b"),
        tick("02:00"),
    )

    assert told.notices("low_balance") == [instant("01:30")]


@pytest.mark.req("R-FX5", "X-09")
def test_the_runway_warning_is_armed_again_when_the_burn_ends_or_money_comes() -> None:
    told = tell(
        OPENED,
        settings("00:00", runway_alert=True),
        paid("00:00", "5"),
        started("01:00", PER_HOUR_0_36),
        paid("02:00", "100"),
        started("03:00", TEN_CENTS_A_SECOND, "big"),
        stopped("03:00:30", "big"),
        started("04:00", TEN_CENTS_A_SECOND, "big"),
        stopped("04:00:30", "big"),
    )

    assert told.notices("low_balance") == [instant("01:00"), instant("03:00"), instant("04:00")]


@pytest.mark.req("R-FX5")
def test_asking_for_the_warning_looks_at_the_balance_at_once() -> None:
    told = tell(
        OPENED, paid("00:00", "5"), started("01:00", PER_HOUR_0_36), settings("02:00", runway_alert=True)
    )

    assert told.notices("low_balance") == [instant("02:00")]


@pytest.mark.req("R-FX5")
def test_a_balance_below_both_thresholds_gives_two_notices_with_ids_of_their_own() -> None:
    told = tell(
        OPENED,
        paid("00:00", "5"),
        started("01:00", PER_HOUR_0_36),
        settings("02:00", runway_alert=True, low_balance="6"),
    )

    low = told.of("notice", type="low_balance")
    assert len(low) == 2
    assert len({notice["id"] for notice in low}) == 2
