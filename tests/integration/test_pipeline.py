"""The whole pipeline: what goes in by `emit` comes out as charges, balances, views and mails, in the file's order."""

import json
import random
from email import policy
from email.parser import BytesParser
from pathlib import Path

import pytest

from infra.audit.progress import wait_until_done
from infra.audit.topics import Topics
from infra.smtp_catcher import MailStore
from schemas.journal import decode_record
from schemas.topics import JOURNAL_TOPIC
from tests.integration.running import DAY_MS, SPEC, START_MS, Pipeline, event, opened, paid, request
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse, pytest.mark.slow, pytest.mark.timeout(300)]
MINUTE_MS = 60_000


def subjects_of_mails_to(running: Pipeline, account: str) -> list[str]:
    parser = BytesParser(policy=policy.default)
    mails = [parser.parsebytes(path.read_bytes()) for path in MailStore(running.settings.mails_dir).paths()]
    return [str(mail["Subject"]) for mail in mails if account in str(mail["X-Envelope-To"])]


@pytest.mark.req("FA-06", "FA-23")
def test_an_event_becomes_charge_balance_view_and_mail(running: Pipeline, tmp_path: Path) -> None:
    """10.00 free credit, a request of 26,000,000 tokens at 0.20 a million: 5.20, and 4.80 is below 5.00."""
    account = "from-end-to-end"

    said = running.emit(
        tmp_path, [opened(account, "flexai"), request(account, 1, START_MS + 1_000, 26_000_000)]
    )

    assert said.startswith("2 events sent, 0 invalid, 1 ticks")
    view = f"SELECT toString(sum(BilledCost)) FROM costs_by_day WHERE SubAccountId = '{account}'"
    wait_until(lambda: running.query(view)[0][0] == "5.2", "the view has the cost", timeout_s=60)
    assert json.loads(running.run("report", account, "--json").stdout)["total"] == "5.20"
    balance = json.loads(running.run("balance", account, "--json").stdout)
    assert (balance["balance"], balance["buckets"]["free"]) == ("4.80", "4.80")
    charges = running.query(
        f"SELECT sku, toString(amount), rule FROM charges FINAL WHERE account = '{account}'"
    )
    assert [tuple(row) for row in charges] == [("llama-3.3-70b", "5.2", "FA-06")]
    wait_until(lambda: len(subjects_of_mails_to(running, account)) == 1, "one mail came", timeout_s=30)


def test_emit_keeps_the_order_of_every_account_across_the_three_topics(
    running: Pipeline, tmp_path: Path
) -> None:
    """40 accounts, each changing its topic at almost every event, all mixed."""
    accounts = [f"order-{number}" for number in range(40)]
    lines = [opened(account, "flexai", START_MS + DAY_MS) for account in accounts]
    draw = random.Random(1)
    for number in range(1, 31):
        time_ms = START_MS + DAY_MS + number * 1_000
        for account in draw.sample(accounts, len(accounts)):
            kinds = (
                paid(account, f"p{number}", "5.00", time_ms),
                request(account, number, time_ms, 1_000),
                event("key.created", account, f"{account}-k{number}", time_ms, key=f"k{number}"),
            )
            lines.append(draw.choice(kinds))

    running.emit(tmp_path, lines)

    sent = [json.loads(line) for line in lines]
    wanted = {name: [e["id"] for e in sent if e["subject"] == name] for name in accounts}
    found = wait_until(lambda: journaled(running, wanted), "all of it is in the journal", timeout_s=60)
    assert found == wanted


