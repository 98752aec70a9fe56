"""The command line `meterstream`: finds the commands, and turns every known failure into one line.

Exit codes: 0 done, 1 a run that failed, 2 bad use, 130 interrupted. Commands import what is heavy when
they run: `meterstream --help` takes less than 0.4 s.
"""

import logging
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated, Final

import typer

from infra.errors import CommandFailed, foreign_errors, in_one_line

# What a command has to say it says itself, in one line. Parts set up logging, which then gets all of it.
for name in ("infra", "sinks", "streams"):
    logging.getLogger(name).addHandler(logging.NullHandler())

# Each module has `register(app)`; the order is that of --help.
COMMANDS: Final = (
    "pipeline",
    "demo",
    "simulate",
    "events",
    "reports",
    "analysis",
    "notices",
    "exports",
    "audit",
    "what_if",
    "token",
    "pay",
)


def build_app() -> typer.Typer:
    """The application with every command there is."""
    app = typer.Typer(
        name="meterstream",
        help="Billing for GPU clouds and model APIs, by the stream: usage in, charges and balances out.",
        # Plain help: rich would cost half of the time that --help takes.
        rich_markup_mode=None,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_root)
    for name in COMMANDS:
        module = f"infra.commands.{name}"
        if find_spec(module) is not None:
            import_module(module).register(app)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        return build_app()(given or ["--help"], prog_name="meterstream", standalone_mode=False) or 0
    except typer.TyperException as error:
        return _say(in_one_line(error), exit_code=2)
    except (CommandFailed, OSError) as error:
        return _say(in_one_line(error), exit_code=1)
    # Looked up when an error is on its way: only then is it known which libraries a command loaded.
    except foreign_errors() as error:
        return _say(in_one_line(error), exit_code=1)


def _say(message: str, *, exit_code: int) -> int:
    print(f"meterstream: {message}", file=sys.stderr)
    return exit_code


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"meterstream {version('meterstream')}")
        raise typer.Exit


def _root(
    version: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True)] = False,
) -> None:
    """What all commands have in common: nothing but --version."""
    del version


if __name__ == "__main__":
    sys.exit(main())
