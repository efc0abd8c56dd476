"""The older form of embeddings: tab-separated text, one file a language."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from embetter_reg.corpus import document_id, language_of_name, registers
from embetter_reg.corpus.older import is_older_tsv, listed, rows_of_older_tsv
from embetter_reg.store._embeddings import BY_ORDER, ON_THESE, Embeddings
from embetter_reg.store._tables import layer_columns


def read_older_tsv(
    path: str | Path, *, layers: Sequence[str] | None = None, chunk: int = 1000
) -> Iterator[Embeddings]:
    """Yield the older form of embeddings, ``chunk`` documents at a time.

    The umap-embeddings scripts wrote one file a language: ``id, lang, labels`` (a list
    as text), one column ``embed_<layer>`` a layer with its vector as text, ``preds``
    (labels at 0.5) and, where there were gold labels, ``preds_<best threshold>``.
    Predictions become ``predicted`` and ``predicted_best``. Nothing is evaluated as
    code. A document without an id gets one that is made of its text, or, without that,
    of its place in the file.

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
    reader: _Reader | None = None
    for line, row in rows_of_older_tsv(path):
        if reader is None:
            reader = _Reader(path, list(row), layers)
        try:
            reader.add(row)
        except (ValueError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{path}:{line}: got a row that cannot be read ({error}); mend it"
            ) from error
        if len(reader.documents) == chunk:
            yield reader.take()
    if reader is not None and reader.documents:
        yield reader.take()


class _Reader:
    """Collects rows until they are taken as embeddings."""

    def __init__(self, path: Path, header: list[Any], layers: Sequence[str] | None):
        self.path = path
        self.columns = layer_columns(header, layers, path)
        self.best = next(
            (str(name) for name in header if str(name).startswith("preds_")), ""
        )
        self.manifest: dict[str, Any] = {"source": path.name}
        if self.best:
            self.manifest["threshold"] = {
                "best": self.best.removeprefix("preds_"),
                "chosen_on": ON_THESE,
            }
        self.n_rows = 0
        self.id_counts: Counter[str] = Counter()
        self._clear()

    def _clear(self) -> None:
        self.documents: list[dict[str, Any]] = []
        self.vectors: dict[str, list[np.ndarray]] = {name: [] for name in self.columns}

    def add(self, row: dict[str, Any]) -> None:
        self.n_rows += 1
        vectors = {name: _vector(row[name]) for name in self.columns}
        self.documents.append(self._document(row))
        for name, vector in vectors.items():
            self.vectors[name].append(vector)

    def take(self) -> Embeddings:
        for name, vectors in self.vectors.items():
            widths = sorted({len(vector) for vector in vectors})
            if len(widths) > 1:
                raise ValueError(
                    f"got vectors of several widths in {self.path} ({name}: {widths}), "
                    "expected one a layer; mend the file"
                )
        layers = {
            name.removeprefix("embed_"): np.stack(vectors)
            for name, vectors in self.vectors.items()
        }
        part = Embeddings(pd.DataFrame(self.documents), layers, [self.manifest])
        self._clear()
        return part

    def _document(self, row: dict[str, Any]) -> dict[str, Any]:
        language = row.get("lang") or language_of_name(self.path)
        if language is None:
            raise ValueError("it has no language, and the file's name has none")
        document = {
            "id": row.get("id") or self._new_id(language, row.get("text")),
            "lang": language,
            "labels": registers.parse(row.get("labels") or []),
        }
        if "text" in row:
            document["text"] = row["text"]
        if "preds" in row:
            document["predicted"] = row["preds"]
        if self.best:
            document["predicted_best"] = row[self.best]
        return document

    def _new_id(self, language: str, text: str | None) -> str:
        if text is None:
            self.manifest["ids"] = BY_ORDER
            return f"{self.path.name}:{self.n_rows}"
        identifier = document_id(language, text)
        self.id_counts[identifier] += 1
        count = self.id_counts[identifier]
        if count > 1:
            return f"{identifier}-{count}"
        return identifier


def _vector(cell: str) -> np.ndarray:
    vector = np.array(listed(cell), dtype=np.float32)
    if not len(vector) or not np.isfinite(vector).all():
        raise ValueError("a vector is empty or not finite")
    return vector
