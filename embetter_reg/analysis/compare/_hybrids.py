"""Agreement with and without documents of several registers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from embetter_reg._validation import check_same_length
from embetter_reg.analysis.compare._resample import Resampler, ami_interval
from embetter_reg.analysis.metrics import agreements
from embetter_reg.corpus import split_labels
from embetter_reg.corpus.registers import current_scheme


@dataclass(frozen=True, eq=False)
class Hybrids:
    """One entry a document and register: ``documents`` and ``registers`` are as long; a
    hybrid has several entries.
    """

    documents: np.ndarray
    registers: np.ndarray

    @classmethod
    def read(
        cls, hybrids: ArrayLike | Sequence[Sequence[str]], n_documents: int
    ) -> "Hybrids":
        """Read an indicator matrix, or a list of label lists, of which sub-registers
        beside their main do not count.

        Raises
        ------
        ValueError
            If there are not as many rows as documents, or a document has no register.
        TypeError
            If it is neither a matrix nor lists of labels.

        """
        sets = _read_label_sets(hybrids)
        check_same_length(documents=range(n_documents), hybrids=sets)
        sizes = np.array([len(labels) for labels in sets])
        if not sizes.all():
            raise ValueError(
                f"got no register of document {int(sizes.argmin())} in hybrids, "
                "expected at least one; drop it"
            )
        return cls(
            np.repeat(np.arange(n_documents), sizes),
            np.array([label for labels in sets for label in labels]),
        )

    def of(self, rows: np.ndarray) -> "Hybrids":
        """Return the entries of some documents, numbered in their order."""
        sizes = np.bincount(self.documents)[rows]
        starts = np.searchsorted(self.documents, rows)
        entries = np.concatenate(
            [
                np.arange(start, start + n)
                for start, n in zip(starts, sizes, strict=True)
            ]
        )
        return Hybrids(np.repeat(np.arange(len(rows)), sizes), self.registers[entries])

    def agreement(
        self,
        runs: Sequence[np.ndarray],
        gold: Mapping[str, np.ndarray],
        resampler: Resampler,
        confidence: float,
    ) -> Iterator[dict[str, Any]]:
        """Yield AMI with both labels and its interval, with hybrids (each register
        counts) and without.
        """
        single = (np.bincount(self.documents) == 1)[self.documents]
        masks = {"with hybrids": np.ones(len(single), bool), "without hybrids": single}
        for name, mask in masks.items():
            documents = self.documents[mask]
            clusters = [run[documents] for run in runs]
            row: dict[str, Any] = {
                "documents": name,
                "n_documents": len(np.unique(documents)),
            }
            labels = {
                "register": self.registers[mask],
                "language": gold["language"][documents],
            }
            for label, values in labels.items():
                codes = np.unique(values, return_inverse=True)[1]
                ami = float(agreements(values, clusters)["ami"].mean())
                boots = [
                    resampler.bootstrap_ami(codes, each, documents) for each in clusters
                ]
                low, high = ami_interval(ami, np.mean(boots, axis=0), confidence)
                row |= {label: ami, f"{label}_low": low, f"{label}_high": high}
            yield row


def _read_label_sets(hybrids: Any) -> list[list[str]]:
    if getattr(hybrids, "ndim", 1) == 2:
        return _label_sets_of(hybrids)
    entries = [None]
    if isinstance(hybrids, Iterable):
        entries = list(hybrids)
    # A str is a cell elsewhere; here it would be a column of single labels.
    if any(entry is None or isinstance(entry, str) for entry in entries):
        raise TypeError(
            "got hybrids that are no lists of labels, expected a list of labels a "
            "document or an indicator matrix; pass for example documents['labels']"
        )
    return [_without_nested(split_labels(entry)) for entry in entries]


def _label_sets_of(indicator: Any) -> list[list[str]]:
    """Return the names of the columns that are set in each row of a matrix."""
    matrix = np.asarray(indicator).astype(bool)
    columns = getattr(indicator, "columns", range(matrix.shape[1]))
    names = np.array(columns, dtype=str)
    return [names[row].tolist() for row in matrix]


def _without_nested(labels: list[str]) -> list[str]:
    """Leave out sub-registers that stand beside their main register."""
    parents = current_scheme().parents
    return [label for label in labels if parents.get(label) not in labels]
