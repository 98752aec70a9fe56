"""Fast decoders and structs, made from the pydantic models so that each thing is defined once. Pure.

`read_event` takes one structured CloudEvent as bytes. The first pass is msgspec; what it refuses, pydantic
explains. Both apply the same functions of `schemas.values`, so they accept and refuse the same bytes
(tests/properties/test_decoders_agree.py).
"""

from __future__ import annotations

import types
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from hashlib import blake2b
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import msgspec
from pydantic import BaseModel, BeforeValidator, ValidationError

from schemas import events, records
from schemas.values import instant_of, name_of, positive_of

M = TypeVar("M", bound=BaseModel)

_ENVELOPE_FIELDS = ("id", "source", "subject")


class Event(msgspec.Struct):
    """One accepted event: what the fold reads."""

    account: str
    type: str
    time_ms: int
    source: str
    id: str
    data: Any  # an instance of the model's struct: same fields, same converted values
    content: (
        int  # 64-bit hash of type, subject, instant and data (contract 8.2); 0 where it was not asked for
    )
    raw: bytes | msgspec.Raw  # the structured CloudEvent as it came


class Unreadable(msgspec.Struct):
    """Bytes that are no event of the contract, with the reason in words."""

    detail: str
    account: str | None
    source: str
    id: str
    time_ms: int | None = None


# --- structs from models -----------------------------------------------------------------------------

Converter = Callable[[Any], Any]
_converters: dict[type, tuple[tuple[str, Converter], ...]] = {}
_models: dict[type, type[events.Data]] = {}


def _strip_optional(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) in (Union, types.UnionType):
        inner = [a for a in get_args(annotation) if a is not type(None)]
        return inner[0], True
    return annotation, False


def _converter_of(annotation: Any) -> Converter | None:
    """The function that pydantic runs before validation, for scalars that msgspec must not judge by itself."""
    for extra in getattr(annotation, "__metadata__", ()):
        if isinstance(extra, BeforeValidator):
            return cast("Converter", extra.func)
    return None


def _spend_limits_of(value: dict[str, Any]) -> dict[str, Decimal]:
    return {name_of(name): positive_of(limit) for name, limit in value.items()}


def input_field(
    model: type[events.Data], name: str, nested: Callable[[type[events.Data]], Any]
) -> tuple[Any, Converter | None]:
    """What msgspec decodes a field as, and what then makes its value of it; `nested` makes structs of models."""
    annotation, _ = _strip_optional(_hints(model)[name])
    converter = _converter_of(annotation)
    if converter is not None:
        return Any, converter
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) is dict:
        return dict[str, Any], _spend_limits_of
    if isinstance(annotation, type) and issubclass(annotation, events.Data):
        return nested(annotation), None
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return Literal[tuple(m.value for m in annotation)], None
    return annotation, None


def _hints(model: type[BaseModel]) -> dict[str, Any]:
    return get_type_hints(model, include_extras=True)


_structs: dict[type, Any] = {}


def input_struct(model: type[events.Data]) -> Any:
    """The msgspec struct with the fields of `model`: closed, absent optionals are None."""
    if model in _structs:
        return _structs[model]
    fields: list[Any] = []
    converters: list[tuple[str, Converter]] = []
    for name, info in model.model_fields.items():
        kind, converter = input_field(model, name, input_struct)
        if converter is not None:
            converters.append((name, converter))
        fields.append((name, kind) if info.is_required() else (name, kind | msgspec.UnsetType, msgspec.UNSET))
    struct = msgspec.defstruct(model.__name__, fields, forbid_unknown_fields=True, kw_only=True)
    _converters[struct] = tuple(converters)
    _models[struct] = model
    _structs[model] = struct
    return struct


def output_struct(model: type[M]) -> type[M]:
    """The msgspec struct with the fields of a record model, absent where None; typed as the model.

    The struct checks nothing: it is what the engine builds, a hundred thousand a second.
    """
    if model in _structs:
        return cast("type[M]", _structs[model])
    fields: list[Any] = []
    for name, info in model.model_fields.items():
        kind = _output_kind(_hints(model)[name])
        fields.append((name, kind) if info.is_required() else (name, kind | None, None))
    struct = msgspec.defstruct(model.__name__, fields, omit_defaults=True, frozen=True, gc=False)
    _structs[model] = struct
    return cast("type[M]", struct)


