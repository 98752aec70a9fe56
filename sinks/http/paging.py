"""Cursors: where the next page begins, in a text that means nothing to whoever hands it back."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, TypeVar

import msgspec
from fastapi import HTTPException, Query

P = TypeVar("P", bound=msgspec.Struct)
CURSOR_LENGTH_MAX = 2_048
Cursor = Annotated[
    str | None,
    Query(
        max_length=CURSOR_LENGTH_MAX, description="`next` of the page before; left out for the first page."
    ),
]


class AfterRecord(msgspec.Struct, array_like=True):
    """A place among records that come the newest first; of one instant by id."""

    time: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
    id: Annotated[str, msgspec.Meta(max_length=512)]


def cursor_of(position: msgspec.Struct) -> str:
    """The cursor of a position."""
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).decode().rstrip("=")


def position_of(cursor: str | None, kind: type[P]) -> P | None:
    """The position that a cursor stands for; None for the first page. Raises HTTPException 400 for any other text."""
    if cursor is None:
        return None
    try:
        return msgspec.json.decode(
            base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True), type=kind
        )
    except (binascii.Error, ValueError, RecursionError):
        raise HTTPException(400, "cursor: not one of ours; it is `next` of the page before") from None
