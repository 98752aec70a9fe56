"""The table of Kafka topics, in the order of the data's way. Pure.

`docs/topics.md` is generated from it. All topics have the same number of partitions and are keyed by account
(murmur2 of the UTF-8 account id, as Java's and aiokafka's default), so an account lives in one partition everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from schemas import access, events, records

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
FOR_EVER = -1
MEGABYTE = 1_048_576


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: what its records are, how they are keyed and packed, how long they are kept."""

    name: str
    stage: int
    key: str
    model: type[BaseModel] | None
    packing: Literal["one record", "array of records", "journal record"]
    cleanup: Literal["delete", "compact"]
    retention_ms: int
    message_bytes_max: int
    why: str

    def config(self) -> dict[str, str]:
        """Kafka's topic settings."""
        settings = {
            "cleanup.policy": self.cleanup,
            "retention.ms": str(self.retention_ms),
            "max.message.bytes": str(self.message_bytes_max),
        }
        if self.stage == INPUT:
            # The broker's clock orders the three inputs of one account against each other.
            settings["message.timestamp.type"] = "LogAppendTime"
        if self.cleanup == "compact":
            # Longer than any pause of a worker that may still write; short, as recovery reads what is not compacted.
            settings["min.compaction.lag.ms"] = str(HOUR_MS)
        return settings


INPUT, JOURNAL, STATE, OUTPUT, ACCESS = 1, 2, 3, 4, 5

ACCOUNT_EVENTS = "account.events"
PAYMENT_EVENTS = "payment.events"
USAGE_EVENTS = "usage.events"
JOURNAL_TOPIC = "journal"
ACCOUNTS = "accounts"
CHARGES = "charges"
LEDGER = "ledger.entries"
BALANCES = "balances"
HOURLY = "hourly.costs"
DAILY = "daily.costs"
NOTICES = "notices"
COMMANDS = "commands"
REJECTIONS = "rejections"
API_TOKENS = "api.tokens"
DELIVERIES = "deliveries"
# Order in which ingest takes records of one account that the broker stamped with the same millisecond.
INPUTS = (ACCOUNT_EVENTS, PAYMENT_EVENTS, USAGE_EVENTS)


def _input(name: str, why: str) -> Topic:
    return Topic(
        name, INPUT, "account", events.CloudEvent, "one record", "delete", 35 * DAY_MS, 3 * MEGABYTE, why
    )


TOPICS: tuple[Topic, ...] = (
    _input(ACCOUNT_EVENTS, "accounts, keys, grants, settings, clock ticks"),
    _input(PAYMENT_EVENTS, "payments and transfers in every state"),
    _input(USAGE_EVENTS, "instances, gauges, requests"),
    Topic(JOURNAL_TOPIC, JOURNAL, "none: one writer a partition", None, "journal record", "delete", FOR_EVER,
          4 * MEGABYTE, "every accepted event once, in the order that everything else follows"),
    Topic(ACCOUNTS, STATE, "account", None, "one record", "compact", FOR_EVER, 4 * MEGABYTE,
          "changelog of the accounts table: the whole state of an account and the journal offset it has reached"),
    Topic(CHARGES, OUTPUT, "none: arrays of one partition", records.Charge, "array of records", "delete", FOR_EVER,
          4 * MEGABYTE, "rated lines"),
    Topic(LEDGER, OUTPUT, "none: arrays of one partition", records.Entry, "array of records", "delete", FOR_EVER,
          4 * MEGABYTE, "postings, numbered and chained by account"),
    Topic(BALANCES, OUTPUT, "account", records.Balance, "one record", "compact", FOR_EVER, MEGABYTE,
          "the balance after the last posting"),
    Topic(HOURLY, OUTPUT, "account|start", records.WindowCosts, "one record", "compact", FOR_EVER, 4 * MEGABYTE,
          "costs of an hour (UTC), absolute"),
    Topic(DAILY, OUTPUT, "account|start", records.WindowCosts, "one record", "compact", FOR_EVER, 4 * MEGABYTE,
          "costs of a local day, absolute"),
    Topic(NOTICES, OUTPUT, "account", records.Notice, "one record", "delete", FOR_EVER, MEGABYTE,
          "what owners are told"),
    Topic(COMMANDS, OUTPUT, "account", records.Command, "one record", "delete", FOR_EVER, MEGABYTE,
          "what the control plane must do"),
    Topic(REJECTIONS, OUTPUT, "account", records.Rejection, "one record", "delete", FOR_EVER, 16 * MEGABYTE,
          "what was refused, with the reason and the event as it came"),
    Topic(API_TOKENS, ACCESS, "token id", access.ApiToken, "one record", "compact", FOR_EVER, MEGABYTE,
          "who may use the HTTP API: tokens, hashed"),
    Topic(DELIVERIES, OUTPUT, "account", records.Delivery, "one record", "delete", FOR_EVER, MEGABYTE,
          "how far notices and commands have come on their way out; written by the sinks that send them"),
)  # fmt: skip
BY_NAME = {topic.name: topic for topic in TOPICS}
