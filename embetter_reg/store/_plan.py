"""What decides the vectors of an encoding, recorded so that no run mixes two."""

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from embetter_reg._devices import pick_device, pick_dtype
from embetter_reg._fingerprint import NO_MATTER
from embetter_reg.store._manifest import FORMAT

# How an error names what differs between a folder and a run that would go on there.
_WORDS = {
    "dtype": "computation type",
    "fingerprint": "weights (the files of its model, what it learned, or its prompt)",
    "threshold_given": "threshold",
}


def encoding_plan(
    encoder: Any,
    *,
    layers: Sequence[int | str] | None,
    precision: str,
    shard_size: int,
    text: bool,
) -> dict[str, Any]:
    """Return what a manifest records of an encoding before it begins.

    The documents join it, and the fingerprint of the encoder once that is fitted.
    """
    names = layers
    if layers is not None:
        names = [str(layer) for layer in layers]
    return {
        "format": FORMAT,
        "encoder": type(encoder).__name__,
        "parameters": _parameters(encoder),
        "dtype": _computation_type(encoder),
        "layers": names,
        "precision": precision,
        "shard_size": int(shard_size),
        "text": bool(text),
        "threshold_given": plain(getattr(encoder, "threshold_", None)),
    }


def check_same(
    out: Path,
    manifest: dict[str, Any],
    plan: dict[str, Any],
    kind: str = "embeddings",
) -> None:
    """Refuse to go on in a folder of something else."""
    if not manifest:
        return
    other = [name for name in plan if manifest.get(name) != plan[name]]
    if other:
        words = ", ".join(_WORDS.get(name, name) for name in other)
        raise ValueError(
            f"got {out}, which holds {kind} with other {words}, expected the same to go "
            "on with; pass another folder, or delete this one"
        )


def _parameters(encoder: Any) -> dict[str, Any]:
    """Return the parameters that decide an encoder's vectors, as JSON holds them."""
    return {
        name: plain(value)
        for name, value in encoder.get_params(deep=True).items()
        if name.rpartition("__")[2] not in NO_MATTER
    }


def _computation_type(encoder: Any) -> str | None:
    """Return the number type that an encoder computes in on this machine, where it has
    one to choose.
    """
    parameters = encoder.get_params(deep=False)
    if not {"device", "dtype"} <= set(parameters):
        return None
    if parameters["dtype"] != "auto":
        return str(parameters["dtype"])
    device = parameters["device"]
    if isinstance(device, list):  # of several processes
        device = device[0]
    return str(pick_dtype("auto", pick_device(device))).removeprefix("torch.")


def documents_digest(documents: pd.DataFrame) -> str:
    """Return the digest of what is encoded of documents, in their order."""
    digest = hashlib.blake2b(digest_size=16)
    for name in ("id", "lang", "labels", "text"):
        for value in documents[name]:
            digest.update(repr(value).encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()


def plain(value: Any) -> Any:
    """Return a parameter as JSON can hold it."""
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, str | int | float | None):
        return value
    return repr(value)
