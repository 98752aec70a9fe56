-- How long a charge took at most to be seen in the chosen time (FA-09). Means something on the wall clock only.
SELECT toFloat64(max(age_max_s)) AS seconds FROM freshness WHERE $__timeFilter(minute)
