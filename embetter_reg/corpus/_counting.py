"""About how many documents a file holds, so that a stream can tell the time left."""

import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from embetter_reg.corpus._paths import kind_of

_N_FILES = 10
_N_BYTES = 2**20


def estimate_documents(paths: Sequence[Path]) -> list[int]:
    """Return about how many documents each file holds, by the lines in the first
    megabyte of some files and the sizes of all; 0 where nothing is known.
    """
    known = [_estimate(path) for path in paths[:_N_FILES]]
    sizes = [path.stat().st_size for path in paths]
    rate = sum(known) / max(sum(sizes[:_N_FILES]), 1)
    return known + [round(rate * size) for size in sizes[_N_FILES:]]


def _estimate(path: Path) -> int:
    """Return about how many documents a file holds; Parquet tells the number."""
    if path.is_dir():
        return 0
    if kind_of(path) == ".parquet":
        with suppress(pa.ArrowInvalid), path.open("rb") as file:
            return pq.read_metadata(file).num_rows
        return 0
    with path.open("rb") as file:
        head = file.read(_N_BYTES)
    n_lines = _decompressed(head, path.suffix.lower()).count(b"\n")
    return round(n_lines * path.stat().st_size / max(len(head), 1))


def _decompressed(head: bytes, suffix: str) -> bytes:
    """Return the beginning of a file as text; damage is told when it is read."""
    if suffix == ".gz":
        with suppress(zlib.error):
            return zlib.decompressobj(wbits=31).decompress(head)
        return b""
    if suffix != ".zst":
        return head
    parts: list[bytes] = []
    stream = pa.CompressedInputStream(pa.BufferReader(head), "zstd")
    with suppress(OSError):  # the head ends in the middle of a frame
        while part := stream.read(2**16):
            parts.append(part)
    return b"".join(parts)
