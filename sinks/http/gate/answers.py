"""The answers, ready for the wire: bodies fixed to the byte, three headers on each of them (FA-15). Pure."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import quote

from sinks.http.gate.decision import UNLIMITED, Outcome, Standing

Header = tuple[bytes, bytes]

_JSON: Final = (b"content-type", b"application/json")
_WHO: Final = (b"www-authenticate", b'Bearer realm="meterstream"')
_MESSAGES: Final = {
    Outcome.NO_KEY: "No API key provided. Send it as Authorization: Bearer <key>.",
    Outcome.UNKNOWN_KEY: "Incorrect API key provided.",
    Outcome.CONTESTED_KEY: "Incorrect API key provided.",
    Outcome.NOT_KNOWN: "The balance is not known at present. Try again later.",
}
_KINDS: Final = {
    401: ("authentication_error", "invalid_api_key"),
    402: ("insufficient_quota", "402"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
    503: ("unavailable", "503"),
}
# The body once more for proxies that drop the body of a refusal, as nginx's auth_request does.
BODY_HEADER: Final = b"x-meterstream-error"
ACCOUNT_HEADER: Final = b"x-meterstream-account"
ALLOWED_BODY: Final = b'{"allowed":true}'


class Answer(NamedTuple):
    """One answer of the gate."""

    status: int
    headers: list[Header]
    body: bytes


def answer(outcome: Outcome, found: Standing | None, *, used: int, reset_s: int, wait_s: int) -> Answer:
    """The answer that says `outcome`.

    `used`: requests of this window, this one included where it counts. A key that is not known has no limit and
    nothing left: 0 of 0.
    """
    limit = found.limit if found else _limit_of_nobody(outcome)
    remaining = limit if limit == UNLIMITED else max(0, limit - used)
    headers = [
        _JSON,
        (b"x-ratelimit-limit-requests", b"%d" % limit),
        (b"x-ratelimit-remaining-requests", b"%d" % remaining),
        (b"x-ratelimit-reset-requests", b"%d" % reset_s),
    ]
    if outcome is Outcome.ALLOWED:
        body = ALLOWED_BODY
        if found is not None:
            headers.append((ACCOUNT_HEADER, _quoted(found.account)))
    else:
        body = _refusal(outcome, _message(outcome, found, wait_s))
        headers += _headers_of_refusal(outcome, body, wait_s)
    headers.append((b"content-length", b"%d" % len(body)))
    return Answer(outcome.status, headers, body)


def _limit_of_nobody(outcome: Outcome) -> int:
    return UNLIMITED if outcome is Outcome.ALLOWED else 0


def _message(outcome: Outcome, found: Standing | None, wait_s: int) -> str:
    if outcome is Outcome.NO_CREDIT and found is not None:
        return found.policy.no_credit
    if outcome is Outcome.RATE_LIMITED:
        return f"Rate limit exceeded. Retry after {wait_s} seconds."
    if outcome is Outcome.HELD_UP:
        return f"Too many requests without a known API key. Retry after {wait_s} seconds."
    return _MESSAGES[outcome]


def _headers_of_refusal(outcome: Outcome, body: bytes, wait_s: int) -> list[Header]:
    headers = [(BODY_HEADER, body)]
    if outcome.status == 401:
        headers.append(_WHO)
    elif outcome.status == 429:
        headers.append((b"retry-after", b"%d" % wait_s))
    elif outcome is Outcome.NOT_KNOWN:
        headers.append((b"retry-after", b"1"))
    return headers


@lru_cache(maxsize=1_024)
def _refusal(outcome: Outcome, message: str) -> bytes:
    """ASCII without line breaks, so that it fits into a header as well."""
    kind, code = _KINDS[outcome.status]
    error = {"error": {"message": message, "type": kind, "code": code}}
    return json.dumps(error, separators=(",", ":")).encode()


@lru_cache(maxsize=4_096)
def _quoted(account: str) -> bytes:
    """An account's id as a header can carry it: percent-encoded UTF-8."""
    return quote(account, safe="").encode()
