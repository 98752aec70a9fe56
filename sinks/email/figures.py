"""How amounts, times and names look in a mail. Pure.

Amounts have all their digits: babel would round half to even and cut, and "$5.00 is below $5.00" is what that makes
of 4.999995. So 9.99955 is ``$9.99955`` and 5 is ``$5.00``; nothing that is shown was rounded. Where the profile
shows units of its own these come first, exact as well: ``500 credits ($5.00)``.
"""

from __future__ import annotations

import unicodedata
from datetime import datetime
from decimal import Context, Decimal, Inexact
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.numbers import format_currency, format_decimal, get_currency_precision

from schemas.profile import Display
from schemas.values import decimal_of
from sinks.email.catalog import Phrases

NAME_LENGTH_MAX: Final = 120
SUBJECT_NAME_LENGTH_MAX: Final = 40
_EXACT: Final = Context(prec=100, traps=[Inexact])
# Format (turns text around, hides it), line and paragraph separators, controls, surrogates, unassigned.
_UNSEEN: Final = frozenset({"Cf", "Zl", "Zp", "Cc", "Cs", "Cn", "Co"})


def locale_of(locale: str | None, language: str) -> Locale:
    """Babel's locale for `locale`, in the language of the sentences around the figures."""
    try:
        found = Locale.parse((locale or language).replace("-", "_"))
    except (ValueError, TypeError, UnknownLocaleError):
        return Locale(language)
    return found if found.language == language else Locale(language)


def money(text: str, currency: str, locale: Locale, phrases: Phrases, display: Display | None = None) -> str:
    """The decimal `text` in `currency`; ValueError where it is no decimal."""
    amount = decimal_of(text)
    shown = format_currency(_fitting(amount, currency), currency, locale=locale, decimal_quantization=False)
    if display is None:
        return str(shown)
    return f"{_units(amount, display, locale, phrases)} ({shown})"


def _fitting(amount: Decimal, currency: str) -> Decimal:
    """`amount` with the currency's decimals at least, and no more zeros than that."""
    decimals = get_currency_precision(currency)
    shortest = amount.normalize(_EXACT)
    exponent = shortest.as_tuple().exponent
    if isinstance(exponent, int) and -exponent >= decimals:
        return shortest
    return amount.quantize(Decimal(1).scaleb(-decimals), context=_EXACT)


def _units(amount: Decimal, display: Display, locale: Locale, phrases: Phrases) -> str:
    count = _EXACT.multiply(amount, display.per_currency)
    number = format_decimal(count, locale=locale, decimal_quantization=False)
    # Without its zeros: 1.00 is more than one to babel.
    plural = "one" if locale.plural_form(abs(count).normalize(_EXACT)) == "one" else "other"
    key = f"unit.{display.unit}.{plural}"
    return phrases(key, {"number": number}) if key in phrases else f"{number} {display.unit}"


def local_time(time: str, zone: str | None) -> str:
    """An instant on the clock of `zone`, which is named: ``2026-11-01 08:00 Asia/Shanghai``; UTC where it is unknown.

    ValueError where `time` is no instant.
    """
    try:
        place = ZoneInfo(zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        place = ZoneInfo("UTC")
    return f"{datetime.fromisoformat(time).astimezone(place):%Y-%m-%d %H:%M} {place.key}"


def name(text: str, length_max: int = NAME_LENGTH_MAX) -> str:
    """A name or text that somebody else chose, safe to show in one line: unseen characters made visible, not endless."""
    seen = "".join(_visible(character) for character in text)
    if len(seen) <= length_max:
        return seen
    tail = length_max // 3
    return f"{seen[: length_max - tail - 1]}…{seen[-tail:]}"


def _visible(character: str) -> str:
    return "\N{REPLACEMENT CHARACTER}" if unicodedata.category(character) in _UNSEEN else character
