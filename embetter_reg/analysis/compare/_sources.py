"""Where the spaces of documents come from: encoders, stored embeddings, models."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from embetter_reg._progress import step
from embetter_reg._random import RandomStateLike, as_seed
from embetter_reg.corpus.registers import is_hybrid, mains
from embetter_reg.store import Embeddings, read_embeddings, rows_in


@dataclass(frozen=True)
class Source:
    """Vectors of training and held-out documents; ``description`` is for the report."""

    name: str
    description: str
    X_train: np.ndarray
    X: np.ndarray


def make_encoders(
    encoders: Sequence[Any],
    random_state: RandomStateLike,
    show_progress: bool,
    reading: dict[str, Any],
    *,
    has_models: bool,
) -> dict[str, Any]:
    """Return unfitted encoders by the names of their spaces.

    What ``reading`` sets (layers, prompt, dtype, …) goes to encoders given by name
    that have it; where models are compared too, it may be for them alone.

    Raises
    ------
    ValueError
        If two have the same name, no encoder takes what is set, or a model lacks a
        layer.
    TypeError
        If one is neither a name nor an estimator.

    """
    from embetter_reg.text import make_encoder

    seed = as_seed(random_state)
    folders = [_folder_name(encoder) for encoder in encoders]
    made: dict[str, Any] = {}
    options = {name: value for name, value in reading.items() if value is not None}
    unused = set() if has_models else set(options)
    for encoder, folder in zip(encoders, folders, strict=True):
        if isinstance(encoder, str):
            name = folder if folders.count(folder) == 1 else encoder
            model = make_encoder(encoder, random_state=seed)
        elif hasattr(encoder, "transform") and hasattr(encoder, "get_params"):
            name = type(encoder).__name__
            model = clone(encoder)
        else:
            raise TypeError(
                f"got {encoder!r} as an encoder, expected a name or an estimator with "
                "transform; pass for example 'lite'"
            )
        if name in made:
            raise ValueError(
                f"got the encoder {name!r} twice, expected encoders that differ; leave "
                "one out"
            )
        if isinstance(encoder, str):
            usual = {"normalize": True, "show_progress": show_progress, **options}
            taken = {key: usual[key] for key in usual if key in model.get_params()}
            model.set_params(**taken)
            unused -= set(taken)
            if options.keys() & taken.keys():
                model.transform([])  # refuses a layer that the model lacks
        made[name] = model
    if unused:
        raise ValueError(
            f"got {', '.join(sorted(unused))} for the encoders {list(made)}, expected "
            "an encoder by name that has such a parameter; leave it out"
        )
    return made


def _folder_name(encoder: Any) -> str:
    """Return the last part of a folder's path, and other names as they are."""
    if not isinstance(encoder, str):
        return type(encoder).__name__
    path = Path(encoder.rpartition(":")[2])
    return path.name if path.is_dir() else encoder


def encode_sources(
    encoders: dict[str, Any],
    stored: dict[Path, Embeddings],
    train: pd.DataFrame,
    test: pd.DataFrame,
    show_progress: bool = False,
) -> Iterator[Source]:
    """Return an iterator over the vectors of each encoder and of each layer of stored
    embeddings.

    An encoder is fitted on the training documents. Documents are found in all folders
    at once, so that one that lacks some is refused before anything is encoded.
    """
    rows = {
        path: (embeddings.rows_of(train, path), embeddings.rows_of(test, path))
        for path, embeddings in stored.items()
    }
    return _iter_sources(encoders, stored, rows, train, test, show_progress)


def _iter_sources(
    encoders: dict[str, Any],
    stored: dict[Path, Embeddings],
    rows: dict[Path, tuple[np.ndarray, np.ndarray]],
    train: pd.DataFrame,
    test: pd.DataFrame,
    show_progress: bool,
) -> Iterator[Source]:
    for name, encoder in encoders.items():
        description = repr(encoder)
        n_documents = len(train) + len(test)
        # An encoder with a bar of its own shows it.
        silent = show_progress and "show_progress" not in encoder.get_params()
        with step(f"encoding {n_documents:,} documents by {name}", silent):
            X_train = encoder.fit_transform(train["text"])
            X = encoder.transform(test["text"])
        yield Source(name, description, X_train, X)
    for path, embeddings in stored.items():
        rows_train, rows_test = rows[path]
        for layer, X in embeddings.layers.items():
            name = path.stem if layer == "embedding" else f"{path.stem} {layer}"
            description = f"embeddings {path.name} {layer}"
            X_train = rows_in(X, rows_train)
            yield Source(name, description, X_train, rows_in(X, rows_test))


