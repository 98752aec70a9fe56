"""The phrases of the mails, by language: `phrases/*.toml`, a file a language. Pure but for reading those files once.

A phrase that one language lacks is a failing test. Keys are dotted: ``low_balance.subject``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

DEFAULT_LANGUAGE: Final = "en"


@lru_cache(maxsize=1)
def catalog() -> dict[str, dict[str, str]]:
    """Language → key → phrase."""
    folder = files("sinks.email") / "phrases"
    return {
        each.name.removesuffix(".toml"): dict(_flat(tomllib.loads(each.read_text(encoding="utf-8"))))
        for each in folder.iterdir()
        if each.name.endswith(".toml")
    }


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def language_of(locale: str | None) -> str:
    """The language of the catalog for `locale` (``zh-CN``, ``zh_Hans``, ``en``); English where there is none."""
    language = (locale or "").replace("_", "-").partition("-")[0].lower()
    return language if language in catalog() else DEFAULT_LANGUAGE


class Phrases:
    """The phrases of one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._phrases = catalog()[language]

    def __contains__(self, key: str) -> bool:
        return key in self._phrases

    def __call__(self, key: str, values: Mapping[str, str] | None = None) -> str:
        """The phrase with its places filled; KeyError names a phrase or a value that is not there."""
        return self._phrases[key].format_map(values or {})

    def first(self, *keys: str) -> str:
        """The first of `keys` that this language has; KeyError with the last one where it has none."""
        return next((key for key in keys if key in self._phrases), keys[-1])
