"""Two decoders, one contract: what msgspec takes pydantic finds without fault, and the reverse; and what content is.

`schemas.wire.read_event` is the fast one that ingest and the worker use, `schemas.wire.explain` the pydantic
models as published. Valid events of every type are drawn from the models' fields and then spoiled.
"""

import json
import random
from collections.abc import Callable
from copy import deepcopy
from enum import StrEnum
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import events, values
from schemas.journaled import read_journaled
from schemas.wire import Event, Unreadable, explain, read_event

names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
digits = st.integers(0, 10**6)
decimals: st.SearchStrategy[object] = st.one_of(
    digits,
    digits.map(str),
    st.tuples(digits, st.integers(0, 999)).map(lambda pair: f"{pair[0]}.{pair[1]:03d}"),
)
positives = st.one_of(st.integers(1, 10**6), st.integers(1, 10**6).map(lambda n: f"{n}.50"))
counts = st.one_of(st.integers(0, 10**26 - 1), digits.map(str), digits.map(lambda n: f"{n}.0"))
SCALARS: dict[Callable[[object], object], st.SearchStrategy[Any]] = {
    values.positive_of: positives,
    values.non_negative_of: decimals,
    values.count_of: counts,
    values.positive_count_of: st.integers(1, 10**6),
    values.name_of: names,
    values.zone_of: st.sampled_from(["UTC", "Asia/Shanghai", "America/New_York"]),
    values.mailbox_of: st.just("a.b@example.com"),
}


def strategy_of(annotation: Any) -> st.SearchStrategy[Any]:
    """Values that the field's annotation should take."""
    if type(None) in get_args(annotation):
        return strategy_of(next(inner for inner in get_args(annotation) if inner is not type(None)))
    for extra in getattr(annotation, "__metadata__", ()):
        if (made := SCALARS.get(getattr(extra, "func", None))) is not None:  # type: ignore[arg-type]
            return made
    if get_origin(annotation) is Annotated:
        return strategy_of(get_args(annotation)[0])
    if get_origin(annotation) is dict:
        return st.dictionaries(names, positives, max_size=3)
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return st.sampled_from([member.value for member in annotation])
    if isinstance(annotation, type) and issubclass(annotation, events.Data):
        return data_of(annotation)
    assert annotation is bool, annotation
    return st.booleans()


def data_of(model: type[events.Data]) -> st.SearchStrategy[dict[str, Any]]:
    """Data of `model`: all that is required, any of what is optional. Rules between fields may be broken."""
    hints = get_type_hints(model, include_extras=True)
    fields = {name: strategy_of(hints[name]) for name in model.model_fields}
    required = {name: made for name, made in fields.items() if model.model_fields[name].is_required()}
    optional = {name: made for name, made in fields.items() if name not in required}
    return st.fixed_dictionaries(required, optional=optional)


times = st.one_of(
    st.datetimes(timezones=st.timezones()).map(lambda t: t.isoformat()),
    st.sampled_from(["2026-11-22T00:00:00Z", "2026-11-22t00:00:00.123456789z", "0001-01-01T00:00:00+14:00"]),
)


@st.composite
def envelopes(draw: st.DrawFn) -> dict[str, Any]:
    """An event of any type that is valid, save perhaps for its time and for rules between fields."""
    kind = draw(st.sampled_from(sorted(events.TYPES)))
    envelope = {
        "specversion": "1.0",
        "id": draw(names),
        "source": draw(names),
        "type": kind,
        "subject": draw(names),
        "time": draw(times),
        "data": draw(data_of(events.TYPES[kind])),
    }
    extensions = draw(
        st.dictionaries(st.sampled_from(["traceparent", "datacontenttype"]), st.just("application/json"))
    )
    return envelope | extensions


odd = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(10**30), 10**30),
    st.text(max_size=6),
    st.sampled_from(
        ["", "7", "7.0", "-1", "1e3", "0", " 1", "+1", "١", "1.", ".5", "UTC", "x" * 513, "1" * 27, "a\u0000"]
    ),
    # Copied: a spoiled event is spoiled in place.
    st.sampled_from([[], {}, [1], {"a": 1}, 0, -0.0, 10**26, "0.0000000000001"]).map(deepcopy),
)


