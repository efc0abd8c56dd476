"""Splits that keep registers and languages in proportion and leak nothing."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from sklearn.model_selection import BaseCrossValidator, LeaveOneGroupOut

from embetter_reg._random import check_random_state
from embetter_reg._validation import check_same_length
from embetter_reg.corpus.select import label_column

Split = tuple[np.ndarray, np.ndarray]


class RegisterKFold(BaseCrossValidator):
    """k folds with registers and languages in proportion in each.

    Every fold gets its share of each label and of each language, labels of hybrids
    counted one by one (iterative stratification: Sechidis, Tsoumakas & Vlahavas 2011,
    on label × language). Documents of a group stay on one side.

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
        """Yield row numbers (train, test). ``y`` is labels or a binary indicator
        matrix.

        Raises
        ------
        ValueError
            If ``y`` is missing, lengths differ, or there are fewer than two folds or
            fewer documents or groups than folds.

        """
        if self.n_splits < 2:
            raise ValueError(
                f"got n_splits={self.n_splits}, expected at least 2 folds; pass for "
                "example 5"
            )
        fold = _deal(
            X,
            y,
            groups,
            language,
            [1 / self.n_splits] * self.n_splits,
            self.random_state,
        )
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
            raise ValueError(
                f"got test_size={self.test_size}, expected between 0 and 1; pass for "
                "example 0.25"
            )
        rng = check_random_state(self.random_state)
        for _ in range(self.n_splits):
            part = _deal(
                X, y, groups, language, [1 - self.test_size, self.test_size], rng
            )
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
    parts = splitter.split(
        documents, label_column(documents), groups, language=documents["lang"]
    )
    train, test = next(parts)
    return documents.iloc[train].reset_index(drop=True), documents.iloc[
        test
    ].reset_index(drop=True)


def _deal(X, y, groups, language, shares: list[float], random_state) -> np.ndarray:
    """Return the part of each document, so that each part gets its share of every
    label.
    """
    if y is None:
        raise ValueError("got no y, expected a label a document to stratify by; pass y")
    check_same_length(X=X, y=y, groups=groups, language=language)
    if len(y) == 0:
        raise ValueError(
            "got no documents, expected some to split; check what was read or selected"
        )
    rng = check_random_state(random_state)
    members = _memberships(y, language)
    units = np.arange(len(members))
    if groups is not None:
        units = np.unique(np.asarray(groups), return_inverse=True)[1]
    n_units = len(np.unique(units))
    if n_units < len(shares):
        raise ValueError(
            f"got {n_units} documents or groups for {len(shares)} parts, expected at "
            "least as many; use fewer parts"
        )
    counts = np.zeros((n_units, members.shape[1]))
    np.add.at(counts, units, members)
    sizes = np.bincount(units).astype(float)
    share = np.array(shares)
    wanted = np.outer(share, counts.sum(axis=0))
    room = share * len(members)
    part = np.full(n_units, -1)

    def place(batch: np.ndarray, need: np.ndarray, amounts: np.ndarray) -> None:
        for unit in batch:
            # Needs that differ by less than the unit are equal: of a stratum too rare to be divided, each
            # part gets its chance, not the largest part all; the part with most room left decides.
            best = np.flatnonzero(need > need.max() - amounts[unit] + 1e-9)
            spare = room[best] / share[best]
            part[unit] = rng.choice(best[spare >= spare.max() - 1e-9])
            wanted[part[unit]] -= counts[unit]
            room[part[unit]] -= sizes[unit]

    order = rng.permutation(n_units)
    order = order[
        np.argsort(-sizes[order], kind="stable")
    ]  # large groups while there is room
    holds = counts > 0
    left = holds.sum(axis=0)
    while left.any():  # rarest stratum first
        stratum = np.where(left > 0, left, np.inf).argmin()
        batch = order[(part[order] < 0) & holds[order, stratum]]
        place(batch, wanted[:, stratum], counts[:, stratum])
        left = left - holds[batch].sum(axis=0)
    place(order[part[order] < 0], room, sizes)
    return part[units]


def _memberships(y, language) -> np.ndarray:
    """Return (n_documents, n_strata): the labels, then each label within each language."""
    y = np.asarray(y)
    labels = y.astype(bool) if y.ndim == 2 else y[:, None] == np.unique(y)
    if language is None:
        return labels
    language = np.asarray(language)
    return np.hstack(
        [labels & (language == name)[:, None] for name in np.unique(language)]
    )
