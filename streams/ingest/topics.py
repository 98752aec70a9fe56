"""What ingest asks of the cluster about topics: their shape, their ids and where they end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    ConfigResource,
    ListOffsetsResultInfo,
    OffsetSpec,
    TopicDescription,
)

from streams.ingest.config import IngestConfig
from streams.ingest.errors import WrongTopics

REQUEST_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 3 * REQUEST_TIMEOUT_S
Place = tuple[str, int]
_LATEST = OffsetSpec.latest()  # type: ignore[no-untyped-call]
_EARLIEST = OffsetSpec.earliest()  # type: ignore[no-untyped-call]


class Ends:
    """A question for end offsets that is on its way."""

    def __init__(self, admin: AdminClient, places: Iterable[Place], isolation: IsolationLevel) -> None:
        wanted = {TopicPartition(topic, partition): _LATEST for topic, partition in places}
        # A client that is collected never answers.
        self._admin = admin
        self._answers = admin.list_offsets(
            wanted, isolation_level=isolation, request_timeout=REQUEST_TIMEOUT_S
        )

    def result(self) -> dict[Place, int]:
        """The end offset of each place; raises KafkaException where the broker does not answer."""
        return _offsets(self._answers)


def starts_of(admin: AdminClient, places: Iterable[Place]) -> dict[Place, int]:
    """The first offset that each place still has; raises KafkaException where the broker does not answer."""
    wanted = {TopicPartition(topic, partition): _EARLIEST for topic, partition in places}
    answers = admin.list_offsets(wanted, request_timeout=REQUEST_TIMEOUT_S)
    return _offsets(answers)


def _offsets(answers: Mapping[TopicPartition, Future[ListOffsetsResultInfo]]) -> dict[Place, int]:
    try:
        return {
            (tp.topic, tp.partition): answer.result(ANSWER_TIMEOUT_S).offset for tp, answer in answers.items()
        }
    except TimeoutError:
        # The client keeps its own time; this is for a client that does not.
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT)) from None


def check_topics(admin: AdminClient, config: IngestConfig) -> tuple[int, str]:
    """The number of partitions and the journal's topic id.

    Raises WrongTopics where a topic is missing, counts differ or the broker does not stamp an input, and
    KafkaException where it does not answer.
    """
    names = [*config.inputs, config.journal, config.rejections]
    found = admin.describe_topics(TopicCollection(names), request_timeout=REQUEST_TIMEOUT_S)
    counts: dict[str, int] = {}
    journal_id = ""
    for name in names:
        description = _described(name, found[name])
        counts[name] = len(description.partitions)
        if name == config.journal:
            journal_id = str(description.topic_id)
    if len(set(counts.values())) > 1:
        raise WrongTopics(f"all topics need the same number of partitions, they have {counts}")
    _check_stamps(admin, config)
    return counts[config.journal], journal_id


def _described(name: str, answer: Future[TopicDescription]) -> TopicDescription:
    try:
        return answer.result()
    except KafkaException as error:
        if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise WrongTopics(f"topic {name} does not exist: create the topics first") from None
        raise


def _check_stamps(admin: AdminClient, config: IngestConfig) -> None:
    wanted = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in config.inputs]
    for resource, answer in admin.describe_configs(wanted, request_timeout=REQUEST_TIMEOUT_S).items():
        stamp = answer.result()["message.timestamp.type"].value
        if stamp != "LogAppendTime":
            raise WrongTopics(
                f"topic {resource.name} has message.timestamp.type {stamp}: set it to LogAppendTime"
            )
