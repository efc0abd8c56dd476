"""Documents and vectors as the columns of a Parquet file."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from embetter_reg._validation import check_labels
from embetter_reg.corpus import document_ids, id_strings, language_of_name, registers
from embetter_reg.store._embeddings import digests_of

PRECISIONS = {"float32": pa.float32(), "float16": pa.float16()}
PREDICTED = ("predicted", "predicted_best")
_LABELS = pa.list_(pa.string())
# Names that files from elsewhere have for our columns, the likelier first.
_SYNONYMS = {
    "lang": ("language",),
    "labels": ("label", "registers", "register"),
}


def check_precision(precision: str) -> None:
    if precision not in PRECISIONS:
        raise ValueError(
            f"got precision={precision!r}, expected one of {list(PRECISIONS)}; pick one"
        )


def document_columns(documents: pd.DataFrame, *, text: bool) -> dict[str, pa.Array]:
    """Return documents as columns; the digests of their texts are always there."""
    columns = {
        "id": pa.array(id_strings(documents["id"]), pa.string()),
        "lang": pa.array(check_labels("language", documents["lang"], len(documents))),
        "labels": label_column([label_list(cell) for cell in documents["labels"]]),
        "digest": pa.array(digests_of(documents), pa.string()),
    }
    if text:
        columns["text"] = pa.array(documents["text"].tolist(), pa.string())
    return columns


def label_column(label_lists: Sequence[Sequence[str]]) -> pa.Array:
    return pa.array([list(labels) for labels in label_lists], _LABELS)


def label_list(cell: Any) -> list[str]:
    """Return the labels of one document; a string is parsed, nothing is no label."""
    if isinstance(cell, str):
        return registers.parse(cell)
    if cell is None or (pd.api.types.is_scalar(cell) and pd.isna(cell)):
        return []
    if isinstance(cell, set | frozenset):
        cell = sorted(cell)
    if not isinstance(cell, list | tuple | np.ndarray) or not all(
        isinstance(label, str) for label in cell
    ):
        raise TypeError(
            f"got {cell!r} as the labels of a document, expected a list of str; "
            "convert them"
        )
    return [str(label) for label in cell]


def _label_lists(cells: Iterable[Any]) -> list[list[str]]:
    """Return the labels of documents, of which many have the same."""
    known: dict[Any, list[str]] = {}
    lists: list[list[str]] = []
    for cell in cells:
        key = tuple(cell) if isinstance(cell, np.ndarray) else cell
        try:
            labels = known[key]
        except (KeyError, TypeError):  # not seen yet, or no key
            labels = label_list(cell)
            if isinstance(key, str | tuple):
                known[key] = labels
        lists.append(list(labels))
    return lists


def vector_column(X: np.ndarray, precision: str) -> pa.Array:
    with np.errstate(over="ignore"):  # the error below names it
        flat = np.ascontiguousarray(X, dtype=precision).ravel()
    if not np.isfinite(flat).all():
        raise ValueError(
            f"got vectors that {precision} cannot hold, expected finite numbers; use "
            "precision='float32'"
        )
    values = pa.array(flat, PRECISIONS[precision])
    return pa.FixedSizeListArray.from_arrays(values, X.shape[1])


def layer_columns(
    names: Sequence[str], layers: Sequence[str] | None, path: Path
) -> list[str]:
    """Return the columns of the requested layers, of all where None are requested."""
    columns = [str(name) for name in names if str(name).startswith("embed_")]
    if not columns:
        raise ValueError(
            f"got {path} without a column of embeddings, expected embed_...; run "
            "embetter-reg encode"
        )
    if layers is None:
        return columns
    requested = [f"embed_{layer}" for layer in layers]
    if not set(requested) <= set(columns):
        stored = [name.removeprefix("embed_") for name in columns]
        raise ValueError(
            f"got the layers {list(layers)}, expected some of {stored} in {path}; pick "
            "those"
        )
    return requested


def vectors(table: pa.Table, name: str, path: Path) -> np.ndarray:
    """Return a column of vectors as ``float32 (n_documents, n_dims)``.

    Raises
    ------
    ValueError
        If a row has no vector, vectors differ in width, or hold other than finite
        numbers; the row is named.

    """
    parts: list[np.ndarray] = []
    start = 0
    for chunk in table[name].chunks:
        parts.append(_vectors_of_chunk(chunk, name, path, start))
        start += len(chunk)
    widths = {part.shape[1] for part in parts if len(part)}
    if len(widths) != 1:
        raise ValueError(
            f"got vectors of the widths {sorted(widths)} in {name} of {path}, expected "
            "one width; write the file anew"
        )
    X = np.concatenate([part for part in parts if len(part)]).astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(X).all(axis=1))
    if len(bad):
        raise ValueError(
            f"got a vector that is not finite in row {bad[0] + 1} of {name} in {path}, "
            "expected finite numbers; drop the row"
        )
    return X


def _vectors_of_chunk(chunk: pa.Array, name: str, path: Path, start: int) -> np.ndarray:
    kind = chunk.type
    is_list = pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind)
    if not (is_list or pa.types.is_large_list(kind)) or not _is_number(kind.value_type):
        raise ValueError(
            f"got {name} of {path} as {kind}, expected a list of numbers a document; "
            "write vectors as lists"
        )
    if chunk.null_count:
        row = start + int(np.flatnonzero(chunk.is_null().to_numpy(False))[0]) + 1
        raise ValueError(
            f"got no vector in row {row} of {name} in {path}, expected one for every "
            "document; drop the row"
        )
    lengths = pc.list_value_length(chunk).to_numpy(False)
    # A null inside a list of float counts as NaN, which is refused with its row.
    values = chunk.flatten().to_numpy(zero_copy_only=False)
    if not len(lengths):
        return np.empty((0, 0), np.float32)
    uneven = np.flatnonzero(lengths != lengths[0])
    if len(uneven) or lengths[0] == 0:
        row = start + int(next(iter(uneven), 0)) + 1
        raise ValueError(
            f"got a vector of {lengths[row - start - 1]} numbers in row {row} of "
            f"{name} in {path}, expected one width above 0; write the file anew"
        )
    return values.reshape(len(lengths), -1)


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind) or pa.types.is_integer(kind)


def documents_of(table: pa.Table, path: Path) -> pd.DataFrame:
    """Return the columns of a table that are not of vectors, under our names.

    Labels become lists. Where there is no id, it is made of the text, or, without that,
    of the place in the file; where there is no
    language, it is that of the file's name.

    Raises
    ------
    ValueError
        If there is no language, or labels are no codes.

    """
    names = [
        name
        for name in table.column_names
        if not name.startswith(("embed_", "__index_level_")) and name != "probabilities"
    ]
    # Without the metadata of pandas, which may turn a column into the index.
    documents = table.select(names).replace_schema_metadata(None).to_pandas()
    for ours, others in _SYNONYMS.items():
        present = [name for name in others if name in documents]
        if ours not in documents and present:
            documents = documents.rename(columns={present[0]: ours})
    if "labels" not in documents:
        documents["labels"] = [[] for _ in range(len(documents))]
    for name in {"labels", *PREDICTED} & set(documents):
        try:
            documents[name] = _label_lists(documents[name])
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path}, column {name}: {error}") from error
    if "lang" not in documents:
        language = language_of_name(path)
        if language is None:
            raise ValueError(
                f"got {path} without languages, expected a column lang, or a file name "
                "such as fr.parquet; add the column"
            )
        documents["lang"] = language
    if "id" not in documents:
        if "text" in documents:
            ids = document_ids(documents["lang"], documents["text"])
        else:
            ids = [f"{path.name}:{row}" for row in range(1, len(documents) + 1)]
        documents.insert(0, "id", ids)
    try:
        documents["id"] = id_strings(documents["id"])
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}, column id: {error}") from error
    return documents
