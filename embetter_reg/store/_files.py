"""Embeddings in memory and as Parquet files; every file is written whole or not at all."""

import json
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from embetter_reg._files import write_atomically
from embetter_reg._validation import check_same_length, check_space
from embetter_reg.store._embeddings import Embeddings, chosen_columns
from embetter_reg.store._older import read_older_tsv

FORMAT = 1
PRECISIONS = {"float32": pa.float32(), "float16": pa.float16()}
_VERSIONS = (
    "embetter-reg",
    "numpy",
    "scikit-learn",
    "torch",
    "transformers",
    "sentence-transformers",
)


def read_embeddings(paths, *, layers: Sequence[str] | None = None) -> Embeddings:
    """Read embeddings: a folder that `encode_documents` wrote, Parquet files of it, or
    the older TSV form.

    Parameters
    ----------
    paths : path or list of paths
        Folders or files; their documents are joined in that order.
    layers : sequence of str or None
        Layers to read; None reads all.

    Raises
    ------
    FileNotFoundError
        If a path does not exist.
    ValueError
        If an encoding has not finished, a file holds no embeddings, or files do not fit
        together.

    Examples
    --------
    >>> from embetter_reg.store import read_embeddings
    >>> found = read_embeddings("embeddings", layers=["half"])  # doctest: +SKIP
    >>> found.documents["labels"], found.layers["half"]  # doctest: +SKIP

    """
    parts = list(iter_embeddings(paths, layers=layers))
    if not parts:
        raise ValueError(
            "got no files of embeddings, expected at least one; check the paths"
        )
    names = {tuple(part.layers) for part in parts}
    widths = {tuple(X.shape[1] for X in part.layers.values()) for part in parts}
    if len(names) > 1 or len(widths) > 1:
        raise ValueError(
            f"got files with the layers {sorted(names)} of widths {sorted(widths)}, "
            "expected the same in each; "
            "read them apart, or pass layers="
        )
    documents: pd.DataFrame = pd.concat(
        [part.documents for part in parts], ignore_index=True
    )
    repeated = documents["id"][documents["id"].duplicated()]
    if len(repeated):
        raise ValueError(
            f"got the id {repeated.iloc[0]!r} twice, expected one id a document; read "
            "each file once"
        )
    stacked = {
        name: np.concatenate([part.layers[name] for part in parts])
        for name in parts[0].layers
    }
    return Embeddings(documents, stacked, parts[0].manifest)


def iter_embeddings(
    paths, *, layers: Sequence[str] | None = None
) -> Iterator[Embeddings]:
    """Yield what `read_embeddings` reads part by part, for more than fits in memory."""
    for path in [paths] if isinstance(paths, str | Path) else list(paths):
        yield from _read_one(Path(path), layers)


