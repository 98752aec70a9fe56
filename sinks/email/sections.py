"""A notice becomes a section of a mail: subject, lead, rows, what follows, what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from schemas.profile import Profile
from schemas.records import Notice
from schemas.values import decimal_of
from sinks.email import figures
from sinks.email.catalog import Phrases, language_of
from sinks.email.layout import KINDS, LAYOUTS, OTHER, Kind, Layout, Tone

_LINK_STARTS: Final = ("https://", "http://")


@dataclass(frozen=True, slots=True)
class Section:
    """What one notice tells, in words. `pay_url` is where funds are added, where the profile says so."""

    subject: str
    tone: Tone
    lead: str
    rows: tuple[tuple[str, str], ...]
    after: tuple[str, ...]
    pay_url: str | None


class _Teller:
    """One notice and how its values look."""

    def __init__(self, notice: Notice, profile: Profile | None) -> None:
        self.notice, self.profile = notice, profile
        self.phrases = Phrases(language_of(notice.locale))
        self.locale = figures.locale_of(notice.locale, self.phrases.language)
        self.known = f"{notice.type}.subject" in self.phrases and notice.type in LAYOUTS
        self.kind = str(notice.type) if self.known else "other"
        self.layout: Layout = LAYOUTS[notice.type] if self.known else OTHER
        self.values: Mapping[str, str] = notice.values or {}

    def shown(self, value_name: str) -> str:
        value = self.values[value_name]
        match KINDS.get(value_name, Kind.TEXT):
            case Kind.MONEY:
                display = self.profile.display if self.profile else None
                return figures.money(value, self.notice.currency, self.locale, self.phrases, display)
            case Kind.INSTANT:
                return figures.local_time(value, self.notice.zone)
            case Kind.CHOICE:
                key = f"{self.kind}.{value_name}_{value}"
                return self.phrases(key) if key in self.phrases else figures.name(value)
            case _:
                return figures.name(value)

    def places(self, name_length_max: int) -> dict[str, str]:
        """What the places of a phrase are filled with."""
        resource = figures.name(self.notice.resource or "–", name_length_max)
        return {each: self.shown(each) for each in self.values} | {"resource": resource}

    def lead_key(self) -> str:
        lead = f"{self.kind}.lead"
        for chooser in self.layout.chosen_by:
            if chooser in self.values:
                return self.phrases.first(f"{lead}_{self.values[chooser]}", f"{lead}_{chooser}", lead)
        return lead

    def rows(self) -> Iterator[tuple[str, str]]:
        for each in self.layout.rows:
            if each in self.values and not (each in self.layout.unless_zero and _is_zero(self.values[each])):
                yield self.phrases(f"{self.kind}.{each}"), self._cell(each)
        if not self.known:
            yield from ((figures.name(each), self.shown(each)) for each in self.values)
        if self.notice.resource:
            yield self.phrases("frame.resource"), figures.name(self.notice.resource)
        yield self.phrases("frame.account"), figures.name(self.notice.account)
        yield self.phrases("frame.time"), figures.local_time(self.notice.time, self.notice.zone)

    def _cell(self, value_name: str) -> str:
        if value_name == "native_amount":
            return figures.name(f"{self.values[value_name]} {self.values.get('native_currency', '')}".strip())
        return self.shown(value_name)

    def after(self) -> Iterator[str]:
        for key in self.layout.after:
            text = self._paragraph(key)
            if text is not None:
                yield text

    def _paragraph(self, key: str) -> str | None:
        running_out = self.profile.running_out if self.profile else None
        match key:
            case "consequence":
                return self.phrases(f"consequence.{running_out.action if running_out else 'unknown'}")
            case "kept.arrears" | "kept.retention":
                days = running_out and (
                    running_out.arrears_days if key == "kept.arrears" else running_out.retention_days
                )
                return self.phrases(key, {"days": str(days)}) if days else None
            case _:
                return self.phrases(key)

    def pay_url(self) -> str | None:
        url = self.profile.gate.payment_url if self.profile and self.layout.pays else None
        # The profile's shape says so too; a link is nothing to take on trust.
        return url if url and url.startswith(_LINK_STARTS) else None


def section(notice: Notice, profile: Profile | None) -> Section:
    """What `notice` tells its reader; `profile` is its provider, None where it is not known.

    Raises KeyError where a phrase needs a value that the notice lacks, ValueError where an amount is no decimal or a
    time no instant.
    """
    teller = _Teller(notice, profile)
    return Section(
        subject=teller.phrases(f"{teller.kind}.subject", teller.places(figures.SUBJECT_NAME_LENGTH_MAX)),
        tone=teller.layout.tone,
        lead=teller.phrases(teller.lead_key(), teller.places(figures.NAME_LENGTH_MAX)),
        rows=tuple(teller.rows()),
        after=tuple(teller.after()),
        pay_url=teller.pay_url(),
    )


def _is_zero(text: str) -> bool:
    return not decimal_of(text)
