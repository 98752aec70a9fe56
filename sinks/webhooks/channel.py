"""The way out by webhook: a record becomes an item for each target that wants it; an item is posted, signed.

By Standard Webhooks: `webhook-id` is the record's id, the same at each attempt, so that a receiver can drop what came
twice; each attempt is signed anew with every secret of the target. In a target's queue an account's records keep their
order: one that is put off holds up those of its account behind it, and no other.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import msgspec
from standardwebhooks.webhooks import Webhook

from schemas.records import Command, Notice
from schemas.topics import COMMANDS, NOTICES
from schemas.wire import output_struct
from sinks.outbox.items import Away, Item, Later, Outcome, Received, Refused, Sent, Unreadable, delivery_id
from sinks.webhooks.forms import body_of
from sinks.webhooks.guard import NotAllowed, Resolve, address_of, resolve
from sinks.webhooks.targets import Target

CHANNEL: Final = "webhook"
RETRY_AFTER_S_MAX: Final = 3_600.0
GONE: Final = 410
# Answers about this record; all other failures are about the receiver.
ABOUT_RECORD: Final = frozenset({400, 409, 413, 422})
_DECODERS: Final[Mapping[str, Any]] = {
    NOTICES: msgspec.json.Decoder(output_struct(Notice)),
    COMMANDS: msgspec.json.Decoder(output_struct(Command)),
}


class WebhookChannel:
    """Posts notices and commands to `targets`."""

    name = CHANNEL

    def __init__(
        self, targets: Iterable[Target], now: Callable[[], float], resolve: Resolve = resolve
    ) -> None:
        """`now` gives seconds since 1970, `resolve` the addresses of a name."""
        self.targets: Mapping[str, Target] = {target.name: target for target in targets}
        self._now, self._resolve = now, resolve
        # One for each target: a connection that was made to one name never serves another that shares its address.
        self._clients: dict[str, httpx.AsyncClient] = {}

    def receive(self, topic: str, value: bytes) -> Sequence[Received]:
        """An item for each target that wants the record."""
        try:
            record = _DECODERS[topic].decode(value)
        except (msgspec.DecodeError, RecursionError) as error:
            raise Unreadable(str(error)) from error
        return [
            Received(self._item(target, topic, record, value))
            for target in self.targets.values()
            if target.wants(topic, record.type, record.account)
        ]

    async def deliver(self, items: Sequence[Item]) -> Outcome:
        """Post the one item: items of webhooks are never told together."""
        (item,) = items
        target = self.targets.get(item.group)
        if target is None:
            return Refused("there is no such target any more")
        try:
            response = await self._post(target, item)
        except NotAllowed as error:
            return Away(str(error))
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            # Its text may hold the address, and the address a secret.
            return Away(type(error).__name__)
        return _judge(response)

    async def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            await client.aclose()

    def _item(self, target: Target, topic: str, record: Notice | Command, value: bytes) -> Item:
        return Item(
            id=delivery_id(CHANNEL, target.name, record.id),
            record=record.id,
            type=record.type,
            account=record.account,
            cause=record.cause,
            lane=f"{target.name}|{record.account}",
            group=target.name,
            target=target.name,
            body=body_of(target.form, topic, value),
        )

    async def _post(self, target: Target, item: Item) -> httpx.Response:
        url = httpx.URL(target.url.get_secret_value())
        port = url.port or (443 if url.scheme == "https" else 80)
        address = await address_of(url.host, port, loopback=target.loopback, resolve=self._resolve)
        client = self._client(target)
        request = client.build_request(
            "POST",
            url.copy_with(host=address),
            content=item.body,
            headers={"Host": url.netloc.decode("ascii"), **self.headers(target, item)},
            # The certificate must be the name's, although the address is what is connected to.
            extensions={"sni_hostname": url.host},
        )
        response = await client.send(request, stream=True)
        # The answer's body is nobody's business here, however long it is.
        await response.aclose()
        return response

    def headers(self, target: Target, item: Item) -> dict[str, str]:
        """What is sent beside `item`, signed now."""
        headers = {"Content-Type": "application/json", "User-Agent": "meterstream-webhooks"}
        if not target.secrets:
            return headers
        at = datetime.fromtimestamp(self._now(), UTC)
        body = item.body.decode()
        signatures = [
            Webhook(secret.get_secret_value()).sign(item.record, at, body) for secret in target.secrets
        ]
        return headers | {
            "webhook-id": item.record,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(signatures),
        }

    def _client(self, target: Target) -> httpx.AsyncClient:
        if target.name not in self._clients:
            # No proxy from the environment: it would resolve the name once more.
            self._clients[target.name] = httpx.AsyncClient(
                verify=ssl.create_default_context(cafile=target.ca_file),
                timeout=target.timeout_s,
                follow_redirects=False,
                trust_env=False,
            )
        return self._clients[target.name]


def _judge(response: httpx.Response) -> Outcome:
    status = response.status_code
    if response.is_success:
        return Sent()
    if status == GONE:
        return Refused("410: the receiver wants it no more")
    after_s = _retry_after_s(response)
    if status in ABOUT_RECORD:
        return Later(f"answered {status}", after_s)
    if response.is_redirect:
        return Away(f"answered {status}; redirects are not followed", after_s)
    return Away(f"answered {status}", after_s)


def _retry_after_s(response: httpx.Response) -> float:
    text = response.headers.get("Retry-After", "")
    return min(float(text), RETRY_AFTER_S_MAX) if text.isascii() and text.isdigit() else 0.0
