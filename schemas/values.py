r"""Scalars of the contract: decimals as strings, counts, instants, names. Pure.

Every scalar is defined once, as a pydantic type; `schemas.wire` derives the fast decoder from it.
Contract 1 and 8.2: decimals match ``^-?\d+(\.\d+)?$`` with at most 26 digits before and 12 after the
point, JSON integers are accepted, JSON floats are not; times are RFC 3339 with an offset, cut to milliseconds.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import BeforeValidator, PlainSerializer, StringConstraints, WithJsonSchema

INTEGER_DIGITS_MAX = 26
FRACTION_DIGITS_MAX = 12
NAME_LENGTH_MAX = 512

_COUNT_END = 10**INTEGER_DIGITS_MAX
_DECIMAL = re.compile(r"-?(\d+)(?:\.(\d+))?", re.ASCII)
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)",
    re.ASCII,
)
_MAILBOX = re.compile(r"[^@\s<>,;:\"()]+@[^@\s<>,;:\"()]+", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A year less than Python's dates on either side: zones and timers must not lead beyond them.
_FIRST_INSTANT = int((datetime(2, 1, 1, tzinfo=UTC) - _EPOCH).total_seconds()) * 1000
_INSTANT_END = int((datetime(9999, 1, 1, tzinfo=UTC) - _EPOCH).total_seconds()) * 1000
_ZONES = available_timezones()


def decimal_of(value: object) -> Decimal:
    """The exact decimal that `value` (a decimal string or an integer) stands for.

    Raises ValueError for floats, booleans, exponents, signs other than one leading minus, and for more
    digits than the contract allows.
    """
    if type(value) is int:
        text = str(value)
    elif type(value) is str:
        text = value
    elif isinstance(value, Decimal):
        text = format(value, "f")
    else:
        raise ValueError(f"a decimal string or an integer is needed, not {_kind(value)}")
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ValueError("not a decimal: digits with at most one point are needed")
    if len(match[1]) > INTEGER_DIGITS_MAX or len(match[2] or "") > FRACTION_DIGITS_MAX:
        raise ValueError("at most 26 digits before and 12 after the point")
    return Decimal(text)


def _kind(value: object) -> str:
    names = {
        float: "a JSON float",
        bool: "a boolean",
        type(None): "null",
        list: "an array",
        dict: "an object",
    }
    return names.get(type(value), f"a {type(value).__name__}")


def positive_of(value: object) -> Decimal:
    """As `decimal_of`, and greater than 0."""
    number = decimal_of(value)
    if number <= 0:
        raise ValueError("must be greater than 0")
    return number


def non_negative_of(value: object) -> Decimal:
    """As `decimal_of`, and 0 or more."""
    number = decimal_of(value)
    if number < 0:
        raise ValueError("must not be negative")
    return number


def count_of(value: object) -> int:
    """A whole number of 0 or more, from an integer or a decimal string without a fraction ("7", "7.0")."""
    if type(value) is int and 0 <= value < _COUNT_END:
        return value
    number = non_negative_of(value)
    if number != (whole := int(number)):
        raise ValueError("must be a whole number")
    return whole


def positive_count_of(value: object) -> int:
    """As `count_of`, and 1 or more."""
    number = count_of(value)
    if number == 0:
        raise ValueError("must be greater than 0")
    return number


def instant_of(value: object) -> int:
    """UTC milliseconds since the epoch of an RFC 3339 time with an offset; finer digits are cut off.

    Raises ValueError for other texts, and beyond the years 0002 to 9998 in UTC.
    """
    if type(value) is not str or _INSTANT.fullmatch(value) is None:
        raise ValueError("an RFC 3339 time with an offset is needed")
    instant = trusted_instant_of(value)
    if not _FIRST_INSTANT <= instant < _INSTANT_END:
        raise ValueError("a year from 0002 to 9998 (UTC) is needed")
    return instant


def trusted_instant_of(text: str) -> int:
    """As `instant_of`, for a text that it has accepted before."""
    # fromisoformat cuts digits beyond microseconds; it knows only the capital letters.
    passed = datetime.fromisoformat(text.upper()) - _EPOCH
    return passed.days * 86_400_000 + passed.seconds * 1000 + passed.microseconds // 1000


@lru_cache(maxsize=8192)
def _second_text(second: int) -> str:
    return (_EPOCH + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")


@lru_cache(maxsize=1024)  # what falls due at one instant asks for it five times
def instant_text(ms: int) -> str:
    """RFC 3339 in UTC with three decimals, so that texts sort as times do: ``2026-11-01T00:00:00.000Z``."""
    second, rest = divmod(ms, 1000)
    return f"{_second_text(second)}.{rest:03d}Z"


def _fixed(number: Decimal) -> str:
    # str() is four times as fast as format() and differs only where it chooses an exponent.
    text = str(number)
    return format(number, "f") if "E" in text else text


def plain(number: Decimal) -> str:
    """The shortest decimal string without exponent or trailing zeros: ``0.00045``, ``12``, ``-3.5``."""
    text = _fixed(number)
    if text[-1] == "0" and "." in text:
        text = text.rstrip("0").rstrip(".")
    return text if number else "0"


def money_text(number: Decimal) -> str:
    """As `plain`, with at least two decimals, as people write money: ``5.00``, ``0.60``, ``-0.00045``."""
    text = str(number)
    if "E" in text:
        text = format(number, "f")
    point = text.find(".")
    if point < 0:
        return f"{text}.00" if number else "0.00"
    decimals = len(text) - point - 1
    if decimals > 2 and text[-1] == "0":
        text = text.rstrip("0")
        decimals = len(text) - point - 1
    if decimals < 2:
        text = text.ljust(point + 3, "0")
    return text if text[0] != "-" or number else "0.00"


def zone_of(value: object) -> str:
    """An IANA time zone name, such as ``Asia/Shanghai``."""
    if type(value) is not str or value not in _ZONES:
        raise ValueError("an IANA time zone is needed")
    return value


def mailbox_of(value: object) -> str:
    """One e-mail address and nothing else: no display name, no list, no line break."""
    if type(value) is not str or len(value) > 254 or _MAILBOX.fullmatch(value) is None:
        raise ValueError("one e-mail address is needed")
    return value


def name_of(value: object) -> str:
    """A name: 1 to 512 characters that JSON, Kafka and UTF-8 can carry, without control characters."""
    if type(value) is not str:
        raise ValueError(f"a string is needed, not {_kind(value)}")
    if not value or len(value) > NAME_LENGTH_MAX:
        raise ValueError("1 to 512 characters are needed")
    if not value.isprintable() and any(ord(c) < 32 or 0xD800 <= ord(c) <= 0xDFFF for c in value):
        raise ValueError("control characters are not allowed")
    return value


_DECIMAL_SCHEMA: dict[str, Any] = {
    "anyOf": [{"type": "string", "pattern": r"^-?\d{1,26}(\.\d{1,12})?$"}, {"type": "integer"}],
}


def _decimal_schema(note: str) -> WithJsonSchema:
    return WithJsonSchema({**_DECIMAL_SCHEMA, "description": note})


Positive = Annotated[
    Decimal,
    BeforeValidator(positive_of),
    PlainSerializer(plain),
    _decimal_schema("decimal > 0"),
]
NonNegative = Annotated[
    Decimal, BeforeValidator(non_negative_of), PlainSerializer(plain), _decimal_schema("decimal >= 0")
]
Count = Annotated[int, BeforeValidator(count_of), _decimal_schema("whole number >= 0")]
PositiveCount = Annotated[int, BeforeValidator(positive_count_of), _decimal_schema("whole number > 0")]
Name = Annotated[
    str, BeforeValidator(name_of), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 512})
]
Zone = Annotated[
    str, BeforeValidator(zone_of), WithJsonSchema({"type": "string", "description": "IANA time zone"})
]
Mailbox = Annotated[str, BeforeValidator(mailbox_of), WithJsonSchema({"type": "string", "format": "email"})]
InstantText = Annotated[
    str,
    StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
DecimalText = Annotated[str, StringConstraints(pattern=r"^-?\d+(\.\d+)?$")]
