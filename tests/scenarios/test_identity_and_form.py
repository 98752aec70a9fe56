"""Identity and form (contract 1 and 8.2): what is the same event, what is no event, and what a batch is."""

import json
from decimal import Decimal

import pytest

from tests.scenarios.telling import (
    PER_HOUR_0_36,
    at,
    beat,
    event,
    granted,
    opened,
    paid,
    served,
    settings,
    spent,
    started,
    stopped,
    tell,
)

OPENED = opened("flexai")


def _batch(*lines: bytes) -> bytes:
    return b"[" + b",".join(lines) + b"]"


def _served(tokens: object) -> bytes:
    return served("01:00", input_tokens=tokens)


# --- identity --------------------------------------------------------------------------------------------


@pytest.mark.req("X-01")
def test_a_redelivery_changes_nothing() -> None:
    story = [OPENED, paid("01:00", "5"), spent("02:00", "1"), granted("03:00", "2")]

    once, thrice = tell(*story), tell(*story, *story, *reversed(story))

    assert thrice.records == once.records


@pytest.mark.req("X-01")
def test_a_redelivery_of_a_refused_event_is_dropped_too() -> None:
    refused = paid("01:00", "1")

    told = tell(OPENED, refused, refused, refused)

    assert told.reasons() == ["below_minimum"]


@pytest.mark.req("X-01")
def test_other_content_under_the_same_identity_is_a_conflict_and_what_was_billed_stays() -> None:
    told = tell(OPENED, spent("01:00", "1", id="r"), spent("01:00", "2", id="r"))

    assert told.reasons() == ["duplicate_conflict"]
    assert told.balance() == "9.00"


@pytest.mark.req("X-01")
def test_a_conflict_is_told_once_for_each_content() -> None:
    first, second, third = (spent("01:00", amount, id="r") for amount in ("1", "2", "3"))

    told = tell(OPENED, first, second, second, third, first, second, third)

    assert told.reasons() == ["duplicate_conflict", "duplicate_conflict"]


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(
            event("request.served", "01:00", {"model": "bge-m3", "request": "r", "input_tokens": 7}, id="r"),
            id="order",
        ),
        pytest.param(
            event(
                "request.served",
                "2026-11-01T02:00:00+01:00",
                {"request": "r", "model": "bge-m3", "input_tokens": 7},
                id="r",
            ),
            id="offset",
        ),
        pytest.param(
            event(
                "request.served",
                "01:00",
                {"request": "r", "model": "bge-m3", "input_tokens": 7},
                id="r",
                datacontenttype=None,
            ),
            id="content type",
        ),
        pytest.param(
            event(
                "request.served",
                "01:00",
                {"request": "r", "model": "bge-m3", "input_tokens": 7},
                id="r",
                traceparent="00-1",
            ),
            id="extension",
        ),
        pytest.param(
            event(
                "request.served",
                "01:00:00.0004",
                {"request": "r", "model": "bge-m3", "input_tokens": 7},
                id="r",
            ),
            id="below a millisecond",
        ),
    ],
)
def test_what_says_the_same_is_the_same(again: bytes) -> None:
    told = tell(
        OPENED,
        event("request.served", "01:00", {"request": "r", "model": "bge-m3", "input_tokens": 7}, id="r"),
        again,
    )

    assert told.reasons() == []
    assert len(told.charges()) == 1


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(
            event(
                "request.served", "01:00", {"request": "r", "model": "bge-m3", "input_tokens": "7"}, id="r"
            ),
            id="text",
        ),
        pytest.param(
            event(
                "request.served", "01:00:01", {"request": "r", "model": "bge-m3", "input_tokens": 7}, id="r"
            ),
            id="time",
        ),
        pytest.param(event("coupon.redeemed", "01:00", {"code": "c"}, id="r"), id="type"),
        pytest.param(
            event(
                "request.served",
                "01:00",
                {"request": "r", "model": "bge-m3", "input_tokens": 7, "images": 0},
                id="r",
            ),
            id="one field more",
        ),
    ],
)
def test_what_says_something_else_is_a_conflict(again: bytes) -> None:
    told = tell(
        OPENED,
        event("request.served", "01:00", {"request": "r", "model": "bge-m3", "input_tokens": 7}, id="r"),
        again,
    )

    assert told.reasons() == ["duplicate_conflict"]


