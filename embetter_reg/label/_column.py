"""The labels of many documents, of which most share a few."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from embetter_reg.label._labels import Labels, document_label


class LabelColumn(Sequence[Labels]):
    """A label for each document. Each different one is kept once, so that a million
    documents are counted and colored as quickly as their labels.

    Parameters
    ----------
    codes : array of int (n_documents,)
    distinct : list of Labels
        ``distinct[codes[row]]`` is the label of a row.

    Examples
    --------
    >>> from embetter_reg.label._column import LabelColumn
    >>> column = LabelColumn.of([["NA"], [], ["NA"]])
    >>> column = column.changed([1], [("HI", "NA")])
    >>> column[1], column.mapped(len).tolist(), column.is_labeled.all()
    (('HI', 'NA'), [1, 2, 1], np.True_)

    """

    def __init__(self, codes: np.ndarray, distinct: list[Labels]):
        self.codes = codes
        self.distinct = distinct

    @classmethod
    def of(cls, cells: Iterable[Any]) -> "LabelColumn":
        """Return the labels that documents came with, read by `document_label`."""
        labels: dict[Any, Labels] = {}
        codes: dict[Labels, int] = {}
        column = []
        for cell in cells:
            key = tuple(cell) if isinstance(cell, list) else cell
            try:
                label = labels[key]
            except (KeyError, TypeError):  # not seen yet, or no key
                label = document_label(cell)
                if isinstance(key, tuple):
                    labels[key] = label
            column.append(codes.setdefault(label, len(codes)))
        return cls(np.array(column, np.int32), list(codes))

    def changed(self, rows: Sequence[int], labels: Iterable[Labels]) -> "LabelColumn":
        """Return a column in which some rows have other labels."""
        codes = {label: code for code, label in enumerate(self.distinct)}
        fresh = [codes.setdefault(label, len(codes)) for label in labels]
        column = self.codes.copy()
        column[np.asarray(rows, dtype=int)] = fresh
        return LabelColumn(column, list(codes))

    def mapped(
        self,
        function: Callable[[Labels], Any],
        rows: np.ndarray | None = None,
        dtype: Any = None,
    ) -> np.ndarray:
        """Return what a function makes of the label of each document, or of each of
        ``rows``; it is called once a different label.
        """
        results = np.array([function(label) for label in self.distinct], dtype)
        return results[self.codes if rows is None else self.codes[rows]]

    @property
    def is_labeled(self) -> np.ndarray:
        """Which documents have a label; bool ``(n_documents,)``."""
        return self.mapped(bool)

    @property
    def used(self) -> list[Labels]:
        """The different labels that documents have."""
        counts = np.bincount(self.codes, minlength=len(self.distinct))
        return [self.distinct[code] for code in np.flatnonzero(counts)]

    def __len__(self) -> int:
        return len(self.codes)

    def __iter__(self) -> Iterator[Labels]:
        return (self.distinct[code] for code in self.codes.tolist())

    def at(self, rows: Any) -> list[Labels]:
        """Return the labels of some rows: a list of them, or a slice."""
        return [self.distinct[code] for code in self.codes[rows].tolist()]

    def __getitem__(self, row: Any) -> Any:
        if isinstance(row, slice):
            return self.at(row)
        return self.distinct[self.codes[row]]
