"""What records say beside their amounts: ids that differ, chains that hold, values that mails are written from."""

from decimal import Decimal
from hashlib import blake2b
from pathlib import Path

import pytest

from infra.books import load_book
from schemas.wire import encode
from streams.core import story
from streams.core.turn import in_one_line
from tests.golden import compare
from tests.scenarios.renting import auto_renew, deletion, renew, request, sample, start, stop, topup, transfer
from tests.scenarios.telling import (
    BOOK,
    TEN_CENTS_A_SECOND,
    Told,
    event,
    granted,
    instant,
    opened,
    paid,
    served,
    settings,
    spent,
    started,
    stopped,
    tell,
    tick,
)

GOLDEN = Path(__file__).parent / "golden"
REFILL = {"enabled": True, "threshold": "500", "amount": "2000"}


# Every way in which an id is made.
STORIES: dict[str, tuple[bytes, ...]] = {
    "fluxedge: lines, one of them corrected; out of money": (
        opened("fluxedge"), paid("00:00", "7", payment="p"), started("10:00", TEN_CENTS_A_SECOND), tick("10:02"),
        stopped("10:00:30"),
    ),
    "puredocs: hours, a refill without an answer, a pause, a summary": (
        opened("puredocs"), paid("00:00", "5"), settings("00:01", auto_refill=REFILL, digest="daily"),
        start("10:00", "gpu-s"), tick("2 12:00"), granted("2 13:00", "9"),
    ),
    "gpugeek: a term, renewed and taken back; storage, an hour of it corrected; arrears": (
        opened("gpugeek"), topup("00:00", "200", payment="p"),
        request("01:00", "rtx-4090", mode="package", term="daily", auto_renew=True),
        start("01:00", "rtx-4090", mode="package"), sample("2 02:00", "5000"), tick("2 05:00"),
        auto_renew("2 00:30", False), sample("2 04:30", "2000", id="late"), deletion("2 06:00"),
        event("payment.disputed", "2 07:00", {"payment": "p", "amount": "200", "currency": "CNY"}), tick("14 00:00"),
    ),
    "neolink: a term with its disk, images in a pool, a day of them corrected": (
        opened("neolink"), topup("00:00", "100"),
        request("10:00", "rtx-4090", mode="package", term="daily", disk_gb="100"),
        sample("10:00", "40", "image", "image-store"), tick("2 12:00"),
        sample("11:00", "50", "image", "image-store", id="late"),
    ),
    "flexai: requests, a warning": (
        opened("flexai"), settings("00:00", low_balance="9.99"), served("01:00", input_tokens=90_000, output_tokens=350),
    ),
    "refused: by form, by identity, by a rule, after an hour": (
        opened("flexai"), b"no json", granted("01:00", "1", id="x"), granted("01:00", "2", id="x"), paid("02:00", "1"),
        event("instance.stopped", "03:00", {"resource": "r", "reason": "user"}), tick("05:00"),
    ),
}  # fmt: skip


def _first_of_each(told: Told) -> list[str]:
    """The first record of each type, and what corrects another, with their ids."""
    lines: dict[tuple[object, ...], str] = {}
    for record in told.records:
        what = record.get("type") or record.get("meter") or record.get("reason") or ""
        told_of = [record["time"], record["record"], what, record.get("resource", ""), record["id"]]
        if "corrects" in record:
            told_of += ["corrects", record["corrects"]]
        lines.setdefault(
            (record["record"], what, "corrects" in record), "  " + " ".join(filter(None, told_of))
        )
    return list(lines.values())


@pytest.mark.req("X-01", "X-10")
def test_a_replay_by_a_later_release_gives_the_same_ids() -> None:
    found = [line for title, lines in STORIES.items() for line in (title, *_first_of_each(tell(*lines)))]

    compare(GOLDEN / "ids.txt", "\n".join([*found, ""]))


@pytest.mark.req("R-FX2")
def test_commands_of_one_instant_to_two_resources_have_ids_of_their_own() -> None:
    told = tell(
        opened("fluxedge"),
        paid("00:00", "30"),
        started("10:00", TEN_CENTS_A_SECOND, "a"),
        started("10:00", TEN_CENTS_A_SECOND, "b"),
        tick("10:10"),
    )

    first, second = told.of("command", type="instance.stop")
    assert (first["time"], first["resource"], second["resource"]) == (second["time"], "a", "b")
    assert first["id"] != second["id"]


def test_each_entry_is_chained_to_the_one_before() -> None:
    told = tell(
        opened("flexai"), paid("01:00", "20", payment="p"), granted("02:00", "1"), spent("03:00", "12.5")
    )

    before = ""
    for entry in told.entries():
        said = (
            entry["seq"],
            entry["type"],
            entry["amount"],
            entry["bucket"],
            entry["balance"],
            entry["time"],
        )
        text = "|".join(map(str, (before, *said, entry.get("charge"), entry.get("payment"))))
        assert entry["hash"] == blake2b(text.encode(), digest_size=16).hexdigest()
        before = entry["hash"]


