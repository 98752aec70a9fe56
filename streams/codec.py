"""The frame of a value in the `accounts` table: position and due time, then the account. Pure.

``8 bytes journal offset | 8 bytes due time in ms | msgpack of the Account``, big-endian and signed. The two
numbers stand in front so that recovery can put 1,000,000 values in order and rebuild the index of timers
without decoding one of them.
"""

from __future__ import annotations

import struct

import msgspec

from streams.core.errors import BrokenInvariant
from streams.core.state import Account

_HEAD = struct.Struct(">qq")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Account).decode
read_position = _HEAD.unpack_from
"""(journal offset, due ms) of a frame: the state's place in the account's history, see `is_newer`."""


def pack_account(account: Account) -> bytes:
    """The frame of `account`."""
    return _HEAD.pack(account.journal_offset, account.due_ms) + _encode(account)


def unpack_account(frame: bytes) -> Account:
    """The account in `frame`; BrokenInvariant where it is none: the worker is the topic's only writer."""
    try:
        return _decode(memoryview(frame)[_HEAD.size :])
    except msgspec.DecodeError as error:
        raise BrokenInvariant(f"a value of the accounts table is no account: {error}") from error


def is_newer(frame: bytes, known: bytes) -> bool:
    """True when `frame` is as far in the account's history as `known`, or further.

    Events raise the journal offset; between two events only timers change an account, and they raise its due
    time. So the pair only grows, and a value that a paused worker wrote too late is recognised by it.
    """
    return read_position(frame) >= read_position(known)
