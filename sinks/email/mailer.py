"""The sink: each notice of the topic `notices` becomes one mail.

Promises: an offset is committed only after a server has accepted the mail (or refused it for good, which puts
the notice into a file and goes on), so while SMTP is down notices wait and none is lost. One mail for each
notice id, also when the topic is read again: accepted ids are kept. At least once all the same: when the
process dies, or the connection breaks, between the server's acceptance and our note of it, the mail goes out
again with the same Message-ID.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

from schemas.records import Notice
from schemas.wire import output_struct
from sinks.email.render import CannotRender, render
from sinks.email.sent import SentIds, Undeliverable
from sinks.email.smtp import MailRefused, Post, PostUnavailable

log = logging.getLogger(__name__)

POLL_S: Final = 0.2
PAUSE_S_FIRST: Final = 0.5
PAUSE_S_MAX: Final = 30.0
CONSUMER: Final[Mapping[str, str | int | bool]] = {
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "isolation.level": "read_committed",
    "topic.metadata.refresh.interval.ms": 5_000,
}
_decoder: Final = msgspec.json.Decoder(output_struct(Notice))


@dataclass
class Counts:
    """What this process has done since it started."""

    sent: int = 0
    repeated: int = 0
    undeliverable: int = 0
    waits: int = 0


class Mailer:
    """Reads notices in one consumer group and posts their mails, one after another."""

    def __init__(
        self,
        kafka: Mapping[str, Any],
        group: str,
        topic: str,
        *,
        post: Post,
        sender: str,
        sent: SentIds,
        undeliverable: Undeliverable,
        stop: threading.Event,
    ) -> None:
        """`kafka`: client settings; `sender`: the From mailbox; `stop` ends `run`, also while it waits for SMTP."""
        self._consumer = Consumer({**CONSUMER, **kafka, "group.id": group})
        self._topic = topic
        self._post, self._sender = post, sender
        self._sent, self._undeliverable = sent, undeliverable
        self._stop = stop
        self.counts = Counts()

    def run(self) -> None:
        """Mail until `stop` is set."""
        self._consumer.subscribe([self._topic])
        try:
            while not self._stop.is_set():
                message = self._consumer.poll(POLL_S)
                if message is not None:
                    self._handle(message)
        finally:
            self._post.close()
            self._consumer.close()
            self._sent.close()

    def _handle(self, message: KafkaMessage) -> None:
        error = message.error()
        if error is not None:
            if error.fatal():
                raise KafkaException(error)
            log.warning("Kafka: %s", error.str())
        elif self._deliver(message.value() or b""):
            self._commit(message)

    def _deliver(self, value: bytes) -> bool:
        """Mail the notice in `value` or put it aside; False where it was told to stop before."""
        try:
            notice = _decoder.decode(value)
        except (msgspec.DecodeError, RecursionError) as error:
            return self._put_aside("", str(error), value)
        if notice.id in self._sent:
            self.counts.repeated += 1
            return True
        try:
            mail = render(notice, sender=self._sender)
            if not self._post_patiently(mail):
                return False
        except (CannotRender, MailRefused) as refused:
            return self._put_aside(notice.id, str(refused), value)
        self._sent.add(notice.id)
        self.counts.sent += 1
        return True

    def _put_aside(self, notice_id: str, reason: str, value: bytes) -> bool:
        self._undeliverable.add(notice_id, reason, value)
        self.counts.undeliverable += 1
        # The reason may name an address: it is in the file, not in the log.
        log.error(
            "notice %s cannot be delivered; it is in the file of undeliverable notices",
            notice_id or "(unreadable)",
        )
        return True

    def _post_patiently(self, mail: Any) -> bool:
        """Post `mail`, again and again while no server takes mails; False where it was told to stop before."""
        pause_s = PAUSE_S_FIRST
        while not self._stop.is_set():
            try:
                self._post.send(mail)
            except PostUnavailable as error:
                self.counts.waits += 1
                log.warning("SMTP: %s; notices wait, next try in %.1f s", error, pause_s)
            else:
                return True
            self._pause(pause_s)
            pause_s = min(pause_s * 2, PAUSE_S_MAX)
        return False

    def _pause(self, pause_s: float) -> None:
        """Wait, taking nothing, but polling: the group would drop a member that is silent for long."""
        self._consumer.pause(self._consumer.assignment())
        end_s = time.monotonic() + pause_s
        while not self._stop.is_set() and (left_s := end_s - time.monotonic()) > 0:
            message = self._consumer.poll(min(left_s, POLL_S))
            if message is not None and message.error() is None:
                # Of a partition that came in the meantime: as if it had never been read.
                self._consumer.seek(
                    TopicPartition(
                        str(message.topic()), int(message.partition() or 0), int(message.offset() or 0)
                    )
                )
                self._consumer.pause(self._consumer.assignment())
        self._consumer.resume(self._consumer.assignment())

    def _commit(self, message: KafkaMessage) -> None:
        try:
            self._consumer.commit(message=message, asynchronous=False)
        except KafkaException as error:
            # It is read again, and known by its id.
            log.warning("offset was not committed: %s", error)
