-- What runs, and since when? The latest word on each resource decides: its own events, our commands, a lost heartbeat.
-- At one instant events come before what we did about them (contract 8.1). What the fold refused says nothing.
CREATE OR REPLACE VIEW resource_states
(
    account String COMMENT 'account id',
    resource String COMMENT 'instance, deployment or model',
    sku String COMMENT 'of its last start',
    mode String COMMENT 'payg, spot or package, as last told',
    model String COMMENT 'of its last start, else empty',
    replicas UInt128 COMMENT 'as last told; 1 where nobody told',
    runs UInt8 COMMENT '1 while it runs',
    since DateTime64(3, 'UTC') COMMENT 'of the last word'
)
AS SELECT
    account, resource,
    argMaxIf(told_sku, place, told_sku != '') AS sku,
    argMaxIf(told_mode, place, told_mode != '') AS mode,
    argMaxIf(told_model, place, type = 'instance.started') AS model,
    if(countIf(told_replicas IS NOT NULL) = 0, 1, assumeNotNull(argMaxIf(told_replicas, place, told_replicas IS NOT NULL))) AS replicas,
    argMaxIf(word, place, word != -1) AS runs,
    argMaxIf(time, place, word != -1) AS since
FROM
(
    SELECT
        account, resource, time, (time, 0, kafka_offset, position) AS place, type,
        sku AS told_sku, mode AS told_mode, model AS told_model, replicas AS told_replicas,
        multiIf(
            type IN ('instance.stopped', 'instance.released', 'capacity.deleted'), 0,
            type = 'instance.started', 1,
            type = 'model.state_changed', detail != 'cold',
            -1) AS word
    FROM resource_events FINAL
    WHERE (account, source, id) NOT IN
        (SELECT account, cause.source, cause.id FROM rejections
         WHERE reason NOT IN ('schema_invalid', 'duplicate_conflict', 'too_old', 'too_new'))
    UNION ALL
    SELECT account, resource, time, (time, 1, kafka_offset, 0), type, '', '', '', NULL, 0
    FROM commands FINAL
    WHERE type IN ('instance.stop', 'deployment.pause', 'model.cold', 'data.delete')
    UNION ALL
    SELECT account, resource, time, (time, 1, kafka_offset, 0), type, '', '', '', NULL, 0
    FROM notices FINAL
    WHERE type = 'resource_stopped'
)
GROUP BY account, resource
HAVING countIf(word != -1) > 0
COMMENT 'the state of each resource that was ever started';
