"""The file of `CachedEncoder`: vectors with checksums in SQLite, shared by processes;
damage is set aside.
"""

import os
import sqlite3
import warnings
import zlib
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

FORMAT = 1  # raise it when the table changes
DAMAGE = {
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_ERROR,
}  # the last: our SQL is right
MOVED = {
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
}  # what others see while a damaged file is set aside
_APPLICATION = 0x656D6272  # marks the file as ours
_ASK = 500  # keys in one query
_PATIENCE = 60  # seconds to wait for another process that writes
_TABLE = """CREATE TABLE vectors (
    encoder BLOB, text BLOB, checksum INTEGER, vector BLOB, PRIMARY KEY (encoder, text)
)"""


class DamagedError(Exception):
    """The file is not what it should be."""


def open_file(path: Path) -> sqlite3.Connection:
    # The rollback journal, SQLite's default, stays: the write-ahead log is faster but
    # needs memory that processes share, so it fails on the network file systems of
    # clusters. One commit a block costs little beside the encoding.
    file = sqlite3.connect(path, timeout=_PATIENCE)
    file.text_factory = bytes  # damaged text is compared, not decoded
    try:
        if file.execute("PRAGMA application_id").fetchone()[0] == 0:
            file.execute("BEGIN IMMEDIATE")
            if not file.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]:
                for statement in (
                    f"PRAGMA application_id = {_APPLICATION}",
                    f"PRAGMA user_version = {FORMAT}",
                    _TABLE,
                ):
                    file.execute(statement)
            file.commit()
        marks = [
            file.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("application_id", "user_version")
        ]
        table = file.execute(
            "SELECT sql FROM sqlite_master WHERE name = 'vectors'"
        ).fetchone()
        if marks != [_APPLICATION, FORMAT] or table != (_TABLE.encode(),):
            raise DamagedError(f"it is another program's or version's, marked {marks}")
    except BaseException:
        file.close()
        raise
    return file


def look_up(
    file: sqlite3.Connection, name: bytes, keys: Iterable[bytes]
) -> dict[bytes, np.ndarray]:
    vectors = {}
    n_damaged = 0
    keys = list(keys)
    for start in range(0, len(keys), _ASK):
        part = keys[start : start + _ASK]
        marks = ",".join("?" * len(part))
        query = (
            "SELECT text, checksum, vector FROM vectors "
            f"WHERE encoder = ? AND text IN ({marks})"
        )
        for key, checksum, data in file.execute(query, (name, *part)):
            if _is_sound(name, key, checksum, data):
                vectors[key] = np.frombuffer(data, np.float32)
            else:
                n_damaged += 1
    if n_damaged:
        # The file is read whole only where there is a reason.
        if file.execute("PRAGMA quick_check(1)").fetchone()[0] != b"ok":
            raise DamagedError(f"{n_damaged} vectors and more")
        warnings.warn(
            f"{n_damaged} damaged vectors in the cache are computed anew", stacklevel=4
        )
    return vectors


def look_up_width(file: sqlite3.Connection, name: bytes) -> int | None:
    query = "SELECT text, checksum, vector FROM vectors WHERE encoder = ? LIMIT 20"
    return next(
        (
            len(row[2]) // 4
            for row in file.execute(query, (name,))
            if _is_sound(name, *row)
        ),
        None,
    )


def _is_sound(name: bytes, key: Any, checksum: Any, data: Any) -> bool:
    right_types = (
        isinstance(key, bytes) and isinstance(data, bytes) and len(data) % 4 == 0
    )
    return right_types and checksum == _checksum(name, key, data)


def store(
    file: sqlite3.Connection, name: bytes, vectors: dict[bytes, np.ndarray]
) -> None:
    data = {key: vector.tobytes() for key, vector in vectors.items()}
    rows = [
        (name, key, _checksum(name, key, value), value) for key, value in data.items()
    ]
    file.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?)", rows)


def _checksum(name: bytes, key: bytes, data: bytes) -> int:
    return zlib.crc32(name + key + data)


def identity_of(path: Path) -> tuple[int, int] | None:
    try:
        about = os.stat(path)
    except OSError:
        return None
    return about.st_dev, about.st_ino


def set_aside(path: Path, identity: tuple[int, int] | None, error: Exception) -> None:
    """Rename a damaged file, unless another process has done so; the lock keeps its new
    file from being taken too.
    """
    with closing(
        sqlite3.connect(path.with_name(f"{path.name}.lock"), timeout=_PATIENCE)
    ) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        if identity is None or identity_of(path) != identity:
            return
        number = 1
        while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
            number += 1
        for end in (
            "-journal",
            "-wal",
            "-shm",
        ):  # they would be played back into the new file
            beside = path.with_name(path.name + end)
            if beside.exists():
                os.replace(beside, aside.with_name(aside.name + end))
        os.replace(path, aside)
    warnings.warn(
        f"the cache {path} is damaged ({error}); it is now {aside.name}, and a new "
        "one is begun",
        stacklevel=4,
    )