def _output_kind(annotation: Any) -> Any:
    inner, optional = _strip_optional(annotation)
    if get_origin(inner) is Annotated:
        inner = get_args(inner)[0]
    if isinstance(inner, type) and issubclass(inner, StrEnum):
        inner = str
    elif isinstance(inner, type) and issubclass(inner, BaseModel):
        inner = output_struct(inner)
    elif (
        get_origin(inner) is list
        and isinstance(get_args(inner)[0], type)
        and issubclass(get_args(inner)[0], BaseModel)
    ):
        inner = list[output_struct(get_args(inner)[0])]  # type: ignore[misc]
    elif get_origin(inner) is dict:
        inner = dict[str, str]
    elif inner is object:
        inner = Any
    return inner | None if optional and inner is not Any else inner


# --- the first pass ----------------------------------------------------------------------------------


def _envelope_struct(kind: str, model: type[events.Data]) -> Any:
    data = input_struct(model)
    data_field: Any = ("data", data)
    if not model.model_fields:
        data_field = ("data", data, msgspec.field(default_factory=data))
    fields = [
        ("specversion", Literal["1.0"]),
        ("id", str),
        ("source", str),
        ("subject", str),
        ("time", str),
        ("datacontenttype", str | None, None),
        data_field,
    ]
    return msgspec.defstruct(
        kind.title().replace(".", "").replace("_", ""), fields, tag_field="type", tag=kind, kw_only=True
    )


_ENVELOPES = {kind: _envelope_struct(kind, model) for kind, model in events.TYPES.items()}
_TYPE_OF_ENVELOPE = {struct: kind for kind, struct in _ENVELOPES.items()}
_DECODER: Any = msgspec.json.Decoder(Union[tuple(_ENVELOPES.values())])  # noqa: UP007  # made at run time
_JSON_TYPES = ("application/json", None)
_UNSET = msgspec.UNSET


def _convert(data: Any) -> None:
    """Turn decoded JSON scalars into decimals, counts and checked names, in place; absent fields into None."""
    for name, converter in _converters[type(data)]:
        value = getattr(data, name)
        if value is _UNSET:
            setattr(data, name, None)
        else:
            setattr(data, name, converter(value))
    for name in _plain_fields(type(data)):
        value = getattr(data, name)
        if value is _UNSET:
            setattr(data, name, None)
        elif type(value) in _converters:
            _convert(value)


_plain: dict[type, tuple[str, ...]] = {}


def _plain_fields(struct: type) -> tuple[str, ...]:
    fields = _plain.get(struct)
    if fields is None:
        converted = {name for name, _ in _converters[struct]}
        model = _models[struct]
        fields = tuple(
            name
            for name, info in model.model_fields.items()
            if name not in converted and (not info.is_required() or is_nested(model, name))
        )
        _plain[struct] = fields
    return fields


def is_nested(model: type[events.Data], name: str) -> bool:
    """Whether a field holds another model's data."""
    kind = _strip_optional(_hints(model)[name])[0]
    return isinstance(kind, type) and issubclass(kind, events.Data)


def _needs_model_check(model: type[events.Data]) -> bool:
    checks = set(model.__pydantic_decorators__.model_validators)
    return bool(checks - {"_no_nulls"})


_MODEL_CHECKED = frozenset(
    kind
    for kind, model in events.TYPES.items()
    if _needs_model_check(model)
    or any(
        is_nested(model, n) and _needs_model_check(_strip_optional(_hints(model)[n])[0])
        for n in model.model_fields
    )
)
_digest_encoder = msgspec.json.Encoder(order="sorted")


def content_hash(kind: str, account: str, time_ms: int, data: Any) -> int:
    """64 bits of the event's content: `data` before conversion, so that ``"7"`` differs from ``7``."""
    packed = _digest_encoder.encode((kind, account, time_ms, data))
    return int.from_bytes(blake2b(packed, digest_size=8).digest(), "big")


