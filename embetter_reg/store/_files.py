"""Embeddings read from files of any form."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from embetter_reg._validation import check_path
from embetter_reg.corpus import StreamIds
from embetter_reg.store._embeddings import BY_ORDER, Embeddings
from embetter_reg.store._manifest import (
    check_one_encoder,
    check_shards,
    distinct,
    manifest_in,
    read_manifest,
    read_shard,
    shards_in,
)
from embetter_reg.store._older import read_older_tsv
from embetter_reg.store._tables import documents_of, layer_columns, vectors

_AHEAD = 2  # files that are read while others are worked on
Paths = str | Path | Sequence[str | Path]


def read_embeddings(
    paths: Paths, *, layers: Sequence[str] | None = None, incomplete: bool = False
) -> Embeddings:
    """Read embeddings: a folder that `encode_documents` wrote, Parquet files, or the
    older TSV form.

    A Parquet file from elsewhere has its vectors as lists in columns named
    ``embed_...``. Without a column ``id`` its ids are made of the texts, or else of
    places in the file (see `Embeddings.in_order_of`); languages may
    be in ``lang`` or ``language``, or in the file's name; labels are lists, or codes
    separated by spaces.

    Parameters
    ----------
    paths : path or list of paths
        Folders or files; their documents are joined in that order.
    layers : sequence of str or None
        Layers to read; None reads all, and an empty list the documents alone.
    incomplete : bool
        Read what there is of an encoding that has not finished, in place of an error.

    Returns
    -------
    Embeddings

    Raises
    ------
    FileNotFoundError
        If a path does not exist.
    ValueError
        If an encoding has not finished, a shard is lost or differs from its digest, a
        file holds no embeddings, a document no vector, an id comes twice, or files are
        of different encoders or layers.

    Examples
    --------
    >>> from embetter_reg.store import read_embeddings
    >>> stored = read_embeddings("embeddings", layers=["half"])  # doctest: +SKIP
    >>> stored.documents["labels"], stored.layers["half"]  # doctest: +SKIP

    """
    return joined(list(iter_embeddings(paths, layers=layers, incomplete=incomplete)))


def joined(parts: Sequence[Embeddings]) -> Embeddings:
    """Return the documents of all parts, which give their vectors up.

    Raises
    ------
    ValueError
        If there are no parts, they are of different encoders or layers, or an id comes
        twice.

    """
    if not parts:
        raise ValueError(
            "got no files of embeddings, expected at least one; check the paths"
        )
    names = {tuple(part.layers) for part in parts}
    widths = {tuple(X.shape[1] for X in part.layers.values()) for part in parts}
    if len(names) > 1 or len(widths) > 1:
        raise ValueError(
            f"got files with the layers {sorted(names)} of widths {sorted(widths)}, "
            "expected the same in each; read them apart, or pass layers="
        )
    manifests = distinct(part.manifests for part in parts)
    check_one_encoder(manifests)
    documents = pd.concat([part.documents for part in parts], ignore_index=True)
    repeated = documents["id"][documents["id"].duplicated()]
    if len(repeated):
        raise ValueError(
            f"got the id {repeated.iloc[0]!r} twice, expected one id a document; read "
            "each file once"
        )
    stacked = {name: _stack(parts, name) for name in list(parts[0].layers)}
    return Embeddings(documents, stacked, manifests)


def _stack(parts: Sequence[Embeddings], layer: str) -> np.ndarray:
    """Return a layer of all parts; each part gives its own up, so that memory holds the
    layer once.
    """
    if len(parts) == 1:
        return parts[0].layers[layer]
    n_documents = sum(len(part.layers[layer]) for part in parts)
    X = np.empty((n_documents, parts[0].layers[layer].shape[1]), np.float32)
    start = 0
    for part in parts:
        rows = part.layers.pop(layer)
        X[start : start + len(rows)] = rows
        start += len(rows)
    return X


def iter_embeddings(
    paths: Paths, *, layers: Sequence[str] | None = None, incomplete: bool = False
) -> Iterator[Embeddings]:
    """Yield what `read_embeddings` reads part by part, for more than fits in memory.

    Ids that come twice and different encoders are not noticed: parts are not compared,
    but for the ids of a folder of `encode_files`.
    """
    if layers is not None and (
        isinstance(layers, str) or not isinstance(layers, Iterable)
    ):
        raise TypeError(
            f"got layers={layers!r}, expected a list of names; put it in a list"
        )
    if not isinstance(paths, str | Path | Iterable):
        raise TypeError(
            f"got {type(paths).__name__} as paths, expected a path or a list of paths; "
            "pass one"
        )
    for path in [paths] if isinstance(paths, str | Path) else paths:
        yield from _read_one(check_path("paths", path), layers, incomplete)


def read_probabilities(paths: Paths) -> tuple[np.ndarray, list[str]] | None:
    """Return the probabilities of labels that a register classifier gave, and the labels.

    Parameters
    ----------
    paths : path or list of paths
        As for `read_embeddings`, in whose order the documents stand.

    Returns
    -------
    (ndarray of shape (n_documents, n_labels), list of str) or None
        Each in [0, 1]. None where a file has none, or its labels are not known.

    Raises
    ------
    ValueError
        If files are of different labels, or one is damaged.

    Examples
    --------
    >>> from embetter_reg.store import read_probabilities
    >>> probabilities, labels = read_probabilities("embeddings")  # doctest: +SKIP

    """
    parts: list[np.ndarray] = []
    labels: list[list[str]] = []
    for path in [paths] if isinstance(paths, str | Path) else paths:
        folder = check_path("paths", path)
        files = [folder]
        of_all: dict[str, Any] = {}
        if folder.is_dir():
            files = shards_in(folder) or sorted(folder.glob("*.parquet"))
            of_all = read_manifest(folder)
        for file in files:
            if file.suffix != ".parquet":
                return None
            manifest = of_all or manifest_in(file)
            table = read_shard(
                file, manifest, lambda names: [x for x in names if x == "probabilities"]
            )
            if not table.num_columns or "classes" not in manifest:
                return None
            parts.append(vectors(table, "probabilities", file))
            labels.append(list(manifest["classes"]))
    if not parts:
        return None
    if any(each != labels[0] for each in labels):
        raise ValueError(
            "got probabilities of different labels, expected those of one classifier; "
            "pass its embeddings alone"
        )
    return np.concatenate(parts), labels[0]


def _read_one(
    path: Path, layers: Sequence[str] | None, incomplete: bool
) -> Iterator[Embeddings]:
    if not path.exists():
        raise FileNotFoundError(
            f"got {path}, which does not exist, expected embeddings; check the path"
        )
    if path.is_dir() and (path / "manifest.json").exists():
        yield from _read_folder(path, layers, incomplete)
    elif path.is_dir():
        files = [
            file
            for file in sorted(path.iterdir())
            if file.suffix in (".tsv", ".parquet") and not file.name.startswith(".")
        ]
        if not files:
            raise ValueError(
                f"got the folder {path} with no embeddings, expected .parquet or .tsv "
                "files; check the path"
            )
        for file in files:
            yield from _read_one(file, layers, incomplete)
    elif path.suffix == ".parquet":
        yield _read_parquet(path, layers, manifest_in(path))
    elif path.suffix == ".tsv":
        yield from read_older_tsv(path, layers=layers)
    else:
        raise ValueError(
            f"got {path}, expected a folder of embeddings, .parquet or .tsv; run "
            "embetter-reg encode"
        )


def _read_folder(
    folder: Path, layers: Sequence[str] | None, incomplete: bool
) -> Iterator[Embeddings]:
    manifest = read_manifest(folder)
    shards = shards_in(folder)
    if incomplete:
        shards = [path for path in shards if path.name in manifest.get("shards", {})]
    elif not manifest.get("complete"):
        raise ValueError(
            f"got {folder}, whose encoding has not finished ({len(shards)} files so "
            "far), expected a finished one; run the same encode command again"
        )
    else:
        check_shards(folder, manifest)
    parts = _read_ahead(lambda path: _read_parquet(path, layers, manifest), shards)
    if "inputs" in manifest:
        yield from _numbered(parts)
    else:
        yield from parts


def _read_ahead(
    read: Callable[[Path], Embeddings], paths: Sequence[Path]
) -> Iterator[Embeddings]:
    """Yield what each file holds, in order; the next ones are read meanwhile."""
    with ThreadPoolExecutor(_AHEAD) as pool:
        waiting: deque[Future[Embeddings]] = deque()
        for path in paths:
            waiting.append(pool.submit(read, path))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _numbered(parts: Iterator[Embeddings]) -> Iterator[Embeddings]:
    """Number equal documents of different inputs, as `read_documents` would.

    Each input was read without the others.
    """
    ids = StreamIds()
    for part in parts:
        documents = part.documents
        automatic = documents["lang"] + "-" + documents["digest"].str[:16]
        given = [
            None if identifier.startswith(made) else identifier
            for identifier, made in zip(documents["id"], automatic, strict=True)
        ]
        identified = ids.identify(given, automatic.tolist())
        yield Embeddings(documents.assign(id=identified), part.layers, part.manifests)


def _read_parquet(
    path: Path, layers: Sequence[str] | None, manifest: dict[str, Any]
) -> Embeddings:
    def requested(names: list[str]) -> list[str]:
        others = [name for name in names if not name.startswith("embed_")]
        return [*others, *layer_columns(names, layers, path)]

    table = read_shard(path, manifest, requested)
    if not table.num_rows:
        raise ValueError(
            f"got {path} with no rows, expected at least one document; check the file"
        )
    X = {
        name.removeprefix("embed_"): vectors(table, name, path)
        for name in table.column_names
        if name.startswith("embed_")
    }
    sources = _sources(manifest)
    if not {"id", "text"} & set(table.column_names):
        sources = [{**source, "ids": BY_ORDER} for source in sources or [{}]]
    return Embeddings(documents_of(table, path), X, sources)


def _sources(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a manifest for each source of embeddings that were written again."""
    hidden = {"shards", "sources", "inputs"}
    about = {name: value for name, value in manifest.items() if name not in hidden}
    sources = manifest.get("sources") or [{}]
    return [{**about, **source} for source in sources if about or source]
