"""Notices become mails: every type in every language to the letter, exact amounts, and nothing injected anywhere."""

from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from schemas.profile import Profile
from schemas.records import NoticeType
from sinks.email.catalog import catalog
from sinks.email.layout import LAYOUTS
from sinks.email.render import CannotRender, Letterhead, check, message_id, render
from tests.golden import compare
from tests.sinks.mails import LETTERHEAD, PLAIN, PROFILES, SENDER, VALUES, sample, samples
from tests.sinks.samples import notice

GOLDEN = Path(__file__).parent / "golden"


def bodies(mail: EmailMessage) -> tuple[str, str]:
    """Text and HTML."""
    text, html = (str(part.get_content()) for part in mail.iter_parts() if isinstance(part, EmailMessage))
    return text, html


def written(mail: EmailMessage) -> str:
    """Headers and text, without the boundary, which differs each time."""
    headers = [f"{name}: {value}" for name, value in mail.items() if name != "Content-Type"]
    return "\n".join([*headers, "", bodies(mail)[0]])


@pytest.mark.parametrize(("case", "kind", "given"), list(samples()))
def test_a_mail_is_this_to_the_letter(case: str, kind: NoticeType, given: Any) -> None:
    mail = render([given], LETTERHEAD)

    compare(GOLDEN / case / f"{kind}.txt", written(mail))
    # With credits the HTML differs in amounts alone, which the text shows.
    if "credits" not in case:
        compare(GOLDEN / case / f"{kind}.html", bodies(mail)[1])


def test_two_thresholds_crossed_by_one_event_are_one_mail_that_names_both() -> None:
    low = sample(NoticeType.LOW_BALANCE, values={"balance": "-1.00", "threshold": "5.00"})
    zero = sample(NoticeType.BALANCE_ZERO, id="notice-2", values={"balance": "-1.00"})

    mail = render([low, zero], LETTERHEAD)

    assert mail["Subject"] == "Your balance is used up; Low balance: -$1.00 left"
    compare(GOLDEN / "combined.txt", written(mail))


def test_many_notices_are_one_mail_that_says_how_many() -> None:
    mail = render(
        [sample(NoticeType.RESOURCE_STOPPED, id=f"n{n}", resource=f"gpu-{n}") for n in range(5)], PLAIN
    )

    assert mail["Subject"] == "Stopped: gpu-0 (and 4 more)"
    assert all(f"gpu-{n} has not been heard of" in bodies(mail)[0] for n in range(5))


def test_every_type_has_a_layout_and_every_language_every_phrase() -> None:
    assert set(LAYOUTS) == set(NoticeType) == set(VALUES)
    for phrases in catalog().values():
        assert set(phrases) == set(catalog()["en"])


def test_no_sentence_stands_twice() -> None:
    for phrases in catalog().values():
        sentences = [text for text in phrases.values() if text.endswith((".", "。"))]

        assert len(sentences) == len(set(sentences))


@pytest.mark.parametrize("locale", ["en", "zh-CN", "fr", None, "not a locale", "zh\r\n", "x" * 600])
@pytest.mark.parametrize("kind", [*NoticeType, "a_type_of_a_later_release"])
def test_every_type_has_a_mail_whatever_the_locale(kind: str, locale: str | None) -> None:
    values = VALUES.get(kind, {"news": "something"})  # type: ignore[call-overload]

    mail = render([notice(1, kind, values, locale=locale, resource="r1")], LETTERHEAD)

    assert mail["Subject"]
    assert len(list(mail.iter_parts())) == 2


@pytest.mark.parametrize(
    ("balance", "shown"),
    [
        ("9.99955", "$9.99955"),
        ("5", "$5.00"),
        ("4.999995", "$4.999995"),
        ("12.345000", "$12.345"),
        ("-0.000000000001", "-$0.000000000001"),
        ("99999999999999999999999999", "$99,999,999,999,999,999,999,999,999.00"),
        ("0", "$0.00"),
    ],
)
def test_an_amount_is_shown_with_all_its_digits(balance: str, shown: str) -> None:
    mail = render([sample(NoticeType.BALANCE_ZERO, values={"balance": balance})], PLAIN)

    assert f"The balance has reached {shown}." in bodies(mail)[0]


@pytest.mark.req("PD-01")
@pytest.mark.parametrize(
    ("balance", "shown"),
    [
        ("5", "500 credits ($5.00)"),
        ("0.01", "1 credit ($0.01)"),
        ("-0.01", "-1 credit (-$0.01)"),
        ("9.99955", "999.955 credits ($9.99955)"),
        ("25", "2,500 credits ($25.00)"),
    ],
)
def test_credits_are_shown_where_the_profile_displays_them(balance: str, shown: str) -> None:
    given = sample(NoticeType.BALANCE_ZERO, "en-credits", values={"balance": balance})

    assert f"The balance has reached {shown}." in bodies(render([given], PLAIN))[0]