@pytest.mark.req("GG-03")
def test_a_transfer_has_a_receipt_and_may_be_taken_back_like_a_payment() -> None:
    back = {"payment": "t-1", "amount": "1000", "currency": "CNY"}
    more = {"payment": "t-1", "amount": "0.01", "currency": "CNY"}

    told = tell(
        opened("gpugeek"),
        transfer("uploaded", "01:00"),
        transfer("approved", "02:00"),
        event("payment.disputed", "03:00", back),
        event("payment.disputed", "04:00", more),
    )

    assert told.of("notice", type="receipt")[0]["values"] == {
        "payment": "t-1", "method": "transfer", "amount": "1000.00", "credited": "1000.00",
        "fee": "0.00", "bonus": "0.00", "balance": "1000.00",
    }  # fmt: skip
    assert (told.balance(), told.reasons()) == ("0.00", ["payment_state"])


@pytest.mark.req("PD-15")
def test_the_day_of_an_answered_refill_does_not_end_the_next_one() -> None:
    told = tell(
        opened("puredocs"),
        paid("00:00", "5.50"),
        settings("00:01", auto_refill=REFILL),
        start("10:00", "gpu-s"),
        stop("10:30"),
        paid("11:00", "20", payment="answer"),
        start("20:00", "gpu-l"),
        stop("2 02:30"),
        tick("2 12:00"),
    )

    # Asked at 10:00, answered at 11:00; asked again in the night, so its own day ends in the next night.
    asked = [c["time"] for c in told.of("command", type="payment.refill")]
    assert asked == [instant("10:00"), instant("2 01:00")]
    assert told.notices("refill_failed") == []


@pytest.mark.req("PD-15")
@pytest.mark.parametrize(
    ("answer", "reason"),
    [(tick("2 12:00"), "unanswered"), (paid("11:00", "20", kind="payment.failed"), "declined")],
)
def test_a_refill_that_fails_tells_why(answer: bytes, reason: str) -> None:
    told = tell(
        opened("puredocs"), paid("00:00", "5"), settings("00:01", auto_refill=REFILL), start("10:00", "gpu-s"), stop("10:30"), answer
    )  # fmt: skip

    (failed,) = told.of("notice", type="refill_failed")
    (asked,) = told.of("command", type="payment.refill")
    assert failed["values"] == {"amount": "20.00", "command": asked["id"], "reason": reason}


@pytest.mark.req("PD-39")
def test_a_pause_tells_what_was_needed_and_an_hour_begun_on_a_top_up_is_followed_by_the_next() -> None:
    told = tell(opened("puredocs"), start("10:00", "gpu-s"), paid("10:00", "1.30"), tick("13:00"))

    assert told.amounts() == ["0.60", "0.60"]
    (paused,) = told.of("notice", type="resource_paused")
    assert (paused["time"], paused["values"]) == (instant("12:00"), {"balance": "0.10", "needed": "0.60"})


@pytest.mark.req("NL-11")
def test_a_renewal_tells_until_when_and_for_how_much() -> None:
    told = tell(
        opened("neolink"),
        topup("00:00", "1000"),
        request("10:00", "rtx-4090", mode="package", term="daily"),
        renew("12:00", term="weekly"),
    )

    (renewed,) = told.of("notice", type="term_renewed")
    assert renewed["values"] == {"until": instant("9 10:00"), "price": "250.00"}


def test_an_hours_costs_name_what_was_sold_and_how_much_of_it() -> None:
    lines = [opened("flexai")]
    lines += [
        served(f"10:0{n}", "bge-m3", key="k", input_tokens=1_000_000, resource="chat") for n in range(2)
    ]

    told = story.run([*lines, spent("11:00", "1")], BOOK)

    (hour,) = told.out.hourly
    assert hour.version == 2
    assert encode(hour.lines) == (
        b'[{"sku":"bge-m3","meter":"tokens_in","unit":"1M tokens","quantity":"2","amount":"0.04","charges":2,'
        b'"resource":"chat","model":"bge-m3","key":"k"}]'
    )


def test_the_last_of_many_sizes_of_a_day_counts_where_the_last_is_billed() -> None:
    book = load_book(Path(__file__).parent / "profiles")
    sizes = [
        line
        for hour, gb in ((10, "50"), (12, "90"), (14, "20"), (16, "30"))
        for line in (start(f"{hour}:00", "box", disk_gb=gb), stop(f"{hour}:01"))
    ]

    told = tell(
        opened("metrocompute"), paid("00:00", "100", currency="EUR"), *sizes, tick("2 00:00"), book=book
    )

    assert [Decimal(c["quantity"]) for c in told.charges(sku="scratch")] == [Decimal(20)]


def test_an_event_over_several_lines_is_kept_on_one() -> None:
    assert bytes(in_one_line(b'{"a":\r\n1}')) == b'{"a":  1}'
