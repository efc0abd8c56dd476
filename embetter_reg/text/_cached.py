"""Embeddings kept by content, in one SQLite file."""

import hashlib
import os
import sqlite3
import time
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from embetter_reg._validation import check_texts
from embetter_reg.text._hidden import pick_device, pick_dtype

FORMAT = 1  # raise it when the file, or what an encoder of this package computes, changes
_APPLICATION = 0x656D6272  # marks the file as ours
_NO_MATTER = {"batch_size", "device", "show_progress", "local_files_only", "n_jobs", "verbose", "memory"}
_ASK = 500  # keys in one query
_PATIENCE = 60  # seconds to wait for another process that writes
_TABLE = """CREATE TABLE vectors (
    encoder BLOB, text BLOB, checksum INTEGER, vector BLOB, PRIMARY KEY (encoder, text)
)"""
_PRIVATE = (np.ndarray, BaseEstimator)
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}  # the last: our SQL is right
_MOVED = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY}  # what others see while a damaged file is set aside


class CachedEncoder(TransformerMixin, BaseEstimator):
    """Keep an encoder's embeddings on disk, so that no text is encoded twice.

    A vector is found by a hash of its text and of everything that decides it: the encoder's class and parameters,
    what it learned in `fit`, the type that it computes in, and the files of a model or prompt in a local folder. Only
    unseen texts reach the encoder, each once, and they are stored after every block, so that a kill loses one block at
    most. Several processes may use one folder.

    Parameters
    ----------
    encoder : text encoder
        Any of this package, or a pipeline of them. One that needs fitting is cloned and fitted by `fit`. One that has
        a method ``_cache_key()`` returns there, as numbers, strings and arrays, what decides its vectors; it is
        asked instead of its parameters and learned attributes.
    folder : path
        Where ``embeddings.sqlite`` is; made if it is not there.
    block_size : int
        Texts encoded between two commits.

    Attributes
    ----------
    encoder_ : the fitted clone, for an encoder that needs fitting

    Raises
    ------
    OSError
        If the folder cannot be used.
    TypeError
        If a parameter or learned attribute of the encoder cannot be told apart on disk.
    ValueError
        If the encoder gives other than one finite vector a text; nothing of that block is stored.

    Notes
    -----
    A damaged file is set aside under another name with a warning, and a damaged row is computed anew: nothing without
    its checksum is trusted. A model's name on a hub stands for its newest version; pass ``revision`` to be sure. The
    code of a class is not in the key: call `clear` after a change to an encoder of your own.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from embetter_reg.text import CachedEncoder, SurfaceEncoder
    >>> encoder = CachedEncoder(SurfaceEncoder(scale=False), mkdtemp())
    >>> X = encoder.transform(["Why?", "Because.", "Why?"])
    >>> X = encoder.transform(["Why?"])
    >>> encoder.stats()["hits"], encoder.stats()["misses"], encoder.stats()["n_vectors"]
    (2, 2, 2)

    """

    def __init__(self, encoder, folder, *, block_size=512):
        self.encoder = encoder
        self.folder = folder
        self.block_size = block_size

    def fit(self, X, y=None):
        """Fit the encoder on documents ``X`` where it needs that."""
        texts = check_texts(X)
        if self._needs_fit():
            self.encoder_ = clone(self.encoder).fit(texts, y)
        return self

    def transform(self, X):
        """Return the embedding of documents ``X``, ``float32 (n_documents, n_dims)``."""
        texts = check_texts(X)
        if self.block_size < 1:
            raise ValueError(f"got block_size={self.block_size}, expected at least 1; pass for example 512")
        encoder = self._ready()
        if not texts:
            return np.empty((0, self._width(encoder)), np.float32)
        name = fingerprint(encoder)
        keys = [_hash(text.encode("utf-8", "surrogatepass")) for text in texts]
        wanted = dict(zip(keys, texts, strict=True))
        found = self._using(lambda file: _look_up(file, name, wanted))
        unseen = [key for key in wanted if key not in found]
        for start in range(0, len(unseen), self.block_size):
            block = unseen[start : start + self.block_size]
            vectors = _checked(encoder.transform([wanted[key] for key in block]), len(block), encoder)
            new = dict(zip(block, vectors, strict=True))
            self._using(lambda file, new=new: _store(file, name, new))
            found.update(new)
        self._counts = np.add(getattr(self, "_counts", (0, 0)), (len(texts) - len(unseen), len(unseen)))
        widths = {len(vector) for vector in found.values()}
        if len(widths) > 1:
            raise ValueError(
                f"got vectors of widths {sorted(widths)}, expected one width; call clear() and encode anew"
            )
        return np.stack([found[key] for key in keys])

    def stats(self) -> dict[str, int]:
        """Return ``hits`` and ``misses`` of this object (documents served and texts encoded), and the file's size.

        Hits and misses are kept by a pickle and not by `clone`. ``n_vectors`` and ``n_bytes`` are of the whole file,
        with those of other encoders.
        """
        hits, misses = map(int, getattr(self, "_counts", (0, 0)))
        n_vectors = self._using(lambda file: file.execute("SELECT COUNT(*) FROM vectors").fetchone()[0])
        return {"hits": hits, "misses": misses, "n_vectors": n_vectors, "n_bytes": os.path.getsize(self._path)}

    def clear(self) -> None:
        """Forget this encoder's vectors; those of others stay, and the file uses the space again."""
        name = fingerprint(self._ready())
        self._using(lambda file: file.execute("DELETE FROM vectors WHERE encoder = ?", (name,)))

    def get_feature_names_out(self, input_features=None):
        """Return the encoder's own names; numbered ones need no model where the width is known from the file."""
        encoder = self._ready()
        own = getattr(type(encoder), "get_feature_names_out", None)
        if own not in (None, ClassNamePrefixFeaturesOutMixin.get_feature_names_out):
            return encoder.get_feature_names_out()
        prefix = type(encoder).__name__.lower()
        return np.array([f"{prefix}{i}" for i in range(self._width(encoder))], dtype=object)

    @property
    def _path(self) -> Path:
        return Path(self.folder) / "embeddings.sqlite"

    def _needs_fit(self) -> bool:
        return get_tags(self.encoder).requires_fit

    def _ready(self):
        if not self._needs_fit():
            return self.encoder
        check_is_fitted(self, "encoder_")
        return self.encoder_

    def _width(self, encoder) -> int:
        name = fingerprint(encoder)
        known = self._using(lambda file: _look_up_width(file, name))
        return np.shape(encoder.transform([]))[1] if known is None else known

    def _cache_key(self) -> bytes:
        """Return what decides the vectors where this encoder is a part of another one: not the folder."""
        return fingerprint(getattr(self, "encoder_", self.encoder) if self._needs_fit() else self.encoder)

    def _using(self, work):
        """Do ``work(file)`` in one transaction; set a damaged file aside and do it on a new one."""
        try:
            Path(self.folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(
                f"got the cache folder {self.folder}, which cannot be made ({error}), expected a folder; pass another"
            ) from error
        for last in (False, False, False, True):
            before = _identity(self._path)
            try:
                with closing(_open(self._path)) as file, file:
                    return work(file)
            except (sqlite3.Error, UnicodeDecodeError, _DamagedError) as error:  # SQLite may quote junk in its message
                code = getattr(error, "sqlite_errorcode", 0) & 0xFF
                if not last and (code in _MOVED or _identity(self._path) != before):
                    time.sleep(0.05)
                    continue
                if isinstance(error, sqlite3.Error) and code not in _DAMAGE:
                    raise OSError(  # locked, full, not writable: the file is sound
                        f"got the cache {self._path}, which cannot be used ({error}), expected a file to read and "
                        "write; check the folder or pass another"
                    ) from error
                if last:
                    raise OSError(f"got the cache {self._path}, which stays damaged ({error}); delete it") from error
                try:
                    _set_aside(self._path, before, error)
                except (sqlite3.Error, OSError) as problem:
                    raise OSError(
                        f"got the cache {self._path}, which is damaged ({error}) and cannot be renamed ({problem}), "
                        "expected a folder to write to; delete the file or pass another folder"
                    ) from error
        raise AssertionError

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "encoder_") or not self._needs_fit()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.requires_fit = self._needs_fit()
        return tags


