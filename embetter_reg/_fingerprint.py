"""A hash of everything that decides an encoder's vectors."""

import hashlib
from collections.abc import Iterator, Mapping
from functools import singledispatch
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator
from sklearn.utils import get_tags

from embetter_reg._devices import pick_device, pick_dtype

FORMAT = 2  # raise it when what an encoder of this package computes changes
NO_MATTER = {
    "batch_size",
    "device",
    "show_progress",
    "local_files_only",
    "n_jobs",
    "verbose",
    "memory",
}  # parameters that change no vector
_RECORDS = {"history_", "seconds_"}  # of a training: they differ between equal fits
_PRIVATE = (np.ndarray, BaseEstimator, sp.spmatrix, sp.sparray)


def fingerprint(encoder: Any) -> str:
    """Return a hash of everything that decides an encoder's vectors, but the texts.

    That is its class, the parameters that matter, what it learned, the number type that
    ``dtype="auto"`` means on this machine, and names, sizes and times of the files of a
    local model. A name on a hub stands for its newest version. `CachedEncoder` finds
    vectors by it.

    Parameters
    ----------
    encoder : text encoder
        Fitted, where it needs that, or not. Its method ``_cache_key()``, where it has
        one, returns what decides its vectors instead.

    Returns
    -------
    str
        32 hexadecimal digits, the same in every process.

    Raises
    ------
    TypeError
        If a parameter or learned attribute is of a kind that cannot be hashed for good.

    Examples
    --------
    >>> from embetter_reg.text import SurfaceEncoder, fingerprint
    >>> short = SurfaceEncoder(scale=False, max_chars=100)
    >>> fingerprint(short) == fingerprint(SurfaceEncoder(scale=False))
    False

    """
    has_state = hasattr(encoder, "get_params") or hasattr(encoder, "_cache_key")
    if isinstance(encoder, type) or not has_state:
        raise TypeError(
            f"got {encoder!r}, expected a text encoder with get_params; pass one"
        )
    digest = hashlib.blake2b(str(FORMAT).encode(), digest_size=16)
    for piece in _pieces(encoder):
        digest.update(len(piece).to_bytes(8, "little"))
        digest.update(piece)
    return digest.hexdigest()


def parameters_that_matter(encoder: BaseEstimator) -> dict[str, Any]:
    """Return the parameters of an encoder that decide its vectors, ``dtype="auto"`` as
    the number type that it means on this machine.
    """
    parameters = encoder.get_params(deep=False)
    if "device" in parameters and parameters.get("dtype") == "auto":
        device = parameters["device"]
        if isinstance(device, list):
            device = device[0]
        dtype = pick_dtype("auto", pick_device(device))
        parameters["dtype"] = str(dtype).removeprefix("torch.")
    return {name: item for name, item in parameters.items() if name not in NO_MATTER}


def file_stamps(text: str) -> Iterator[bytes]:
    """Yield name, size and time of the files of a local model, which may be trained
    anew in place; nothing where ``text`` names no file or folder.
    """
    if not text.strip("/\\ "):  # an empty prompt is not the working folder
        return
    path = Path(text)
    try:
        files = [path]
        if path.is_dir():
            files = sorted([*path.glob("*"), *path.glob("*/*")])  # models are two deep
        for file in files:
            if file.is_file():
                status = file.stat()
                stamp = (
                    f"{file.relative_to(path)} {status.st_size} {status.st_mtime_ns}"
                )
                yield stamp.encode("utf-8", "surrogateescape")
    except (OSError, ValueError):  # a text that cannot be a path
        return


def _pieces(value: Any) -> Iterator[Any]:
    if isinstance(value, type):
        yield repr(value).encode()
    elif hasattr(value, "_cache_key"):
        yield _class_name(value)
        yield from _pieces(value._cache_key())
    elif sp.issparse(value):
        entries = value.tocoo()
        yield from _pieces(
            [value.format, value.shape, entries.row, entries.col, entries.data]
        )
    elif hasattr(value, "state_dict"):
        yield from _network(value)
    elif hasattr(value, "get_vocab"):
        yield from _tokenizer(value)
    else:
        yield from _of_type(value)


@singledispatch
def _of_type(value: Any) -> Iterator[Any]:
    raise TypeError(
        f"got {type(value).__name__} inside the encoder, expected numbers, strings, "
        "arrays and encoders, which can be told apart on disk; cache another encoder, "
        "or give it a _cache_key()"
    )
    yield


@_of_type.register(BaseEstimator)
def _estimator(value: BaseEstimator) -> Iterator[Any]:
    yield _class_name(value)
    yield from _pieces(parameters_that_matter(value))
    if get_tags(value).requires_fit:
        yield from _pieces(_learned(value, value.get_params(deep=False)))


@_of_type.register(dict)
def _dict(value: dict) -> Iterator[Any]:
    yield f"dict {len(value)}".encode()
    for name in sorted(value, key=repr):
        yield repr(name).encode()
        yield from _pieces(value[name])


@_of_type.register(list)
@_of_type.register(tuple)
def _sequence(value: list | tuple) -> Iterator[Any]:
    yield f"{type(value).__name__} {len(value)}".encode()
    for item in value:
        yield from _pieces(item)


@_of_type.register(set)
@_of_type.register(frozenset)
def _set(value: set | frozenset) -> Iterator[Any]:
    yield f"{type(value).__name__} {len(value)}".encode()
    for item in sorted(value, key=repr):
        yield from _pieces(item)


@_of_type.register(np.ndarray)
def _array(value: np.ndarray) -> Iterator[Any]:
    if value.dtype == object:
        yield f"object {value.shape}".encode()
        yield from _pieces(value.ravel().tolist())
    else:
        yield f"{value.dtype} {value.shape}".encode()
        yield np.ascontiguousarray(value).reshape(-1).view(np.uint8)


@_of_type.register(str)
@_of_type.register(Path)
def _text(value: str | Path) -> Iterator[Any]:
    yield repr(str(value)).encode("utf-8", "surrogatepass")
    yield from file_stamps(str(value))


@_of_type.register(np.random.RandomState)
@_of_type.register(np.random.Generator)
def _random(value: Any) -> Iterator[Any]:
    yield b"random"  # what it decided is in what the encoder learned


def _plain(value: Any) -> Iterator[Any]:
    yield repr(value).encode()


for _kind in (type(None), int, float, complex, bytes, np.generic, np.dtype):
    _of_type.register(_kind, _plain)


def _network(value: Any) -> Iterator[Any]:
    """Yield a torch module: its layers as they print, and its weights."""
    import torch

    yield repr(value).encode()
    for name, tensor in value.state_dict().items():
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        yield f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode()
        yield flat.view(torch.uint8).numpy()


def _tokenizer(value: Any) -> Iterator[Any]:
    yield _class_name(value)
    yield from _pieces(value.get_vocab())
    yield from _pieces(value.model_max_length)
    if hasattr(value, "backend_tokenizer"):
        yield value.backend_tokenizer.to_str().encode()


def _class_name(value: Any) -> bytes:
    return f"{type(value).__module__}.{type(value).__qualname__}".encode()


def _learned(encoder: BaseEstimator, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `fit` left: names that end in ``_``, and private arrays and
    estimators (as in TfidfVectorizer).
    """
    learned = {}
    for name, item in vars(encoder).items():
        if name in parameters or name in _RECORDS:
            continue
        private = name.startswith("_") and isinstance(item, _PRIVATE)
        if name.endswith("_") or private:
            learned[name] = item
    return learned
