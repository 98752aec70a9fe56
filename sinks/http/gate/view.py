"""Who has which key and who has credit, in memory: the compacted topic `balances`, record by record.

Promises: a key is kept as a hash, never as it is; a record that is older than the known one changes nothing; a key
that two accounts have names neither of them, whichever came first, for the order in which a compacted topic is read
differs from one start to the next, and calls must not go to another's bill. One thread writes, others may read.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from decimal import Decimal
from hashlib import blake2b
from typing import Final, NamedTuple

import msgspec

from sinks.http.gate.decision import CONTESTED, Found, Standing
from sinks.http.gate.policy import Policy

log = logging.getLogger(__name__)

_EDITION_BITS: Final = 40


def digest_of(key: bytes) -> bytes:
    """What is kept of an API key. Not secret from who holds the balances; a dump of this process shows no key."""
    return blake2b(key, digest_size=16, person=b"meterstream-gate").digest()


class _Record(msgspec.Struct):
    """What the gate needs of a balance record."""

    id: str
    account: str
    profile: str
    balance: Decimal
    seq: int
    keys: msgspec.Raw


_decode = msgspec.json.Decoder(_Record).decode
_decode_keys = msgspec.json.Decoder(dict[str, str]).decode


class _Holder:
    """One account. `place`: how far in its history the record was; `mark`: of its keys, as they came."""

    __slots__ = ("account", "digests", "has_credit", "mark", "place", "policy")

    def __init__(self, account: str, policy: Policy) -> None:
        self.account = account
        self.policy = policy
        self.has_credit = False
        self.place = -1
        self.mark = 0
        self.digests: tuple[bytes, ...] = ()


class _Claim(NamedTuple):
    holder: _Holder
    tier: str


# A key's only claim, or all of several.
_Claims = _Claim | tuple[_Claim, ...]


class BalanceView:
    """The accounts and keys of `balances`. `policies` by profile; an account of another profile has no limits."""

    def __init__(self, policies: Mapping[str, Policy]) -> None:
        self._policies = dict(policies)
        self._holders: dict[str, _Holder] = {}
        # Values are replaced, never changed: another thread may be reading.
        self._claims: dict[bytes, _Claims] = {}
        self.contested = 0
        self.unreadable = 0

    @property
    def accounts(self) -> int:
        """How many accounts are known."""
        return len(self._holders)

    @property
    def keys(self) -> int:
        """How many keys are known, contested ones included."""
        return len(self._claims)

    def find(self, digest: bytes) -> Found:
        """What is known of the key with this digest."""
        found = self._claims.get(digest)
        if found is None:
            return None
        if not isinstance(found, _Claim):
            return CONTESTED
        holder = found.holder
        return Standing(holder.account, holder.policy, found.tier, holder.has_credit)

    def take(self, key: bytes, value: bytes | None) -> None:
        """One record of the topic; None: the account is gone. What cannot be read is counted and left alone."""
        try:
            if value is None:
                self._forget(key.decode())
            else:
                self._note(_decode(value))
        except (msgspec.DecodeError, ValueError) as error:
            self.unreadable += 1
            log.warning("a record of balances cannot be read: %s", error)

    def _note(self, record: _Record) -> None:
        place = _place_of(record)
        holder = self._holders.get(record.account)
        if holder is None:
            holder = _Holder(record.account, self._policy(record.profile))
        elif place < holder.place:
            return
        has_credit = record.balance > 0
        mark = hash(bytes(record.keys))
        tiers = _decode_keys(record.keys) if mark != holder.mark else None
        holder.place, holder.has_credit = place, has_credit
        if tiers is not None:
            self._claim(holder, tiers)
            holder.mark = mark
        self._holders[record.account] = holder

    def _policy(self, profile: str) -> Policy:
        known = self._policies.get(profile)
        if known is None:
            log.warning("profile %r is not loaded here: its keys have no limits", profile)
            known = self._policies[profile] = Policy(profile)
        return known

    def _claim(self, holder: _Holder, tiers: Mapping[str, str]) -> None:
        """`holder` has these keys and no others. New ones first, so that a key that stays is never unknown."""
        digests = []
        for key, tier in tiers.items():
            digest = digest_of(key.encode())
            digests.append(digest)
            self._set(digest, holder, _Claim(holder, sys.intern(tier)))
        gone = set(holder.digests).difference(digests)
        for digest in gone:
            self._set(digest, holder, None)
        holder.digests = tuple(digests)

    def _set(self, digest: bytes, holder: _Holder, claim: _Claim | None) -> None:
        before = _claims_of(self._claims.get(digest))
        after = tuple(each for each in before if each.holder is not holder)
        if claim is not None:
            after = (*after, claim)
        if not after:
            self._claims.pop(digest, None)
        else:
            self._claims[digest] = after[0] if len(after) == 1 else after
        self.contested += (len(after) > 1) - (len(before) > 1)
        if len(after) > 1 >= len(before):
            names = ", ".join(sorted(each.holder.account for each in after))
            log.warning("an API key is refused: more than one account has it: %s", names)

    def _forget(self, account: str) -> None:
        holder = self._holders.pop(account, None)
        if holder is not None:
            self._claim(holder, {})


def _claims_of(found: _Claims | None) -> tuple[_Claim, ...]:
    if found is None:
        return ()
    return (found,) if isinstance(found, _Claim) else found


def _place_of(record: _Record) -> int:
    """Where the record stands in the account's history: its posting, then the edition, which its id ends with."""
    edition = record.id.rpartition("_")[2]
    return (record.seq << _EDITION_BITS) + (int(edition) if edition.isdigit() else 0)
