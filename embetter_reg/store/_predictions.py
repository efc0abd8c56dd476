"""The predictions of a register classifier, as columns beside its vectors."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from embetter_reg.store._embeddings import ON_THESE
from embetter_reg.store._manifest import (
    add_shard,
    read_shard,
    shards_in,
    write_manifest,
)
from embetter_reg.store._tables import label_column, vector_column, vectors


def predicted_labels(
    classifier: Any, probabilities: np.ndarray, threshold: Any = 0.5
) -> list[list[str]]:
    """Return the predicted labels of each document, whether or not it may have several.

    ``classifier`` is a `RegisterEncoder` or another object with its ``decide`` and
    ``label_sets``; ``threshold`` is as in `RegisterEncoder.predict`.
    """
    decided = classifier.decide(probabilities, threshold)
    if decided.ndim == 1:
        return [[label] for label in decided]
    return classifier.label_sets(decided)


def prediction_columns(
    classifier: Any, probabilities: np.ndarray
) -> dict[str, pa.Array]:
    """Return the columns of probabilities and of the labels at 0.5."""
    return {
        "predicted": label_column(predicted_labels(classifier, probabilities)),
        "probabilities": vector_column(probabilities, "float32"),
    }


def add_best(
    classifier: Any, documents: pd.DataFrame, folder: Path, manifest: dict[str, Any]
) -> dict[str, Any]:
    """Add the labels at the best threshold to every shard that lacks them, and return
    the manifest; where no document has a gold label of the model, change nothing.
    """
    if "threshold" not in manifest:
        choice = _choice(classifier, documents, folder, manifest)
        if choice is None:
            return manifest
        # Recorded first, so that a run that goes on takes the same threshold.
        manifest = write_manifest(folder, {**manifest, "threshold": choice})
    threshold = manifest["threshold"]["best"]
    for path in shards_in(folder):
        table = read_shard(path, manifest)
        if "predicted_best" in table.column_names:
            continue
        probabilities = vectors(table, "probabilities", path)
        labels = predicted_labels(classifier, probabilities, threshold)
        columns = dict(zip(table.column_names, table.columns, strict=True))
        columns["predicted_best"] = label_column(labels)
        manifest = add_shard(folder, path, columns, manifest)
    return manifest


def known_threshold(classifier: Any, documents: pd.DataFrame) -> dict[str, Any] | None:
    """Return the best threshold of a classifier that has one before it sees documents,
    and what it was chosen on.
    """
    if hasattr(classifier, "threshold_"):
        best = np.asarray(classifier.threshold_).tolist()
        return {"best": best, "chosen_on": "documents given apart"}
    if hasattr(classifier, "best_threshold_"):  # of pretrained weights
        best = np.asarray(classifier.best_threshold_).tolist()
        has_seen = bool(classifier.seen(documents["text"]).any())
        chosen_on = "the training documents of the pretrained weights"
        return {"best": best, "chosen_on": ON_THESE if has_seen else chosen_on}
    return None


def _choice(
    classifier: Any, documents: pd.DataFrame, folder: Path, manifest: dict[str, Any]
) -> dict[str, Any] | None:
    """Return the best threshold and the documents that it was chosen on."""
    known = known_threshold(classifier, documents)
    if known is not None:
        return known
    gold: Sequence[list[str]] = documents["labels"].tolist()
    classes = set(manifest["classes"])
    if not any(classes.intersection(labels) for labels in gold):
        return None
    has_gold = np.array([bool(labels) for labels in gold])
    probabilities = np.concatenate(
        [
            vectors(
                read_shard(path, manifest, lambda _: ["probabilities"]),
                "probabilities",
                path,
            )
            for path in shards_in(folder)
        ]
    )
    labels = [labels for labels in gold if labels]
    best = classifier.best_threshold(probabilities[has_gold], labels)
    return {"best": np.asarray(best).tolist(), "chosen_on": ON_THESE}