def test_the_order_of_keys_does_not_matter_at_any_depth() -> None:
    one = event("account.settings_changed", "01:00", {"spend_limits": {"a": 1, "b": 2}}, id="s")
    two = event("account.settings_changed", "01:00", {"spend_limits": {"b": 2, "a": 1}}, id="s")

    assert tell(OPENED, one, two).reasons() == []


def test_identity_is_source_and_id_within_an_account() -> None:
    told = tell(
        OPENED,
        opened("flexai", account="b"),
        event("grant.issued", "01:00", {"grant": "1", "amount": 1, "bucket": "bonus"}, id="x"),
        event(
            "grant.issued", "01:00", {"grant": "2", "amount": 1, "bucket": "bonus"}, id="x", source="other"
        ),
        event("grant.issued", "01:00", {"grant": "1", "amount": 1, "bucket": "bonus"}, id="x", account="b"),
    )

    assert (told.balance(), told.balance("b")) == ("12.00", "11.00")


def test_source_and_id_do_not_run_into_each_other() -> None:
    told = tell(
        OPENED,
        event("grant.issued", "01:00", {"grant": "1", "amount": 1, "bucket": "bonus"}, source="ab", id="c"),
        event("grant.issued", "01:00", {"grant": "2", "amount": 1, "bucket": "bonus"}, source="a", id="bc"),
    )

    assert told.balance() == "12.00"


def test_what_is_no_event_leaves_no_trace_and_may_be_mended_under_its_identity() -> None:
    broken = event("grant.issued", "01:00", {"grant": "g", "amount": "1e3", "bucket": "bonus"}, id="x")
    mended = event("grant.issued", "01:00", {"grant": "g", "amount": "1000", "bucket": "bonus"}, id="x")

    told = tell(OPENED, broken, mended, broken, mended)

    assert told.reasons() == ["schema_invalid", "schema_invalid"]
    assert told.balance() == "1010.00"
    assert len({r["id"] for r in told.of("rejection")}) == 2


@pytest.mark.req("X-01")
def test_a_grant_counts_once_under_whatever_event() -> None:
    told = tell(OPENED, granted("01:00", "2", grant="g", id="1"), granted("02:00", "2", grant="g", id="2"))

    assert told.reasons() == ["duplicate_conflict"]
    assert told.balance() == "12.00"


@pytest.mark.req("X-01")
def test_a_payment_counts_once_under_whatever_event() -> None:
    told = tell(OPENED, paid("01:00", "5", payment="p", id="1"), paid("02:00", "5", payment="p", id="2"))

    assert told.reasons() == ["payment_state"]
    assert told.balance() == "15.00"


def test_a_resource_is_unique_within_its_account_only() -> None:
    told = tell(
        opened("fluxedge"),
        opened("fluxedge", account="b"),
        started("01:00", PER_HOUR_0_36),
        started("01:00", PER_HOUR_0_36, account="b"),
        stopped("01:00:10"),
        stopped("01:00:10", account="b"),
    )

    assert (told.balance(), told.balance("b")) == ("-0.001", "-0.001")


# --- decimals --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tokens", [7, "7", "7.0", "0", "99999999999999999999999999", 99999999999999999999999999]
)
def test_counts_are_whole_numbers_as_integers_or_strings(tokens: object) -> None:
    assert tell(OPENED, _served(tokens)).reasons() == []


@pytest.mark.parametrize(
    "tokens",
    [
        -1, "-1", "0.5", 1.0, 1.5, "1e3", "", " 7", "7 ", "+7", ".5", "5.", "0x7", "１", "NaN", True, None, [7], {},
        "1" * 27, 10**26, "1,000", "7\n", "1.0000000000000",
    ],
)  # fmt: skip
def test_other_counts_are_no_event(tokens: object) -> None:
    body = event("request.served", "01:00", {"request": "r", "model": "bge-m3"} | {"input_tokens": tokens})

    assert tell(OPENED, body).reasons() == ["schema_invalid"]


