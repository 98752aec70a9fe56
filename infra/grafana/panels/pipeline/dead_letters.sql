-- Records that could not be stored: none is expected.
SELECT count() AS dead_letters FROM dead_letters FINAL
