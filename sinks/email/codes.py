"""What only we can write: the code in each mail that tells it from a forged one, and the link that ends summaries.

Both are made from one secret and the account, so nothing is stored. Without a secret there is neither.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final

UNSUBSCRIBE_PATH: Final = "/v1/unsubscribe"
_CODE: Final = b"meterstream mail code v1\0"
_UNSUBSCRIBE: Final = b"meterstream unsubscribe v1\0"
_CODE_LENGTH: Final = 8


@dataclass(frozen=True, slots=True)
class Codes:
    """`secret` signs; `public_url` is where the HTTP service is reached from outside (https), empty for no links."""

    secret: bytes = field(repr=False, default=b"")
    public_url: str = ""

    def mail_code(self, account: str) -> str | None:
        """Eight letters and digits that every mail of `account` shows, such as ``K7QA-4MDX``."""
        if not self.secret:
            return None
        text = base64.b32encode(self._mac(_CODE, account)).decode()[:_CODE_LENGTH]
        return f"{text[:4]}-{text[4:]}"

    def unsubscribe_url(self, account: str) -> str | None:
        """The link of RFC 8058 that switches the summaries of `account` off; it does nothing else and does not expire."""
        if not self.secret or not self.public_url:
            return None
        token = f"{_text(_raw(account))}.{_text(self._mac(_UNSUBSCRIBE, account))}"
        return f"{self.public_url.rstrip('/')}{UNSUBSCRIBE_PATH}?token={token}"

    def account_of(self, token: str) -> str | None:
        """The account that an unsubscribe link's `token` was made for; None where we did not make it."""
        head, _, seal = token.partition(".")
        try:
            account, mac = _bytes(head).decode("utf-8", "surrogatepass"), _bytes(seal)
        except (ValueError, binascii.Error):
            return None
        if not self.secret or not hmac.compare_digest(mac, self._mac(_UNSUBSCRIBE, account)):
            return None
        return account

    def _mac(self, purpose: bytes, account: str) -> bytes:
        return hmac.new(self.secret, purpose + _raw(account), hashlib.sha256).digest()


def _raw(account: str) -> bytes:
    return account.encode("utf-8", "surrogatepass")


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