def fingerprint(encoder) -> bytes:
    """Return a hash of everything that decides an encoder's vectors, apart from the text.

    Raises
    ------
    TypeError
        If a parameter or learned attribute is of a kind that cannot be hashed for good.

    """
    digest = hashlib.blake2b(str(FORMAT).encode(), digest_size=16)
    for piece in _pieces(encoder):
        digest.update(len(piece).to_bytes(8, "little"))
        digest.update(piece)
    return digest.digest()


def _pieces(value: Any) -> Iterator[Any]:
    if hasattr(value, "_cache_key") and not isinstance(value, type):
        yield f"{type(value).__module__}.{type(value).__qualname__}".encode()
        yield from _pieces(value._cache_key())
    elif isinstance(value, BaseEstimator):
        parameters = value.get_params(deep=False)
        yield f"{type(value).__module__}.{type(value).__qualname__}".encode()
        if {"dtype", "device"} <= set(parameters) and parameters["dtype"] is None:
            device = parameters["device"]
            device = device[0] if isinstance(device, list) else device
            parameters["dtype"] = str(pick_dtype(None, pick_device(device)))  # what None means on this machine
        yield from _pieces({name: item for name, item in parameters.items() if name not in _NO_MATTER})
        if get_tags(value).requires_fit:
            yield from _pieces(_learned(value, parameters))
    elif isinstance(value, dict):
        yield f"dict {len(value)}".encode()
        for name in sorted(value, key=repr):
            yield repr(name).encode()
            yield from _pieces(value[name])
    elif isinstance(value, list | tuple | set | frozenset):
        yield f"{type(value).__name__} {len(value)}".encode()
        for item in sorted(value, key=repr) if isinstance(value, set | frozenset) else value:
            yield from _pieces(item)
    elif sp.issparse(value):
        entries = value.tocoo()
        yield from _pieces([value.format, value.shape, entries.row, entries.col, entries.data])
    elif isinstance(value, np.ndarray) and value.dtype != object:
        yield f"{value.dtype} {value.shape}".encode()
        yield np.ascontiguousarray(value).reshape(-1).view(np.uint8)
    elif isinstance(value, np.ndarray):
        yield f"object {value.shape}".encode()
        yield from _pieces(value.ravel().tolist())
    elif isinstance(value, str | Path):
        yield repr(str(value)).encode("utf-8", "surrogatepass")
        yield from _files(str(value))
    elif isinstance(value, np.random.RandomState | np.random.Generator):
        yield b"random"  # what it decided is in what the encoder learned
    elif value is None or isinstance(value, int | float | complex | bytes | np.generic | np.dtype | type):
        yield repr(value).encode()
    else:
        raise TypeError(
            f"got {type(value).__name__} inside the encoder, expected numbers, strings, arrays and encoders, which can "
            "be told apart on disk; cache another encoder, or give it a _cache_key()"
        )