@pytest.mark.req("X-06")
@pytest.mark.parametrize(
    "amount", ["5", 5, "5.00", "5.000000000001", "9" * 26, "9" * 26 + "." + "9" * 12, "0005"]
)
def test_money_is_a_decimal_string_or_an_integer(amount: object) -> None:
    told = tell(OPENED, event("grant.issued", "01:00", {"grant": "g", "amount": amount, "bucket": "bonus"}))

    assert told.reasons() == []
    assert Decimal(told.buckets()["bonus"]) == Decimal(str(amount))


@pytest.mark.req("X-06")
@pytest.mark.parametrize(
    "amount", [5.0, "0", 0, "-5", -5, "5.0000000000001", "9" * 27, "5e2", "Infinity", "", None, "5 USD"]
)
def test_other_money_is_no_event(amount: object) -> None:
    body = event("grant.issued", "01:00", {"grant": "g"} | {"amount": amount, "bucket": "bonus"})

    assert tell(OPENED, body).reasons() == ["schema_invalid"]


def test_fee_bonus_and_low_balance_may_be_zero() -> None:
    told = tell(OPENED, paid("01:00", "5", fee="0", bonus=0), settings("02:00", low_balance="0"))

    assert told.reasons() == []


@pytest.mark.parametrize("field", ["fee", "bonus"])
def test_fee_and_bonus_are_not_negative(field: str) -> None:
    assert tell(OPENED, paid("01:00", "5", **{field: "-1"})).reasons() == ["schema_invalid"]


# --- envelope --------------------------------------------------------------------------------------------


def test_a_machine_without_a_specification_is_refused_in_its_accounts_name() -> None:
    data = {"resource": "m", "sku": "machine", "mode": "payg"}

    told = tell(opened("fluxedge"), event("instance.started", "01:00", data, id="x"))

    (refused,) = told.of("rejection")
    assert (refused["account"], refused["cause"]) == ("acme", {"source": "cloud", "id": "x"})
    assert refused["detail"] == "data.spec: Field required for sku 'machine'"


@pytest.mark.parametrize("field", ["specversion", "id", "source", "type", "subject", "time", "data"])
def test_each_attribute_of_the_envelope_is_needed(field: str) -> None:
    body = json.loads(spent("01:00", "1"))
    del body[field]

    told = tell(OPENED, json.dumps(body).encode())

    (refusal,) = told.of("rejection")
    assert refusal["reason"] == "schema_invalid"
    assert field in refusal["detail"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("specversion", "0.3"), ("id", ""), ("id", 7), ("source", ""), ("subject", ""), ("type", "usage.unheard_of"),
        ("time", "2026-11-01"), ("time", "2026-11-01T01:00:00"), ("time", "2026-02-30T01:00:00Z"), ("time", 1),
        ("time", "2026-11-01T25:00:00Z"), ("datacontenttype", "text/plain"), ("data", []), ("data", "x"), ("data", None),
    ],
)  # fmt: skip
def test_an_envelope_that_is_wrong_is_no_event(field: str, value: object) -> None:
    body = json.loads(spent("01:00", "1")) | {field: value}

    assert tell(OPENED, json.dumps(body).encode()).reasons() == ["schema_invalid"]


@pytest.mark.parametrize("missing", ["request", "model"])
def test_a_missing_field_is_no_event(missing: str) -> None:
    data = {"request": "r", "model": "bge-m3"}
    del data[missing]

    assert tell(OPENED, event("request.served", "01:00", data)).reasons() == ["schema_invalid"]


def test_an_unknown_field_of_the_data_is_no_event() -> None:
    assert tell(OPENED, served("01:00", input_token=7)).reasons() == ["schema_invalid"]


def test_an_unknown_value_of_a_closed_list_is_no_event() -> None:
    assert (
        tell(OPENED, served("01:00", finish="bored"), paid("01:00", "5", method="cash")).reasons()
        == ["schema_invalid"] * 2
    )


# --- lines and batches -----------------------------------------------------------------------------------


