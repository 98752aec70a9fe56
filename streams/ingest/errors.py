"""What makes ingest stop. Bad input never does: it is a value, a rejection (`reading`, `partition`).

IngestError
├── WrongTopics      the topics are not as ingest needs them
├── WrongIndex       an index does not belong to this journal
├── StoreFailed      the machine does not let the index be read or written: disk full, no permission
├── StoodStill       the inputs have more, and it does not come
├── LostInput        input that was not read yet is gone, or the journal is
└── Fenced           another process has taken over; this one must not write any more
"""


class IngestError(Exception):
    """Ingest cannot go on; the message says what to do about it."""


class WrongTopics(IngestError):
    """A topic is missing or its partitions or settings are not what ingest needs."""


class WrongIndex(IngestError):
    """The index of identities is ahead of the journal or was made from another one."""


class StoreFailed(IngestError):
    """The machine does not let the index be read or written."""


class StoodStill(IngestError):
    """An input brings nothing, though it has more; another process will be given it."""


class LostInput(IngestError):
    """A committed position is no longer in its topic."""


class Fenced(IngestError):
    """The producer's transactions are over for this process: fenced, or broken beyond an abort."""
