"""Embeddings that are there already, written to a folder of Parquet shards."""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from embetter_reg._files import check_folder, remove_drafts
from embetter_reg._validation import check_path, check_space
from embetter_reg.store._embeddings import Embeddings
from embetter_reg.store._manifest import (
    FORMAT,
    add_shard,
    check_one_encoder,
    distinct,
    read_manifest,
    shard_path,
    shards_in,
    write_manifest,
)
from embetter_reg.store._records import MANIFEST, check_kind
from embetter_reg.store._tables import (
    PREDICTED,
    check_precision,
    document_columns,
    label_column,
    vector_column,
)

_WRITER = "write_embeddings"
# What a manifest holds about the files, not about the vectors in them.
_OF_FILES = {
    "complete",
    "format",
    "n_documents",
    "precision",
    "shards",
    "sources",
    "versions",
    "widths",
    "writer",
}


def write_embeddings(
    parts: Embeddings | Iterable[Embeddings],
    out: str | Path,
    *,
    precision: str = "float32",
) -> Path:
    """Write embeddings in the form of `encode_documents`, one shard a part.

    Parameters
    ----------
    parts : Embeddings or iterable of Embeddings
        May be a stream, such as `iter_embeddings` gives; one part is held in memory.
    out : path
        The folder; one with finished embeddings, or an encoding that has not finished,
        is refused.
    precision : {"float32", "float16"}
        How vectors are stored.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ValueError
        If the folder holds embeddings, there are no parts, parts have other layers or
        widths or are of different encoders, or an id comes twice.
    OSError
        If the folder cannot be written to.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from tempfile import mkdtemp
    >>> from embetter_reg.store import Embeddings, read_embeddings, write_embeddings
    >>> documents = pd.DataFrame({"id": ["a", "b"], "lang": "en", "labels": [["NA"], ["HI"]]})
    >>> stored = Embeddings(documents, {"embedding": np.eye(2)})
    >>> folder = write_embeddings(stored, mkdtemp(), precision="float16")
    >>> read_embeddings(folder).layers["embedding"].tolist()
    [[1.0, 0.0], [0.0, 1.0]]

    """
    check_precision(precision)
    out = check_path("out", out)
    stream = _as_parts(parts)
    first = next(stream, None)  # bad input leaves no folder
    if first is None:
        raise ValueError(
            "got no embeddings to write, expected at least one part; check what is "
            "converted"
        )
    _clear_unfinished(out)
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "precision": precision,
        "writer": _WRITER,
        "complete": False,
        "sources": [],
        "shards": {},
    }
    manifest = write_manifest(out, manifest)
    ids: set[str] = set()
    for number, part in enumerate(chain([first], stream)):
        columns = _columns(part, precision)
        manifest = _joined(manifest, part)
        for identifier in columns["id"].to_pylist():
            if identifier in ids:
                raise ValueError(
                    f"got the id {identifier!r} twice, expected one id a document; "
                    "convert each file once"
                )
            ids.add(identifier)
        manifest = add_shard(out, shard_path(out, number), columns, manifest)
    write_manifest(out, {**manifest, "n_documents": len(ids), "complete": True})
    return out


def _as_parts(parts: Any) -> Iterator[Embeddings]:
    if isinstance(parts, Embeddings):
        parts = [parts]
    if not isinstance(parts, Iterable):
        raise TypeError(
            f"got {type(parts).__name__}, expected Embeddings or several of them; "
            "pass those"
        )
    for part in parts:
        if not isinstance(part, Embeddings):
            raise TypeError(
                f"got {type(part).__name__}, expected Embeddings; wrap documents and "
                "vectors in them"
            )
        yield part


def _clear_unfinished(out: Path) -> None:
    """Make the folder, without what an earlier write that was cut off left there."""
    check_folder(out)
    check_kind(out, MANIFEST)
    out.mkdir(parents=True, exist_ok=True)
    manifest = read_manifest(out)
    shards = shards_in(out)
    is_rest = manifest.get("writer") == _WRITER and not manifest.get("complete")
    if (manifest or shards) and not is_rest:
        raise ValueError(
            f"got {out}, which holds embeddings, expected an empty folder; pass "
            "another one"
        )
    remove_drafts(out)
    for path in shards:
        path.unlink()


def _columns(part: Embeddings, precision: str) -> dict[str, pa.Array]:
    for name in ("lang", "labels"):
        if name not in part.documents:
            raise ValueError(
                f"got documents with the columns {list(part.documents)}, expected id, "
                f"lang and labels; add {name}"
            )
    columns = document_columns(part.documents, text="text" in part.documents)
    for name, X in part.layers.items():
        columns[f"embed_{name}"] = vector_column(check_space(name, X), precision)
    for name in PREDICTED:
        if name in part.documents:
            columns[name] = label_column(part.documents[name].tolist())
    return columns


def _joined(manifest: dict[str, Any], part: Embeddings) -> dict[str, Any]:
    """Return the manifest with what a part says of itself."""
    widths = {name: np.shape(X)[1] for name, X in part.layers.items()}
    if manifest.get("widths", widths) != widths:
        raise ValueError(
            f"got layers of widths {widths} after {manifest['widths']}, expected the "
            "same in all parts; convert them apart"
        )
    about = [
        {name: value for name, value in source.items() if name not in _OF_FILES}
        for source in part.manifests
    ]
    sources = distinct([manifest["sources"], about])
    check_one_encoder(sources)
    return {**manifest, "widths": widths, "sources": sources}
