"""Loads the profiles: the shipped ones, and those of a folder, which may add providers or replace shipped ones."""

from __future__ import annotations

from pathlib import Path

from infra.errors import CommandFailed
from schemas.profile import Profile, ProfileFault, load_profile
from streams.core.book import Book

SHIPPED = Path(__file__).resolve().parent.parent / "schemas" / "profiles"


def load_book(folder: Path | None = None) -> Book:
    """The price book of the shipped profiles and of every `*.toml` in `folder`; raises CommandFailed."""
    return Book(load_profiles(folder).values())


def load_profiles(folder: Path | None = None) -> dict[str, Profile]:
    """The same by name, as data; raises CommandFailed."""
    paths = {path.name: path for path in sorted(SHIPPED.glob("*.toml"))}
    if folder is not None:
        if not folder.is_dir():
            raise CommandFailed(f"{folder}: no such folder of profiles")
        paths |= {path.name: path for path in sorted(folder.glob("*.toml"))}
    return {profile.name: profile for profile in map(_load, paths.values())}


def _load(path: Path) -> Profile:
    try:
        return load_profile(path)
    except ProfileFault as fault:
        raise CommandFailed(str(fault).replace("\n", "; ")) from fault