@pytest.mark.req("X-11")
@pytest.mark.parametrize(
    "line", [b"no json", b"{", b"7", b'"text"', b"null", b"\xff\xfe", b'{"id":"\xff"}', b"[" * 5000]
)
def test_an_unreadable_line_is_a_rejection_and_the_story_goes_on(line: bytes) -> None:
    told = tell(OPENED, line, spent("01:00", "1"))

    (refusal,) = told.of("rejection")
    assert (refusal["reason"], refusal["account"]) == ("schema_invalid", None)
    assert told.balance() == "9.00"


@pytest.mark.req("X-11")
def test_what_cannot_be_read_comes_back_as_a_string_and_what_can_as_it_came() -> None:
    told = tell(OPENED, b"no json", b'{"hello": 1}', b"[1]")

    assert [r["event"] for r in told.of("rejection")] == ["no json", {"hello": 1}, 1]


@pytest.mark.req("X-11")
def test_a_rejection_carries_the_event_and_the_clock() -> None:
    refused = paid("01:00", "1")

    (refusal,) = tell(OPENED, spent("02:00", "1"), refused).of("rejection")

    assert refusal["event"] == json.loads(refused)
    assert refusal["time"].startswith(at("02:00")[:-1])
    assert refusal["cause"] == {"source": "cloud", "id": json.loads(refused)["id"]}


def test_empty_lines_are_no_events() -> None:
    assert tell(OPENED, b"", b"\n", b"  \r\n").reasons() == []


@pytest.mark.req("X-11", "X-07")
def test_the_events_of_a_batch_stand_each_alone() -> None:
    told = tell(
        _batch(
            OPENED, paid("01:00", "1"), event("grant.issued", "01:00", {"grant": "g"}), spent("02:00", "1")
        )
    )

    assert sorted(told.reasons()) == ["below_minimum", "schema_invalid"]
    assert told.balance() == "9.00"


@pytest.mark.req("X-11")
def test_a_batch_of_mixed_subjects_is_refused_whole() -> None:
    batch = _batch(spent("01:00", "1"), opened("flexai", account="b"), spent("02:00", "1"))

    told = tell(OPENED, batch)

    (refusal,) = told.of("rejection")
    assert (refusal["reason"], refusal["account"], refusal["event"]) == (
        "schema_invalid",
        None,
        json.loads(batch),
    )
    assert told.balance() == "10.00"


@pytest.mark.req("X-11")
def test_a_batch_refused_whole_may_be_sent_again_apart() -> None:
    one, two = spent("01:00", "1"), opened("flexai", account="b")

    told = tell(OPENED, _batch(one, two), one, two)

    assert told.reasons() == ["schema_invalid"]
    assert (told.balance(), told.balance("b")) == ("9.00", "10.00")


@pytest.mark.req("X-11")
def test_a_rejection_holds_no_line_break_so_that_a_record_stays_a_line() -> None:
    from infra.books import load_book
    from schemas.wire import encode
    from streams.core import story

    told = story.run(
        [OPENED + b"\n", paid("01:00", "1") + b"\r\n", b'{"a": 1}\n', b"[1,\t2]\r\n"], load_book()
    )

    assert len(told.out.rejections) == 4
    assert all(b"\n" not in encode(record) and b"\r" not in encode(record) for record in told.out.rejections)


def test_a_name_may_hold_any_letters_but_no_control_characters() -> None:
    told = tell(
        opened("flexai", account="Åsa 王|\u200b"),
        event("key.created", "01:00", {"key": "tab\t"}, account="Åsa 王|\u200b"),
        event("key.created", "01:00", {"key": "n\u0000l"}, account="Åsa 王|\u200b", id="2"),
        event("key.created", "01:00", {"key": "x" * 513}, account="Åsa 王|\u200b", id="3"),
    )

    assert told.balance("Åsa 王|\u200b") == "10.00"
    assert told.reasons() == ["schema_invalid"] * 3


def test_a_lone_surrogate_is_no_event() -> None:
    raw = beat("01:00").replace(b"m-1", b"\\ud800")

    assert tell(OPENED, raw).reasons() == ["schema_invalid"]
