"""Embeddings kept by content, in one SQLite file."""

import hashlib
import os
import sqlite3
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from embetter_reg._validation import check_texts
from embetter_reg.text._hidden import pick_device, pick_dtype

FORMAT = 1
_APPLICATION = 0x656D6272  # marks the file as ours
_NO_MATTER = {"batch_size", "device", "show_progress", "local_files_only", "n_jobs", "verbose"}
_BLOCK = 512  # texts encoded between two commits
_ASK = 500  # keys in one query
_PATIENCE = 60  # seconds to wait for another process that writes
_SCHEMA = f"""
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {FORMAT};
CREATE TABLE vectors (
    encoder BLOB, text BLOB, checksum INTEGER, vector BLOB, PRIMARY KEY (encoder, text)
);
"""


class CachedEncoder(TransformerMixin, BaseEstimator):
    """Keep an encoder's embeddings on disk, so that no text is encoded twice.

    A vector is found by a hash of its text and of everything that decides it: the encoder's class and parameters,
    what it learned in `fit`, the type that it computes in, and the files of a model or prompt in a local folder. Only
    unseen texts reach the encoder, each once, and they are stored after every few hundred, so that a kill loses
    little. Several processes may use one folder.

    Parameters
    ----------
    encoder : text encoder
        Any of this package, or a pipeline of them. One that needs fitting is cloned and fitted by `fit`.
    folder : path
        Where ``embeddings.sqlite`` is; made if it is not there.

    Attributes
    ----------
    encoder_ : the fitted clone, for an encoder that needs fitting

    Raises
    ------
    OSError
        If the folder cannot be used.
    ValueError
        If the encoder gives other than one finite vector a text; nothing of it is stored.

    Notes
    -----
    A damaged file is set aside under another name with a warning, and a damaged row is computed anew: nothing without
    its checksum is trusted. A model's name on a hub stands for its newest version; pass ``revision`` to be sure. The
    file uses SQLite's rollback journal, because the faster write-ahead log fails on network file systems.

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

    def __init__(self, encoder, folder):
        self.encoder = encoder
        self.folder = folder

    def fit(self, X, y=None):
        """Fit the encoder on documents ``X`` where it needs that."""
        texts = check_texts(X)
        if get_tags(self.encoder).requires_fit:
            self.encoder_ = clone(self.encoder).fit(texts, y)
        return self

    def transform(self, X):
        """Return the embedding of documents ``X``, ``float32 (n_documents, n_dims)``."""
        texts = check_texts(X)
        encoder = self._ready()
        if not texts:
            return np.asarray(encoder.transform([]), dtype=np.float32)
        name = fingerprint(encoder)
        keys = [_hash(text.encode("utf-8", "surrogatepass")) for text in texts]
        wanted = dict(zip(keys, texts, strict=True))
        found = self._using(lambda file: _look_up(file, name, wanted))
        unseen = [key for key in wanted if key not in found]
        for start in range(0, len(unseen), _BLOCK):
            block = unseen[start : start + _BLOCK]
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

        ``n_vectors`` and ``n_bytes`` are of the whole file, with those of other encoders.
        """
        hits, misses = map(int, getattr(self, "_counts", (0, 0)))
        n_vectors = self._using(lambda file: file.execute("SELECT COUNT(*) FROM vectors").fetchone()[0])
        return {"hits": hits, "misses": misses, "n_vectors": n_vectors, "n_bytes": os.path.getsize(self._path)}

    def clear(self) -> None:
        """Forget this encoder's vectors; those of others stay."""
        name = fingerprint(self._ready())
        self._using(lambda file: file.execute("DELETE FROM vectors WHERE encoder = ?", (name,)))

    def get_feature_names_out(self, input_features=None):
        """Return the encoder's own names."""
        return self._ready().get_feature_names_out()

    @property
    def _path(self) -> Path:
        return Path(self.folder) / "embeddings.sqlite"

    def _ready(self):
        if not get_tags(self.encoder).requires_fit:
            return self.encoder
        check_is_fitted(self, "encoder_")
        return self.encoder_

    def _using(self, work):
        """Do ``work(file)`` in one transaction; set a damaged file aside and do it on a new one."""
        try:
            Path(self.folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(
                f"got the cache folder {self.folder}, which cannot be made ({error}); pass another"
            ) from error
        for last in (False, True):
            before = _identity(self._path)
            try:
                with closing(_open(self._path)) as file, file:
                    return work(file)
            except sqlite3.OperationalError as error:  # locked, full, not writable: the file is sound
                raise OSError(
                    f"got the cache {self._path}, which cannot be used ({error}); check the folder"
                ) from error
            except sqlite3.DatabaseError as error:
                if last:
                    raise OSError(f"got the cache {self._path}, which stays damaged ({error}); delete it") from error
                _set_aside(self._path, before, error)
        raise AssertionError

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "encoder_") or not get_tags(self.encoder).requires_fit

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.requires_fit = get_tags(self.encoder).requires_fit
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
        digest.update(len(piece).to_bytes(8, "little") + piece)
    return digest.digest()


