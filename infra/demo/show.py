"""The whole demo: stage, play, curtain. Says whether everything agrees."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from infra.audit import show
from infra.audit.reconcile import reconcile
from infra.audit.report import Report
from infra.books import load_book
from infra.demo.curtain import Curtain, last_day_of
from infra.demo.play import Played, Player
from infra.demo.script import DAYS, Script
from infra.demo.stage import demo_settings, set_up
from infra.demo.stories import tell_all
from infra.settings import Settings

TIMEOUT_S: Final = 120.0


def run(settings: Settings, *, end: date, seed: int) -> bool:
    """Play the `DAYS` days before `end`; True when all sums agree. Raises CommandFailed where something is missing."""
    started_s, started_ns = time.monotonic(), time.time_ns()
    console = show.wide_console()
    settings = demo_settings(settings)
    console.print(
        f"a month of event time, namespace {settings.namespace}, through the real pipeline", style="bold"
    )
    set_up(settings, lambda line: console.print(f"  {line}", markup=False, highlight=False))
    script = Script(_midnight_ms(end - timedelta(days=DAYS)), seed)
    tell_all(script)
    played_s = time.monotonic()
    played = _play(settings, script, console)
    console.print("worker and sink catch up; the whole journal is folded again and compared …")
    report = reconcile(settings, load_book(settings.profiles_dir), TIMEOUT_S)
    _curtain(settings, console, report, end, started_ns)
    show.print_verdict(console, report)
    _tell_crash(console, played, report.twins)
    console.print(
        f"{played.events:,} events, {time.monotonic() - played_s:.0f} s, with starting up {time.monotonic() - started_s:.0f} s",
        highlight=False,
    )
    return report.is_clean


def _curtain(settings: Settings, console: Console, report: Report, end: date, started_ns: int) -> None:
    curtain = Curtain(settings, console, last_day_of(end))
    for part in (curtain.costs, curtain.balances):
        part(report)
        console.print()
    curtain.bills()
    console.print()
    curtain.refusals()
    console.print()
    console.print(f"{curtain.mails(started_ns)} mails to the owners", highlight=False)
    curtain.where_to_look()
    console.print()


def _tell_crash(console: Console, played: Played, twins: int) -> None:
    if played.killed_pid:
        console.print(
            f"the crash made the worker write {twins:,} ledger records a second time; they are equal and count once",
            highlight=False,
        )


def _play(settings: Settings, script: Script, console: Console) -> Played:
    if not console.is_terminal:
        return _played(settings, script, Lines(console))
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        return _played(settings, script, Bar(progress))


def _played(settings: Settings, script: Script, audience: Bar | Lines) -> Played:
    player = Player(settings, audience)
    played = player.play(script.days())
    player.finish(TIMEOUT_S)
    return played


class Bar:
    """A bar that moves by days, remarks above it."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("the first day", total=DAYS)

    def say(self, text: str) -> None:
        """Something happened."""
        self._progress.console.print(f"  {text}", markup=False, highlight=False)

    def day(self, number: int, date: str, sent: int, behind: int) -> None:
        """A day was sent."""
        text = f"{date}  {sent:>6,} events  worker {behind:>3,} behind"
        self._progress.update(self._task, completed=number, description=text)


class Lines:
    """Plain lines, for a log."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, text: str) -> None:
        """Something happened."""
        self._console.print(f"  {text}", markup=False, highlight=False)

    def day(self, number: int, date: str, sent: int, behind: int) -> None:
        """A day was sent; every fifth is told."""
        if number % 5 == 0:
            self._console.print(
                f"  {date}  day {number} of {DAYS}, {sent:,} events sent, worker {behind:,} behind",
                highlight=False,
            )


def _midnight_ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000
