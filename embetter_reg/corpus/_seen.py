"""Ids of a stream: made where there are none, and checked without keeping texts."""

from collections import Counter
from collections.abc import Sequence

import numpy as np


class StreamIds:
    """Ids of documents that come in batches, no two alike.

    Equal documents are numbered as `document_ids` numbers them. An id takes 8 bytes.
    """

    def __init__(self) -> None:
        self._seen = _HashSet()
        self._counts: Counter[str] = Counter()  # of documents that repeat others

    def identify(
        self, ids: Sequence[str | None], automatic: Sequence[str]
    ) -> list[str]:
        """Return the ids of a batch: those that are given, and the others made.

        ``automatic`` has the `document_id` of each document.

        Raises
        ------
        ValueError
            If an id was there before.

        """
        given = [identifier for identifier in ids if identifier is not None]
        used = set(given)
        self._check(given, used)
        identified: list[str] = []
        is_seen = self._seen.contains(automatic)
        for identifier, base, is_used in zip(ids, automatic, is_seen, strict=True):
            if identifier is None:
                identifier = base
                while is_used or identifier in used:
                    self._counts[base] += 1
                    identifier = f"{base}-{self._counts[base] + 1}"
                    is_used = self._seen.contains([identifier])[0]
                used.add(identifier)
            identified.append(identifier)
        self._seen.add(identified)
        return identified

    def _check(self, given: list[str], different: set[str]) -> None:
        repeated = [
            identifier
            for identifier, is_seen in zip(
                given, self._seen.contains(given), strict=True
            )
            if is_seen
        ]
        if not repeated and len(different) < len(given):
            repeated = [Counter(given).most_common(1)[0][0]]
        if repeated:
            raise ValueError(
                f"got the id {repeated[0]!r} twice, expected one id a document; rename "
                "it, or read each file once"
            )


class _HashSet:
    """A set of str by their 64-bit hashes: two of a million are taken for one with a
    probability of 3e-8.
    """

    def __init__(self) -> None:
        # Sorted, each at least twice as long as the next.
        self._runs: list[np.ndarray] = []

    def add(self, values: Sequence[str]) -> None:
        """Add strings."""
        run = np.sort(_hashes(values))
        if not len(run):
            return
        while self._runs and len(self._runs[-1]) < 2 * len(run):
            run = np.concatenate([self._runs.pop(), run])
            run.sort(kind="stable")  # merges runs that are sorted
        self._runs.append(run)

    def contains(self, values: Sequence[str]) -> np.ndarray:
        """Return which strings were added."""
        hashes = _hashes(values)
        is_member = np.zeros(len(hashes), bool)
        for run in self._runs:
            places = np.minimum(np.searchsorted(run, hashes), len(run) - 1)
            is_member |= run[places] == hashes
        return is_member


def _hashes(values: Sequence[str]) -> np.ndarray:
    return np.fromiter(map(hash, values), np.int64, len(values))
