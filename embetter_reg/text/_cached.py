"""Embeddings kept by content, in one SQLite file."""

import hashlib
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    clone,
)
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from embetter_reg._fingerprint import fingerprint
from embetter_reg._validation import check_texts
from embetter_reg.text._cache_file import (
    DAMAGE,
    MOVED,
    DamagedError,
    identity_of,
    look_up,
    look_up_width,
    open_file,
    set_aside,
    store,
)
from embetter_reg.text._rules import check_encoder


class CachedEncoder(TransformerMixin, BaseEstimator):
    """Keep an encoder's embeddings on disk, so that no text is encoded twice.

    A vector is found by a hash of its text and of everything that decides it: the
    encoder's class and parameters, what it learned in `fit`, the type that it computes
    in, and the files of a model or prompt in a local folder. Only unseen texts reach
    the encoder, each once, and they are stored after every block, so that a kill loses
    one block at most. Several processes may use one folder.

    Parameters
    ----------
    encoder : text encoder
        Any of this package, or a pipeline of them. One that needs fitting is cloned and
        fitted by `fit`. One that has a method ``_cache_key()`` returns there, as
        numbers, strings and arrays, what decides its vectors, and is called instead of reading
        its parameters and learned attributes.
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
        If a parameter or learned attribute of the encoder cannot be hashed.
    ValueError
        If the encoder gives other than one finite vector a text; nothing of that block
        is stored.

    Notes
    -----
    A damaged file is set aside under another name with a warning, and a damaged row is
    computed anew: nothing without its checksum is trusted. A model's name on a hub
    stands for its newest version; pass ``revision`` to be sure. The code of a class is
    not in the key: call `clear` after a change to an encoder of your own.

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

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the encoder on documents ``X`` where it needs that."""
        self._check()
        texts = check_texts(X)
        if self._needs_fit():
            self.encoder_ = clone(self.encoder).fit(texts, y)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the embedding of documents ``X``, ``float32 (n_documents, n_dims)``."""
        self._check()
        texts = check_texts(X)
        encoder = self._ready()
        if not texts:
            return np.empty((0, self._width(encoder)), np.float32)
        name = _key_of(encoder)
        keys = [_hash(text.encode("utf-8", "surrogatepass")) for text in texts]
        text_of = dict(zip(keys, texts, strict=True))
        vectors = self._using(lambda file: look_up(file, name, text_of))
        unseen = [key for key in text_of if key not in vectors]
        for start in range(0, len(unseen), self.block_size):
            block = unseen[start : start + self.block_size]
            encoded = encoder.transform([text_of[key] for key in block])
            rows = _checked(encoded, len(block), encoder)
            new = dict(zip(block, rows, strict=True))
            self._using(lambda file, new=new: store(file, name, new))
            vectors.update(new)
        counts = (len(texts) - len(unseen), len(unseen))
        self._counts = np.add(getattr(self, "_counts", (0, 0)), counts)
        widths = {len(vector) for vector in vectors.values()}
        if len(widths) > 1:
            raise ValueError(
                f"got vectors of widths {sorted(widths)}, expected one width; call "
                "clear() and encode anew"
            )
        return np.stack([vectors[key] for key in keys])

    def stats(self) -> dict[str, int]:
        """Return ``hits`` and ``misses`` of this object (documents served and texts
        encoded), and the file's size.

        Hits and misses are kept by a pickle and not by `clone`. ``n_vectors`` and
        ``n_bytes`` are of the whole file, with those of other encoders.
        """
        hits, misses = map(int, getattr(self, "_counts", (0, 0)))
        n_vectors = self._using(
            lambda file: file.execute("SELECT COUNT(*) FROM vectors").fetchone()[0]
        )
        return {
            "hits": hits,
            "misses": misses,
            "n_vectors": n_vectors,
            "n_bytes": os.path.getsize(self._path),
        }

    def clear(self) -> None:
        """Forget this encoder's vectors; those of others stay, and the file uses the
        space again.
        """
        name = _key_of(self._ready())
        self._using(
            lambda file: file.execute("DELETE FROM vectors WHERE encoder = ?", (name,))
        )

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the encoder's own names; numbered ones need no model where the width
        is known from the file.
        """
        encoder = self._ready()
        method = getattr(type(encoder), "get_feature_names_out", None)
        if method not in (None, ClassNamePrefixFeaturesOutMixin.get_feature_names_out):
            return encoder.get_feature_names_out()
        prefix = type(encoder).__name__.lower()
        return np.array(
            [f"{prefix}{i}" for i in range(self._width(encoder))], dtype=object
        )

    @property
    def _path(self) -> Path:
        return Path(self.folder) / "embeddings.sqlite"

    def _check(self) -> None:
        check_encoder(self, folder=(_is_path, "a path"))
        if not hasattr(self.encoder, "transform") or isinstance(self.encoder, type):
            raise TypeError(
                f"got the encoder {self.encoder!r}, expected an object with transform; "
                "pass a text encoder"
            )

    def _needs_fit(self) -> bool:
        return get_tags(self.encoder).requires_fit

    def _ready(self):
        if not self._needs_fit():
            return self.encoder
        check_is_fitted(self, "encoder_")
        return self.encoder_

    def _width(self, encoder) -> int:
        name = _key_of(encoder)
        width = self._using(lambda file: look_up_width(file, name))
        if width is None:
            width = np.shape(encoder.transform([]))[1]
        return width

    def _cache_key(self) -> str:
        """Return what decides the vectors where this encoder is a part of another one:
        not the folder.
        """
        encoder = self.encoder
        if self._needs_fit():
            encoder = getattr(self, "encoder_", encoder)
        return fingerprint(encoder)

    def _using(self, work):
        """Do ``work(file)`` in one transaction; set a damaged file aside and do it on a
        new one.
        """
        try:
            Path(self.folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(
                f"got the cache folder {self.folder}, which cannot be made ({error}), "
                "expected a folder; pass another"
            ) from error
        for last in (False, False, False, True):
            before = identity_of(self._path)
            try:
                with closing(open_file(self._path)) as file, file:
                    return work(file)
            except (
                sqlite3.Error,
                UnicodeDecodeError,
                DamagedError,
            ) as error:  # SQLite may quote junk in its message
                code = getattr(error, "sqlite_errorcode", 0) & 0xFF
                if not last and (code in MOVED or identity_of(self._path) != before):
                    time.sleep(0.05)
                    continue
                if isinstance(error, sqlite3.Error) and code not in DAMAGE:
                    raise OSError(  # locked, full, not writable: the file is sound
                        f"got the cache {self._path}, which cannot be used ({error}), "
                        "expected a file to read and "
                        "write; check the folder or pass another"
                    ) from error
                if last:
                    raise OSError(
                        f"got the cache {self._path}, which stays damaged ({error}); "
                        "delete it"
                    ) from error
                try:
                    set_aside(self._path, before, error)
                except (sqlite3.Error, OSError) as problem:
                    raise OSError(
                        f"got the cache {self._path}, which is damaged ({error}) and "
                        f"cannot be renamed ({problem}), "
                        "expected a folder to write to; delete the file or pass "
                        "another folder"
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


def _checked(encoded: Any, n_texts: int, encoder) -> np.ndarray:
    try:
        vectors = np.asarray(encoded, dtype=np.float32)
        right = (
            vectors.ndim == 2
            and len(vectors) == n_texts
            and vectors.shape[1] > 0
            and np.isfinite(vectors).all()
        )
    except (TypeError, ValueError):  # a sparse matrix, a ragged list
        right = False
    if not right:
        raise ValueError(
            f"got {type(encoded).__name__} of shape {getattr(encoded, 'shape', '?')} for "
            f"{n_texts} texts from "
            f"{type(encoder).__name__}, expected one finite dense vector a text; "
            "nothing of it was stored"
        )
    return vectors


def _is_path(value: Any) -> bool:
    return isinstance(value, str | os.PathLike) and bool(str(value))


def _key_of(encoder: Any) -> bytes:
    return bytes.fromhex(fingerprint(encoder))


def _hash(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()