def _learned(encoder: BaseEstimator, parameters: Iterable[str]) -> dict[str, Any]:
    """Return what `fit` left: names that end in ``_``, and private arrays and estimators (as in TfidfVectorizer)."""
    return {
        name: item
        for name, item in vars(encoder).items()
        if name not in parameters
        and (name.endswith("_") or (name[0] == "_" and (isinstance(item, _PRIVATE) or sp.issparse(item))))
    }


def _files(text: str) -> Iterator[bytes]:
    """Yield name, size and time of the files of a local model, which may be trained anew in place."""
    if not text.strip("/\\ "):  # an empty prompt is not the working folder
        return
    path = Path(text)
    try:
        files = [path] if path.is_file() else [*path.glob("*"), *path.glob("*/*")] if path.is_dir() else []
        for file in sorted(files):  # models are two levels deep
            about = file.stat()
            if file.is_file():
                yield f"{file.relative_to(path)} {about.st_size} {about.st_mtime_ns}".encode("utf-8", "surrogateescape")
    except (OSError, ValueError):  # a text that cannot be a path
        return


def _checked(given: Any, n_texts: int, encoder) -> np.ndarray:
    try:
        vectors = np.asarray(given, dtype=np.float32)
        right = vectors.ndim == 2 and len(vectors) == n_texts and vectors.shape[1] > 0 and np.isfinite(vectors).all()
    except (TypeError, ValueError):  # a sparse matrix, a ragged list
        right = False
    if not right:
        raise ValueError(
            f"got {type(given).__name__} of shape {getattr(given, 'shape', '?')} for {n_texts} texts from "
            f"{type(encoder).__name__}, expected one finite dense vector a text; nothing of it was stored"
        )
    return vectors


