"""What ingest refuses, as records of the topic `rejections`. Pure; the same message gives the same record.

`event` is the event as parsed JSON, or a string where the bytes are none. Where that text is not exactly what
came (bytes that are no UTF-8, or too long), the Kafka header `bytes` carries the original.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from schemas.records import Reason
from schemas.values import instant_text
from schemas.wire import Cause, Rejection, encode

# Escaped, a byte takes up to six; topic `rejections` takes messages of 16 MB, a header with 3 MB among them.
TEXT_BYTES_MAX = 1_048_576


class Rejected(msgspec.Struct, gc=False):
    """A message for `rejections`."""

    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]]


def rejected(
    *,
    origin: str,
    account: str | None,
    clock: int | None,
    cause: tuple[str, str],
    reason: Reason,
    detail: str,
    raw: bytes,
) -> Rejected:
    """The record for `raw`. `origin` names the message and its item: the record's id comes from it alone."""
    event, is_exact = _event_of(raw)
    record = Rejection(
        id=blake2b(origin.encode(), digest_size=16).hexdigest(),
        account=account,
        time=None if clock is None else instant_text(clock),
        cause=Cause(source=cause[0], id=cause[1]),
        reason=reason,
        detail=detail,
        event=event,
    )
    key = None if account is None else account.encode("utf-8", "surrogatepass")
    return Rejected(key, encode(record), [] if is_exact else [("bytes", raw)])


def _event_of(raw: bytes) -> tuple[msgspec.Raw | str, bool]:
    """What stands for `raw` in the record, and whether it says exactly the same."""
    if len(raw) > TEXT_BYTES_MAX:
        return raw[:TEXT_BYTES_MAX].decode("utf-8", "backslashreplace"), False
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return raw.decode("utf-8", "backslashreplace"), False
    try:
        msgspec.json.decode(raw)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return text, True
    return msgspec.Raw(raw), True
