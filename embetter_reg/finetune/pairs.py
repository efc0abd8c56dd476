"""Pairs of documents with similarities in [0, 1], drawn lazily, by seed, in time linear
in the number of pairs.

Every function returns a `PairSampler`: iterate over it for batches, or call `draw` for
a whole epoch. Each epoch draws anew; the same ``random_state`` repeats the same epochs.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from embetter_reg._random import draw_seed
from embetter_reg._validation import check_labels

LANGUAGES = ("any", "other", "same")


class Pairs(NamedTuple):
    """Row numbers of the two documents of each pair, and how similar they should be,
    from 0 to 1.
    """

    first: np.ndarray
    second: np.ndarray
    similarity: np.ndarray


@dataclass(frozen=True)
class PairSampler:
    """Draws pairs, an epoch at a time.

    An epoch has, for each document, ``n_pos`` positive and ``n_neg`` negative pairs
    that begin with it, in random order. Documents without a possible partner have none.
    """

    positive: "Within | Across"
    negative: "Within | Across"
    n_pos: int
    n_neg: int
    rng: np.random.Generator

    def __len__(self) -> int:
        """Return the number of pairs in an epoch."""
        return int(
            self.n_pos * self.positive.able.sum()
            + self.n_neg * self.negative.able.sum()
        )

    def draw(self, *, shuffle: bool = True) -> Pairs:
        """Return one epoch."""
        parts = [
            self.positive(self.n_pos, self.rng),
            self.negative(self.n_neg, self.rng),
        ]
        pairs = Pairs(
            *(np.concatenate(columns) for columns in zip(*parts, strict=True))
        )
        if not shuffle:
            return pairs
        order = self.rng.permutation(len(pairs.first))
        return Pairs(*(column[order] for column in pairs))

    def batches(self, batch_size: int) -> Iterator[Pairs]:
        """Yield one epoch in batches."""
        pairs = self.draw()
        for start in range(0, len(pairs.first), batch_size):
            yield Pairs(*(column[start : start + batch_size] for column in pairs))


def from_labels(
    y,
    *,
    n_pos: int = 1,
    n_neg: int = 3,
    language=None,
    positives="any",
    negatives="any",
    random_state=None,
) -> PairSampler:
    """Draw pairs of the same label (similarity 1) and of different labels (similarity
    0).

    Parameters
    ----------
    y : array-like of str, shape (n_documents,)
        One label a document.
    n_pos, n_neg : int
        Positive and negative pairs a document.
    language : array-like of str or None
        Language of each document, where the next two need it.
    positives, negatives : {"any", "other", "same"}
        Languages of a pair's two documents. ``positives="other"`` draws the same
        register in another language, and ``negatives="same"`` another register in the
        same language: together they teach register against language.
    random_state : int, RandomState or None
        Decides the draws.

    Raises
    ------
    ValueError
        If there is only one label, or ``language`` is missing where it is needed.

    Examples
    --------
    >>> from embetter_reg.finetune import pairs
    >>> sampler = pairs.from_labels(["NA", "NA", "HI", "HI"], n_neg=1, random_state=0)
    >>> len(sampler)
    8
    >>> drawn = sampler.draw(shuffle=False)
    >>> drawn.second[:4].tolist(), drawn.similarity.tolist()
    ([1, 0, 3, 2], [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0])

    """
    names, codes = _names_and_codes("y", y, len(y))
    if len(names) < 2:
        raise ValueError(
            f"got {len(names)} label, expected at least two to tell apart; pass "
            "documents of more labels"
        )
    for name, value in (("positives", positives), ("negatives", negatives)):
        if value not in LANGUAGES:
            raise ValueError(
                f"got {name}={value!r}, expected one of {list(LANGUAGES)}; pick one"
            )
        if value != "any" and language is None:
            raise ValueError(
                f"got {name}={value!r} without language, expected one a document; "
                "pass language="
            )
    everything = np.zeros(len(codes), dtype=np.intp)
    spoken = (
        everything
        if language is None
        else _names_and_codes("language", language, len(codes))[1]
    )
    cell = (
        codes
        if language is None
        else np.unique(codes * (spoken.max() + 1) + spoken, return_inverse=True)[1]
    )
    block, hole = {
        "any": (codes, None),
        "other": (codes, spoken),
        "same": (cell, None),
    }[positives]
    positive = Within(block, hole, similarity=1.0)
    if n_pos and not positive.able.all():
        lonely = sorted({str(name) for name in names[codes[~positive.able]]})
        where = {
            "any": "",
            "other": " in another language",
            "same": " in its language",
        }[positives]
        warnings.warn(
            f"{(~positive.able).sum()} documents of {lonely} have no other of their "
            f"label{where}, so no positive pair",
            stacklevel=2,
        )
    negative: Within | Across
    if negatives == "other":
        _, row = np.unique(cell, return_index=True)
        apart = (codes[row][:, None] != codes[row]) & (
            spoken[row][:, None] != spoken[row]
        )
        negative = Across(cell, apart, np.zeros(apart.shape))
    else:
        block, hole = (everything, codes) if negatives == "any" else (spoken, cell)
        negative = Within(block, hole, similarity=0.0)
    return PairSampler(positive, negative, n_pos, n_neg, _generator(random_state))


def from_groups(
    groups, *, n_pos: int = 1, n_neg: int = 3, random_state=None
) -> PairSampler:
    """Draw pairs of the same group, such as sentences of one paragraph, and of
    different groups.

    Examples
    --------
    >>> from embetter_reg.finetune import pairs
    >>> drawn = pairs.from_groups([7, 7, 8, 8, 8], n_neg=0, random_state=0).draw()
    >>> sorted(zip(drawn.first.tolist(), (drawn.second // 2).tolist()))[:2]
    [(0, 0), (1, 0)]

    """
    return from_labels(groups, n_pos=n_pos, n_neg=n_neg, random_state=random_state)


def from_indicator(
    Y, *, n_pos: int = 1, n_neg: int = 3, random_state=None
) -> PairSampler:
    """Draw pairs of documents with several labels each (hybrids); similarity is the
    Jaccard overlap of label sets.

    Parameters
    ----------
    Y : array-like, shape (n_documents, n_classes)
        1 where a document has a label, 0 where it has not, NaN where nobody knows.
    n_pos, n_neg : int
        Pairs a document with a shared label, and without one.
    random_state : int, RandomState or None
        Decides the draws.

    Returns
    -------
    PairSampler
        A positive pair shares a label; its similarity is the number of shared labels
        over the number of labels that either has, among those known of both. A negative
        pair shares none and differs in a label known of both.

    Raises
    ------
    ValueError
        If ``Y`` holds other values, or no two documents differ.

    Examples
    --------
    >>> from embetter_reg.finetune import pairs
    >>> drawn = pairs.from_indicator([[1, 1], [1, 0], [0, 1]], n_neg=0, random_state=0).draw()
    >>> set(drawn.similarity.tolist())
    {0.5}

    """
    Y = np.asarray(Y, dtype=np.float64)
    if Y.ndim != 2 or not (np.isnan(Y) | (Y == 0) | (Y == 1)).all():
        raise ValueError(
            f"got labels of shape {Y.shape}, expected a matrix of 1, 0 and NaN for "
            "unknown; pass that"
        )
    kinds, codes = np.unique(Y, axis=0, return_inverse=True)
    codes = codes.reshape(-1)
    has, known = (kinds == 1).astype(np.float32), (~np.isnan(kinds)).astype(np.float32)
    shared = has @ has.T
    either = (
        has @ known.T + (has @ known.T).T - shared
    )  # labels of one or both, among those known of both
    similarity = np.divide(shared, either, out=np.zeros_like(shared), where=either > 0)
    positive = Across(codes, shared > 0, similarity)
    negative = Across(codes, (shared == 0) & (either > 0), similarity)
    if n_neg and not negative.able.any():
        raise ValueError(
            "got no two documents that differ in a known label, expected some; pass "
            "other documents"
        )
    n_lonely = int((has.any(axis=1)[codes] & ~positive.able).sum())
    if n_lonely and n_pos:
        warnings.warn(
            f"{n_lonely} documents share no label with another; they have no positive "
            "pair",
            stacklevel=2,
        )
    return PairSampler(positive, negative, n_pos, n_neg, _generator(random_state))


def from_examples(
    examples: Sequence[Mapping], *, n_pos: int = 1, n_neg: int = 3, random_state=None
) -> tuple[list[str], PairSampler]:
    """Draw pairs of examples ``{"text": …, "cats": {label: True or False}}``, where a
    missing label is unknown.

    Returns the texts, to which the pairs' row numbers refer, and the sampler; see
    `from_indicator`.

    Raises
    ------
    ValueError
        If an example has no text or no cats; its position is named.

    Examples
    --------
    >>> from embetter_reg.finetune import pairs
    >>> examples = [{"text": "a", "cats": {"x": 1}}, {"text": "b", "cats": {"x": 1}}, {"text": "c", "cats": {"x": 0}}]
    >>> texts, sampler = pairs.from_examples(examples, random_state=0)
    >>> [(texts[i], texts[j]) for i, j, s in zip(*sampler.draw(shuffle=False)) if s == 1]
    [('a', 'b'), ('b', 'a')]

    """
    for position, example in enumerate(examples):
        if (
            not isinstance(example, Mapping)
            or not isinstance(example.get("text"), str)
            or "cats" not in example
        ):
            raise ValueError(
                f'got {example!r} at position {position}, expected {{"text": …, "cats": {{…}}}}; mend it'
            )
    names = sorted({name for example in examples for name in example["cats"]})
    Y = [
        [float(example["cats"].get(name, np.nan)) for name in names]
        for example in examples
    ]
    sampler = from_indicator(
        np.reshape(Y, (len(examples), -1)),
        n_pos=n_pos,
        n_neg=n_neg,
        random_state=random_state,
    )
    return [example["text"] for example in examples], sampler


# How partners are drawn


class Within:
    """Partners from a document's block but outside its hole, such as its register but
    not its language.

    Sorted by block and then hole, both are runs of rows, so a partner is one random
    number away. Without ``hole`` only the document itself is left out.
    """

    def __init__(
        self, block: np.ndarray, hole: np.ndarray | None, *, similarity: float
    ):
        cell = block if hole is None else block * (hole.max() + 1) + hole
        self._order = _sorted(cell)
        self._similarity = similarity
        self._block_start, block_size = _runs(block)
        if hole is None:
            self._hole_start, self._hole_size = (
                np.empty(len(block), np.intp),
                np.ones(len(block), np.intp),
            )
            self._hole_start[self._order] = np.arange(len(block))
        else:
            self._hole_start, self._hole_size = _runs(cell)
        self._room = block_size - self._hole_size
        self.able = self._room > 0

    def __call__(self, n: int, rng: np.random.Generator) -> Pairs:
        """Return ``n`` partners for each document that has any."""
        rows = np.flatnonzero(self.able)
        columns = (self._room, self._block_start, self._hole_start, self._hole_size)
        room, block_start, hole_start, hole_size = (
            column.take(rows) for column in columns
        )
        place = _below(np.broadcast_to(room, (n, len(rows))), rng) + block_start
        place += (place >= hole_start) * hole_size
        second = self._order.take(place.reshape(-1))
        return Pairs(
            np.tile(rows, n), second, np.full(len(second), self._similarity, np.float32)
        )


class Across:
    """Partners of the kinds that a table allows for the document's kind, each document
    as likely as another.
    """

    def __init__(self, kind: np.ndarray, allowed: np.ndarray, similarity: np.ndarray):
        self._kind, self._similarity = kind, similarity
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


def _names_and_codes(
    name: str, values, n_documents: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels there are, sorted, and each document's number among them."""
    given = np.asarray(values)
    if given.ndim != 1 or len(given) != n_documents or given.dtype.kind not in "iub":
        given = check_labels(name, values, n_documents)
    codes, names = pd.factorize(given, sort=True)
    return names, codes


def _runs(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each document, where the run of its code begins once sorted, and how
    long it is.
    """
    sizes = np.bincount(codes)
    return (sizes.cumsum() - sizes)[codes], sizes[codes]


def _sorted(codes: np.ndarray) -> np.ndarray:
    # Short whole numbers are sorted by radix.
    return np.argsort(
        codes.astype(np.uint16) if codes.max(initial=0) < 1 << 16 else codes,
        kind="stable",
    )


def _generator(random_state) -> np.random.Generator:
    return np.random.default_rng(
        random_state if isinstance(random_state, int) else draw_seed(random_state)
    )
