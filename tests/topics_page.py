"""Writes docs/topics.md from schemas/topics.py: `python -m tests.topics_page`; tests/test_requirements.py compares."""

from __future__ import annotations

from schemas.events import TYPES_BY_TOPIC
from schemas.topics import ACCESS, DAY_MS, FOR_EVER, INPUT, MEGABYTE, STATE, TOPICS, Topic
from tests.requirements import ROOT

PAGE = ROOT / "docs" / "topics.md"
INTRODUCTION = """\
# Topics

Made by `python -m tests.topics_page` from `schemas/topics.py`; do not edit. In the order of the data's way. All topics have
the same number of partitions and are partitioned by account (murmur2 of its UTF-8 bytes), so an account lives in one
partition everywhere. `METERSTREAM_NAMESPACE` prefixes the names.
"""
STAGES = {INPUT: "input", INPUT + 1: "journal", STATE: "state", STATE + 1: "output", ACCESS: "access"}


def page() -> str:
    """The page's text."""
    rows = [
        "| topic | stage | holds | key | record | packing | kept | largest message |",
        "|---|---|---|---|---|---|---|---|",
    ]
    rows += [_row(topic) for topic in TOPICS]
    settings = [f"- `{topic.name}`: {_settings(topic)}" for topic in TOPICS]
    types = [
        f"- `{name}`: {', '.join(f'`{kind}`' for kind in kinds)}" for name, kinds in TYPES_BY_TOPIC.items()
    ]
    return "\n".join(
        [
            INTRODUCTION,
            *rows,
            "",
            "## Types by input topic",
            "",
            *types,
            "",
            "## Kafka settings",
            "",
            *settings,
            "",
        ]
    )


def _row(topic: Topic) -> str:
    record = f"`{topic.model.__name__}`" if topic.model is not None else "bytes"
    cells = (
        f"`{topic.name}`",
        STAGES[topic.stage],
        topic.why,
        topic.key.replace("|", "\\|"),
        record,
        topic.packing,
        _kept(topic),
        f"{topic.message_bytes_max // MEGABYTE} MiB",
    )
    return f"| {' | '.join(cells)} |"


def _kept(topic: Topic) -> str:
    if topic.cleanup == "compact":
        return "the last of each key"
    return "for ever" if topic.retention_ms == FOR_EVER else f"{topic.retention_ms // DAY_MS} days"


def _settings(topic: Topic) -> str:
    return ", ".join(f"`{name}={value}`" for name, value in topic.config().items())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
