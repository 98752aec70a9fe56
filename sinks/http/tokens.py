"""The API tokens, as the compacted topic `api.tokens` has them: a change is in force as soon as it is read."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from schemas.access import ApiToken
from sinks.http.compacted import CompactedTopic
from sinks.http.ports import Unavailable

log = logging.getLogger(__name__)


class KafkaTokens:
    """Every token in memory; `Tokens` for the service, and what the command line lists."""

    def __init__(self, kafka: Mapping[str, Any], topic: str) -> None:
        self._tokens: dict[str, ApiToken] = {}
        self._topic = CompactedTopic(kafka, topic, self.apply)

    def start(self) -> None:
        """Begin to read, on a thread of its own."""
        self._topic.start()

    def close(self) -> None:
        """Stop reading."""
        self._topic.close()

    def wait(self, timeout_s: float) -> bool:
        """Wait until every token that there is has been read, at most `timeout_s`; whether they have been."""
        return self._topic.wait_caught_up(timeout_s)

    def apply(self, key: bytes, value: bytes | None) -> None:
        """One record of the topic. What is no token is logged and changes nothing."""
        token_id = key.decode("utf-8", "replace")
        if value is None:
            self._tokens.pop(token_id, None)
            return
        try:
            self._tokens[token_id] = ApiToken.model_validate_json(value)
        except ValidationError:
            # The record is not repeated: it holds a hash, or who knows what.
            log.warning("topic api.tokens has a record that is no token, key %r", token_id)

    def find(self, token_id: str) -> ApiToken | None:
        """As `Tokens.find`."""
        if not self._topic.is_caught_up:
            raise Unavailable("the API tokens are still being read from Kafka")
        return self._tokens.get(token_id)

    def every(self) -> list[ApiToken]:
        """All of them, the oldest first."""
        return sorted(self._tokens.values(), key=lambda token: (token.created, token.id))

    def waits_for(self) -> str | None:
        """What readiness waits for, or None."""
        return None if self._topic.is_caught_up else "the API tokens are still being read from Kafka"
