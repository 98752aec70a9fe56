"""docs/notices.md says what is: its table of types, its states, and the receiver's snippet, which is run."""

from __future__ import annotations

import re
import time
from typing import Any

from schemas.records import DeliveryState
from schemas.topics import NOTICES
from schemas.wire import encode
from sinks.webhooks.channel import WebhookChannel
from tests.notices_page import PAGE, page
from tests.sinks.samples import notice
from tests.sinks.test_webhooks_out import NEXT_SECRET, SECRET, target


def test_the_table_of_types_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.notices_page"


def test_every_state_of_a_delivery_is_explained() -> None:
    states = (
        PAGE.read_text(encoding="utf-8").partition("<!-- states -->")[2].partition("<!-- end of states")[0]
    )

    assert re.findall(r"^\| `(\w+)`", states, re.MULTILINE) == list(DeliveryState)


def test_the_receivers_snippet_verifies_what_we_sign_and_nothing_else() -> None:
    (snippet,) = re.findall(
        r"```python\n# verify a webhook\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL
    )
    names: dict[str, Any] = {}
    exec(snippet, names)  # noqa: S102 - the page's own words
    channel = WebhookChannel([target()], time.time)
    ((item, _),) = channel.receive(NOTICES, encode(notice(1)))
    headers = channel.headers(target(), item)

    told = names["verified"](SECRET, headers, item.body)

    assert told["type"] == "notice.low_balance"
    assert names["verified"](NEXT_SECRET, headers, item.body) is None
    assert names["verified"](SECRET, headers | {"webhook-id": "another"}, item.body) is None
    assert names["verified"](SECRET, headers | {"webhook-timestamp": "1"}, item.body) is None