@st.composite
def spoiled(draw: st.DrawFn) -> dict[str, Any]:
    """An event with some of its fields replaced, left out or added."""
    envelope = draw(envelopes())
    for _ in range(draw(st.integers(1, 3))):
        place = (
            envelope
            if draw(st.booleans()) or not isinstance(envelope.get("data"), dict)
            else envelope["data"]
        )
        nested: list[dict[str, Any]] = [value for value in place.values() if isinstance(value, dict)]
        if nested and draw(st.sampled_from([True, False])):
            place = nested[0]
        name = draw(st.sampled_from([*place, "unknown", "datacontenttype", "mode", "term", "zone"]))
        match draw(st.sampled_from(["replace", "replace", "remove", "retype"])):
            case "replace":
                place[name] = draw(odd)
            case "remove":
                place.pop(name, None)
            case "retype":
                envelope["type"] = draw(st.sampled_from([*sorted(events.TYPES), "unknown.type", ""]))
    return envelope


def check_agreement(raw: bytes) -> None:
    """Both accept `raw`, or both refuse it, with words."""
    read = read_event(raw)
    fault = explain(msgspec.json.decode(raw))
    assert isinstance(read, Event) is (fault is None), (fault, read)
    if isinstance(read, Unreadable):
        assert read.detail == fault


@settings(max_examples=1_500, deadline=None)
@given(envelopes())
def test_both_take_what_the_models_describe(envelope: dict[str, Any]) -> None:
    check_agreement(json.dumps(envelope).encode())
    check_agreement(json.dumps(envelope, ensure_ascii=False).encode())


@settings(max_examples=1_000, deadline=None)
@given(envelopes())
def test_the_journals_reader_makes_the_same_event_of_what_was_accepted(envelope: dict[str, Any]) -> None:
    raw = json.dumps(envelope).encode()
    checked = read_event(raw)
    if isinstance(checked, Unreadable):
        return

    journaled = read_journaled(raw)

    told = [
        (e.account, e.type, e.time_ms, e.source, e.id, msgspec.to_builtins(e.data))
        for e in (checked, journaled)
    ]
    assert told[0] == told[1]


@settings(max_examples=3_000, deadline=None)
@given(spoiled())
def test_both_refuse_the_same(envelope: dict[str, Any]) -> None:
    check_agreement(json.dumps(envelope).encode())


@pytest.mark.parametrize("kind", sorted(events.TYPES))
def test_events_of_each_type_are_accepted(kind: str) -> None:
    """A strategy that never makes an accepted event would prove nothing."""
    from hypothesis import find

    made = data_of(events.TYPES[kind])
    envelope = {
        "specversion": "1.0",
        "id": "e",
        "source": "s",
        "type": kind,
        "subject": "a",
        "time": "2026-11-22T00:00:00Z",
    }

    find(made, lambda data: isinstance(read_event(json.dumps(envelope | {"data": data}).encode()), Event))


@settings(max_examples=300, deadline=None)
@given(envelopes(), st.randoms(use_true_random=False))
def test_key_order_and_spaces_make_no_other_content(envelope: dict[str, Any], chance: random.Random) -> None:
    first = read_event(json.dumps(envelope).encode())
    second = read_event(json.dumps(_shuffled(envelope, chance), indent=2, ensure_ascii=False).encode())

    assert isinstance(first, Event) is isinstance(second, Event)
    if isinstance(first, Event) and isinstance(second, Event):
        assert first.content == second.content
        assert first.data == second.data


def _shuffled(value: Any, chance: random.Random) -> Any:
    if not isinstance(value, dict):
        return value
    keys = list(value)
    chance.shuffle(keys)
    return {key: _shuffled(value[key], chance) for key in keys}


BASE: dict[str, Any] = {
    "specversion": "1.0", "id": "e", "source": "s", "type": "request.served", "subject": "a",
    "time": "2026-11-22T00:00:00Z", "data": {"request": "r", "model": "m", "input_tokens": 7},
}  # fmt: skip


def content(**changes: object) -> int:
    read = read_event(json.dumps(BASE | changes).encode())
    assert isinstance(read, Event), read
    return read.content


@pytest.mark.parametrize(
    "changes",
    [
        {"data": BASE["data"] | {"input_tokens": "7"}},
        {"data": BASE["data"] | {"input_tokens": 8}},
        {"data": BASE["data"] | {"output_tokens": 7}},
        {"data": {"request": "r", "model": "m"}},
        {"time": "2026-11-22T00:00:00.001Z"},
        {"subject": "b"},
    ],
)
def test_other_values_are_other_content(changes: dict[str, object]) -> None:
    assert content(**changes) != content()


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "another"},
        {"source": "another"},
        {"time": "2026-11-22T08:00:00+08:00"},
        {"time": "2026-11-22T00:00:00.0009Z"},
        {"traceparent": "00-1"},
        {"datacontenttype": "application/json"},
    ],
)
def test_what_is_not_content_makes_no_difference(changes: dict[str, object]) -> None:
    assert content(**changes) == content()
