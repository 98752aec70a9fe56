"""Bodies arrive in any number of compressed frames, cut anywhere."""

import gzip
import zlib
from collections.abc import Callable

import lz4.frame
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from infra.clickhouse.encoding import BadEncodingError, Decoder

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "identity": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "lz4": lz4.frame.compress,
    "zstd": zstd.compress,
}


@given(
    encoding=st.sampled_from(sorted(COMPRESS)),
    blocks=st.lists(st.binary(min_size=1, max_size=2_000), max_size=5),
    cut=st.integers(min_value=1, max_value=700),
)
def test_frames_in_a_row_give_their_contents_in_a_row(encoding: str, blocks: list[bytes], cut: int) -> None:
    body = b"".join(COMPRESS[encoding](block) for block in blocks)
    decoder = Decoder(encoding)

    plain = b"".join(decoder.feed(body[start : start + cut]) for start in range(0, len(body), cut))
    decoder.finish()

    assert plain == b"".join(blocks)


@pytest.mark.parametrize("encoding", ["gzip", "lz4", "zstd"])
def test_a_body_that_ends_inside_a_frame_is_refused(encoding: str) -> None:
    decoder = Decoder(encoding)
    decoder.feed(COMPRESS[encoding](b"x" * 1_000)[:-5])

    with pytest.raises(BadEncodingError, match="ends inside"):
        decoder.finish()


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "lz4", "zstd"])
def test_a_body_in_another_encoding_is_refused(encoding: str) -> None:
    with pytest.raises(BadEncodingError, match="Cannot decompress"):
        Decoder(encoding).feed(b"not compressed at all, long enough to tell")


def test_an_unknown_encoding_is_refused() -> None:
    with pytest.raises(BadEncodingError, match="snappy"):
        Decoder("snappy")
