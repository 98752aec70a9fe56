"""`meterstream simulate`: the pure engine over files of events, without a server."""

import gc
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

if TYPE_CHECKING:
    from streams.core.story import Story


_COMMA = ord(",")
_CHUNK_BYTES = 1_048_576


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(simulate)


def simulate(
    files: Annotated[
        list[str], typer.Argument(help="JSON Lines of CloudEvents; - for stdin", metavar="FILE...")
    ],
    until: Annotated[
        str | None, typer.Option(help="run every clock to this time (RFC 3339, inclusive)")
    ] = None,
    profiles: Annotated[
        Path | None, typer.Option(help="a folder of profiles beside the shipped ones")
    ] = None,
) -> None:
    """Bill files of events with the pipeline's pure engine and print every record, without a server."""
    from infra.books import load_book
    from streams.core import story

    # Every record is kept until the end, so collecting cycles finds nothing and costs a third of the time.
    gc.disable()
    until_ms = None if until is None else _instant(until)
    told = story.run(_lines(files), load_book(profiles), until_ms)
    _print(told, sys.stdout.buffer)


def _instant(text: str) -> int:
    from schemas.values import instant_of

    try:
        return instant_of(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text}: {error}", param_hint="--until") from error


def _lines(files: list[str]) -> Iterator[bytes]:
    for name in files:
        if name == "-":
            yield from sys.stdin.buffer
        else:
            with Path(name).open("rb") as stream:
                yield from stream


def _print(told: "Story", out: BinaryIO) -> None:
    from schemas.wire import encode_into
    from streams.core.story import KINDS, records_in_order

    balances = (("balance", balance) for balance in told.balances())
    tags = {kind: b'{"record":"%b",' % kind.encode() for kind in (*KINDS, "balance")}
    lines = bytearray()
    for kind, record in chain(records_in_order(told.out), balances):
        lines += tags[kind]
        # A record is an object: its brace is written over the tag's comma, which then takes the brace's place.
        brace = len(lines) - 1
        encode_into(record, lines, brace)
        lines[brace] = _COMMA
        lines += b"\n"
        if len(lines) > _CHUNK_BYTES:
            out.write(lines)
            lines.clear()
    out.write(lines)
    out.flush()
