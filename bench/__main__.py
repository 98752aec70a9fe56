"""Every figure of the README, in one run: `make bench`, which writes `build/bench.json` (contract 8.8)."""

from __future__ import annotations

import json
from pathlib import Path

from bench.broker import with_broker

RESULT = Path(__file__).parents[1] / "build" / "bench.json"


def main() -> None:
    """Measure everything, one thing after the other, and write the figures down."""
    from bench import gate, http_events, ingest, mails, path, simulate, sink, ticks, worker
    from tests.servers import clickhouse_server

    figures: dict[str, object] = {}
    figures |= ticks.run()
    figures |= simulate.run()
    with with_broker() as settings:
        figures |= worker.run(settings)
        figures |= ingest.run(settings=settings)
        figures |= http_events.run(settings)
        figures |= gate.run(settings)
        with clickhouse_server(settings.data_dir / "clickhouse") as dsn:
            figures |= sink.run(settings.kafka_bootstrap, dsn)
        figures |= path.run(settings)
        figures |= mails.run(settings)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
