"""The dashboard in a real browser: its figures are those of the ledger, for all five providers."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from streams.core.state import Account
from tests.browser.conftest import SCREENSHOTS, Month

pytestmark = [pytest.mark.clickhouse, pytest.mark.browser, pytest.mark.timeout(300)]

PROVIDERS = ["fluxedge", "puredocs", "gpugeek", "neolink", "flexai"]
LOADED_MS = 30_000


def open_account(page: Page, month: Month, name: str) -> None:
    page.goto(f"{month.url}/accounts/{name}")
    expect(page.locator("[aria-busy]")).to_have_count(0, timeout=LOADED_MS)


def number(text: str) -> Decimal:
    found = re.search(r"-?[\d,]+(\.\d+)?", text)
    assert found, text
    return Decimal(found[0].replace(",", ""))


def in_thirty_days(month: Month, account: Account) -> Decimal:
    """What the account was charged in the thirty days of its calendar up to that of its last charge."""
    zone = ZoneInfo(account.zone)
    charges = [charge for charge in month.story.out.charges if charge.account == account.id]
    days = [datetime.fromisoformat(charge.time).astimezone(zone).date() for charge in charges]
    first = max(days) - timedelta(days=29)
    amounts = (Decimal(charge.amount) for charge, day in zip(charges, days, strict=True) if day >= first)
    return sum(amounts, Decimal(0))


@pytest.mark.parametrize("profile", PROVIDERS)
def test_the_figures_on_the_page_are_those_of_the_ledger(page: Page, month: Month, profile: str) -> None:
    account = month.story.accounts[month.account_of(profile)]

    open_account(page, month, account.id)

    assert number(page.locator("#balance").inner_text()) == account.balance
    assert number(page.locator("#total").inner_text()) == in_thirty_days(month, account)
    newest = page.locator("#ledger tbody tr").first.locator("td")
    assert (newest.nth(0).inner_text(), number(newest.nth(5).inner_text())) == (
        str(account.seq),
        account.balance,
    )
    groups = page.locator("#costs table").first.locator("tbody tr td:nth-child(2)").all_inner_texts()
    assert sum(map(number, groups)) == in_thirty_days(month, account)
    assert "undefined" not in page.locator("main").inner_text()
    page.screenshot(path=SCREENSHOTS / f"account-{profile}.png", full_page=True)


def test_fewer_days_and_another_split_are_asked_for_and_drawn(page: Page, month: Month) -> None:
    open_account(page, month, month.account_of("flexai"))
    whole = number(page.locator("#total").inner_text())

    page.get_by_role("button", name="7 days").click()
    page.get_by_role("button", name="key", exact=True).click()

    expect(page.locator("#costs th").first).to_have_text("key")
    expect(page.locator("#costs")).not_to_contain_text("Loading")
    assert Decimal(0) < number(page.locator("#total").inner_text()) < whole
    assert page.locator(".chart canvas").count() == 1
    expect(page.locator(".legend li").first).to_be_visible()


def test_bars_are_drawn_where_there_were_costs(page: Page, month: Month) -> None:
    open_account(page, month, month.account_of("puredocs"))

    drawn = page.locator(".chart canvas").evaluate(
        "canvas => { const d = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;"
        " let n = 0; for (let i = 0; i < d.length; i += 4) if (d[i] === 0x2f && d[i+1] === 0x7e && d[i+2] === 0xd8) n++; return n; }"
    )

    assert drawn > 200


def test_credits_are_shown_where_the_provider_sells_them(page: Page, month: Month) -> None:
    account = month.story.accounts[month.account_of("puredocs")]
    open_account(page, month, account.id)

    expect(page.locator("#overview")).to_contain_text(f"{int(account.balance * 100):,} credits")


def test_the_operator_sees_every_account_and_opens_one(page: Page, month: Month) -> None:
    page.goto(month.url)
    expect(page.locator("#accounts[aria-busy]")).to_have_count(0, timeout=LOADED_MS)

    names = set(page.locator("#accounts tbody a").all_inner_texts())
    assert names == {name for name, account in month.story.accounts.items() if account.profile}
    expect(page.locator("#health")).to_contain_text("Refused events", timeout=LOADED_MS)
    assert "undefined" not in page.locator("main").inner_text()
    page.screenshot(path=SCREENSHOTS / "operator.png", full_page=True)
    page.locator("#find-account").fill(month.account_of("gpugeek"))
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text(month.account_of("gpugeek"))


def test_charges_appear_as_they_come(page: Page, month: Month) -> None:
    page.goto(month.url)
    expect(page.locator("#live-count")).to_have_text("waiting for charges", timeout=LOADED_MS)

    charge = {
        "account": "<b>acme</b>", "time": "2026-11-30T10:00:00.000Z", "sku": "gpu-s", "meter": "duration",
        "amount": "0.60", "currency": "USD", "rule": "PD-12",
    }  # fmt: skip
    month.live.take([charge])

    expect(page.locator("#live")).to_contain_text("0.60 USD")
    expect(page.locator("#live")).to_contain_text("<b>acme</b>")


def test_the_playground_bills_what_is_pasted(page: Page, month: Month, provoked: list[str]) -> None:
    provoked.append("400 (Bad Request)")
    page.goto(f"{month.url}/playground")

    page.get_by_role("button", name="Bill it").click()

    expect(page.locator("#result")).to_contain_text("9.99955 USD", timeout=LOADED_MS)
    page.locator("#profile").fill("name = 'x'")
    page.get_by_role("button", name="Bill it").click()
    expect(page.locator("#result [role=alert]")).to_contain_text("title", timeout=LOADED_MS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_scrolling_sideways(page: Page, month: Month, scheme: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")

    open_account(page, month, month.account_of("neolink"))

    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.screenshot(path=SCREENSHOTS / f"phone-{scheme}.png")


def test_everything_can_be_reached_by_the_keyboard_and_has_a_name(page: Page, month: Month) -> None:
    open_account(page, month, month.account_of("flexai"))

    nameless = page.evaluate(
        "[...document.querySelectorAll('a,button,input,select,textarea')].filter(e =>"
        " !(e.textContent.trim() || e.getAttribute('aria-label') || e.labels?.length)).map(e => e.outerHTML)"
    )
    page.keyboard.press("Tab")

    assert nameless == []
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.locator("h1").count() == 1
    assert page.locator("[role=img][aria-label]").count() == 1


def test_the_first_paint_does_not_wait_for_figures(page: Page, month: Month, provoked: list[str]) -> None:
    provoked.append("net::ERR_FAILED")
    page.route("**/v1/**", lambda route: route.abort())

    page.goto(f"{month.url}/accounts/{month.account_of('flexai')}")

    expect(page.locator("#overview")).to_contain_text("Failed to fetch")
    expect(page.locator("h1")).to_contain_text("flex.ai Token Factory")
