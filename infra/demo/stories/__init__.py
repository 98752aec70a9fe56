"""The stories, a module a provider. To add one: a module with `tell(script)`, and a line below."""

from collections.abc import Callable
from typing import Final

from infra.demo.script import Script
from infra.demo.stories import flexai, fluxedge, gpugeek, neolink, puredocs

STORIES: Final[tuple[tuple[str, Callable[[Script], None]], ...]] = (
    ("flexai", flexai.tell),
    ("fluxedge", fluxedge.tell),
    ("gpugeek", gpugeek.tell),
    ("neolink", neolink.tell),
    ("puredocs", puredocs.tell),
)


def tell_all(script: Script) -> None:
    """Tell every story into `script`."""
    for _, tell in STORIES:
        tell(script)
