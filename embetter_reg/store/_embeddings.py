"""Embeddings in memory."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ON_THESE = (
    "the gold labels of these documents; do not report scores of predicted_best on them"
)


@dataclass(frozen=True)
class Embeddings:
    """Documents and their vectors.

    ``documents`` has the columns ``id, lang, labels`` (a list of CORE codes each),
    ``text`` where it was kept, and predictions where there are some; ``layers`` maps
    each layer's name (``"embedding"`` for an encoder without layers) to ``float32
    (n_documents, n_dims)``; ``manifest`` says how they were made.
    """

    documents: pd.DataFrame
    layers: dict[str, np.ndarray]
    manifest: dict[str, Any] = field(default_factory=dict)

    def rows_of(self, documents: pd.DataFrame, source) -> np.ndarray:
        """Return where the vectors of ``documents`` stand, by id; ``source`` is named
        where one is missing.
        """
        ids = documents["document"] if "document" in documents else documents["id"]
        rows = self.documents.reset_index().set_index("id")["index"].reindex(ids)
        if rows.isna().any():
            raise ValueError(
                f"got {source} without the document {rows.index[rows.isna()][0]!r}, "
                "expected the same documents in "
                "each; encode them all"
            )
        return rows.astype(int).to_numpy()


def chosen_columns(columns: list[str], layers, path: Path) -> list[str]:
    if not columns:
        raise ValueError(
            f"got {path} without a column of embeddings, expected embed_...; run "
            "embetter-reg encode"
        )
    if layers is None:
        return columns
    wanted = [f"embed_{layer}" for layer in layers]
    absent = [name for name in wanted if name not in columns]
    if absent:
        have = [name.removeprefix("embed_") for name in columns]
        raise ValueError(
            f"got the layers {list(layers)}, expected some of {have} in {path}; pick "
            "those"
        )
    return wanted
