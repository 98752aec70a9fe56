"""Bodies of requests as they come over HTTP: compressed in any number of frames, or not at all."""

import sys
import zlib
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import lz4.frame

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes | None: ...

    def decompress(self, data: bytes, /) -> bytes: ...


class BadEncodingError(Exception):
    """A body that is not what its `Content-Encoding` says, or an encoding that is not served."""


_NEW: Final[Mapping[str, Callable[[], _Decompressor]]] = {
    "gzip": lambda: zlib.decompressobj(wbits=31),
    "deflate": lambda: zlib.decompressobj(),  # noqa: PLW0108 - its parameters do not fit
    "lz4": lz4.frame.LZ4FrameDecompressor,
    "zstd": lambda: zstd.ZstdDecompressor(),  # noqa: PLW0108 - its parameters do not fit
}
_ERRORS: Final = (zlib.error, zstd.ZstdError, RuntimeError, EOFError)


class Decoder:
    """Undoes one `Content-Encoding`; feed it the body in pieces of any size, then call `finish`."""

    def __init__(self, encoding: str) -> None:
        """`encoding` as in the header; empty or `identity` passes everything through."""
        self._new = None if encoding in {"", "identity"} else _NEW.get(encoding)
        if self._new is None and encoding not in {"", "identity"}:
            raise BadEncodingError(f"Unknown compression method: {encoding}")
        self._current: _Decompressor | None = None

    def feed(self, data: bytes) -> bytes:
        """The plain bytes that `data` adds.

        Raises `BadEncodingError` where `data` does not fit the encoding.
        """
        if self._new is None:
            return data
        plain = []
        try:
            # clickhouse-connect compresses each block on its own: a body is many frames in a row.
            while data:
                self._current = self._current or self._new()
                plain.append(self._current.decompress(data))
                data = b""
                if self._current.eof:
                    data = self._current.unused_data or b""
                    self._current = None
        except _ERRORS as error:
            raise BadEncodingError(f"Cannot decompress the request: {error}") from None
        return b"".join(plain)

    def finish(self) -> None:
        """Raises `BadEncodingError` where the body ended inside a frame."""
        if self._current is not None:
            raise BadEncodingError("Cannot decompress the request: it ends inside a frame")
