"""A hash of everything that decides an encoder's vectors."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator
from sklearn.utils import get_tags

from embetter_reg._devices import pick_device, pick_dtype

FORMAT = 1  # raise it when what an encoder of this package computes changes
_NO_MATTER = {
    "batch_size",
    "device",
    "show_progress",
    "local_files_only",
    "n_jobs",
    "verbose",
    "memory",
}
_PRIVATE = (np.ndarray, BaseEstimator)


def fingerprint(encoder) -> bytes:
    """Return a hash of everything that decides an encoder's vectors, apart from the
    text.

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
            parameters["dtype"] = str(
                pick_dtype(None, pick_device(device))
            )  # what None means on this machine
        yield from _pieces(
            {name: item for name, item in parameters.items() if name not in _NO_MATTER}
        )
        if get_tags(value).requires_fit:
            yield from _pieces(_learned(value, parameters))
    elif isinstance(value, dict):
        yield f"dict {len(value)}".encode()
        for name in sorted(value, key=repr):
            yield repr(name).encode()
            yield from _pieces(value[name])
    elif isinstance(value, list | tuple | set | frozenset):
        yield f"{type(value).__name__} {len(value)}".encode()
        for item in (
            sorted(value, key=repr) if isinstance(value, set | frozenset) else value
        ):
            yield from _pieces(item)
    elif sp.issparse(value):
        entries = value.tocoo()
        yield from _pieces(
            [value.format, value.shape, entries.row, entries.col, entries.data]
        )
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
    elif value is None or isinstance(
        value, int | float | complex | bytes | np.generic | np.dtype | type
    ):
        yield repr(value).encode()
    else:
        raise TypeError(
            f"got {type(value).__name__} inside the encoder, expected numbers, "
            "strings, arrays and encoders, which can "
            "be told apart on disk; cache another encoder, or give it a _cache_key()"
        )


def _learned(encoder: BaseEstimator, parameters: Iterable[str]) -> dict[str, Any]:
    """Return what `fit` left: names that end in ``_``, and private arrays and
    estimators (as in TfidfVectorizer).
    """
    return {
        name: item
        for name, item in vars(encoder).items()
        if name not in parameters
        and (
            name.endswith("_")
            or (name[0] == "_" and (isinstance(item, _PRIVATE) or sp.issparse(item)))
        )
    }


def _files(text: str) -> Iterator[bytes]:
    """Yield name, size and time of the files of a local model, which may be trained
    anew in place.
    """
    if not text.strip("/\\ "):  # an empty prompt is not the working folder
        return
    path = Path(text)
    try:
        files = (
            [path]
            if path.is_file()
            else [*path.glob("*"), *path.glob("*/*")]
            if path.is_dir()
            else []
        )
        for file in sorted(files):  # models are two levels deep
            about = file.stat()
            if file.is_file():
                yield f"{file.relative_to(path)} {about.st_size} {about.st_mtime_ns}".encode(
                    "utf-8", "surrogateescape"
                )
    except (OSError, ValueError):  # a text that cannot be a path
        return