def read_event(raw: bytes) -> Event | Unreadable:
    """One structured CloudEvent, checked against the contract, or why it is not one. Never raises for bad input."""
    try:
        if not raw.isascii():
            # msgspec does not look into attributes that it skips, and the journal's readers are not all msgspec.
            raw.decode()
        envelope = _DECODER.decode(raw)
        account = name_of(envelope.subject)
        event_id = name_of(envelope.id)
        source = name_of(envelope.source)
        time_ms = instant_of(envelope.time)
        kind = _TYPE_OF_ENVELOPE[type(envelope)]
        data = envelope.data
        content = content_hash(kind, account, time_ms, data)
        _convert(data)
        if envelope.datacontenttype not in _JSON_TYPES:
            _check_content_type(envelope.datacontenttype)
        if kind in _MODEL_CHECKED:
            # As JSON: strict models take an enum's text only from there.
            events.TYPES[kind].model_validate_json(bytes(_DATA.decode(raw).data))
    except (msgspec.DecodeError, ValueError, RecursionError):
        return unreadable(raw)
    return Event(account, kind, time_ms, source, event_id, data, content, raw)


class _DataOnly(msgspec.Struct):
    data: msgspec.Raw


_DATA = msgspec.json.Decoder(_DataOnly)


def _check_content_type(value: str) -> None:
    if value.partition(";")[0].strip().lower() != "application/json":
        raise ValueError("datacontenttype must be application/json")


# --- the explanation ---------------------------------------------------------------------------------


def unreadable(raw: bytes) -> Unreadable:
    """Why `raw` is refused, in words that a producer's developer can act on."""
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return Unreadable(f"not JSON: {error}", None, "", "")
    if not isinstance(value, dict):
        return Unreadable("an event must be a JSON object", None, "", "")
    named = {field: value.get(field) for field in _ENVELOPE_FIELDS}
    texts = {field: text if _is_name(text) else None for field, text in named.items()}
    detail = explain(value) or "not an event of the contract"
    return Unreadable(
        detail, texts["subject"], texts["source"] or "", texts["id"] or "", _instant_or_none(value)
    )


def _instant_or_none(value: dict[str, Any]) -> int | None:
    try:
        return instant_of(value.get("time"))
    except ValueError:
        return None


def _is_name(value: object) -> bool:
    try:
        name_of(value)
    except ValueError:
        return False
    return True


def explain(value: dict[str, Any]) -> str | None:
    """Every fault that pydantic finds in an envelope and its data, or None where there is none."""
    faults: list[str] = []
    body = {k: v for k, v in value.items() if k != "datacontenttype" or v is not None}
    model = events.TYPES.get(kind) if isinstance(kind := value.get("type"), str) else None
    if model is not None and not model.model_fields:
        body.setdefault("data", {})
    faults += _faults(events.CloudEvent, body, "")
    if "type" in value and isinstance(kind, str) and model is None:
        faults.append(f"type: unknown type {kind!r}")
    faults += _scalar_fault("time", instant_of, body)
    faults += _scalar_fault("datacontenttype", _check_content_type, body)
    if model is not None and isinstance(body.get("data"), dict):
        faults += _faults(model, body["data"], "data.")
    return "; ".join(dict.fromkeys(faults)) or None


def _scalar_fault(name: str, check: Callable[[Any], object], body: dict[str, Any]) -> list[str]:
    if not isinstance(body.get(name), str):
        return []
    try:
        check(body[name])
    except ValueError as error:
        return [f"{name}: {error}"]
    return []


def _faults(model: type[BaseModel], value: object, prefix: str) -> list[str]:
    try:
        model.model_validate_json(msgspec.json.encode(value))
    except ValidationError as error:
        return [
            f"{prefix}{'.'.join(str(p) for p in fault['loc'])}: {fault['msg'].removeprefix('Value error, ')}".replace(
                "data.: ", "data: "
            )
            for fault in error.errors(include_url=False, include_context=False, include_input=False)
        ]
    return []


# --- the structs that the engine builds --------------------------------------------------------------

Cause = output_struct(records.Cause)
Charge = output_struct(records.Charge)
Entry = output_struct(records.Entry)
Balance = output_struct(records.Balance)
CostLine = output_struct(records.CostLine)
WindowCosts = output_struct(records.WindowCosts)
Notice = output_struct(records.Notice)
Command = output_struct(records.Command)
Rejection = output_struct(records.Rejection)
Delivery = output_struct(records.Delivery)

# By position, in the order of the model's fields: a third of the time, for what is made for every request.
charge_of: Callable[..., records.Charge] = Charge
entry_of: Callable[..., records.Entry] = Entry

encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode
encode_into: Callable[[Any, bytearray, int], None] = msgspec.json.Encoder().encode_into
"""As `encode`, to the end of a buffer from a place on."""
