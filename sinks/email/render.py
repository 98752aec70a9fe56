"""A notice becomes a mail: headers, text and HTML. Pure: the same notice gives the same mail.

No header can be injected: the mail is an `EmailMessage`, which refuses line breaks in headers, and the address
must be one plain mailbox. HTML is escaped by the template engine; a name that a template uses and a notice
lacks is an error, not an empty place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from email.message import EmailMessage
from email.utils import format_datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.numbers import format_currency
from jinja2 import Environment, PackageLoader, StrictUndefined, Template, UndefinedError, select_autoescape

from schemas.records import Notice
from schemas.values import decimal_of, mailbox_of
from sinks.email.catalog import CATALOG, language_of

OWN_TEMPLATE: Final = frozenset({"low_balance", "balance_zero", "receipt"})
# Values of the other notices that are amounts of money.
MONEY: Final = frozenset(
    {
        "amount",
        "balance",
        "threshold",
        "credited",
        "bonus",
        "fee",
        "limit",
        "spend",
        "spent",
        "total",
        "price",
        "cost",
    }
)


class CannotRender(Exception):
    """A notice that no mail can be made of, with the reason in words."""


def render(notice: Notice, *, sender: str) -> EmailMessage:
    """The mail for `notice`, from the mailbox `sender`.

    Raises `CannotRender` where the address is not one mailbox, a header would hold a line break, or a value that
    the template needs is missing.
    """
    try:
        words = _words(notice)
        message = _headers(notice, sender, words)
        for suffix, add in (("txt", message.set_content), ("html", message.add_alternative)):
            _add_body(add, suffix, notice, words)
    except (ValueError, KeyError, UndefinedError) as error:
        raise CannotRender(f"notice {notice.id}: {error}") from error
    return message


def message_id(notice_id: str, sender: str) -> str:
    """The Message-ID of a notice's mail: the same whenever and wherever it is sent."""
    # Hashed: an id may hold characters that a header may not.
    return f"<notice.{blake2b(notice_id.encode(), digest_size=16).hexdigest()}@{_domain(sender)}>"


def _headers(notice: Notice, sender: str, words: Mapping[str, Any]) -> EmailMessage:
    message = EmailMessage()
    message["From"] = sender
    message["To"] = mailbox_of(notice.email)
    message["Subject"] = words["t"](f"{words['kind']}.subject")
    message["Date"] = format_datetime(datetime.fromisoformat(notice.time))
    message["Message-ID"] = message_id(notice.id, sender)
    message["List-Id"] = f"<billing-notices.{_domain(sender)}>"
    # No answering machine answers a machine.
    message["Auto-Submitted"] = "auto-generated"
    return message


def _add_body(add: Callable[..., None], suffix: str, notice: Notice, words: Mapping[str, Any]) -> None:
    name = notice.type if notice.type in OWN_TEMPLATE else "generic"
    text = _template(f"{name}.{suffix}.j2").render(words).strip() + "\n"
    more = {} if suffix == "txt" else {"subtype": "html"}
    add(text, charset="utf-8", cte="quoted-printable", **more)


def _words(notice: Notice) -> dict[str, Any]:
    """What the templates know: the notice, its values as text, and `t`, which looks up a phrase."""
    language, values = language_of(notice.locale), dict(notice.values or {})
    # A type of a later release still reaches its reader.
    kind = str(notice.type) if f"{notice.type}.subject" in CATALOG[language] else "other"
    money = _money(notice.currency, notice.locale)
    # What is no decimal is shown as it came; in a subject a line break in it is refused like any other.
    shown = {
        name: money(value) if name in MONEY and _is_decimal(value) else value
        for name, value in values.items()
    }

    def t(phrase: str) -> str:
        return CATALOG[language][phrase].format_map({**shown, "account": notice.account})

    return {
        "t": t,
        "kind": kind,
        "language": language,
        "account": notice.account,
        "resource": notice.resource,
        "time": _local_time(notice.time, notice.zone),
        "values": shown,
    }


def _money(currency: str, locale: str | None) -> Callable[[str], str]:
    chosen = _locale(locale)

    def money(text: str) -> str:
        # All digits: "$5.00 is below $5.00" would be what rounding makes of 4.999.
        return str(
            format_currency(Decimal(decimal_of(text)), currency, locale=chosen, decimal_quantization=False)
        )

    return money


def _is_decimal(text: str) -> bool:
    try:
        decimal_of(text)
    except ValueError:
        return False
    return True


def _locale(locale: str | None) -> Locale:
    language = language_of(locale)
    try:
        found = Locale.parse((locale or language).replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        return Locale(language)
    # Amounts in the language of the sentences around them.
    return found if found.language == language else Locale(language)


def _local_time(time: str, zone: str | None) -> str:
    try:
        place = ZoneInfo(zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        place = ZoneInfo("UTC")
    return f"{datetime.fromisoformat(time).astimezone(place):%Y-%m-%d %H:%M} {place.key}"


def _domain(sender: str) -> str:
    return sender.rpartition("@")[2]


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("sinks.email", "templates"),
        undefined=StrictUndefined,
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _template(name: str) -> Template:
    return _environment().get_template(name)
