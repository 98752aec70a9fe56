"""Notices become a mail: headers, text and HTML, both from the same sections. Pure: the same notices give the same mail.

One notice is one mail. Several of one account, where they are told together, are sections of one mail, the gravest first.

No header can be injected: what others chose is shown without unseen characters, the mail is an `EmailMessage`, which
refuses line breaks in headers, and the address must be one plain mailbox. HTML is escaped by the template engine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

from css_inline import CSSInliner
from jinja2 import Environment, PackageLoader, StrictUndefined, Template, select_autoescape

from schemas.profile import Profile
from schemas.records import Notice, NoticeType
from schemas.values import mailbox_of
from sinks.email import figures
from sinks.email.catalog import Phrases, language_of
from sinks.email.codes import Codes
from sinks.email.layout import GRAVITY
from sinks.email.sections import Section, section

# A style sheet of the mail itself; nothing is ever fetched.
_INLINER: Final = CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


class CannotRender(Exception):
    """A notice that no mail can be made of, with the reason in words."""


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What is the same in all mails: the From mailbox, the providers by name, and the codes."""

    sender: str
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    codes: Codes = field(default_factory=Codes)

    @property
    def domain(self) -> str:
        """The domain of the sender."""
        return self.sender.rpartition("@")[2]

    def profile_of(self, notice: Notice) -> Profile | None:
        """The provider of `notice`; None for one that is not known here."""
        return self.profiles.get(notice.profile or "")


@dataclass(frozen=True, slots=True)
class _Content:
    subject: str
    words: Mapping[str, Any]
    unsubscribe_url: str | None
    title: str


def check(notice: Notice, letterhead: Letterhead) -> None:
    """Raises `CannotRender` where no mail can be made of `notice`."""
    _told(notice, letterhead)


def render(notices: Sequence[Notice], letterhead: Letterhead) -> EmailMessage:
    """The mail that tells `notices`, which are of one account.

    Raises `CannotRender` where the address is not one mailbox, or a value that the mail needs is missing or is not
    what it should be.
    """
    told = [(notice, _told(notice, letterhead)) for notice in notices]
    told.sort(key=lambda pair: -GRAVITY.index(pair[1].tone))
    content = _content(told, letterhead)
    try:
        mail = _headers(notices, letterhead, content)
    except ValueError as error:
        raise CannotRender(f"notice {notices[0].id}: {error}") from error
    _add_body(mail.set_content, "txt", content)
    _add_body(mail.add_alternative, "html", content)
    return mail


def message_id(ids: Sequence[str], domain: str) -> str:
    """The Message-ID of the mail that tells the notices `ids`: the same whenever and wherever it is sent."""
    # Hashed: an id may hold characters that a header may not.
    digest = blake2b("\0".join(ids).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"<notice.{digest}@{domain}>"


def _told(notice: Notice, letterhead: Letterhead) -> Section:
    try:
        mailbox_of(notice.email)
        return section(notice, letterhead.profile_of(notice))
    except KeyError as error:
        raise CannotRender(f"notice {notice.id}: {error} is missing") from error
    except ValueError as error:
        raise CannotRender(f"notice {notice.id}: {error}") from error


def _content(told: Sequence[tuple[Notice, Section]], letterhead: Letterhead) -> _Content:
    notice, account = told[0][0], told[0][0].account
    phrases = Phrases(language_of(notice.locale))
    profile = letterhead.profile_of(notice)
    title = figures.name(profile.title) if profile else ""
    subject = _subject([each.subject for _, each in told], phrases)
    is_digest = any(each.type == NoticeType.SPEND_DIGEST for each, _ in told)
    unsubscribe_url = letterhead.codes.unsubscribe_url(account) if is_digest else None
    words = {
        "t": phrases,
        "sections": _without_repeats([each for _, each in told]),
        "subject": subject,
        "title": title,
        "account": figures.name(account),
        "code": letterhead.codes.mail_code(account),
        "unsubscribe_url": unsubscribe_url,
    }
    only_digests = all(each.type == NoticeType.SPEND_DIGEST for each, _ in told)
    return _Content(subject, words, unsubscribe_url if only_digests else None, title)


def _without_repeats(sections: Sequence[Section]) -> list[Section]:
    """What an earlier section said of what follows and what to do, a later one does not say again."""
    said: set[str | None] = set()
    told = []
    for each in sections:
        after = tuple(text for text in each.after if text not in said)
        told.append(replace(each, after=after, pay_url=None if each.pay_url in said else each.pay_url))
        said.update(each.after, [each.pay_url])
    return told


def _subject(subjects: Sequence[str], phrases: Phrases) -> str:
    """The subject of one notice; of two both; of more the first and how many follow."""
    different = list(dict.fromkeys(subjects))
    if len(different) == 1:
        return different[0]
    if len(different) == 2:
        return phrases("frame.and", {"first": different[0], "second": different[1]})
    return phrases("frame.more", {"first": different[0], "count": str(len(subjects) - 1)})


def _headers(notices: Sequence[Notice], letterhead: Letterhead, content: _Content) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = Address(display_name=content.title, addr_spec=letterhead.sender)
    mail["To"] = mailbox_of(notices[0].email)
    # "=?" would begin an encoded word, which the header would be decoded from, line breaks and all.
    mail["Subject"] = content.subject.replace("=?", "= ?")
    mail["Date"] = format_datetime(datetime.fromisoformat(notices[-1].time))
    mail["Message-ID"] = message_id([notice.id for notice in notices], letterhead.domain)
    mail["List-Id"] = f"<billing-notices.{letterhead.domain}>"
    # No answering machine answers a machine (RFC 3834).
    mail["Auto-Submitted"] = "auto-generated"
    if content.unsubscribe_url:
        # RFC 8058: the mail program posts to it after one click, without opening a page.
        mail["List-Unsubscribe"] = f"<{content.unsubscribe_url}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return mail


def _add_body(add: Callable[..., None], suffix: str, content: _Content) -> None:
    text = _template(f"mail.{suffix}.j2").render(content.words).strip() + "\n"
    if suffix == "txt":
        add(text, charset="utf-8", cte="quoted-printable")
    else:
        add(_INLINER.inline(text), charset="utf-8", cte="quoted-printable", subtype="html")


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
