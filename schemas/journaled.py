"""Reads the events that the journal holds: accepted by `wire.read_event` before, so converted and not checked. Pure.

The worker reads every event once more; without the checks that takes half the time. The structs are made from the
same models (tests/properties/test_decoders_agree.py holds both readers against each other).
"""

from __future__ import annotations

from typing import Any, Union

import msgspec

from schemas import events
from schemas.values import count_of, mailbox_of, name_of, positive_count_of, trusted_instant_of, zone_of
from schemas.wire import Converter, Event, input_field, is_nested

# Texts that were checked and stay as they are; integers that were checked and are counts already.
_TEXTS = frozenset({name_of, mailbox_of, zone_of})
_COUNTS = frozenset({count_of, positive_count_of})

_counts: dict[type, tuple[tuple[str, Converter], ...]] = {}
_others: dict[type, tuple[tuple[str, Converter], ...]] = {}
_nested: dict[type, tuple[str, ...]] = {}
_structs: dict[type, Any] = {}


def _struct(model: type[events.Data]) -> Any:
    """The struct with the fields of `model`; absent optionals are None."""
    if model in _structs:
        return _structs[model]
    fields: list[Any] = []
    converters: list[tuple[str, Converter]] = []
    for name, info in model.model_fields.items():
        kind, converter = input_field(model, name, _struct)
        if converter in _TEXTS:
            kind, converter = str, None
        if converter is not None:
            converters.append((name, converter))
        fields.append((name, kind) if info.is_required() else (name, kind | None, None))
    struct = msgspec.defstruct(model.__name__, fields, kw_only=True)
    _counts[struct] = tuple(each for each in converters if each[1] in _COUNTS)
    _others[struct] = tuple(each for each in converters if each[1] not in _COUNTS)
    _nested[struct] = tuple(name for name in model.model_fields if is_nested(model, name))
    _structs[model] = struct
    return struct


def _envelope(kind: str, model: type[events.Data]) -> Any:
    data = _struct(model)
    fields: list[Any] = [("id", str), ("source", str), ("subject", str), ("time", str)]
    fields.append(
        ("data", data) if model.model_fields else ("data", data, msgspec.field(default_factory=data))
    )
    return msgspec.defstruct("Journaled", fields, tag_field="type", tag=kind, kw_only=True)


_ENVELOPES = {_envelope(kind, model): kind for kind, model in events.TYPES.items()}
_DECODER: Any = msgspec.json.Decoder(Union[tuple(_ENVELOPES)])  # noqa: UP007  # made at run time


def _convert(data: Any) -> None:
    kind = type(data)
    for name, converter in _counts[kind]:
        value = getattr(data, name)
        if value is not None and type(value) is not int:
            setattr(data, name, converter(value))
    for name, converter in _others[kind]:
        value = getattr(data, name)
        if value is not None:
            setattr(data, name, converter(value))
    for name in _nested[kind]:
        value = getattr(data, name)
        if value is not None:
            _convert(value)


def read_journaled(raw: bytes | msgspec.Raw) -> Event:
    """The event in `raw`; its `content` is 0, as nobody asks for it any more.

    Raises msgspec.DecodeError or ValueError for what `wire.read_event` would refuse and this notices; it is not
    meant for anything that did not come from the journal.
    """
    envelope = _DECODER.decode(raw)
    data = envelope.data
    _convert(data)
    time_ms = trusted_instant_of(envelope.time)
    return Event(
        envelope.subject, _ENVELOPES[type(envelope)], time_ms, envelope.source, envelope.id, data, 0, raw
    )
