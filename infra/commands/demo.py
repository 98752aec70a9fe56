"""`meterstream demo`: a month of event time through the real pipeline, in a namespace of its own."""

from datetime import datetime
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The month ends before this day; by default today (UTC)."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed tells the same stories with other numbers.")] = 1,
) -> None:
    """Play a month of accounts through the real pipeline, kill the worker on the way, and show that all adds up."""
    from datetime import UTC

    from infra.demo.show import run
    from infra.settings import load_settings

    end = (until or datetime.now(UTC)).date()
    if not run(load_settings(), end=end, seed=seed):
        raise typer.Exit(1)
