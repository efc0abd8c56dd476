"""Documents and vectors for labeling, from documents or from embeddings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from embetter_reg._random import check_random_state
from embetter_reg.corpus import load_registers, read_documents
from embetter_reg.store import read_embeddings


class Loaded(NamedTuple):
    """Documents, their vectors, and a map where their columns ``x`` and ``y`` held one."""

    documents: pd.DataFrame
    X: np.ndarray
    places: np.ndarray | None


def load_corpus(
    paths: Sequence[Path],
    *,
    encoder: str = "lite",
    embeddings: Path | None = None,
    layer: str | None = None,
    language: str | None = None,
    skip_bad_rows: bool = False,
    keep_labels: float = 1.0,
    random_state=0,
    **columns: Any,
) -> Loaded:
    """Return what is to be labeled.

    Parameters
    ----------
    paths : sequence of path
        Documents, or embeddings that hold the documents' text; none is the bundled
        corpus.
    encoder : str
        Encodes documents, as `make_encoder` names it.
    embeddings : path or None
        Embeddings of the documents in ``paths``, in place of ``encoder``.
    layer : str or None
        Of the embeddings; None takes the last.
    language : str or None
        Of documents that do not tell theirs.
    skip_bad_rows : bool
    keep_labels : float
        Share of the documents' own labels to start from, drawn at random; 0 starts
        without any.
    random_state : int
    columns : str or None
        Names of columns, as `read_documents` takes them, such as ``text_column``.

    Raises
    ------
    ValueError
        If the share is outside [0, 1], embeddings hold no text, or vectors are missing.

    """
    if not 0 <= keep_labels <= 1:
        raise ValueError(
            f"got keep_labels={keep_labels}, expected a share in [0, 1]; pass for "
            "example 0.05"
        )
    paths = list(paths)
    if paths and all(map(_holds_embeddings, paths)):
        stored = read_embeddings(paths, layers=None if layer is None else [layer])
        if "text" not in stored.documents:
            raise ValueError(
                "got embeddings without text, expected the documents too; encode them "
                "with --text"
            )
        documents, X = stored.documents, list(stored.layers.values())[-1]
    else:
        on_error = "skip" if skip_bad_rows else "raise"
        documents = (
            read_documents(paths, **columns, language=language, on_error=on_error)
            if paths
            else load_registers()
        )
        X = (
            _encode(documents, encoder, random_state)
            if embeddings is None
            else _vectors(documents, embeddings, layer)
        )
    if keep_labels < 1:
        has = np.flatnonzero(documents["labels"].map(len) > 0)
        kept = set(
            check_random_state(random_state)
            .permutation(has)[: round(keep_labels * len(has))]
            .tolist()
        )
        labels = [
            found if n in kept else [] for n, found in enumerate(documents["labels"])
        ]
        documents = documents.assign(labels=labels)
    places = None
    if {"x", "y"} <= set(documents):
        places = documents[["x", "y"]].astype(float).to_numpy()
        documents = documents.drop(columns=["x", "y"])
    return Loaded(documents, X, places)


def _holds_embeddings(path: Path) -> bool:
    import pyarrow.parquet as pq

    from embetter_reg.corpus.older import is_older_tsv

    if path.is_dir():
        inside = [
            file for file in path.iterdir() if file.suffix in (".parquet", ".tsv")
        ]
        return (path / "manifest.json").exists() or (
            bool(inside) and all(map(_holds_embeddings, inside))
        )
    if path.suffix == ".parquet" and path.is_file():
        return any(name.startswith("embed_") for name in pq.read_schema(path).names)
    return path.suffix == ".tsv" and path.is_file() and is_older_tsv(path)


def _encode(documents: pd.DataFrame, encoder: str, random_state) -> np.ndarray:
    from embetter_reg.text import make_encoder

    return make_encoder(encoder, random_state=random_state).fit_transform(
        documents["text"]
    )


def _vectors(documents: pd.DataFrame, path: Path, layer: str | None) -> np.ndarray:
    stored = read_embeddings(path, layers=None if layer is None else [layer])
    return list(stored.layers.values())[-1][stored.rows_of(documents, path)]
