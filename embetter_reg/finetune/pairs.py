"""Pairs of documents with similarities in [0, 1], drawn lazily and by seed.

Time is linear in the number of pairs.

Every function returns a `PairSampler`: iterate over it for batches, or call `draw` for
a whole epoch. Each epoch draws anew; the same ``random_state`` repeats the same epochs.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike

from embetter_reg._random import draw_seed
from embetter_reg.finetune._pair_input import (
    LANGUAGES,
    check_examples,
    check_indicator,
    check_numbers,
    names_and_codes,
    resolve,
)
from embetter_reg.finetune._partners import Across, Pairs, Within

__all__ = [
    "LANGUAGES",
    "PairSampler",
    "Pairs",
    "from_examples",
    "from_groups",
    "from_indicator",
    "from_labels",
]

RandomState = int | np.random.RandomState | None


@dataclass(frozen=True)
class PairSampler:
    """Draws pairs, an epoch at a time.

    An epoch has, for each document, ``n_pos`` positive and ``n_neg`` negative pairs
    that begin with it, in random order. Documents without a possible partner have none.
    """

    positive: Within | Across
    negative: Within | Across
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
    y: ArrayLike,
    *,
    n_pos: int = 1,
    n_neg: int = 3,
    language: ArrayLike | None = None,
    positives: str = "auto",
    negatives: str = "auto",
    random_state: RandomState = None,
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
    positives, negatives : {"auto", "other", "same"}
        Languages of a pair's two documents. ``positives="other"`` draws the same
        register in another language, and ``negatives="same"`` another register in the
        same language: together they teach register against language. ``"auto"`` is
        these two where ``language`` has several, and no restriction otherwise.
    random_state : int, RandomState or None
        Decides the draws.

    Raises
    ------
    ValueError
        If there is only one label, ``language`` is missing where it is needed, or no
        pair is asked for.

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
    check_numbers(n_pos, n_neg)
    names, labels = names_and_codes("y", y)
    if len(names) < 2:
        raise ValueError(
            f"got {len(names)} label, expected at least two to tell apart; pass "
            "documents of more labels"
        )
    languages = np.zeros(len(labels), dtype=np.intp)
    if language is not None:
        _, languages = names_and_codes("language", language, len(labels))
    several = languages.max() > 0
    positive_rule = resolve("positives", positives, "other", language, several)
    negative_rule = resolve("negatives", negatives, "same", language, several)
    positive = _positive_partners(positive_rule, labels, languages)
    if n_pos and not positive.able.all():
        _warn_of_lonely(positive_rule, names[labels[~positive.able]])
    negative = _negative_partners(negative_rule, labels, languages)
    return PairSampler(positive, negative, n_pos, n_neg, _generator(random_state))


def from_groups(
    groups: ArrayLike,
    *,
    n_pos: int = 1,
    n_neg: int = 3,
    random_state: RandomState = None,
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
    Y: ArrayLike,
    *,
    n_pos: int = 1,
    n_neg: int = 3,
    random_state: RandomState = None,
) -> PairSampler:
    """Draw pairs of documents with several labels each (hybrids); similarity is the
    Jaccard overlap of label sets.

    Parameters
    ----------
    Y : array-like, shape (n_documents, n_classes)
        1 where a document has a label, 0 where it has not, NaN where it is unknown.
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
    check_numbers(n_pos, n_neg)
    kinds, codes = np.unique(check_indicator(Y), axis=0, return_inverse=True)
    codes = codes.reshape(-1)
    has_label = (kinds == 1).astype(np.float32)
    is_known = (~np.isnan(kinds)).astype(np.float32)
    shared = has_label @ has_label.T
    counts = has_label @ is_known.T
    # Labels of one or both, among those known of both.
    either = counts + counts.T - shared
    similarity = np.divide(shared, either, out=np.zeros_like(shared), where=either > 0)
    positive = Across(codes, shared > 0, similarity)
    negative = Across(codes, (shared == 0) & (either > 0), similarity)
    if n_neg and not negative.able.any():
        raise ValueError(
            "got no two documents that differ in a known label, expected some; pass "
            "other documents"
        )
    labeled = has_label.any(axis=1)[codes]
    n_lonely = int((labeled & ~positive.able).sum())
    if n_lonely and n_pos:
        warnings.warn(
            f"{n_lonely} documents share no label with another; they have no positive "
            "pair",
            stacklevel=2,
        )
    return PairSampler(positive, negative, n_pos, n_neg, _generator(random_state))