def test_a_unit_that_no_language_knows_is_shown_by_its_name() -> None:
    display = PROFILES["puredocs"].display
    assert display is not None
    odd = PROFILES["puredocs"].model_copy(update={"display": display.model_copy(update={"unit": "FLOP"})})

    mail = render([sample(NoticeType.BALANCE_ZERO, "en-credits")], Letterhead(SENDER, {"puredocs": odd}))

    assert "-0.0045 FLOP (-$0.000045)" in bodies(mail)[0]


def test_funds_are_linked_where_the_profile_has_a_page_for_them_and_only_to_a_web_address() -> None:
    def with_url(url: str) -> dict[str, Profile]:
        gate = PROFILES["flexai"].gate
        return {
            "flexai": PROFILES["flexai"].model_copy(
                update={"gate": gate.model_copy(update={"payment_url": url})}
            )
        }

    given = sample(NoticeType.LOW_BALANCE)
    good, bad = (
        bodies(render([given], Letterhead(SENDER, with_url(url))))
        for url in ("https://pay.x/", "javascript:x")
    )

    assert "Add funds: https://pay.x/" in good[0]
    assert 'href="https://pay.x/"' in good[1]
    assert "javascript" not in "".join(bad)


def test_only_a_summary_can_be_unsubscribed_from_and_only_where_we_can_sign() -> None:
    digest, receipt = sample(NoticeType.SPEND_DIGEST), sample(NoticeType.RECEIPT)

    mail = render([digest], LETTERHEAD)

    assert str(mail["List-Unsubscribe"]).startswith("<https://pay.example.org/v1/unsubscribe?token=")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert all(render([each], LETTERHEAD)["List-Unsubscribe"] is None for each in (receipt,))
    assert render([digest], PLAIN)["List-Unsubscribe"] is None
    assert render([digest, receipt], LETTERHEAD)["List-Unsubscribe"] is None


def test_the_code_is_in_every_mail_of_an_account_and_differs_between_accounts() -> None:
    codes = {account: LETTERHEAD.codes.mail_code(account) or "" for account in ("acme", "acme2")}
    mail = render([sample(NoticeType.RECEIPT)], LETTERHEAD)

    assert codes["acme"] != codes["acme2"]
    assert all(codes["acme"] in body for body in bodies(mail))
    assert "mail code" not in bodies(render([sample(NoticeType.RECEIPT)], PLAIN))[0]


# --- nothing is injected ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "email",
    ["a@b.io\r\nBcc: c@d.io", "a@b.io, c@d.io", "Name <a@b.io>", "", "a@b.io\n", "a", "a" * 300 + "@b.io"],
)
def test_an_address_that_is_not_one_mailbox_gets_no_mail(email: str) -> None:
    with pytest.raises(CannotRender):
        check(notice(1, email=email), PLAIN)


HOSTILE = (
    "x\r\nBcc: c@d.io",
    "x\nSubject: y",
    "x\u2028y\u0085z",
    "\u202eevil\u200b",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}{% raw %}",
    "{account.__class__}",
    "=?utf-8?q?x=0D=0ABcc:c@d.io?=",
    "%s%n{}{0}",
    "a" * 100_000,
    "\ud800",
)


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("field", ["account", "resource", "id", "payment"])
def test_what_others_named_makes_no_header_no_line_and_no_html(field: str, hostile: str) -> None:
    values = {"payment": hostile} if field == "payment" else {}
    changes: dict[str, Any] = {} if field == "payment" else {field: hostile}
    kind = NoticeType.RECEIPT if field in {"payment", "account"} else NoticeType.RESOURCE_PAUSED
    mail = render([sample(kind, **({"resource": "r"} | changes), values=VALUES[kind] | values)], LETTERHEAD)

    raw = mail.as_bytes()
    head = raw.split(b"\n\n", 1)[0]
    html = bodies(mail)[1]
    assert mail["Bcc"] is None
    assert b"\nBcc" not in head
    assert raw.count(b"\nSubject:") == 1
    assert "<script>" not in html
    assert "<img" not in html
    assert len(raw) < 40_000
    assert max(map(len, head.split(b"\n"))) < 998


def test_html_is_escaped_and_text_is_not() -> None:
    text, html = bodies(render([sample(NoticeType.RECEIPT, account="<script>alert(1)</script>")], PLAIN))

    assert "<script>" in text
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (NoticeType.BALANCE_ZERO, {}),
        (NoticeType.BALANCE_ZERO, {"balance": "much"}),
        (NoticeType.DELETION_DUE, {"at": "tomorrow"}),
    ],
)
def test_a_value_that_a_mail_needs_and_lacks_is_an_error(kind: NoticeType, values: dict[str, str]) -> None:
    with pytest.raises(CannotRender):
        check(sample(kind, values=values), PLAIN)


def test_the_message_id_is_the_same_for_a_notice_and_differs_between_notices() -> None:
    first = render([notice(1)], PLAIN)["Message-ID"]

    assert first == render([notice(1)], PLAIN)["Message-ID"] == message_id(["notice-1"], "example.org")
    assert first != render([notice(2)], PLAIN)["Message-ID"]


def test_unknown_zones_are_shown_in_utc() -> None:
    text = written(render([notice(1, zone="Mars/Olympus")], PLAIN))

    assert "2026-11-01 00:00 UTC" in text