def _pieces(value: Any) -> Iterator[bytes]:
    if isinstance(value, BaseEstimator):
        parameters = value.get_params(deep=False)
        yield f"{type(value).__module__}.{type(value).__qualname__}".encode()
        if {"dtype", "device"} <= set(parameters) and parameters["dtype"] is None:
            device = parameters["device"]
            device = device[0] if isinstance(device, list) else device
            parameters["dtype"] = str(pick_dtype(None, pick_device(device)))  # what None means on this machine
        yield from _pieces({name: item for name, item in parameters.items() if name not in _NO_MATTER})
        if get_tags(value).requires_fit:
            learned = {name: item for name, item in vars(value).items() if name.endswith("_") and name[0] != "_"}
            yield from _pieces(learned)
    elif isinstance(value, dict):
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
        yield np.ascontiguousarray(value).tobytes()
    elif isinstance(value, np.ndarray):
        yield from _pieces(value.tolist())
    elif isinstance(value, str | Path):
        yield repr(str(value)).encode("utf-8", "surrogatepass")
        yield from _files(Path(value))
    elif isinstance(value, np.random.RandomState | np.random.Generator):
        yield b"random"  # what it decided is in what the encoder learned
    elif value is None or isinstance(value, int | float | complex | bytes | np.generic | np.dtype | type):
        yield repr(value).encode()
    else:
        raise TypeError(
            f"got {type(value).__name__} inside the encoder, expected numbers, strings, arrays and encoders, which can "
            "be told apart on disk; cache another encoder"
        )


def _files(path: Path) -> Iterator[bytes]:
    """Yield name, size and time of the files of a local model, which may be trained anew in place."""
    try:
        files = sorted(path.rglob("*")) if path.is_dir() else [path] if path.is_file() else []
    except OSError:  # a text that cannot be a path
        return
    for file in files:
        if file.is_file():
            about = file.stat()
            yield f"{file.relative_to(path)} {about.st_size} {about.st_mtime_ns}".encode("utf-8", "surrogateescape")


def _checked(vectors: Any, n_texts: int, encoder) -> np.ndarray:
    vectors = np.asarray(vectors, dtype=np.float32)
    if vectors.ndim != 2 or len(vectors) != n_texts or not np.isfinite(vectors).all():
        raise ValueError(
            f"got vectors of shape {vectors.shape} for {n_texts} texts from {type(encoder).__name__}, expected one "
            "finite vector a text; nothing of it was stored"
        )
    return vectors


# The file


def _open(path: Path) -> sqlite3.Connection:
    file = sqlite3.connect(path, timeout=_PATIENCE)
    try:
        if file.execute("PRAGMA application_id").fetchone()[0] == 0:
            file.execute("BEGIN IMMEDIATE")
            if not file.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]:
                for statement in _SCHEMA.strip().split(";\n"):
                    file.execute(statement)
            file.commit()
        marks = [file.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
        tables = file.execute("SELECT COUNT(*) FROM sqlite_master WHERE name = 'vectors'").fetchone()[0]
        if marks != [_APPLICATION, FORMAT] or not tables:
            raise sqlite3.DatabaseError(f"it is another program's or version's, marked {marks}")
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
            if isinstance(data, bytes) and len(data) % 4 == 0 and checksum == _checksum(name, key, data):
                found[key] = np.frombuffer(data, np.float32)
            else:
                n_damaged += 1
    if n_damaged:
        warnings.warn(f"{n_damaged} damaged vectors in the cache are computed anew", stacklevel=4)
    return found


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
    """Rename a damaged file, unless another process has done so already."""
    if identity is None or _identity(path) != identity:
        return
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    journal = path.with_name(f"{path.name}-journal")
    if journal.exists():  # it would be played back into the new file
        os.replace(journal, aside.with_name(f"{aside.name}-journal"))
    os.replace(path, aside)
    warnings.warn(
        f"the cache {path} is damaged ({error}); it is now {aside.name}, and a new one is begun", stacklevel=4
    )