def from_examples(
    examples: Sequence[Mapping],
    *,
    n_pos: int = 1,
    n_neg: int = 3,
    random_state: RandomState = None,
) -> tuple[list[str], PairSampler]:
    """Draw pairs of examples ``{"text": …, "cats": {label: True or False}}``, where a
    missing label is unknown.

    Returns the texts, to which the pairs' row numbers refer, and the sampler; see
    `from_indicator`.

    Raises
    ------
    ValueError
        If an example has no text or no cats, or a label is neither true nor false; its
        position is named.

    Examples
    --------
    >>> from embetter_reg.finetune import pairs
    >>> examples = [
    ...     {"text": "a", "cats": {"x": 1}},
    ...     {"text": "b", "cats": {"x": 1}},
    ...     {"text": "c", "cats": {"x": 0}},
    ... ]
    >>> texts, sampler = pairs.from_examples(examples, random_state=0)
    >>> [(texts[i], texts[j]) for i, j, s in zip(*sampler.draw(shuffle=False)) if s == 1]
    [('a', 'b'), ('b', 'a')]

    """
    examples = check_examples(examples)
    names = sorted({name for example in examples for name in example["cats"]})
    if not names:
        raise ValueError(
            f"got {len(examples)} examples without a label, expected some with cats; "
            "pass labeled examples"
        )
    table = [
        [float(example["cats"].get(name, np.nan)) for name in names]
        for example in examples
    ]
    sampler = from_indicator(
        np.array(table), n_pos=n_pos, n_neg=n_neg, random_state=random_state
    )
    return [example["text"] for example in examples], sampler


def _warn_of_lonely(positives: str | None, labels: np.ndarray) -> None:
    names = sorted({str(label) for label in labels})
    place = ""
    if positives == "other":
        place = " in another language"
    elif positives == "same":
        place = " in its language"
    warnings.warn(
        f"{len(labels)} documents of {names} have no other of their label{place}, so "
        "no positive pair",
        stacklevel=3,
    )


def _positive_partners(
    positives: str | None, labels: np.ndarray, languages: np.ndarray
) -> Within:
    if positives == "other":
        return Within(labels, languages, similarity=1.0)
    if positives == "same":
        return Within(_cells(labels, languages), None, similarity=1.0)
    return Within(labels, None, similarity=1.0)


def _negative_partners(
    negatives: str | None, labels: np.ndarray, languages: np.ndarray
) -> Within | Across:
    if negatives == "same":
        return Within(languages, labels, similarity=0.0)
    if negatives is None:
        everything = np.zeros(len(labels), dtype=np.intp)
        return Within(everything, labels, similarity=0.0)
    cells = _cells(labels, languages)
    _, row = np.unique(cells, return_index=True)
    other_label = labels[row][:, None] != labels[row]
    other_language = languages[row][:, None] != languages[row]
    allowed = other_label & other_language
    return Across(cells, allowed, np.zeros(allowed.shape))


def _cells(labels: np.ndarray, languages: np.ndarray) -> np.ndarray:
    """Return the number of each document's label and language together."""
    _, cells = np.unique(
        labels * (languages.max() + 1) + languages, return_inverse=True
    )
    return cells


def _generator(random_state: RandomState) -> np.random.Generator:
    if isinstance(random_state, Integral) and random_state >= 0:
        return np.random.default_rng(int(random_state))
    return np.random.default_rng(draw_seed(random_state))
