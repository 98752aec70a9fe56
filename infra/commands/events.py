"""`meterstream emit`: files of events to the input topics, checked first and in their order."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infra.emit.files import Checked, Files
    from infra.settings import Settings

BAR_FROM_EVENTS = 5_000


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(emit)


def emit(
    files: Annotated[
        list[str],
        typer.Argument(help="JSON Lines of CloudEvents, or an array of them; - for stdin", metavar="FILE..."),
    ],
    skip_invalid: Annotated[
        bool, typer.Option("--skip-invalid", help="Leave out what is invalid, send the rest.")
    ] = False,
    ticks: Annotated[
        bool | None,
        typer.Option(help="Send clock.tick events, to every partition. Default: when the clock is `events`."),
    ] = None,
    final_tick: Annotated[
        bool, typer.Option(help="With ticks: after the last event move the clock to the greatest time sent.")
    ] = True,
) -> None:
    """Send events to the pipeline: all checked first, then each to the topic of its type, in the file's order."""
    from infra.books import load_book
    from infra.emit.files import Files
    from infra.settings import Clock, load_settings

    settings = load_settings()
    sends_ticks = settings.clock is Clock.EVENTS if ticks is None else ticks
    with Files(files, load_book(settings.profiles_dir).spec_skus) as source:
        checked = source.check()
        for fault in checked.faults:
            print(f"{fault.place}: {fault.detail}", file=sys.stderr)
        _refuse_invalid(checked, skip_invalid)
        _send(settings, source, checked, sends_ticks, final_tick)


def _refuse_invalid(checked: "Checked", skip_invalid: bool) -> None:
    from infra.errors import CommandFailed

    if checked.faults and not skip_invalid:
        raise CommandFailed(
            f"{len(checked.faults):,} of {checked.events:,} events are invalid, nothing was sent;"
            " --skip-invalid sends the others"
        )


def _send(settings: "Settings", source: "Files", checked: "Checked", ticks: bool, final_tick: bool) -> None:
    from time import monotonic

    from infra.emit.sender import Sender

    good = checked.events - len(checked.faults)
    started_s = monotonic()
    with _bar(good) as advance:
        sender = Sender(settings, ticks=ticks, sent=advance)
        sender.send(source.outgoing(checked.faults))
        if ticks and final_tick and checked.end_ms is not None:
            sender.tick(checked.end_ms)
    took_s = monotonic() - started_s
    parts = [f"{sender.events:,} events sent", f"{len(checked.faults):,} invalid"]
    parts += [f"{sender.ticks:,} ticks"] if sender.ticks else []
    parts += [f"{sender.ticks_left_out:,} clock.tick left out"] if sender.ticks_left_out else []
    print(f"{', '.join(parts)}, {took_s:.1f} s ({sender.events / max(took_s, 1e-9):,.0f} events/s)")


@contextmanager
def _bar(total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar where it is long and somebody looks; yields what is told each progress."""
    if total < BAR_FROM_EVENTS or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda count: progress.advance(task, count)
