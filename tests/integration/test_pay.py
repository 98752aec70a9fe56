"""`meterstream pay` on the running pipeline: an operator tells of payments, and hears what became of them."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from infra.errors import CommandFailed
from infra.pay import Till, Word, voucher_of
from tests.integration.running import Pipeline, opened

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def till(running: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Till:
    """The till of a pipeline with `pay-acme` (Neolink, CNY) and `pay-docs` (PureDocs, USD)."""
    lines = [opened("pay-acme", "neolink"), opened("pay-docs", "puredocs")]
    running.emit(tmp_path_factory.mktemp("pay"), lines)
    found = Till(running.settings)
    found.tell(transfer("uploaded", "warm-up"))
    return found


def paid(payment: str, amount: str, account: str = "pay-acme", **data: str) -> Word:
    body = {"payment": payment, "method": "alipay", "amount": amount} | data
    return Word("payment.succeeded", account, f"{payment}/succeeded", body)


def transfer(state: str, payment: str, amount: str = "80", voucher: str = "v-1") -> Word:
    body = {"payment": payment, "voucher": voucher, "amount": amount}
    return Word(f"transfer.{state}", "pay-acme", f"{payment}/{state}", body)


def balance_of(till: Till, word: Word) -> str:
    answer = till.tell(word)
    assert answer.refused is None
    assert answer.balance is not None
    return str(answer.balance["balance"])


def test_a_payment_is_recorded_once_however_often_it_is_told(running: Pipeline, till: Till) -> None:
    arguments = (
        "pay",
        "record",
        "pay-acme",
        "--payment",
        "ali-1",
        "--method",
        "alipay",
        "--amount",
        "50",
        "--fee",
        "0.50",
    )
    before = json.loads(running.run("balance", "pay-acme", "--json").stdout)["balance"]

    first, again = running.run(*arguments).stdout, running.run(*arguments, "--json").stdout
    other = running.run(*arguments[:-3], "60", check=False)

    assert before == "0.00"
    assert first == "payment.succeeded ali-1; pay-acme: 49.50 CNY\n"
    assert (json.loads(again)["repeated"], json.loads(again)["balance"]["balance"]) == (True, "49.50")
    assert (other.returncode, other.stdout) == (1, "")
    assert other.stderr.startswith(
        "meterstream: nothing was sent: ali-1/succeeded was told before with another content"
    )


@pytest.mark.req("GG-03")
def test_a_transfer_is_credited_when_its_voucher_is_approved(till: Till, tmp_path: Path) -> None:
    scan = tmp_path / "voucher.pdf"
    scan.write_bytes(b"%PDF voucher")
    voucher = voucher_of(str(scan))

    early = till.tell(transfer("approved", "t-early", voucher=voucher))
    waiting = balance_of(till, transfer("uploaded", "t-1", voucher=voucher))
    credited = balance_of(till, transfer("approved", "t-1", voucher=voucher))
    again = till.tell(transfer("approved", "t-1", voucher=voucher))

    assert early.refused is not None
    assert early.refused["reason"] == "payment_state"
    assert Decimal(credited) - Decimal(waiting) == 80
    assert (again.repeated, again.balance and again.balance["balance"]) == (True, credited)


def test_what_was_refused_is_refused_again_and_says_that_it_was_told_before(
    running: Pipeline, till: Till
) -> None:
    word = paid("p-card", "5", "pay-docs")

    answers = [till.tell(word) for _ in range(2)]
    said = running.run(
        "pay", "record", "pay-docs", "--payment", "p-card", "--method", "alipay", "--amount", "5", check=False
    )

    assert [answer.refused and answer.refused["reason"] for answer in answers] == ["method_not_accepted"] * 2
    assert [answer.repeated for answer in answers] == [False, True]
    assert said.returncode == 1
    assert said.stderr.startswith("meterstream: refused, method_not_accepted: puredocs does not take alipay")


def test_money_goes_back_by_a_refund_and_by_a_dispute(till: Till) -> None:
    card = {"payment": "c-1", "method": "card", "amount": "20"}
    till.tell(Word("payment.succeeded", "pay-docs", "c-1/succeeded", card))
    back = {"payment": "c-1", "amount": "5"}

    refunded = balance_of(till, Word("payment.refunded", "pay-docs", "c-1/refunded/5", back))
    second = balance_of(till, Word("payment.refunded", "pay-docs", "by hand", back))
    disputed = till.tell(Word("payment.disputed", "pay-docs", "c-1/disputed/10", back | {"amount": "10"}))

    assert (refunded, second) == ("15.00", "10.00")
    assert disputed.balance is not None
    assert (disputed.balance["balance"], disputed.balance["flags"]) == ("0.00", ["disputed"])


@pytest.mark.parametrize(
    ("word", "at", "says"),
    [
        (paid("p-0", "0"), None, "nothing was sent: data.amount: must be greater than 0"),
        (paid("p-0", "1e3"), None, "nothing was sent: data.amount: not a decimal"),
        (paid("", "5"), None, "nothing was sent: data.payment: 1 to 512 characters are needed"),
        (paid("p-0", "5"), "yesterday", "--time yesterday: an RFC 3339 time with an offset is needed"),
        (paid("p-0", "5", "pay-nobody"), None, "no account 'pay-nobody' in this namespace: give --currency"),
    ],
)
def test_what_is_no_payment_is_told_in_one_line_and_not_sent(
    till: Till, word: Word, at: str | None, says: str
) -> None:
    with pytest.raises(CommandFailed) as failed:
        till.tell(word, at=at)

    assert str(failed.value).startswith(says)


def test_on_the_clock_of_events_a_payment_happens_at_the_last_tick(till: Till) -> None:
    answer = till.tell(paid("p-tick", "1"), wait_s=None)

    assert json.loads(answer.event.raw)["time"] >= "2026-11-01T00:00:00.000Z"
    assert json.loads(answer.event.raw)["time"] < "2026-11-25"
    assert (answer.balance, answer.refused) == (None, None)


def test_an_unknown_account_is_refused_where_the_currency_is_given(till: Till) -> None:
    answer = till.tell(paid("p-1", "5", "pay-nobody", currency="CNY"))

    assert answer.refused is not None
    assert answer.refused["reason"] == "unknown_account"
    assert answer.balance is None


def test_a_pipeline_that_is_behind_is_told_and_the_same_command_hears_later(till: Till) -> None:
    with pytest.raises(CommandFailed, match="behind after 0 s"):
        till.tell(paid("p-slow", "3"), wait_s=0)

    answer = till.tell(paid("p-slow", "3"))

    assert answer.repeated
    assert answer.refused is None
