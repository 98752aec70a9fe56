-- What was used by the requests with these (source, id) that were told in [since, until)?
SELECT
    source, id, request, model, key, input_tokens, output_tokens, images, videos, characters, seconds, finish
FROM requests FINAL
WHERE account = {account:String} AND (source, id) IN {ids:Array(Tuple(String, String))}
    AND time >= {since:DateTime64(3, 'UTC')} AND time < {until:DateTime64(3, 'UTC')}
