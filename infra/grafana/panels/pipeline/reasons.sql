-- Refused events by reason, with the latest of them.
SELECT refused.reason AS reason, sum(refused.rejections) AS rejections, max(refused.last) AS last, argMax(refused.example, refused.last) AS example
FROM rejections_by_reason AS refused WHERE $__dateFilter(refused.day)
GROUP BY reason ORDER BY rejections DESC, reason
