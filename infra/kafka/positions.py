"""What a consumer group has committed, asked of a broker that may just have started."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final, Protocol

from confluent_kafka import KafkaError, KafkaException, TopicPartition

_AGAIN_S: Final = 0.1
# A broker fresh from formatting or restarted answers so until its group coordinator has come up.
_STARTING: Final = frozenset(
    {
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    }
)


class Member(Protocol):
    """A consumer of the group; it need not join."""

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        """The group's positions."""
        ...


def committed(member: Member, wanted: Sequence[TopicPartition], timeout_s: float) -> list[TopicPartition]:
    """The group's positions in `wanted`; waits up to `timeout_s` for its coordinator. Raises KafkaException."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        try:
            return list(member.committed(list(wanted), timeout=timeout_s))
        except KafkaException as error:
            if error.args[0].code() not in _STARTING or time.monotonic() > deadline_s:
                raise
        time.sleep(_AGAIN_S)
