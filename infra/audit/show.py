"""What the audit found, for people (rich) and for programs (dictionaries ready for JSON). Exact decimals everywhere."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from infra.audit.explain import Explanation
from infra.audit.report import Holder, Report
from infra.audit.running import Difference
from schemas.values import instant_text, money_text
from schemas.wire import encode

SHOWN_MAX: Final = 20
WIDTH_MIN: Final = 150
NOTHING: Final = "·"


def wide_console() -> Console:
    """A console that shows amounts whole: a narrow terminal, or none, wraps lines instead of cutting numbers."""
    console = Console(soft_wrap=True)
    return Console(soft_wrap=True, width=WIDTH_MIN) if console.width < WIDTH_MIN else console


def report_as_dict(report: Report) -> dict[str, Any]:
    """For `reconcile --json`."""
    return {
        "clean": report.is_clean,
        "accounts": len(report.accounts),
        "events": report.events,
        "twins": report.twins,
        "input": msgspec.structs.asdict(report.counters),
        "sums": {
            currency: {name: _holder_as_dict(holder) for name, holder in holders.items()}
            for currency, holders in report.holders.items()
        },
        "differences": [difference._asdict() for difference in report.differences],
    }


def _holder_as_dict(holder: Holder) -> dict[str, Any]:
    amounts = {name: getattr(holder, name) for name in ("charged", "posted", "balance")}
    return {"charges": holder.charges, "entries": holder.entries} | {
        name: None if amount is None else money_text(amount) for name, amount in amounts.items()
    }


def print_report(console: Console, report: Report) -> None:
    """The table of sums, then the differences or that there are none."""
    table = Table(box=None, pad_edge=False)
    for heading in ("", "charges", "Σ charges", "postings", "Σ postings", "Σ balances", ""):
        table.add_column(heading, justify="left" if not heading else "right")
    for currency, holders in sorted(report.holders.items()):
        for name, holder in holders.items():
            table.add_row(name, *_cells(holder), currency)
    console.print(table)
    counted = report.counters
    console.print(
        f"input: {counted.read:,} read = {counted.accepted:,} accepted + {counted.duplicates:,} duplicates"
        f" + {counted.rejected:,} rejected; {report.events:,} events in {report.journal_records:,} journal records;"
        f" {len(report.accounts):,} accounts; {report.twins:,} identical twins",
        highlight=False,
    )
    print_verdict(console, report)


def print_verdict(console: Console, report: Report) -> None:
    """That everything is equal, or the first differences."""
    if report.is_clean:
        console.print("✓ journal = worker = ledger = ClickHouse, to the last digit", style="green")
        return
    console.print(f"✗ {len(report.differences):,} differences", style="red")
    for difference in report.differences[:SHOWN_MAX]:
        console.print(difference_text(difference), markup=False, highlight=False)
    if len(report.differences) > SHOWN_MAX:
        console.print(f"… and {len(report.differences) - SHOWN_MAX:,} more (--json gives all)")


def difference_text(found: Difference) -> str:
    """One line."""
    whose = f"{found.account}: " if found.account else ""
    return f"  {whose}{found.where}: {found.what}: journal {found.expected}, here {found.found}"


def _cells(holder: Holder) -> list[str]:
    counts = [NOTHING if count is None else f"{count:,}" for count in (holder.charges, holder.entries)]
    sums = [NOTHING if a is None else money_text(a) for a in (holder.charged, holder.posted, holder.balance)]
    return [counts[0], sums[0], counts[1], sums[1], sums[2]]


# --- explain ----------------------------------------------------------------------------------------------


def explanation_as_dict(found: Explanation) -> dict[str, Any]:
    """For `explain --json`."""
    return {
        "charge": _record(found.charge),
        "proof": {
            "refolded": True,
            "journal": {"partition": found.partition, "offset": found.journal_offset},
            "topic_offset": found.topic_offset,
            "same_bytes_in_topic": found.same_bytes,
            "same_in_clickhouse": not found.stored_differences,
            "differing_columns": found.stored_differences,
        },
        "events": [msgspec.json.decode(event.raw) for event in found.events],
        "heartbeats": found.heartbeats,
        "entries": [_record(entry) for entry in found.entries],
        "corrects": _record(found.corrected) if found.corrected is not None else None,
        "corrected_by": [_record(charge) for charge in found.corrections],
    }


def _record(record: Any) -> Any:
    return msgspec.json.decode(encode(record))


def print_explanation(console: Console, found: Explanation) -> None:
    """The charge, then what led to it, then what it did."""
    charge = found.charge
    console.print(Text(charge.id, "bold"))
    lines = Table(box=None, pad_edge=False, show_header=False)
    lines.add_column(style="dim")
    lines.add_column()
    for name, text in _facts(found):
        lines.add_row(name, Text(text))
    console.print(lines)
    console.print(Text("led to it", "bold"))
    for event in found.events:
        console.print(
            f"  {instant_text(event.time_ms)}  {event.type}  {event.source} {event.id}",
            markup=False,
            highlight=False,
        )
    if found.heartbeats > 2:
        console.print(
            f"  … and {found.heartbeats - 2:,} heartbeats between the first and the last", highlight=False
        )
    if charge.cause.source == "timer":
        console.print(f"  {charge.time}  timer  {charge.cause.id}", markup=False, highlight=False)
    _print_consequences(console, found)
    _print_proof(console, found)


def _facts(found: Explanation) -> list[tuple[str, str]]:
    charge = found.charge
    what = f"request {charge.request}" if charge.request else f"resource {charge.resource}"
    facts = [
        ("account", f"{charge.account}, profile {charge.profile}, partition {found.partition}"),
        (
            "what",
            f"{what}, {charge.sku}, meter {charge.meter}" + (f", key {charge.key}" if charge.key else ""),
        ),
        (
            "when",
            f"{charge.start} to {charge.end}, due {charge.time}"
            if charge.start != charge.end
            else charge.time,
        ),
        (
            "how much",
            f"{charge.quantity} {charge.unit} × {charge.unit_price} = {charge.amount} {charge.currency}",
        ),
        ("rule", f"{charge.rule}, price version {charge.price_version}"),
    ]
    if charge.meter.endswith("duration"):
        facts.append(("", "a line of a running total in whole seconds, which is rounded once"))
    if charge.corrects:
        before = (
            f": {found.corrected.quantity} {found.corrected.unit}, {found.corrected.amount}"
            if found.corrected
            else ""
        )
        facts.append(("corrects", f"{charge.corrects}{before}"))
    return facts


def _print_consequences(console: Console, found: Explanation) -> None:
    console.print(Text("in the ledger", "bold"))
    for entry in found.entries:
        console.print(
            f"  {entry.seq:>6}  {entry.type}  {entry.amount} {entry.currency} of {entry.bucket}, balance {entry.balance}",
            markup=False, highlight=False,
        )  # fmt: skip
    if not found.entries:
        console.print("  nothing: its amount is 0")
    for charge in found.corrections:
        console.print(
            f"  later corrected by {charge.id}: {charge.quantity} {charge.unit}, {charge.amount} {charge.currency}"
            f" at {charge.time}, because of {charge.cause.source} {charge.cause.id}",
            markup=False, highlight=False,
        )  # fmt: skip


def _print_proof(console: Console, found: Explanation) -> None:
    topic = (
        "the topic no longer has it"
        if found.topic_offset is None
        else f"topic charges, offset {found.topic_offset}"
    )
    if found.is_proven:
        same = topic if found.topic_offset is None else f"the same bytes as {topic}"
        console.print(
            f"✓ folded again from journal partition {found.partition}, offset {found.journal_offset}: {same},"
            " the same values as ClickHouse", style="green", highlight=False,
        )  # fmt: skip
        return
    columns = (
        f"; ClickHouse has other {', '.join(found.stored_differences)}" if found.stored_differences else ""
    )
    bytes_differ = "" if found.same_bytes else f"; {topic} has other bytes"
    console.print(f"✗ the journal gives another charge than what stands{bytes_differ}{columns}", style="red")
