"""How soon the page of an account with 1,000,000 charges is painted, and whole. `python -m bench.dashboard`.

Medians of several loads in a real Chromium over a real ClickHouse; the rows are made by the engine itself.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
from pathlib import Path

import uvicorn
from clickhouse_connect.driver.client import Client
from playwright.sync_api import Page, sync_playwright

from bench.results import keep
from infra.books import load_book
from sinks.clickhouse.client import connect
from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.reports import Reports
from sinks.http.app import create_app
from sinks.http.ports import Ports
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.servers import clickhouse_server, own_settings
from tests.waiting import wait_until

CHARGES = 1_000_000
LOADS = 7
ACCOUNT = "bench"
FILL = (
    """
INSERT INTO charges (id, account, time, cause, profile, sku, meter, start, end, quantity, unit, unit_price, amount,
    currency, rule, price_version, resource, request, model, key, corrects, kafka_partition, kafka_offset)
SELECT concat('chg_', toString(number)), 'bench', toDateTime64('2026-11-01 00:00:00', 3, 'UTC') + toIntervalMillisecond(number * 2592) AS time,
    ('gateway', toString(number)), 'flexai', 'llama-3.3-70b', 'tokens_in', time, time,
    toDecimal128(number % 90000, 12) / 1000000 AS quantity, '1M tokens', '0.2', toDecimal128(quantity * 2 / 10, 12), 'USD', 'FA-06',
    '2020-01-01', '', concat('r', toString(number)), concat('model-', toString(number % 9)), concat('key-', toString(number % 5)), '', 0, number
FROM numbers({charges:UInt64})
""",
    """
INSERT INTO daily_costs (account, start, end, day, time, profile, currency, zone, resource, sku, model, key, meter, unit,
    quantity, amount, charges, version, kafka_partition, kafka_offset)
SELECT account, toStartOfDay(min(time)) AS start, start + toIntervalDay(1), toDate(start), max(time), 'flexai', 'USD', 'UTC', '', sku, model,
    key, meter, unit, sum(quantity), sum(amount), count(), 1, 0, 0
FROM charges GROUP BY account, toDate(time) AS day, sku, model, key, meter, unit
""",
    """
INSERT INTO entries (id, account, time, cause, type, amount, bucket, balance, currency, seq, hash, charge, payment, kafka_partition, kafka_offset)
SELECT concat('ent_', toString(number)), 'bench', toDateTime64('2026-11-01 00:00:00', 3, 'UTC') + toIntervalMillisecond(number * 2592),
    ('gateway', toString(number)), 'charge', '-0.01', 'paid', '10', 'USD', number + 1, '', concat('chg_', toString(number)), '', 0, number
FROM numbers({charges:UInt64})
""",
    """
INSERT INTO balances (account, time, cause, profile, balance, currency, buckets, flags, keys, seq, id, kafka_partition, kafka_offset)
SELECT 'bench', toDateTime64('2026-11-30 23:59:59', 3, 'UTC'), ('gateway', '1'), 'flexai', '10', 'USD', map('paid', toDecimal128(10, 12)), [],
    map('key-1', 'paid'), {charges:UInt64}, 'h', 0, 1
""",
)


def run(dsn: str, folder: Path, charges: int = CHARGES) -> dict[str, float]:
    """Fill a database, serve it and load the page again and again."""
    settings = own_settings(folder, namespace="dashboard", clickhouse_dsn=dsn)
    migrate(dsn, settings.clickhouse_database)
    client = connect(dsn, settings.clickhouse_database)
    for statement in FILL:
        client.command(statement, parameters={"charges": charges})
    server = _serve(client, settings.http_port)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            times = [_load(browser.new_page(), settings.http_port) for _ in range(LOADS)]
            browser.close()
    finally:
        server.should_exit = True
    painted, quick, whole = zip(*times, strict=True)
    return {
        "dashboard_charges": charges,
        "dashboard_first_paint_s": round(statistics.median(painted) / 1000, 3),
        "dashboard_costs_s": round(statistics.median(quick) / 1000, 3),
        "dashboard_whole_s": round(statistics.median(whole) / 1000, 3),
    }


def _serve(client: Client, port: int) -> uvicorn.Server:
    profiles = {name: offer.profile for name, offer in load_book().offers.items()}
    app = create_app(Ports(reports=lambda: Reports(client, profiles), profiles=profiles))
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", port, log_level="error"))
    threading.Thread(target=server.run, daemon=True).start()
    wait_until(lambda: server.started, "the service answers")
    return server


def _load(page: Page, port: int) -> tuple[float, float, float]:
    """Milliseconds to the first paint with content, until overview, costs and ledger stand, and until all does."""
    page.goto(f"http://127.0.0.1:{port}/accounts/{ACCOUNT}")
    quick = _stands(page, "overview", "costs", "ledger")
    whole = _stands(page, "notices", "settings", "dearest", "suggestions")
    painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    page.close()
    return float(painted), quick, whole


def _stands(page: Page, *places: str) -> float:
    """When the last of `places` was filled."""
    for place in places:
        page.wait_for_selector(f"#{place}:not([aria-busy])", timeout=60_000)
    return float(page.evaluate("performance.now()"))


def main() -> None:
    """Start an engine, measure, print."""
    with tempfile.TemporaryDirectory() as folder, clickhouse_server(Path(folder) / "engine") as dsn:
        keep(run(dsn, Path(folder)))


if __name__ == "__main__":
    main()
