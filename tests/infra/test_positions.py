"""A group's positions, asked while its coordinator is starting."""

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from infra.kafka.positions import committed


class Starting:
    """A member whose broker answers with `errors` first."""

    def __init__(self, *errors: int) -> None:
        self.errors = list(errors)

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:  # noqa: ARG002
        if self.errors:
            raise KafkaException(KafkaError(self.errors.pop(0)))
        return partitions


def test_a_coordinator_that_is_starting_is_waited_for() -> None:
    wanted = [TopicPartition("t", 0, 7)]
    member = Starting(KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_LOAD_IN_PROGRESS)

    assert committed(member, wanted, 5.0) == wanted


def test_it_is_waited_for_no_longer_than_told_and_other_errors_are_told_at_once() -> None:
    for member in (
        Starting(*[KafkaError.NOT_COORDINATOR] * 9),
        Starting(KafkaError.GROUP_AUTHORIZATION_FAILED),
    ):
        with pytest.raises(KafkaException):
            committed(member, [], 0.0)
