"""The parts of the pipeline: which there are, in which order they start, and how one is run.

A part is one operating-system process, `python -m infra.run NAME`, whose code is
`infra/parts/<module>.py` with `main(settings)` (workers: `main(settings, index)`). To add one, write
that module and add a line below. Base parts are shared by all namespaces of a data directory, pipeline
parts run once for each namespace.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Any

from infra.errors import CommandFailed

if TYPE_CHECKING:
    from infra.settings import Settings


class Layer(StrEnum):
    """Which supervisor a part belongs to."""

    BASE = "base"
    PIPELINE = "pipeline"


@dataclass(frozen=True)
class Part:
    """One process: its name, the module under `infra.parts` and how long a clean stop may take."""

    name: str
    module: str
    layer: Layer
    index: int | None = None
    stop_s: float = 15.0


# Only where there is a key to charge cards with.
SINK_PAYMENTS = Part("sink-payments", "sink_payments", Layer.PIPELINE)
# Only where there is somebody to post to.
SINK_WEBHOOKS = Part("sink-webhooks", "sink_webhooks", Layer.PIPELINE)


def base_parts(settings: "Settings") -> tuple[Part, ...]:
    """The servers that `up` starts on this machine; none for a service that is configured elsewhere."""
    from infra.settings import is_loopback

    servers = settings.kafka_bootstrap.split(",")
    own_kafka = settings.start_kafka and len(servers) == 1 and is_loopback(servers[0].rpartition(":")[0])
    own_kafka = own_kafka and settings.kafka_security_protocol == "PLAINTEXT"
    own_clickhouse = settings.start_clickhouse and is_loopback(settings.clickhouse_host)
    own_smtp = settings.start_smtp and is_loopback(settings.smtp_host) and settings.smtp_username is None
    wanted = (
        (own_kafka, Part("kafka", "kafka", Layer.BASE, stop_s=30.0)),
        (own_clickhouse, Part("clickhouse", "clickhouse", Layer.BASE)),
        (own_smtp, Part("smtp", "smtp", Layer.BASE)),
    )
    return tuple(part for is_wanted, part in wanted if is_wanted)


def pipeline_parts(settings: "Settings") -> tuple[Part, ...]:
    """The pipeline of one namespace, in the order in which its parts start."""
    return (
        Part("ingest", "ingest", Layer.PIPELINE),
        *(Part(f"worker-{index}", "worker", Layer.PIPELINE, index) for index in range(settings.workers)),
        Part("sink-clickhouse", "sink_clickhouse", Layer.PIPELINE),
        Part("sink-email", "sink_email", Layer.PIPELINE),
        *((SINK_PAYMENTS,) if settings.stripe_api_key else ()),
        *((SINK_WEBHOOKS,) if settings.webhooks_file else ()),
        Part("http", "http", Layer.PIPELINE),
    )


def find_part(settings: "Settings", name: str) -> Part:
    """The part called `name`, also one that `up` would not start with these settings.

    Raises `CommandFailed` where there is none.
    """
    base = (
        Part("kafka", "kafka", Layer.BASE),
        Part("clickhouse", "clickhouse", Layer.BASE),
        Part("smtp", "smtp", Layer.BASE),
    )
    known = {part.name: part for part in (*base, *pipeline_parts(settings), SINK_PAYMENTS, SINK_WEBHOOKS)}
    if name not in known:
        raise CommandFailed(f"no part is called {name!r}; there are {', '.join(known)}")
    return known[name]


def run_part(settings: "Settings", part: Part) -> None:
    """Run `part` in this process until it ends."""
    main: Callable[..., Any] = import_module(f"infra.parts.{part.module}").main
    if part.index is None:
        main(settings)
    else:
        main(settings, part.index)
