"""Documents and vectors for labeling, from documents or from embeddings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from embetter_reg._random import check_random_state
from embetter_reg.corpus import load_registers, read_documents
from embetter_reg.label._predicted import suggest_registers
from embetter_reg.label._suggest import Vote
from embetter_reg.store import Embeddings, holds_embeddings, read_embeddings


class Loaded(NamedTuple):
    """Documents, their vectors, a map where their columns ``x`` and ``y`` held one, and
    predictions where there is a classifier.
    """

    documents: pd.DataFrame
    X: np.ndarray
    places: np.ndarray | None
    suggested: Vote | None = None


def load_corpus(
    paths: Sequence[Path],
    *,
    encoder: str = "lite",
    classifier: Any = None,
    embeddings: Path | None = None,
    layers: Sequence[int | str] | None = None,
    prompt: str | None = None,
    batch_size: int | None = None,
    device: str = "auto",
    dtype: str = "auto",
    language: str | None = None,
    skip_bad_rows: bool = False,
    keep_labels: float = 1.0,
    random_state: int | None = 0,
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
    classifier : PretrainedRegisters or None
        In place of ``encoder``: its register space, and its predictions to be
        confirmed, which are no labels.
    embeddings : path or None
        Embeddings of the documents in ``paths``, in place of ``encoder``.
    layers : sequence of int or str, or None
        Layers of the encoder, or of the embeddings, joined as by `join_layers`. None is
        the encoder's own embedding, or the last layer of the embeddings.
    prompt : str or None
        Text in front of every document that the encoder reads.
    batch_size, device, dtype
        Of the encoder, where it has them; None and "auto" are its own.
    language : str or None
        Of documents without one.
    skip_bad_rows : bool
    keep_labels : float
        Share of the documents' own labels to start from, drawn at random; 0 starts
        without any.
    random_state : int or None
    columns : str or None
        Names of columns, as `read_documents` takes them, such as ``text_column``.

    Raises
    ------
    ValueError
        If the share is outside [0, 1], embeddings hold no text, or vectors are missing.

    """
    check_share(keep_labels)
    suggested = None
    paths = list(map(Path, paths))
    is_stored = bool(paths) and all(map(holds_embeddings, paths))
    reading = {
        "prompt": prompt,
        "batch_size": batch_size,
        "device": device,
        "dtype": dtype,
    }
    given = [name for name, value in reading.items() if value not in (None, "auto")]
    if given and (is_stored or embeddings is not None):
        raise ValueError(
            f"got {given[0]}={reading[given[0]]!r} with embeddings, which were made with theirs, "
            "expected None; leave it out"
        )
    if classifier is not None:
        _refuse_embeddings(paths, embeddings)
        documents = _read(paths, columns, language, skip_bad_rows)
        X, suggested = suggest_registers(classifier, documents["text"].tolist())
    elif is_stored:
        documents, X = _stored(paths, layers)
    else:
        documents = _read(paths, columns, language, skip_bad_rows)
        if embeddings is None:
            options = {"layers": layers, **{name: reading[name] for name in given}}
            X = _encode(documents, encoder, random_state, options)
        else:
            X = _vectors(documents, embeddings, layers)
    if keep_labels < 1:
        documents = _without_labels(documents, keep_labels, random_state)
    places = None
    if {"x", "y"} <= set(documents):
        places = documents[["x", "y"]].astype(float).to_numpy()
        documents = documents.drop(columns=["x", "y"])
    return Loaded(documents, X, places, suggested)


def _refuse_embeddings(paths: list[Path], embeddings: Path | None) -> None:
    """Refuse stored vectors where a classifier reads the documents."""
    stored = [path for path in (*paths, embeddings) if path is not None]
    stored = [path for path in stored if path == embeddings or holds_embeddings(path)]
    if stored:
        raise ValueError(
            f"got the embeddings {stored[0]} and a classifier that reads documents, "
            "expected one of them; pass documents, or no classifier"
        )


def check_share(keep_labels: float) -> None:
    """Refuse a share outside [0, 1]."""
    if not 0 <= keep_labels <= 1:
        raise ValueError(
            f"got keep_labels={keep_labels}, expected a share in [0, 1]; pass for "
            "example 0.05"
        )


def _stored(
    paths: list[Path], layers: Sequence[int | str] | None
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return documents and vectors from embeddings."""
    stored = _read_layers(paths, layers)
    if "text" not in stored.documents:
        raise ValueError(
            "got embeddings without text, expected the documents too; encode them "
            "with --text"
        )
    return stored.documents, _joined(stored, layers)


def _read(
    paths: list[Path],
    columns: dict[str, str],
    language: str | None,
    skip_bad_rows: bool,
) -> pd.DataFrame:
    if not paths:
        return load_registers()
    on_error = "raise"
    if skip_bad_rows:
        on_error = "skip"
    return read_documents(paths, **columns, language=language, on_error=on_error)


def _without_labels(
    documents: pd.DataFrame, share: float, random_state: int | None
) -> pd.DataFrame:
    """Return documents that keep a share of their labels, drawn at random."""
    labeled = np.flatnonzero(documents["labels"].map(len) > 0)
    n_kept = round(share * len(labeled))
    chosen = check_random_state(random_state).permutation(labeled)[:n_kept]
    labels: list[Any] = [[] for _ in range(len(documents))]
    for row in chosen:
        labels[row] = documents["labels"].iloc[row]
    return documents.assign(labels=labels)


def _encode(
    documents: pd.DataFrame,
    encoder: str,
    random_state: int | None,
    options: dict[str, Any],
) -> np.ndarray:
    from embetter_reg.text import make_encoder

    made = make_encoder(encoder, random_state=random_state, **options)
    return made.fit_transform(documents["text"])


def _vectors(
    documents: pd.DataFrame, path: Path, layers: Sequence[int | str] | None
) -> np.ndarray:
    stored = _read_layers(path, layers).in_order_of(documents, path)
    return _joined(stored, layers)[stored.rows_of(documents, path)]


def _read_layers(
    paths: Path | list[Path], layers: Sequence[int | str] | None
) -> Embeddings:
    """Read the layers that are named, or all."""
    if layers is None:
        return read_embeddings(paths)
    return read_embeddings(paths, layers=list(map(str, layers)))


def _joined(stored: Embeddings, layers: Sequence[int | str] | None) -> np.ndarray:
    """Return the layers that are named, joined in their order, or the last one."""
    from embetter_reg.text import join_layers

    if layers is None:
        return list(stored.layers.values())[-1]
    return join_layers([stored.layers[str(layer)] for layer in layers])
