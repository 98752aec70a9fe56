"""The playground: events billed by the engine alone, and the mails that would have gone out. Stores nothing."""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec

from schemas.profile import Profile, ProfileFault, load_profile
from schemas.values import instant_of
from schemas.wire import encode
from sinks.email.render import CannotRender, Letterhead, render
from sinks.http.ports import Row
from streams.core import story
from streams.core.book import Book
from streams.core.state import DAY_MS

# A page for trying things out, not a way to bill: what one request may cost this process is bounded.
EVENTS_MAX: Final = 2_000
RECORDS_MAX: Final = 5_000
DAYS_MAX: Final = 400


def play(letterhead: Letterhead, events: bytes, profile: str | None, until: str | None) -> Row:
    """Bill `events` up to `until` by the profiles of `letterhead`; raises ValueError, in words, where that cannot be done."""
    lines = [line for line in events.splitlines() if line.strip()]
    if len(lines) > EVENTS_MAX:
        raise ValueError(f"{len(lines)} lines; at most {EVENTS_MAX} here, more with meterstream simulate")
    if profile:
        own = _own_profile(profile)
        letterhead = replace(letterhead, profiles={**letterhead.profiles, own.name: own})
    book = Book(letterhead.profiles.values())
    until_ms = _until(until, lines)
    told = story.run(lines, book, until_ms)
    records = [{"record": kind} | _row(record) for kind, record in story.records_in_order(told.out)]
    balances = [{"record": "balance"} | _row(record) for record in told.balances()]
    shown = records[:RECORDS_MAX] + balances
    return {
        "records": shown,
        "left_out": max(0, len(records) - RECORDS_MAX),
        "mails": list(_mails(told, letterhead)),
    }


def _own_profile(text: str) -> Profile:
    """A profile is named after its file: the one that is written here gets the file that it names."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{_name_in(text)}.toml"
        path.write_text(text, encoding="utf-8")
        try:
            return load_profile(path)
        except ProfileFault as fault:
            raise ValueError(str(fault).replace(f"{path}: ", "")) from None


def _name_in(text: str) -> str:
    """The name that the profile gives itself, as a file may bear it; what is wrong with it `load_profile` says."""
    try:
        name = tomllib.loads(text).get("name")
    except tomllib.TOMLDecodeError:
        name = None
    return (Path(name).name if isinstance(name, str) else "") or "profile"


def _until(text: str | None, lines: list[bytes]) -> int | None:
    if not text:
        return None
    until_ms = instant_of(text)
    first_ms = min((ms for line in lines if (ms := _time_of(line)) is not None), default=until_ms)
    if until_ms - first_ms > DAYS_MAX * DAY_MS:
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