def write_embeddings(
    parts: Embeddings | Iterable[Embeddings], folder, *, precision: str = "float32"
) -> Path:
    """Write embeddings that are there already in the form of `encode_documents`, one
    shard a part.

    ``parts`` may be a stream, such as `iter_embeddings` gives; only one part is held in
    memory.

    Raises
    ------
    ValueError
        If the folder holds finished embeddings, parts have other layers or widths, or
        an id comes twice.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from tempfile import mkdtemp
    >>> from embetter_reg.store import Embeddings, read_embeddings, write_embeddings
    >>> documents = pd.DataFrame({"id": ["a", "b"], "lang": ["en", "fi"], "labels": [["NA"], ["HI"]]})
    >>> folder = write_embeddings(Embeddings(documents, {"embedding": np.eye(2)}), mkdtemp(), precision="float16")
    >>> read_embeddings(folder).layers["embedding"].tolist()
    [[1.0, 0.0], [0.0, 1.0]]

    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "manifest.json"
    if path.exists() and json.loads(path.read_text(encoding="utf-8")).get("complete"):
        raise ValueError(
            f"got {folder}, which holds embeddings, expected an empty folder; pass "
            "another one"
        )
    for stale in folder.glob("part-*.parquet"):
        stale.unlink()
    manifest: dict[str, Any] = {"format": FORMAT, "precision": precision}
    update_manifest(folder, {**manifest, "complete": False})
    seen: set[str] = set()
    for number, part in enumerate([parts] if isinstance(parts, Embeddings) else parts):
        check_same_length(documents=part.documents, **part.layers)
        spaces = {name: check_space(name, X) for name, X in part.layers.items()}
        widths = {name: X.shape[1] for name, X in spaces.items()}
        manifest = {**part.manifest, **manifest} if number == 0 else manifest
        if manifest.setdefault("widths", widths) != widths:
            raise ValueError(
                f"got layers of widths {widths} after {manifest['widths']}, expected "
                "the same in all parts"
            )
        twice = seen & set(part.documents["id"]) or set(
            part.documents["id"][part.documents["id"].duplicated()]
        )
        if twice:
            raise ValueError(
                f"got the id {min(twice)!r} twice, expected one id a document; "
                "convert each file once"
            )
        seen |= set(part.documents["id"])
        columns = {
            f"embed_{name}": vector_column(X, precision) for name, X in spaces.items()
        }
        for name in {"predicted", "predicted_best"} & set(part.documents):
            columns[name] = pa.array(
                [list(labels) for labels in part.documents[name]], pa.list_(pa.string())
            )
        write_shard(
            shard_path(folder, number),
            document_table(part.documents, "text" in part.documents, columns),
            manifest,
        )
    update_manifest(folder, {**manifest, "n_documents": len(seen), "complete": True})
    return folder


def update_manifest(folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    manifest = {**manifest, "versions": {name: version(name) for name in _VERSIONS}}
    write_atomically(
        folder / "manifest.json",
        lambda path: path.write_text(json.dumps(manifest, indent=2), encoding="utf-8"),
    )
    return manifest


def write_shard(path: Path, table: pa.Table, manifest: dict[str, Any]) -> None:
    table = table.replace_schema_metadata({"embetter_reg": json.dumps(manifest)})
    write_atomically(
        path, lambda draft: pq.write_table(table, draft, compression="zstd")
    )


def shard_path(folder: Path, number: int) -> Path:
    return folder / f"part-{number:05d}.parquet"


def document_table(
    documents: pd.DataFrame, text: bool, columns: dict[str, pa.Array]
) -> pa.Table:
    table = {
        "id": pa.array(documents["id"].tolist(), pa.string()),
        "lang": pa.array(documents["lang"].tolist(), pa.string()),
        "labels": pa.array(
            [list(labels) for labels in documents["labels"]], pa.list_(pa.string())
        ),
    }
    if text:
        table["text"] = pa.array(documents["text"].tolist(), pa.string())
    return pa.table({**table, **columns})


def vector_column(X: np.ndarray, precision: str) -> pa.Array:
    with np.errstate(over="ignore"):  # said in one sentence below
        flat = np.ascontiguousarray(X, dtype=precision).ravel()
    if not np.isfinite(flat).all():
        raise ValueError(
            f"got vectors that {precision} cannot hold, expected finite numbers; use "
            "precision='float32'"
        )
    return pa.FixedSizeListArray.from_arrays(
        pa.array(flat, PRECISIONS[precision]), X.shape[1]
    )


def _read_one(path: Path, layers) -> Iterator[Embeddings]:
    if not path.exists():
        raise FileNotFoundError(
            f"got {path}, which does not exist, expected embeddings; check the path"
        )
    if path.is_dir() and (path / "manifest.json").exists():
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
        shards = sorted(path.glob("part-*.parquet"))
        if not manifest.get("complete"):
            raise ValueError(
                f"got {path}, whose encoding has not finished ({len(shards)} files so "
                "far), expected a finished one; "
                "run the same encode command again"
            )
        for shard in shards:
            yield _read_parquet(shard, layers, manifest)
    elif path.is_dir():
        inside = sorted(
            file for file in path.iterdir() if file.suffix in (".tsv", ".parquet")
        )
        if not inside:
            raise ValueError(
                f"got the folder {path} with no embeddings, expected .parquet or .tsv "
                "files; check the path"
            )
        for file in inside:
            yield from _read_one(file, layers)
    elif path.suffix == ".parquet":
        metadata = pq.read_schema(path).metadata or {}
        yield _read_parquet(
            path, layers, json.loads(metadata.get(b"embetter_reg", b"{}"))
        )
    elif path.suffix == ".tsv":
        yield from read_older_tsv(path, layers=layers)
    else:
        raise ValueError(
            f"got {path}, expected a folder of embeddings, .parquet or .tsv; run "
            "embetter-reg encode"
        )


def _read_parquet(path: Path, layers, manifest: dict[str, Any]) -> Embeddings:
    names = chosen_columns(
        [name for name in pq.read_schema(path).names if name.startswith("embed_")],
        layers,
        path,
    )
    table = pq.read_table(path)
    vectors = {name.removeprefix("embed_"): matrix(table[name]) for name in names}
    rest = table.select(
        [name for name in table.column_names if not name.startswith("embed_")]
    )
    documents = rest.drop(
        ["probabilities"] if "probabilities" in rest.column_names else []
    ).to_pandas()
    for name in {"labels", "predicted", "predicted_best"} & set(documents):
        documents[name] = [list(labels) for labels in documents[name]]
    return Embeddings(documents, vectors, manifest)


def matrix(column: pa.ChunkedArray) -> np.ndarray:
    width = column.type.list_size
    values = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]
    return (
        np.concatenate(values).reshape(-1, width).astype(np.float32)
        if values
        else np.empty((0, width), np.float32)
    )
