"""Who may use the API: the record of a token, as the compacted topic `api.tokens` keeps it. Pure.

A token's text is ``ms_<id>_<secret>`` and is shown once, when it is made. What is kept is the SHA-256 of the whole
text: the secret holds 256 random bits, so nothing is gained by a slow hash.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from schemas.values import InstantText


class Scope(StrEnum):
    """What a token lets its bearer do."""

    INGEST = "ingest"
    READ = "read"
    ADMIN = "admin"


class ApiToken(BaseModel):
    """One token. `account`: the only account that it sees and sends events of, or None for all.

    After a rotation `previous_hash` is good until `previous_until`. Of several records of an id the last stands.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: str
    hash: str
    scopes: list[Scope]
    created: InstantText
    account: str | None = None
    name: str | None = None
    expires: InstantText | None = None
    revoked: InstantText | None = None
    previous_hash: str | None = None
    previous_until: InstantText | None = None
