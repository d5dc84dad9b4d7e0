"""Opening a log, whether `agentgate clean` has compressed it or not. Every reader of finished logs goes through here.

A compressed log stands beside where the log stood, as `NAME.zst`; it is read from an unpacked copy that has no name and
is gone when it is closed. The plain file wins where both are there: the compression was cut short.
"""

from __future__ import annotations

import errno
import os
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from agentgate_engine.errors import StoreError
from agentgate_engine.store.atomic import open_regular, write_all

if TYPE_CHECKING:
    from zstandard import ZstdDecompressionReader

SUFFIX = ".zst"
_CHUNK = 1 << 20
_HEADER = 64
_MOST_BYTES = 16 << 30
_MOST_WINDOW = 128 << 20


def compressed(path: Path) -> Path:
    """Where the log at `path` stands once it is compressed."""
    return path.with_name(path.name + SUFFIX)


def where_it_stands(path: Path) -> Path:
    """The file that holds the log at `path` now, for people: itself, or its compressed form."""
    return compressed(path) if not os.path.lexists(path) and os.path.lexists(compressed(path)) else path


def open_log(path: Path) -> int:
    """A read-only descriptor of the log at `path`, at its start, that can be sought in as the log itself.

    Raises:
        FileNotFoundError: there is none, compressed or not.
        StoreError: something else than a regular file stands there, or it cannot be unpacked.
    """
    try:
        return open_regular(path)
    except FileNotFoundError:
        unpacking = LogUnpacking.open(path)
    try:
        while unpacking.advance(_CHUNK):
            pass
        descriptor = os.dup(unpacking.descriptor)
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor
    finally:
        unpacking.close()


class LogUnpacking:
    """A compressed log on its way into a file without a name; `descriptor` can be read as far as it has come.

    The size that the compressed file tells is binding, so that a damaged or planted one cannot fill the disk with more.
    """

    def __init__(self, path: Path, reader: ZstdDecompressionReader | BytesIO, size: int) -> None:
        self.path = path
        self.size = size
        self.descriptor = _nameless_file(path)
        self._reader = reader
        self._written = 0

    @classmethod
    def open(cls, path: Path) -> LogUnpacking:
        """Begin with the compressed form of the log at `path`.

        Raises:
            FileNotFoundError: there is none.
            StoreError: it is no compressed log.
        """
        packed = compressed(path)
        try:
            file = os.fdopen(open_regular(packed), "rb")
        except FileNotFoundError:
            return cls._of_record(path)
        import zstandard

        try:
            size = zstandard.frame_content_size(file.read(_HEADER))
            file.seek(0)
            if not 0 <= size <= _MOST_BYTES:
                raise StoreError(f"cannot unpack {packed}: it does not tell how large it becomes, or becomes too large")
            unpacker = zstandard.ZstdDecompressor(max_window_size=_MOST_WINDOW)
            return cls(path, unpacker.stream_reader(file, closefd=True), size)
        except zstandard.ZstdError as fault:
            file.close()
            raise StoreError(f"cannot unpack {packed}: {fault}") from fault
        except BaseException:
            file.close()
            raise

    @classmethod
    def _of_record(cls, path: Path) -> LogUnpacking:
        """The log that is a value inside of a record of a foreign store, `agent-1.json#stdout`."""
        if "#" in path.name:
            from agentgate_engine.store.foreign.record_text import record_text

            if (text := record_text(path)) is not None:
                return cls(path, BytesIO(text), len(text))
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))

    def advance(self, at_most: int) -> bool:
        """Unpack up to about `at_most` bytes more. False when all of it is there.

        Raises:
            StoreError: it is damaged, or there is no room for it.
        """
        import zstandard

        packed = compressed(self.path)
        try:
            chunk = self._reader.read(min(max(at_most, 1), _CHUNK, self.size - self._written + 1))
            if self._written + len(chunk) > self.size or (not chunk and self._written < self.size):
                raise StoreError(f"cannot unpack {packed}: it is damaged, or was cut short")
            write_all(self.descriptor, chunk)
        except zstandard.ZstdError as fault:
            raise StoreError(f"cannot unpack {packed}: {fault}") from fault
        except OSError as fault:
            raise StoreError(f"cannot unpack {packed}: {fault.strerror or fault}") from fault
        self._written += len(chunk)
        return bool(chunk)

    def close(self) -> None:
        """Let go of both files."""
        self._reader.close()  # pyright: ignore[reportUnknownMemberType]
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def _nameless_file(path: Path) -> int:
    import tempfile  # here, because most commands never need it

    try:
        with tempfile.TemporaryFile(prefix="agentgate-log-") as file:
            return os.dup(file.fileno())
    except OSError as fault:
        raise StoreError(
            f"cannot unpack {compressed(path)}: no temporary file can be made: {fault.strerror}"
        ) from fault
