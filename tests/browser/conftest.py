"""A real Chromium, and the service over a real ClickHouse that holds the demo's month."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from infra.books import load_book
from infra.demo.script import Script
from infra.demo.stories import tell_all
from infra.http.dashboard import Dashboard
from infra.settings import Settings
from sinks.clickhouse.client import connect
from sinks.clickhouse.notices import Notices
from sinks.clickhouse.reports import Reports
from sinks.http.app import create_app
from sinks.http.dashboard.watchers import Watchers
from sinks.http.ports import Ports
from streams.codec import pack_account
from streams.core.story import Story
from tests.integration.stored import store_story
from tests.servers import own_settings
from tests.sinks.samples import START_MS
from tests.waiting import wait_until

SCREENSHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"
# Debian's; the background flags keep it from asking hosts that are not there.
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Month:
    """The demo's month: what the engine told, and where its pages are."""

    url: str
    settings: Settings
    story: Story
    live: Watchers

    def account_of(self, profile: str) -> str:
        """The account of `profile` that had most to pay for."""
        names = [name for name, account in self.story.accounts.items() if account.profile == profile]
        return max(names, key=lambda name: self.story.accounts[name].charges)


class _States:
    """The accounts' frames, as the worker writes them."""

    def __init__(self, story: Story) -> None:
        self._story = story

    def find(self, account: str) -> bytes | None:
        found = self._story.accounts.get(account)
        return None if found is None else pack_account(found)


@pytest.fixture(scope="session")
def month(clickhouse_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    """The month billed, stored and served."""
    settings = own_settings(
        tmp_path_factory.mktemp("browser"), namespace="browser", clickhouse_dsn=clickhouse_dsn
    )
    script = Script(START_MS, seed=7)
    tell_all(script)
    story = store_story(settings, (step.raw for day in script.days() for step in day.steps))
    profiles = {name: offer.profile for name, offer in load_book().offers.items()}
    client = connect(clickhouse_dsn, settings.clickhouse_database)
    live = Watchers()
    ports = Ports(
        reports=lambda: Reports(client, profiles),
        notices=lambda: Notices(client),
        profiles=profiles,
        operations=Dashboard(settings, _States(story), profiles),
        live=live,
    )
    config = uvicorn.Config(create_app(ports), "127.0.0.1", settings.http_port, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started, "the service answers", timeout_s=30)
    yield Month(f"http://127.0.0.1:{settings.http_port}", settings, story, live)
    live.close()
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, without a window. Its driver keeps an event loop in this thread, so it ends with the module."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def provoked() -> list[str]:
    """Words of complaints that a test provokes; all others fail it."""
    return []


@pytest.fixture
def page(browser: Browser, provoked: list[str]) -> Iterator[Page]:
    """A page of its own, whose script must not complain."""
    complaints: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    yield opened
    context.close()
    assert [said for said in complaints if not any(words in said for words in provoked)] == []
