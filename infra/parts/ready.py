"""How a part says that it is ready: a file, removed by the supervisor before each start."""

from pathlib import Path

from infra.parts import Layer, find_part
from infra.settings import Settings


def layer_dir(settings: Settings, layer: Layer) -> Path:
    """Where the supervisor of `layer` keeps its lock, state, logs and readiness."""
    return settings.base_dir if layer is Layer.BASE else settings.state_dir


def ready_path(settings: Settings, part: str) -> Path:
    """The file whose existence says that `part` is ready."""
    return layer_dir(settings, find_part(settings, part).layer) / "ready" / part


def mark_ready(settings: Settings, part: str) -> None:
    """Say that `part` (its name in the table, as `worker-0`) now does its work."""
    path = ready_path(settings, part)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
