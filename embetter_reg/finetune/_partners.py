"""How the partners of documents are drawn."""

from typing import NamedTuple

import numpy as np


class Pairs(NamedTuple):
    """Row numbers of the two documents of each pair, and how similar they should be,
    from 0 to 1.
    """

    first: np.ndarray
    second: np.ndarray
    similarity: np.ndarray


class Within:
    """Partners from a document's block but outside its hole, such as its register but
    not its language.

    Sorted by block and then hole, both are runs of rows, so a partner is one random
    number away. Without ``hole`` only the document itself is left out.
    """

    def __init__(
        self, block: np.ndarray, hole: np.ndarray | None, *, similarity: float
    ):
        cell = block
        if hole is not None:
            cell = block * (hole.max() + 1) + hole
        self._order = _sorted(cell)
        self._similarity = similarity
        self._block_start, block_size = _runs(block)
        if hole is None:
            # The hole is the document itself, at its place in the order.
            self._hole_start = np.empty(len(block), np.intp)
            self._hole_start[self._order] = np.arange(len(block))
            self._hole_size = np.ones(len(block), np.intp)
        else:
            self._hole_start, self._hole_size = _runs(cell)
        self._room = block_size - self._hole_size
        self.able = self._room > 0

    def __call__(self, n: int, rng: np.random.Generator) -> Pairs:
        """Return ``n`` partners for each document that has any."""
        rows = np.flatnonzero(self.able)
        room = np.broadcast_to(self._room.take(rows), (n, len(rows)))
        place = _below(room, rng) + self._block_start.take(rows)
        # Partners behind the hole lie further on by its size.
        behind = place >= self._hole_start.take(rows)
        place += behind * self._hole_size.take(rows)
        second = self._order.take(place.reshape(-1))
        return Pairs(
            np.tile(rows, n), second, np.full(len(second), self._similarity, np.float32)
        )


class Across:
    """Partners of the kinds that a table allows for the document's kind, each document
    as likely as another.
    """

    def __init__(self, kind: np.ndarray, allowed: np.ndarray, similarity: np.ndarray):
        self._kind = kind
        self._similarity = similarity
        self._order = _sorted(kind)
        self._first_of = np.searchsorted(kind[self._order], np.arange(len(allowed)))
        counts = allowed * np.bincount(kind, minlength=len(allowed))
        counts[np.diag_indices_from(counts)] -= np.diagonal(allowed)  # not with itself
        self._ends = counts.cumsum(axis=1)
        self.able = self._ends[kind, -1] > 0
        self._rank = np.empty(len(kind), dtype=np.intp)
        self._rank[self._order] = np.arange(len(kind))

    def __call__(self, n: int, rng: np.random.Generator) -> Pairs:
        """Return ``n`` partners for each document that has any."""
        first = np.tile(np.flatnonzero(self.able), n)
        kind = self._kind[first]
        draw = _below(self._ends[kind, -1], rng)
        other = np.empty(len(first), dtype=np.intp)
        for code in np.unique(kind):
            rows = kind == code
            other[rows] = np.searchsorted(self._ends[code], draw[rows], side="right")
        before = np.where(other > 0, self._ends[kind, other - 1], 0)
        place = self._first_of[other] + draw - before
        place += (other == kind) & (place >= self._rank[first])
        return Pairs(
            first, self._order[place], self._similarity[kind, other].astype(np.float32)
        )


def _below(limits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a random whole number from 0 to below each limit."""
    return (rng.random(limits.shape) * limits).astype(np.intp)


def _runs(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each document, where the run of its code begins once sorted, and how
    long it is.
    """
    sizes = np.bincount(codes)
    starts = sizes.cumsum() - sizes
    return starts[codes], sizes[codes]


def _sorted(codes: np.ndarray) -> np.ndarray:
    if codes.max(initial=0) < 1 << 16:
        # Short whole numbers are sorted by radix.
        codes = codes.astype(np.uint16)
    return np.argsort(codes, kind="stable")
