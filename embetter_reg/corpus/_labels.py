"""Labels of documents as sets, and as a binary matrix; the table that they come in."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from embetter_reg.corpus._identity import is_missing
from embetter_reg.corpus.registers import parse


def check_documents(documents: Any, *columns: str) -> None:
    """Check that documents are a DataFrame with some columns.

    Raises
    ------
    TypeError
        If they are no DataFrame.
    ValueError
        If a column is not there, or there twice.

    """
    if not isinstance(documents, pd.DataFrame):
        raise TypeError(
            f"got {type(documents).__name__} as documents, expected a DataFrame; pass "
            "what read_documents returns"
        )
    for column in columns:
        count = list(documents.columns).count(column)
        if count != 1:
            raise ValueError(
                f"got documents with {count} columns {column!r} among "
                f"{list(documents.columns)}, expected one; rename a column"
            )


def split_labels(labels: Any) -> list[str]:
    """Return the labels of one document as a list.

    A str is one cell, whose labels are separated by spaces or commas; a list is taken
    as it stands; a missing value is no label.

    Raises
    ------
    TypeError
        If ``labels`` is anything else, or an item of it is not a str.

    Examples
    --------
    >>> from embetter_reg.corpus import split_labels
    >>> split_labels("NA, ne"), split_labels(["NA", "ne"]), split_labels(None)
    (['NA', 'ne'], ['NA', 'ne'], [])

    """
    if isinstance(labels, str):
        return labels.replace(",", " ").split()
    if is_missing(labels):
        return []
    if not isinstance(labels, Iterable) or isinstance(labels, Mapping | bytes):
        raise TypeError(
            f"got {labels!r} as labels, expected a str or a list of labels; convert it"
        )
    items = list(labels)
    for item in items:
        if not isinstance(item, str):
            raise TypeError(
                f"got {item!r} among labels, expected a str; convert or drop it"
            )
    return [str(item) for item in items]


def label_sets(labels: Iterable[Any]) -> list[list[str]]:
    """Return each document's codes, as `registers.parse` returns them.

    Each document has a cell or a list, as `split_labels` takes it.

    Raises
    ------
    ValueError
        If a code is not in the scheme; the document's position is named.
    TypeError
        If ``labels`` is one str, or a document has something else.

    Examples
    --------
    >>> from embetter_reg.corpus import label_sets
    >>> label_sets(["ne NA", ["OP"], None])
    [['NA', 'ne'], ['OP'], []]

    """
    _check_cells(labels)
    # Documents share few sets of labels, and a set is parsed once.
    parsed: dict[tuple[str, ...], list[str]] = {}
    sets: list[list[str]] = []
    for position, cell in enumerate(labels):
        try:
            codes = tuple(split_labels(cell))
            if codes not in parsed:
                parsed[codes] = parse(codes)
        except (TypeError, ValueError) as error:
            raise type(error)(f"document {position}: {error}") from None
        sets.append(list(parsed[codes]))
    return sets


def label_matrix(labels: Iterable[Any], classes: Sequence[str]) -> np.ndarray:
    """Return label sets as a binary matrix ``int8 (n_documents, n_classes)``.

    Labels that are not among ``classes`` are left out.

    Raises
    ------
    TypeError
        If a document's labels are not what `split_labels` takes, or ``labels`` or
        ``classes`` is one str.

    Examples
    --------
    >>> from embetter_reg.corpus import label_matrix
    >>> label_matrix([["NA", "OP"], ["HI"]], ["NA", "OP"]).tolist()
    [[1, 1], [0, 0]]

    """
    _check_cells(labels)
    check_names("classes", classes)
    sets = [set(split_labels(cell)) for cell in labels]
    matrix = [[name in names for name in classes] for names in sets]
    return np.array(matrix, dtype=np.int8).reshape(len(sets), len(classes))


def _check_cells(labels: Any) -> None:
    """Check that labels are those of several documents."""
    if isinstance(labels, str | bytes | Mapping) or not isinstance(labels, Iterable):
        raise TypeError(
            f"got {type(labels).__name__} as the labels of documents, expected a list "
            "with an entry for each; put it in a list"
        )


def check_names(name: str, values: Any) -> None:
    """Check that ``values`` is a list of str, no two alike."""
    is_list = isinstance(values, Iterable) and not isinstance(values, str | Mapping)
    if not is_list or not all(isinstance(value, str) for value in values):
        raise TypeError(
            f"got {name}={values!r}, expected a list of names; pass for example "
            "['NA', 'OP']"
        )
    if len(set(values)) < len(list(values)):
        raise ValueError(
            f"got {name}={list(values)!r} with a name twice, expected each once; drop "
            "the other"
        )
