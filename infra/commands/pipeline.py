"""Commands `up`, `down`, `status` and `run`: the pipeline on this machine."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infra.status import Status


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command()(up)
    app.command()(down)
    app.command()(status)
    app.command()(run)


def up(
    until_ready: Annotated[
        bool,
        typer.Option("--until-ready", help="Return when every part is ready. This is what happens anyway."),
    ] = True,
    foreground: Annotated[
        bool,
        typer.Option(
            "--foreground", help="Stay and watch over the supervisors until Ctrl-C, then stop everything."
        ),
    ] = False,
) -> None:
    """Start everything on this machine.

    Kafka, ClickHouse and the mail catcher once, the pipeline of this namespace on top; harmless when they run.
    """
    from infra.lifecycle import down as stop
    from infra.lifecycle import stay_up
    from infra.lifecycle import up as start
    from infra.settings import load_settings

    del until_ready
    settings = load_settings()
    start(settings, _say)
    _say(f"ready: dashboard and API at http://{settings.http_host}:{settings.http_port}/")
    if foreground:
        import signal

        signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))
        try:
            stay_up(settings, _say)
        finally:
            stop(settings, _say)


def down() -> None:
    """Stop what `up` started.

    That is this namespace's pipeline, and the base when no other namespace's pipeline runs.
    """
    from infra.lifecycle import down as stop
    from infra.settings import load_settings

    stop(load_settings(), _say)


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show parts, lag and the input's account.

    Exit code 1 when a part is down or the input does not add up.
    """
    from infra.settings import load_settings
    from infra.status import collect_status

    found = collect_status(load_settings())
    if as_json:
        import json

        print(json.dumps(found.as_dict(), indent=2))
    else:
        _print_status(found)
    if not found.healthy:
        raise typer.Exit(1)


def run(part: Annotated[str, typer.Argument(help="kafka, clickhouse, smtp, ingest, worker-0, …")]) -> None:
    """Run one part in the foreground.

    As the supervisor, systemd or Kubernetes do.
    """
    from infra.run import run as run_part

    raise typer.Exit(run_part(part))


def _print_status(found: "Status") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("part", "state", "pid", "restarts", "up", "lag", "last error"):
        table.add_column(heading, justify="right" if heading in {"pid", "restarts", "up", "lag"} else "left")
    colours = {"ready": "green", "starting": "yellow", "down": "red"}
    for part in found.parts:
        pid, lag = (str(value) if value is not None else "–" for value in (part.pid, part.lag))
        state = f"[{colours[part.state]}]{part.state}[/]"
        uptime = f"{part.uptime_s:,.0f} s" if part.pid else "–"
        table.add_row(part.name, state, pid, str(part.restarts), uptime, lag, part.last_error)
    console = Console()
    console.print(table)
    if found.kafka_error:
        console.print(f"Kafka does not answer: {found.kafka_error}", style="red", markup=False)
        return
    account = found.account
    sign = "=" if account.balanced else "≠"
    console.print(
        f"input: {account.read:,} read {sign} {account.accepted:,} accepted"
        f" + {account.rejected:,} rejected + {account.duplicates:,} duplicates",
        style=None if account.balanced else "red",
        highlight=False,
    )


def _say(line: str) -> None:
    print(f"meterstream: {line}", file=sys.stderr, flush=True)
