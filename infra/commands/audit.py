"""Commands `explain`, `reconcile`, `replay`: proof that the money is right, and ClickHouse made anew."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from infra.commands.output import print_json

if TYPE_CHECKING:
    from infra.settings import Settings

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Timeout = Annotated[
    float, typer.Option("--timeout", min=0, help="Seconds to wait until everything is worked off.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command()(replay)
    app.command()(reconcile)
    app.command()(explain)


def explain(
    charge_id: Annotated[str, typer.Argument(help="The charge's id, as in `charges` and `ledger`.")],
    as_json: AsJson = False,
) -> None:
    """Show how a charge came about: rule, quantity, price and events, proven by folding the journal again."""
    from infra.audit import show
    from infra.audit.explain import explain as find
    from infra.audit.observed import open_client
    from infra.audit.topics import Topics
    from infra.books import load_book
    from infra.settings import load_settings

    settings = load_settings()
    found = find(open_client(settings), Topics(settings), load_book(settings.profiles_dir), charge_id)
    if as_json:
        print_json(show.explanation_as_dict(found))
    else:
        show.print_explanation(show.wide_console(), found)
    if not found.is_proven:
        raise typer.Exit(1)


def reconcile(as_json: AsJson = False, timeout: Timeout = 60.0) -> None:
    """Fold the journal again and compare: worker, ledger, balances and ClickHouse, account by account, exactly."""
    from infra.audit import last, show
    from infra.audit.reconcile import reconcile as compare
    from infra.books import load_book
    from infra.settings import load_settings

    settings = load_settings()
    report = compare(settings, load_book(settings.profiles_dir), timeout, _say)
    last.note(settings, clean=report.is_clean, differences=len(report.differences))
    if as_json:
        print_json(show.report_as_dict(report))
    else:
        show.print_report(show.wide_console(), report)
    if not report.is_clean:
        raise typer.Exit(1)


def replay(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before the tables are emptied.")] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Change nothing: replay into a database aside and compare it with the real one."
        ),
    ] = False,
    timeout: Timeout = 60.0,
) -> None:
    """Make ClickHouse anew from the journal: the same rows, the same figures in every view."""
    from infra.settings import load_settings

    settings = load_settings()
    if check:
        _check(settings, timeout)
    else:
        _replay(settings, yes)


def _replay(settings: "Settings", yes: bool) -> None:
    from infra.audit.observed import open_client
    from infra.audit.replay import empty, rebuild
    from infra.audit.topics import Topics
    from infra.books import load_book
    from infra.migrations import migrate

    database = settings.clickhouse_database
    if not yes:
        if not sys.stdin.isatty():
            raise typer.BadParameter(f"it empties the tables of {database}; say --yes", param_hint="--yes")
        typer.confirm(
            f"Empty the tables of {database} and fill them again from the journal?", abort=True, err=True
        )
    topics, book = Topics(settings), load_book(settings.profiles_dir)
    # Before anything is emptied: without a journal there is nothing to fill them from.
    topics.partitions("journal")
    migrate(settings)
    empty(open_client(settings))
    rows = rebuild(topics, book, lambda: open_client(settings), _say)
    print(f"{database}: " + (", ".join(f"{count:,} {table}" for table, count in rows.items()) or "no rows"))


def _check(settings: "Settings", timeout: float) -> None:
    from infra.audit.observed import ask, open_client
    from infra.audit.progress import wait_until_done
    from infra.audit.replay import differing, rebuild
    from infra.audit.topics import Topics
    from infra.books import load_book
    from infra.errors import CommandFailed
    from infra.migrations import migrate

    aside = settings.model_copy(update={"clickhouse_database": f"{settings.clickhouse_database}_replay"})
    real, topics = open_client(settings), Topics(settings)
    wait_until_done(topics, topics.partitions("journal"), timeout)
    drop = f"DROP DATABASE IF EXISTS {aside.clickhouse_database}"
    ask(real, drop)
    migrate(aside)
    try:
        rebuild(topics, load_book(settings.profiles_dir), lambda: open_client(aside), _say)
        found = differing(real, open_client(aside))
    finally:
        ask(real, drop)
    for table, account, here, there in found[:20]:
        print(
            f"{table}: {account or '(no account)'}: {here:,} rows here, {there:,} from the journal, not the same",
            file=sys.stderr,
        )
    if found:
        raise CommandFailed(
            f"{len(found):,} accounts of tables differ from what the journal gives (events still coming?)"
        )
    print(f"{settings.clickhouse_database}: the same rows as the journal gives, in every table")


def _say(line: str) -> None:
    if sys.stderr.isatty():
        print(f"meterstream: {line}", file=sys.stderr, flush=True)