@pytest.mark.req("FA-24")
def test_a_request_that_crosses_both_thresholds_is_told_in_one_mail(
    running: Pipeline, tmp_path: Path
) -> None:
    """R-FA3: 10.00 less 11.00; both notices are raised, and the mail names both."""
    account = "crosses-both"

    running.emit(tmp_path, [opened(account, "flexai"), request(account, 1, START_MS + 1_000, 55_000_000)])

    states = f"SELECT state FROM deliveries FINAL WHERE account = '{account}' ORDER BY state"
    wait_until(lambda: len(running.query(states)) == 2, "both are told", timeout_s=60)
    assert [row[0] for row in running.query(states)] == ["coalesced", "sent"]
    assert subjects_of_mails_to(running, account) == ["Your balance is used up; Low balance: -$1.00 left"]


def journaled(running: Pipeline, wanted: dict[str, list[str]]) -> dict[str, list[str]] | None:
    """Ids of the accounts' events in the journal's order; None until all are there."""
    topics, found = Topics(running.settings), {name: list[str]() for name in wanted}
    for (_, partition), end in topics.ends([JOURNAL_TOPIC], running.settings.partitions).items():
        for record in topics.read(JOURNAL_TOPIC, partition, end):
            for raw in decode_record(record.value).events:
                envelope = json.loads(bytes(raw))
                if envelope["subject"] in found:
                    found[envelope["subject"]].append(envelope["id"])
    return found if sum(map(len, found.values())) == sum(map(len, wanted.values())) else None


def test_the_worker_acknowledges_what_it_folds_whatever_marks_lie_between(
    running: Pipeline, tmp_path: Path
) -> None:
    """30 ticks, each in a transaction of ingest, whose marks are gaps for Faust: it got past one a second."""
    start_ms = START_MS + 7 * DAY_MS
    ticks = [event("clock.tick", "clock", f"mark-{number}", start_ms + number) for number in range(30)]

    running.emit(tmp_path, ticks)

    topics, partitions = Topics(running.settings), running.settings.partitions
    # Shorter than 30 of Faust's commits, one a second.
    wait_until_done(topics, partitions, timeout_s=10)


@pytest.mark.req("X-03")
def test_a_correcting_charge_is_explained_by_the_late_event(running: Pipeline, tmp_path: Path) -> None:
    """A lease runs 30 minutes; that it stopped after 10 is told half an hour later."""
    account, start_ms = "late-stop", START_MS + 2 * DAY_MS
    lease = {"resource": "vm", "sku": "machine", "mode": "payg", "spec": SPEC}
    lines = [
        opened(account, "fluxedge", start_ms), paid(account, "p", "20.00", start_ms),
        event("instance.started", account, "start", start_ms + 1_000, **lease),
        event("clock.tick", account, "later", start_ms + 30 * MINUTE_MS),
        event("instance.stopped", account, "late", start_ms + 10 * MINUTE_MS, resource="vm", reason="user"),
    ]  # fmt: skip
    running.emit(tmp_path, lines)

    sql = f"SELECT id, corrects FROM charges FINAL WHERE account = '{account}' AND corrects != '' ORDER BY start"
    rows = wait_until(lambda: running.query(sql), "the corrections are there", timeout_s=60)
    correction = json.loads(running.run("explain", str(rows[-1][0]), "--json").stdout)
    corrected = json.loads(running.run("explain", str(rows[-1][1]), "--json").stdout)

    assert correction["proof"]["same_bytes_in_topic"]
    assert correction["proof"]["same_in_clickhouse"]
    assert correction["charge"]["cause"]["id"] == "late"
    assert correction["corrects"]["id"] == corrected["charge"]["id"]
    assert [found["id"] for found in correction["events"]] == ["start", "late"]
    assert [entry["type"] for entry in correction["entries"]] == ["correction"]
    assert [found["id"] for found in corrected["corrected_by"]] == [rows[-1][0]]
    assert "late" not in [found["id"] for found in corrected["events"]]


def test_an_unknown_charge_is_one_line(running: Pipeline) -> None:
    done = running.run("explain", "chg_of_nobody", check=False)

    assert (done.returncode, done.stderr) == (1, "meterstream: no charge has the id 'chg_of_nobody'\n")
