-- Why are events refused, the most frequent reason first? Of one account, or of all for an empty one.
SELECT refused.reason AS reason, sum(refused.rejections) AS rejections, max(refused.last) AS last, argMax(refused.example, refused.last) AS example
FROM rejections_by_reason AS refused
WHERE {account:String} = '' OR refused.account = {account:String}
GROUP BY reason ORDER BY rejections DESC, reason
