"""The older form of embeddings: tab-separated text, one file a language."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from embetter_reg.corpus import registers
from embetter_reg.corpus.read import is_older_tsv, listed, rows_of_older_tsv
from embetter_reg.store._embeddings import ON_THESE, Embeddings, chosen_columns


def read_older_tsv(
    path, *, layers: Sequence[str] | None = None, chunk: int = 1000
) -> Iterator[Embeddings]:
    """Yield the older form of embeddings, ``chunk`` documents at a time.

    The umap-embeddings scripts wrote one file a language: ``id, lang, labels`` (a list
    as text), one column ``embed_<layer>`` a layer with its vector as text, ``preds``
    (labels at 0.5) and, where there were gold labels, ``preds_<best threshold>``.
    Predictions become ``predicted`` and ``predicted_best``. Nothing is evaluated as
    code.

    Raises
    ------
    ValueError
        If a row cannot be read; its line is named.

    """
    path = Path(path)
    if not is_older_tsv(path):
        raise ValueError(
            f"got {path} without a column embed_..., expected embeddings; pass "
            "documents to encode instead"
        )
    names: list[str] = []
    manifest: dict[str, Any] = {"source": path.name}
    rows: list[dict[str, Any]] = []
    vectors: dict[str, list[np.ndarray]] = {}
    for number, (line, row) in enumerate(rows_of_older_tsv(path)):
        if number == 0:
            names = chosen_columns(
                [name for name in row if str(name).startswith("embed_")], layers, path
            )
            vectors = {name: [] for name in names}
            best = next((name for name in row if str(name).startswith("preds_")), "")
            if best:
                manifest["threshold"] = {
                    "best": best.removeprefix("preds_"),
                    "chosen_on": ON_THESE,
                }
        try:
            rows.append(_document(row, path, number, best))
            for name in names:
                vectors[name].append(_vector(row[name]))
        except (ValueError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{path}:{line}: got a row that cannot be read ({error}); mend it"
            ) from error
        if len(rows) == chunk:
            yield _chunk(rows, vectors, path, manifest)
            rows, vectors = [], {name: [] for name in names}
    if rows:
        yield _chunk(rows, vectors, path, manifest)


def _document(
    row: dict[str, Any], path: Path, number: int, best: str
) -> dict[str, Any]:
    document = {
        "id": row.get("id") or f"{path.stem}-{number + 1}",
        "lang": row.get("lang") or path.stem.split("_")[0],
        "labels": registers.parse(row.get("labels") or []),
    }
    if "text" in row:
        document["text"] = row["text"]
    if "preds" in row:
        document["predicted"] = row["preds"]
    if best:
        document["predicted_best"] = row[best]
    return document


def _vector(cell: str) -> np.ndarray:
    vector = np.array(listed(cell), dtype=np.float32)
    if not len(vector) or not np.isfinite(vector).all():
        raise ValueError("a vector is empty or not finite")
    return vector


def _chunk(rows, vectors, path: Path, manifest) -> Embeddings:
    widths = {
        name: sorted({len(vector) for vector in found})
        for name, found in vectors.items()
    }
    uneven = {name: found for name, found in widths.items() if len(found) > 1}
    if uneven:
        raise ValueError(
            f"got vectors of several widths in {path} ({uneven}), expected one a "
            "layer; mend the file"
        )
    stacked = {
        name.removeprefix("embed_"): np.stack(found) for name, found in vectors.items()
    }
    return Embeddings(pd.DataFrame(rows), stacked, manifest)
