"""The partition of an account is Java's."""

import pytest
from aiokafka.partitioner import murmur2 as murmur2_of_aiokafka
from hypothesis import given
from hypothesis import strategies as st

from streams.ingest.partitioner import homes_of, murmur2, partition_of


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        # org.apache.kafka.common.utils.UtilsTest.testMurmur2, as signed numbers
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_gives_the_hashes_of_apache_kafkas_own_test(key: bytes, expected: int) -> None:
    assert murmur2(key) == expected & 0xFFFFFFFF


@given(st.lists(st.binary(max_size=40), max_size=50), st.integers(1, 1000))
def test_hashing_many_at_once_gives_the_same_as_one_by_one_and_as_aiokafka(
    keys: list[bytes], partitions: int
) -> None:
    homes = homes_of(keys, partitions)

    assert homes == [partition_of(key, partitions) for key in keys]
    assert homes == [(murmur2_of_aiokafka(key) & 0x7FFFFFFF) % partitions for key in keys]
