"""The figures of the README in one run: `make bench`, which writes `build/bench.json` (contract 8.8).

By themselves, as they take long: `python -m bench.analysis` (100,000,000 charges) and `python -m bench.exports`
(10,000,000 rows).
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from bench.broker import with_broker
from bench.results import keep


def main() -> None:
    """Measure everything, one thing after the other, and write the figures down."""
    from bench import dashboard, gate, http_events, ingest, mails, path, simulate, sink, ticks, worker
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
    with TemporaryDirectory() as folder, clickhouse_server(Path(folder) / "engine") as dsn:
        figures |= dashboard.run(dsn, Path(folder))
    keep(figures)


if __name__ == "__main__":
    main()
