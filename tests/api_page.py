"""Writes docs/api.md: `python -m tests.api_page`; tests/docs/test_api_page.py compares.

From the OpenAPI description of the application, with a request to every route, and the answer that the application gives
to it over fakes.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from schemas.access import Scope
from sinks.http.openapi import DESCRIPTION, rows_of
from tests.sinks.every_route import Way, ways_of
from tests.sinks.test_tenants import Service

PAGE = Path(__file__).parents[1] / "docs" / "api.md"
ACCOUNT = "acme"
ANSWER_LINES_MAX = 40
INTRODUCTION = f"""\
# The HTTP API

Made by `python -m tests.api_page` from the application; do not edit. The service itself shows the same at `/docs`, and as
OpenAPI at `/openapi.json`.

{DESCRIPTION}

| Error | `type` | When |
|---|---|---|
| 400 | `invalid_request` | a parameter, a body or an event is not of the form; the message names each fault, never what was sent |
| 401 | `authentication_error` | no token, or one that is unknown, expired or revoked |
| 403 | `permission_error` | the token has not the scope, is for another account, or the request comes from a page of another site |
| 404 | `not_found` | no such path, or nothing is known of the account |
| 405 | `invalid_request` | the path has not this method; `Allow` names those it has |
| 408 | `timeout` | the body did not come within 30 s |
| 413 | `too_large` | the body is above 2 MiB, or holds more than 1,000 events |
| 415 | `unsupported_media_type` | another kind of body |
| 429 | `rate_limit_error` | more than 600 requests a minute without a good token came from this address; `Retry-After` says when |
| 429 | `overloaded` | too much waits; after `Retry-After` the same again |
| 500 | `internal_error` | a defect; it is in the service's log |
| 503 | `unavailable` | ClickHouse or Kafka is away; after `Retry-After` the same again |

`/v1/authorize` answers in its provider's words: [gate.md](gate.md). How to send events: [producers.md](producers.md). Who may do
what: [security.md](security.md) and [operations.md](operations.md).

**Accounts** may hold a slash; send it as `%2F` or as it is. **Pages** of lists: `limit` (1 to 1,000) and `cursor`, which is
`next` of the page before and means nothing else; null is the last page. **ETag**: the reads of balance, ledger, charges and
costs carry one; with `If-None-Match` what has not changed is a 304 without a body.
"""


def page() -> str:
    """The page's text."""
    service = Service([Scope.ADMIN])
    ways = {(way.method, way.path.replace(":path", "")): way for way in ways_of(service.app)}
    rows = rows_of(service.app.openapi())
    sections = ["\n".join(_section(row, ways[row["method"], row["path"]], service)) for row in rows]
    return "\n".join([INTRODUCTION, *sections])


def _section(row: dict[str, Any], way: Way, service: Service) -> Iterator[str]:
    scope = f" Scope `{'`, `'.join(row['scopes'])}`." if row["scopes"] else ""
    yield f"## `{row['method']} {row['path']}`\n\n{_in_one_paragraph(row['text'])}{scope}\n"
    if row["parameters"]:
        yield "| Parameter | In | Kind | |\n|---|---|---|---|"
        for each in row["parameters"]:
            needed = ", needed" if each["needed"] else ""
            yield f"| `{each['name']}` | {each['place']}{needed} | {each['kind']} | {each['text']} |"
        yield ""
    for body in row["bodies"]:
        fields = ", ".join(
            f"`{field['name']}`{'' if field['needed'] else ' (optional)'}" for field in body["fields"]
        )
        yield f"Body `{body['kind']}`: {fields}.\n"
    yield f"```sh\n{_curl(way)}\n```\n"
    yield from _answer(way, service)
    answers = ", ".join(f"{each['status']} {each['text']}" for each in row["answers"])
    yield f"Answers: {answers}.\n"


def _in_one_paragraph(text: str) -> str:
    return " ".join(text.split())


def _curl(way: Way) -> str:
    lines = [f'curl "$METERSTREAM_URL{way.url(ACCOUNT).rstrip("?")}"']
    lines += [f"-X {way.method}"] if way.method != "GET" and way.body is None else []
    lines += ['-H "Authorization: Bearer $METERSTREAM_TOKEN"'] if way.scopes else []
    if way.body is not None:
        lines += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(json.dumps(way.body(ACCOUNT)))}"]
    return " \\\n  ".join(lines)


def _answer(way: Way, service: Service) -> Iterator[str]:
    """What the application answers, where its fakes have something to say."""
    answer = service.ask(way, ACCOUNT)
    if (
        answer.status_code >= 300
        or "json" not in answer.headers.get("content-type", "")
        or answer.json() in ({}, [])
    ):
        return
    lines = json.dumps(_short(answer.json()), indent=2, ensure_ascii=False).split("\n")
    if len(lines) <= ANSWER_LINES_MAX:
        yield "```json\n" + "\n".join(lines) + "\n```\n"


def _short(value: Any) -> Any:
    """`value` with one element of each list."""
    if isinstance(value, list):
        return [_short(each) for each in value[:1]]
    return {name: _short(each) for name, each in value.items()} if isinstance(value, dict) else value


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