def read_stored(embeddings: Any) -> dict[Path, Embeddings]:
    """Read folders of embeddings by path, or take those of a mapping by name.

    Raises
    ------
    ValueError
        If a folder comes twice.

    """
    if isinstance(embeddings, Mapping):
        return {Path(name): each for name, each in embeddings.items()}
    if isinstance(embeddings, str | Path):
        embeddings = [embeddings]
    stored: dict[Path, Embeddings] = {}
    for folder in embeddings:
        path = Path(folder)
        if path in stored:
            raise ValueError(
                f"got the embeddings {path} twice, expected folders that differ; leave "
                "one out"
            )
        stored[path] = read_embeddings(path)
    return stored


def check_models(models: Any, reading: dict[str, Any]) -> None:
    """Check that both models can be loaded and have the layers.

    Raises
    ------
    ValueError
        If a model lacks a layer, or reads no documents of that length.
    TypeError
        If ``models`` is no pair of names.
    OSError
        If a model cannot be loaded.

    """
    is_pair = isinstance(models, tuple | list) and len(models) == 2
    if not is_pair or not all(isinstance(model, str | Path) for model in models):
        raise TypeError(
            f"got models={models!r}, expected a base model and a tuned one; pass two "
            "names or folders"
        )
    for model in models:
        _read_layers(model, [], reading)


def layer_spaces(
    models: tuple[str, str], reading: dict[str, Any], test: pd.DataFrame
) -> dict[str, np.ndarray]:
    """Return the space of each layer of a base and a tuned model: means over tokens."""
    spaces: dict[str, np.ndarray] = {}
    for name, model in zip(("base", "tuned"), models, strict=True):
        encoded = _read_layers(model, test["text"], reading)
        spaces |= {f"{name} {layer}": X for layer, X in encoded.items()}
    return spaces


def _read_layers(
    model: str | Path, texts: Any, reading: dict[str, Any]
) -> dict[int | str, np.ndarray]:
    from embetter_reg.text import encode_layers

    options = {name: value for name, value in reading.items() if value is not None}
    return encode_layers(str(model), texts, **options)


def predicted_labels(
    test: pd.DataFrame, stored: dict[Path, Embeddings], label_source: str
) -> pd.DataFrame:
    """Return held-out documents with the one register that a classifier predicted in
    place of the gold ones; documents of none or several are left out.

    Raises
    ------
    ValueError
        If there are no predictions, or their threshold was chosen on gold labels of
        these documents.

    """
    if not stored:
        raise ValueError(
            f"got label_source={label_source!r} without embeddings, expected the "
            "embeddings that carry the predictions; pass embeddings, or 'gold'"
        )
    path, embeddings = next(iter(stored.items()))
    if label_source not in embeddings.documents:
        raise ValueError(
            f"got {path} without {label_source}, expected predictions of a classifier; "
            "encode with one"
        )
    if label_source == "predicted_best" and embeddings.threshold_saw_gold:
        raise ValueError(
            "got predictions whose threshold was chosen on these documents' own gold "
            "labels, expected other documents to choose it on; encode with "
            "--threshold-docs"
        )
    column = embeddings.documents[label_source]
    labels = [mains(codes) for codes in column.iloc[embeddings.rows_of(test, path)]]
    mask = np.array([len(codes) > 0 and not is_hybrid(codes) for codes in labels])
    warnings.warn(
        f"registers are predictions; {mask.sum():,} of {len(mask):,} documents have "
        "exactly one",
        stacklevel=3,
    )
    column_of_labels = pd.Series(labels, index=test.index, dtype=object)
    return test.assign(labels=column_of_labels)[mask].reset_index(drop=True)
