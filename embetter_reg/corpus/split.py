"""Splits that keep registers and languages in proportion and leak nothing."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from sklearn.model_selection import BaseCrossValidator, LeaveOneGroupOut
from sklearn.utils import check_random_state

from embetter_reg.corpus.select import label_column

Split = tuple[np.ndarray, np.ndarray]


class RegisterKFold(BaseCrossValidator):
    """k folds with registers and languages in proportion in each.

    Every fold gets its share of each label and of each language, labels of hybrids counted one by one
    (iterative stratification: Sechidis, Tsoumakas & Vlahavas 2011, on label × language). Documents of a
    group stay on one side.

    Parameters
    ----------
    n_splits : int
    random_state : int, RandomState or None
        Order of documents; None draws a new one each time.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.corpus import RegisterKFold
    >>> y = np.repeat(["NA", "HI"], 4)
    >>> [sorted(y[test].tolist()) for _, test in RegisterKFold(2, random_state=0).split(y, y)]
    [['HI', 'HI', 'NA', 'NA'], ['HI', 'HI', 'NA', 'NA']]
    """

    def __init__(self, n_splits=5, *, random_state=None):
        self.n_splits = n_splits
        self.random_state = random_state

    def get_n_splits(self, X=None, y=None, groups=None) -> int:
        """Return the number of folds."""
        return self.n_splits

    def split(self, X, y=None, groups=None, *, language=None) -> Iterator[Split]:
        """Yield row numbers (train, test). ``y`` is labels or a binary indicator matrix.

        Raises
        ------
        ValueError
            If ``y`` is missing or there are fewer documents or groups than folds.
        """
        fold = _deal(y, groups, language, [1 / self.n_splits] * self.n_splits, self.random_state)
        for k in range(self.n_splits):
            yield np.flatnonzero(fold != k), np.flatnonzero(fold == k)


class RegisterShuffleSplit(BaseCrossValidator):
    """Independent random splits, each stratified and grouped like `RegisterKFold`.

    Parameters
    ----------
    n_splits : int
    test_size : float
        Share of documents in the test part, in (0, 1).
    random_state : int, RandomState or None
    """

    def __init__(self, n_splits=5, *, test_size=0.25, random_state=None):
        self.n_splits = n_splits
        self.test_size = test_size
        self.random_state = random_state

    def get_n_splits(self, X=None, y=None, groups=None) -> int:
        """Return the number of splits."""
        return self.n_splits

    def split(self, X, y=None, groups=None, *, language=None) -> Iterator[Split]:
        """Yield row numbers (train, test), like `RegisterKFold.split`."""
        if not 0 < self.test_size < 1:
            raise ValueError(f"got test_size={self.test_size}, expected between 0 and 1; pass for example 0.25")
        rng = check_random_state(self.random_state)
        for _ in range(self.n_splits):
            part = _deal(y, groups, language, [1 - self.test_size, self.test_size], rng)
            yield np.flatnonzero(part == 0), np.flatnonzero(part == 1)


class LeaveOneLanguageOut(LeaveOneGroupOut):
    """Hold out each language in turn. Pass the language of each document as ``groups``."""


def train_test_documents(
    documents: pd.DataFrame, test_size: float = 0.3, *, groups=None, random_state=None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split documents in two, stratified by main registers and language.

    ``groups`` holds one value a document; documents of a value stay together.
    """
    splitter = RegisterShuffleSplit(1, test_size=test_size, random_state=random_state)
    parts = splitter.split(documents, label_column(documents), groups, language=documents["lang"])
    train, test = next(parts)
    return documents.iloc[train].reset_index(drop=True), documents.iloc[test].reset_index(drop=True)


def _deal(y, groups, language, shares: list[float], random_state) -> np.ndarray:
    """Return the part of each document, so that each part gets its share of every label."""
    if y is None:
        raise ValueError("got no y, expected a label a document to stratify by; pass y")
    rng = check_random_state(random_state)
    members = _memberships(y, language)
    units = np.arange(len(members)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    n_units = units.max() + 1
    if n_units < len(shares):
        raise ValueError(
            f"got {n_units} documents or groups for {len(shares)} parts, expected at least as many; use fewer parts"
        )
    counts = np.zeros((n_units, members.shape[1]))
    np.add.at(counts, units, members)
    sizes = np.bincount(units).astype(float)
    wanted = np.outer(shares, counts.sum(axis=0))
    room = np.array(shares) * len(members)
    part = np.full(n_units, -1)
    order = rng.permutation(n_units)
    while (left := order[part[order] < 0]).size:
        remaining = (counts[left] > 0).sum(axis=0)
        if remaining.any():  # rarest label first
            label = np.where(remaining > 0, remaining, np.inf).argmin()
            batch = left[counts[left, label] > 0]
        else:
            label, batch = None, left
        for unit in batch:
            need = room if label is None else wanted[:, label]
            best = np.flatnonzero(need >= need.max() - 1e-9)
            best = best[room[best] >= room[best].max() - 1e-9]
            part[unit] = rng.choice(best)
            wanted[part[unit]] -= counts[unit]
            room[part[unit]] -= sizes[unit]
    return part[units]


def _memberships(y, language) -> np.ndarray:
    """Return (n_documents, n_strata): the labels, then each label within each language."""
    y = np.asarray(y)
    labels = y.astype(bool) if y.ndim == 2 else y[:, None] == np.unique(y)
    if language is None:
        return labels
    language = np.asarray(language)
    return np.hstack([labels & (language == name)[:, None] for name in np.unique(language)])
