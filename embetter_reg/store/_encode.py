"""Documents encoded into a folder of shards, so that a kill loses nothing."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm.auto import tqdm

from embetter_reg._files import write_atomically
from embetter_reg.store._embeddings import ON_THESE
from embetter_reg.store._files import (
    FORMAT,
    PRECISIONS,
    document_table,
    matrix,
    shard_path,
    update_manifest,
    vector_column,
    write_shard,
)

_NO_MATTER = {
    "batch_size",
    "device",
    "show_progress",
    "local_files_only",
}  # parameters that change no vector


def encode_documents(
    encoder,
    documents: pd.DataFrame,
    folder,
    *,
    layers: Sequence[int | str] | None = None,
    precision: str = "float32",
    shard_size: int = 1000,
    text: bool = True,
    show_progress: bool = False,
) -> Path:
    """Encode documents into a folder of Parquet shards, or go on where a killed run
    stopped.

    Parameters
    ----------
    encoder : text encoder
        One that needs fitting is fitted on the documents, and kept beside the shards. A
        register classifier adds probabilities, the labels at 0.5 (``predicted``), and
        those at its best threshold (``predicted_best``): the one that
        `RegisterEncoder.fit_threshold` chose before, or else one chosen on the gold
        labels of these documents, which the manifest says and which no figure on them
        may use.
    documents : DataFrame
        With the columns ``id, lang, labels, text``, as `read_documents` gives it.
    folder : path
        Where the shards go. A folder with finished shards of the same documents and
        encoder is completed; one with others is refused.
    layers : sequence of int or str, or None
        Layers of an encoder that has several; None takes its own default.
    precision : {"float32", "float16"}
        How vectors are stored.
    shard_size : int
        Documents in a file. A kill loses the work on one of them at most.
    text : bool
        Keep the documents' text.
    show_progress : bool
        Draw a progress bar over files.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ValueError
        If the folder holds embeddings of other documents or of another encoder.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from embetter_reg import load_registers
    >>> from embetter_reg.store import encode_documents, read_embeddings
    >>> from embetter_reg.text import SurfaceEncoder
    >>> folder = encode_documents(SurfaceEncoder(), load_registers(), mkdtemp(), shard_size=200)
    >>> sorted(path.name for path in folder.glob("*.parquet"))
    ['part-00000.parquet', 'part-00001.parquet', 'part-00002.parquet']
    >>> read_embeddings(folder).layers["embedding"].shape
    (480, 58)

    """
    if precision not in PRECISIONS:
        raise ValueError(
            f"got precision={precision!r}, expected one of {list(PRECISIONS)}; pick one"
        )
    if shard_size < 1:
        raise ValueError(
            f"got shard_size={shard_size}, expected at least 1; pass for example 1000"
        )
    if documents.empty:
        raise ValueError(
            "got no documents, expected at least one to encode; check the paths"
        )
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    parameters = encoder.get_params(deep=True)
    plan = {
        "format": FORMAT,
        "encoder": type(encoder).__name__,
        "parameters": {
            name: _plain(value)
            for name, value in parameters.items()
            if name not in _NO_MATTER
        },
        "layers": None if layers is None else [str(layer) for layer in layers],
        "precision": precision,
        "shard_size": shard_size,
        "text": text,
        "documents": _fingerprint(documents),
        "n_documents": len(documents),
        "threshold_given": _plain(getattr(encoder, "threshold_", None)),
    }
    earlier = _earlier(folder, plan)
    manifest = earlier or {**plan, "complete": False}
    starts = range(0, len(documents), shard_size)
    encoder = _fitted(encoder, documents, folder, anew=not earlier)
    for number, start in enumerate(
        tqdm(starts, unit="file", disable=not show_progress)
    ):
        part = documents.iloc[start : start + shard_size]
        if not _is_whole(shard_path(folder, number), part):
            columns, facts = _encode(encoder, part["text"].tolist(), layers, precision)
            if not facts.items() <= manifest.items():  # before the first shard
                manifest = update_manifest(folder, {**manifest, **facts})
            write_shard(
                shard_path(folder, number),
                document_table(part, text, columns),
                manifest,
            )
    if "classes" in manifest and manifest["multi_label"]:
        manifest = _add_best(encoder, documents, folder, manifest)
    for draft in folder.glob(".*.tmp"):  # of runs that were killed
        draft.unlink(missing_ok=True)
    update_manifest(folder, {**manifest, "complete": True})
    return folder


def _earlier(folder: Path, plan: dict[str, Any]) -> dict[str, Any]:
    """Return the manifest to go on with, empty where there is none; refuse a folder of
    something else.
    """
    path = folder / "manifest.json"
    if not path.exists():
        if list(folder.glob("part-*.parquet")):
            raise ValueError(
                f"got {folder} with shards but no manifest, expected an empty folder; "
                "pass another one"
            )
        return {}
    manifest = json.loads(path.read_text(encoding="utf-8"))
    other = [name for name in plan if manifest.get(name) != plan[name]]
    if other:
        raise ValueError(
            f"got {folder}, which holds embeddings with other {', '.join(other)}, "
            "expected the same to go on "
            "with; pass another folder, or delete this one"
        )
    return manifest


def _is_whole(path: Path, documents: pd.DataFrame) -> bool:
    """Say whether a shard is there and holds these documents."""
    if not path.exists():
        return False
    try:
        return (
            pq.read_table(path, columns=["id"])["id"].to_pylist()
            == documents["id"].tolist()
        )
    except (pa.ArrowInvalid, OSError, KeyError):
        return False  # written anew


def _fitted(encoder, documents: pd.DataFrame, folder: Path, *, anew: bool):
    """Fit an encoder that needs it once, and keep it beside the shards for a run that
    goes on.
    """
    from sklearn.utils import get_tags
    from skops.io import dump, get_untrusted_types, load

    if not get_tags(encoder).requires_fit:
        return encoder
    path = folder / "encoder.skops"
    if anew or not path.exists():
        encoder.fit(documents["text"].tolist())
        write_atomically(path, lambda draft: dump(encoder, draft))
    unknown = get_untrusted_types(file=path)
    strange = [name for name in unknown if not name.startswith("embetter_reg.")]
    if strange:
        raise ValueError(
            f"got {path} with the types {strange}, expected an encoder of "
            "embetter_reg; pass another folder"
        )
    return load(path, trusted=unknown)


def _encode(
    encoder, texts: list[str], layers, precision: str
) -> tuple[dict[str, pa.Array], dict[str, Any]]:
    """Return a shard's columns, and what the manifest should know."""
    if not hasattr(encoder, "encode"):
        if layers is not None:
            raise ValueError(
                f"got layers={list(layers)} for {type(encoder).__name__}, which has "
                "none to choose, expected None; "
                "leave them out"
            )
        X = encoder.transform(texts)
        return {"embed_embedding": vector_column(X, precision)}, {
            "n_dims": X.shape[1],
            "layers_written": ["embedding"],
        }
    encoded = encoder.encode(texts) if layers is None else encoder.encode(texts, layers)
    columns = {
        f"embed_{layer}": vector_column(X, precision)
        for layer, X in encoded.layers.items()
    }
    n_dims = next(iter(encoded.layers.values())).shape[1]
    facts: dict[str, Any] = {
        "n_dims": n_dims,
        "layers_written": [str(layer) for layer in encoded.layers],
    }
    if encoded.probabilities is not None:
        names = (
            encoder.label_sets(encoded.probabilities >= 0.5)
            if encoder.is_multi_label_
            else None
        )
        predicted = names or [[name] for name in encoder.decide(encoded.probabilities)]
        columns["predicted"] = pa.array(predicted, pa.list_(pa.string()))
        columns["probabilities"] = vector_column(encoded.probabilities, "float32")
        facts |= {
            "classes": list(encoded.classes),
            "multi_label": bool(encoder.is_multi_label_),
        }
    return columns, facts


