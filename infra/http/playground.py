"""The playground: events billed by the engine alone, and the mails that would have gone out. Stores nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from infra.books import SHIPPED
from infra.settings import Settings
from schemas.profile import Profile, ProfileFault, load_profile
from schemas.values import instant_of
from schemas.wire import encode
from sinks.email.render import CannotRender, Letterhead, render
from sinks.http.ports import Row
from streams.core import story
from streams.core.book import Book

# A page for trying things out, not a way to bill: what one request may cost this process is bounded.
EVENTS_MAX: Final = 2_000
RECORDS_MAX: Final = 5_000
DAYS_MAX: Final = 400
_DAY_MS: Final = 86_400_000


def play(settings: Settings, events: bytes, profile: str | None, until: str | None) -> Row:
    """Bill `events` up to `until`; raises ValueError, in words, where that cannot be done."""
    lines = [line for line in events.splitlines() if line.strip()]
    if len(lines) > EVENTS_MAX:
        raise ValueError(f"{len(lines)} lines; at most {EVENTS_MAX} here, more with meterstream simulate")
    profiles = _profiles(settings, profile)
    book = Book(profiles.values())
    until_ms = _until(until, lines)
    told = story.run(lines, book, until_ms)
    records = [{"record": kind} | _row(record) for kind, record in story.records_in_order(told.out)]
    balances = [{"record": "balance"} | _row(record) for record in told.balances()]
    shown = records[:RECORDS_MAX] + balances
    return {
        "records": shown,
        "left_out": max(0, len(records) - RECORDS_MAX),
        "mails": list(_mails(told, Letterhead(settings.mail_from, profiles))),
    }


def _profiles(settings: Settings, text: str | None) -> dict[str, Profile]:
    folders = [SHIPPED, *([settings.profiles_dir] if settings.profiles_dir else [])]
    loaded = {path.stem: load_profile(path) for folder in folders for path in sorted(folder.glob("*.toml"))}
    if text:
        own = _own_profile(text)
        loaded[own.name] = own
    return loaded


def _own_profile(text: str) -> Profile:
    """A profile is named after its file: the one that is written here gets the file that it names."""
    with tempfile.TemporaryDirectory() as folder:
        name = next(
            (
                line.partition("=")[2].split("#")[0].strip(" \"'")
                for line in text.splitlines()
                if line.split("=")[0].strip() == "name"
            ),
            "",
        )
        path = Path(folder) / f"{Path(name).name or 'profile'}.toml"
        path.write_text(text, encoding="utf-8")
        try:
            return load_profile(path)
        except ProfileFault as fault:
            raise ValueError(str(fault).replace(f"{path}: ", "")) from None


def _until(text: str | None, lines: list[bytes]) -> int | None:
    if not text:
        return None
    until_ms = instant_of(text)
    first_ms = min((ms for line in lines if (ms := _time_of(line)) is not None), default=until_ms)
    if until_ms - first_ms > DAYS_MAX * _DAY_MS:
        raise ValueError(f"until is more than {DAYS_MAX} days after the first event")
    return until_ms


def _time_of(line: bytes) -> int | None:
    try:
        return instant_of(msgspec.json.decode(line)["time"])
    except (msgspec.DecodeError, ValueError, TypeError, KeyError):
        # The engine says what is wrong with it.
        return None


def _row(record: Any) -> Row:
    found: Row = msgspec.json.decode(encode(record))
    return found


def _mails(told: story.Story, letterhead: Letterhead) -> Iterator[Row]:
    for notice in told.out.notices:
        try:
            mail = render([notice], letterhead)
        except CannotRender as fault:
            yield {"subject": "(no mail)", "text": str(fault)}
            continue
        body = mail.get_body(preferencelist=("plain",))
        yield {"subject": str(mail["Subject"]), "text": str(body.get_content()) if body else ""}
