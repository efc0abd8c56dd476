"""Rows of a table of documents, however they are chosen: found by id or index, and
refused where they do not align.
"""

from typing import Any

import numpy as np
import pandas as pd


def find_rows(rows: Any, documents: pd.DataFrame, ids: list[str]) -> list[int]:
    """Return the positions of chosen documents.

    Parameters
    ----------
    rows : DataFrame, Series, Index, list or array
        As for `LabelTable.label`.
    documents : DataFrame
    ids : list of str
        Of the documents, in their order.

    Raises
    ------
    ValueError
        If they do not align with the documents.

    """
    if isinstance(rows, pd.DataFrame):
        return _rows_of_part(rows, documents, ids)
    if isinstance(rows, pd.Index):
        return _by_index(rows, documents)
    values = _values(rows)
    if not len(values):
        return []
    if all(isinstance(value, bool | np.bool_) for value in values):
        mask = np.array(values, dtype=bool)
        if isinstance(rows, pd.Series) and not rows.index.equals(documents.index):
            return _masked_by_index(rows.index, mask, documents)
        return _masked(mask, documents)
    if all(isinstance(value, str) for value in values):
        return _by_id(values, ids)
    if all(type(value) is int or isinstance(value, np.integer) for value in values):
        return _by_position(values, len(documents))
    kinds = sorted({type(value).__name__ for value in values})
    raise ValueError(
        f"got rows of the types {', '.join(kinds)}, expected a boolean mask, ids (str) "
        "or positions (int) of one type; fill missing values of a mask by False"
    )


def _values(rows: Any) -> list[Any]:
    if isinstance(rows, str | bytes | dict | set) or not hasattr(rows, "__len__"):
        raise ValueError(
            f"got rows of the type {type(rows).__name__}, expected a part of the "
            "documents, a mask, ids or positions; put a single one in a list"
        )
    if np.ndim(rows) != 1:
        raise ValueError(
            f"got rows of shape {np.shape(rows)}, expected one dimension; select a "
            "column"
        )
    return list(rows)


def _rows_of_part(
    part: pd.DataFrame, documents: pd.DataFrame, ids: list[str]
) -> list[int]:
    """Return the rows of a part of the documents: by its column ``id``, or else by its
    index; texts must be the same.
    """
    if "id" in part:
        rows = _by_id(part["id"].astype(str).tolist(), ids)
    else:
        rows = _by_index(part.index, documents)
    if "text" in part:
        for row, text in zip(rows, part["text"], strict=True):
            if text != documents["text"].iloc[row]:
                raise ValueError(
                    f"got the document {ids[row]!r} with another text, expected a part "
                    "of these documents; select from them, and keep their index or id"
                )
    return rows


def _by_id(names: list[str], ids: list[str]) -> list[int]:
    row_of = {name: row for row, name in enumerate(ids)}
    unknown = [name for name in names if name not in row_of]
    if unknown:
        raise ValueError(
            f"got {len(unknown):,} ids that no document has, the first {unknown[0]!r}, "
            "expected ids of these documents; check them"
        )
    return [row_of[name] for name in names]


def _by_index(index: pd.Index, documents: pd.DataFrame) -> list[int]:
    if index.equals(documents.index):
        return list(range(len(documents)))
    _check_unique(documents)
    rows = documents.index.get_indexer(index)
    if (rows < 0).any():
        unknown = index[rows < 0][0]
        raise ValueError(
            f"got {int((rows < 0).sum()):,} rows that the documents do not have, the "
            f"first '{unknown}', expected a part of these documents; keep their index, "
            "or pass their ids"
        )
    return rows.tolist()


def _masked_by_index(
    index: pd.Index, mask: np.ndarray, documents: pd.DataFrame
) -> list[int]:
    """Return the rows of a mask whose index is in another order than the documents'."""
    rows = _by_index(index, documents)
    if len(set(rows)) < len(documents):
        raise _unaligned(len(mask), len(documents))
    return sorted(np.array(rows)[mask].tolist())


def _masked(mask: np.ndarray, documents: pd.DataFrame) -> list[int]:
    if len(mask) != len(documents):
        raise _unaligned(len(mask), len(documents))
    return np.flatnonzero(mask).tolist()


def _by_position(values: list[Any], n_documents: int) -> list[int]:
    rows = [int(value) for value in values]
    outside = [row for row in rows if not 0 <= row < n_documents]
    if outside:
        raise ValueError(
            f"got the position {outside[0]}, expected 0 to {n_documents - 1}; pass ids "
            "as str"
        )
    return rows


def _check_unique(documents: pd.DataFrame) -> None:
    if not documents.index.is_unique:
        raise ValueError(
            "got rows by index for documents whose index repeats, expected ids; keep "
            "the column id, or reset the index of the documents"
        )


def _unaligned(n_values: int, n_documents: int) -> ValueError:
    return ValueError(
        f"got a mask of {n_values:,} values for {n_documents:,} documents, expected "
        "one for each; make it from these documents"
    )