def _add_best(
    encoder, documents: pd.DataFrame, folder: Path, manifest: dict[str, Any]
) -> dict[str, Any]:
    """Add the labels at the best threshold to every shard that lacks them."""
    shards = [
        shard_path(folder, number)
        for number in range(-(-len(documents) // manifest["shard_size"]))
    ]
    if hasattr(encoder, "threshold_"):
        threshold, chosen_on = encoder.threshold_, "documents given apart"
    else:
        gold = documents["labels"].map(len).to_numpy() > 0
        labels = documents["labels"][gold].tolist()
        if not {label for found in labels for label in found} & set(
            manifest["classes"]
        ):
            return manifest
        p = np.concatenate(
            [
                matrix(pq.read_table(shard, columns=["probabilities"])["probabilities"])
                for shard in shards
            ]
        )
        threshold = encoder.best_threshold(p[gold], labels)
        chosen_on = ON_THESE
    manifest = {
        **manifest,
        "threshold": {"best": _plain(threshold), "chosen_on": chosen_on},
    }
    for shard in shards:
        if "predicted_best" not in pq.read_schema(shard).names:
            table = pq.read_table(shard)
            names = encoder.label_sets(
                encoder.decide(matrix(table["probabilities"]), threshold)
            )
            write_shard(
                shard,
                table.append_column(
                    "predicted_best", pa.array(names, pa.list_(pa.string()))
                ),
                manifest,
            )
    return manifest


def _fingerprint(documents: pd.DataFrame) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name in ("id", "lang", "labels", "text"):
        for value in documents.get(name, ()):
            digest.update(repr(value).encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    """Return what JSON can say of a parameter."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else repr(value)