# The file


class _DamagedError(Exception):
    """The file is not what it should be."""


def _open(path: Path) -> sqlite3.Connection:
    # The rollback journal, SQLite's default, is kept: the write-ahead log is faster but needs memory that processes
    # share, so it fails on the network file systems of clusters. One commit a block costs little beside the encoding.
    file = sqlite3.connect(path, timeout=_PATIENCE)
    file.text_factory = bytes  # damaged text is compared, not decoded
    try:
        if file.execute("PRAGMA application_id").fetchone()[0] == 0:
            file.execute("BEGIN IMMEDIATE")
            if not file.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]:
                for statement in (f"PRAGMA application_id = {_APPLICATION}", f"PRAGMA user_version = {FORMAT}", _TABLE):
                    file.execute(statement)
            file.commit()
        marks = [file.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
        table = file.execute("SELECT sql FROM sqlite_master WHERE name = 'vectors'").fetchone()
        if marks != [_APPLICATION, FORMAT] or table != (_TABLE.encode(),):
            raise _DamagedError(f"it is another program's or version's, marked {marks}")
    except BaseException:
        file.close()
        raise
    return file


def _look_up(file: sqlite3.Connection, name: bytes, keys: Iterable[bytes]) -> dict[bytes, np.ndarray]:
    found, n_damaged = {}, 0
    keys = list(keys)
    for start in range(0, len(keys), _ASK):
        asked = keys[start : start + _ASK]
        marks = ",".join("?" * len(asked))
        query = f"SELECT text, checksum, vector FROM vectors WHERE encoder = ? AND text IN ({marks})"
        for key, checksum, data in file.execute(query, (name, *asked)):
            if _is_sound(name, key, checksum, data):
                found[key] = np.frombuffer(data, np.float32)
            else:
                n_damaged += 1
    if n_damaged:
        if file.execute("PRAGMA quick_check(1)").fetchone()[0] != b"ok":  # read whole only where there is a reason
            raise _DamagedError(f"{n_damaged} vectors and more")
        warnings.warn(f"{n_damaged} damaged vectors in the cache are computed anew", stacklevel=4)
    return found


def _look_up_width(file: sqlite3.Connection, name: bytes) -> int | None:
    query = "SELECT text, checksum, vector FROM vectors WHERE encoder = ? LIMIT 20"
    return next((len(row[2]) // 4 for row in file.execute(query, (name,)) if _is_sound(name, *row)), None)


def _is_sound(name: bytes, key: Any, checksum: Any, data: Any) -> bool:
    right_types = isinstance(key, bytes) and isinstance(data, bytes) and len(data) % 4 == 0
    return right_types and checksum == _checksum(name, key, data)


def _store(file: sqlite3.Connection, name: bytes, vectors: dict[bytes, np.ndarray]) -> None:
    data = {key: vector.tobytes() for key, vector in vectors.items()}
    rows = [(name, key, _checksum(name, key, value), value) for key, value in data.items()]
    file.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?)", rows)


def _checksum(name: bytes, key: bytes, data: bytes) -> int:
    return zlib.crc32(name + key + data)


def _hash(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        about = os.stat(path)
    except OSError:
        return None
    return about.st_dev, about.st_ino


def _set_aside(path: Path, identity: tuple[int, int] | None, error: Exception) -> None:
    """Rename a damaged file, unless another process has done so; the lock keeps its new file from being taken too."""
    with closing(sqlite3.connect(path.with_name(f"{path.name}.lock"), timeout=_PATIENCE)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        if identity is None or _identity(path) != identity:
            return
        number = 1
        while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
            number += 1
        for end in ("-journal", "-wal", "-shm"):  # they would be played back into the new file
            beside = path.with_name(path.name + end)
            if beside.exists():
                os.replace(beside, aside.with_name(aside.name + end))
        os.replace(path, aside)
    warnings.warn(
        f"the cache {path} is damaged ({error}); it is now {aside.name}, and a new one is begun", stacklevel=4
    )
