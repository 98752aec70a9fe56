"""A Stripe of our own on loopback: the few objects that we use, as Stripe's API documents them, over real HTTP.

It keeps idempotency keys (the same answer again, 5xx included; other parameters are an error), declines the test cards
that Stripe has for it, fails as it is told to, and posts signed webhooks when asked.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import httpx

from tests.sinks.stripe_words import SECRET, body_of, signed, told

Value = dict[str, Any]
KEY: Final = "sk_test_fake"
VISA: Final = "pm_card_visa"
DECLINED: Final = "pm_card_chargeDeclined"
AUTHENTICATE: Final = "pm_card_authenticationRequired"
# Cards of which the answer is not the end: the holder must act, or the bank takes its time.
OPEN: Final = {"pm_card_action": "requires_action", "pm_card_slow": "processing"}
# What can go wrong with the next request: nothing is done and 503, 429 or 401 said; or it is done and then the line
# is cut, or a 500 said (and kept for its key); or a 500 is kept though nothing was done.
FAULTS: Final = frozenset({"unavailable", "busy", "stranger", "cut", "broken", "broken before"})


class FakeStripe:
    """The state of Stripe, and its answers."""

    def __init__(self, *, now_s: Callable[[], float] = time.time) -> None:
        self._now_s = now_s
        self._lock = threading.RLock()
        self._kept: dict[str, tuple[Value, int, Value]] = {}
        self._faults: deque[str] = deque()
        self.customers: dict[str, Value] = {}
        self.cards: dict[str, list[str]] = {}
        self.intents: dict[str, Value] = {}
        self.sessions: dict[str, Value] = {}
        self.requests: list[tuple[str, str, Value]] = []
        self.base = ""
        # Requests of these methods are done, but not answered.
        self.silent: set[str] = set()
        self._speaks = threading.Condition()

    # --- what a test does ---------------------------------------------------------------------------------

    def add_customer(self, account: str, card: str | None = VISA) -> str:
        """A customer of `account` with a saved card."""
        with self._lock:
            customer = self._customer({"metadata": {"account": account}})
            self.cards[customer["id"]] = [card] if card else []
            return str(customer["id"])

    def save_card(self, account: str, card: str) -> None:
        """The owner of `account` saves another card; it is the newest."""
        with self._lock:
            for customer in self._named(account):
                self.cards[customer["id"]].insert(0, card)

    def fail_next(self, *faults: str) -> None:
        """What goes wrong with the next requests that create a PaymentIntent, one each."""
        assert set(faults) <= FAULTS
        self._faults.extend(faults)

    def keep_silent(self, *methods: str) -> None:
        """From now on requests of `methods` are done and not answered; what waits and is not among them is."""
        with self._speaks:
            self.silent = set(methods)
            self._speaks.notify_all()

    def wait_to_speak(self, method: str) -> None:
        """Returns when requests of `method` are answered."""
        with self._speaks:
            self._speaks.wait_for(lambda: method not in self.silent, 60)

    def charged(self, account: str) -> list[Value]:
        """The PaymentIntents of `account` that succeeded."""
        with self._lock:
            found = [each for each in self.intents.values() if each["metadata"].get("account") == account]
            return [each for each in found if each["status"] == "succeeded"]

    def count(self, method: str, path: str) -> int:
        """How many such requests came."""
        with self._lock:
            return sum(1 for each in self.requests if each[:2] == (method, path))

    def tell(self, url: str, intent: Value, *, event: str = "", later_s: int = 0) -> httpx.Response:
        """Post the signed webhook of what became of `intent` to `url`."""
        kind = "succeeded" if intent["status"] == "succeeded" else "payment_failed"
        created = int(self._now_s()) + later_s
        name = event or f"evt_{intent['id']}"
        body = body_of(told(f"payment_intent.{kind}", intent, event=name, created=created))
        return httpx.post(url, content=body, headers=signed(body, SECRET), timeout=30)

    # --- what it answers ----------------------------------------------------------------------------------

    def answer(self, method: str, target: str, params: Value, key: str | None) -> tuple[int, Value] | None:
        """Status and body; None where the line is cut without a word."""
        path = urlsplit(target).path
        with self._lock:
            self.requests.append((method, path, params))
            if method == "GET":
                return 200, self._read(path, params)
            if key is not None and key in self._kept:
                kept, status, body = self._kept[key]
                if kept != params:
                    return 400, _error(
                        "idempotency_error",
                        "Keys for idempotent requests can only be used with the same parameters",
                    )
                return status, body
            return self._create(path, params, key)

    def _create(self, path: str, params: Value, key: str | None) -> tuple[int, Value] | None:
        fault = self._faults.popleft() if path == "/v1/payment_intents" and self._faults else ""
        early = {
            "unavailable": (503, _error("api_error", "unavailable")),
            "busy": (429, _error("rate_limit_error", "Too many requests")),
            "stranger": (401, _error("invalid_request_error", "Invalid API Key provided: sk_test_****fake")),
        }
        if fault in early:
            return early[fault]
        status, body = (
            (500, _error("api_error", "broken")) if fault == "broken before" else self._made(path, params)
        )
        if fault == "broken":
            status, body = 500, _error("api_error", "broken")
        if key is not None:
            self._kept[key] = (params, status, body)
        return None if fault == "cut" else (status, body)

    def _made(self, path: str, params: Value) -> tuple[int, Value]:
        match path:
            case "/v1/customers":
                return 200, self._customer(params)
            case "/v1/payment_intents":
                return self._intent(params)
            case "/v1/checkout/sessions":
                return 200, self._session(params)
            case _:
                return 404, _error("invalid_request_error", f"Unrecognized request URL (POST: {path})")

    def _read(self, path: str, params: Value) -> Value:
        match path:
            case "/v1/customers/search":
                found = re.fullmatch(r'metadata\["account"\]:"(.*)"', params["query"])
                assert found is not None, params
                name = re.sub(r"\\(.)", r"\1", found[1])
                return _list("search_result", self._named(name))
            case "/v1/payment_methods":
                cards = self.cards.get(params["customer"], [])[: int(params["limit"])]
                return _list(
                    "list", [{"id": each, "object": "payment_method", "type": "card"} for each in cards]
                )
            case "/v1/payment_intents":
                since = int(params["created"]["gte"])
                found_intents = [
                    each
                    for each in self.intents.values()
                    if each["customer"] == params["customer"] and each["created"] >= since
                ]
                return _list("list", found_intents)
            case _:
                raise AssertionError(path)

    def _named(self, account: str) -> list[Value]:
        return [each for each in self.customers.values() if each["metadata"].get("account") == account]

    def _customer(self, params: Value) -> Value:
        name = f"cus_{len(self.customers) + 1}"
        self.customers[name] = {
            "id": name, "object": "customer", "created": int(self._now_s()), "metadata": params.get("metadata", {}),
            "email": params.get("email"), "invoice_settings": {"default_payment_method": None}, "livemode": False,
        }  # fmt: skip
        self.cards[name] = []
        return self.customers[name]

    def _intent(self, params: Value) -> tuple[int, Value]:
        name = f"pi_{len(self.intents) + 1}"
        declined = {DECLINED: "card_declined", AUTHENTICATE: "authentication_required"}.get(
            params["payment_method"]
        )
        settled = "requires_payment_method" if declined else "succeeded"
        status = OPEN.get(params["payment_method"], settled)
        intent = {
            "id": name, "object": "payment_intent", "amount": int(params["amount"]), "currency": params["currency"],
            "amount_received": 0 if status != "succeeded" else int(params["amount"]), "customer": params["customer"],
            "created": int(self._now_s()), "metadata": params["metadata"], "payment_method_types": params["payment_method_types"],
            "status": status, "livemode": False,
        }  # fmt: skip
        self.intents[name] = intent
        if declined is None:
            return 200, intent
        return 402, _error("card_error", "Your card was declined.", code=declined, payment_intent=intent)

    def _session(self, params: Value) -> Value:
        name = f"cs_{len(self.sessions) + 1}"
        item = params["line_items"][0]
        created = int(self._now_s())
        self.sessions[name] = {
            "id": name, "object": "checkout.session", "mode": params["mode"], "payment_status": "unpaid", "status": "open",
            "payment_intent": None, "amount_total": int(item["price_data"]["unit_amount"]) * int(item["quantity"]),
            "currency": item["price_data"]["currency"], "client_reference_id": params.get("client_reference_id"),
            "metadata": params["metadata"], "payment_method_types": params["payment_method_types"], "customer": params["customer"],
            "created": created, "expires_at": created + 86_400, "url": f"https://checkout.stripe.com/c/pay/{name}", "livemode": False,
        }  # fmt: skip
        return self.sessions[name]


def _error(kind: str, message: str, **more: Any) -> Value:
    return {"error": {"type": kind, "message": message} | more}


def _list(kind: str, items: list[Value]) -> Value:
    return {"object": kind, "data": items, "has_more": False, "url": "/v1"}


def _nested(pairs: list[tuple[str, str]]) -> Value:
    """Parameters as Stripe reads them: ``metadata[account]=a`` and ``items[0][quantity]=1``."""
    whole: Value = {}
    for name, value in pairs:
        first, *rest = re.findall(r"[^\[\]]+", name)
        place, keys = whole, [first, *rest]
        for key in keys[:-1]:
            place = place.setdefault(key, {})
        place[keys[-1]] = value
    found = _listed(whole)
    assert isinstance(found, dict)
    return found


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(key.isdigit() for key in value):
        return [_listed(value[key]) for key in sorted(value, key=int)]
    return {key: _listed(inner) for key, inner in value.items()}


def _handler(stripe: FakeStripe) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802 - the library calls it so
            self._serve("GET", urlsplit(self.path).query)

        def do_POST(self) -> None:  # noqa: N802 - the library calls it so
            self._serve("POST", self.rfile.read(int(self.headers.get("content-length") or 0)).decode())

        def _serve(self, method: str, form: str) -> None:
            if self.headers.get("authorization") != f"Bearer {KEY}":
                self._say(401, _error("invalid_request_error", "Invalid API Key provided"))
                return
            params = _nested(parse_qsl(form, keep_blank_values=True))
            found = stripe.answer(method, self.path, params, self.headers.get("idempotency-key"))
            stripe.wait_to_speak(method)
            if found is None:
                self.close_connection = True
                return
            try:
                self._say(*found)
            except OSError:
                # Whoever asked was killed in the meantime.
                self.close_connection = True

        def _say(self, status: int, body: Value) -> None:
            raw = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Request-Id", "req_fake")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Says nothing."""

    return Handler


@contextmanager
def fake_stripe(*, now_s: Callable[[], float] = time.time) -> Iterator[FakeStripe]:
    """A running one; `base` is its address."""
    stripe = FakeStripe(now_s=now_s)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(stripe))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    stripe.base = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield stripe
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
