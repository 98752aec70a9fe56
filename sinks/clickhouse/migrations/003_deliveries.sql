-- What became of notices and commands on their way out (sinks/outbox), and which provider a notice is of.

ALTER TABLE notices ADD COLUMN IF NOT EXISTS profile LowCardinality(String) COMMENT 'provider profile of the account' AFTER values;

-- An absolute value: of two rows of one delivery the greater version stands, never the last to arrive.
CREATE TABLE IF NOT EXISTS deliveries
(
    id String COMMENT 'deterministic id: of the notice or command, the channel and the target',
    account String COMMENT 'account id',
    time DateTime64(3, 'UTC') COMMENT 'when it came to this state, by the wall clock',
    cause Tuple(source String, id String) COMMENT 'event, or timer, that led to the notice or command',
    notice String COMMENT 'id of the notice or command',
    type LowCardinality(String) COMMENT 'its type',
    channel LowCardinality(String) COMMENT 'email, webhook',
    target String COMMENT 'masked address, or name of the webhook target',
    state LowCardinality(String) COMMENT 'sent, delayed, refused, dead, coalesced, suppressed',
    attempts UInt32 COMMENT 'how often it was tried',
    version UInt64 COMMENT 'of two rows of one delivery the greater stands',
    detail String COMMENT 'reason in words, without addresses',
    kafka_partition UInt16 COMMENT 'partition of the topic deliveries',
    kafka_offset UInt64 COMMENT 'offset of the message'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (account, notice, id)
COMMENT 'how far notices and commands have come on their way out; read with FINAL';
