"""Splits that keep registers and languages in proportion and leak nothing."""

from collections.abc import Iterator
from numbers import Real

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.model_selection import BaseCrossValidator, LeaveOneGroupOut

from embetter_reg._random import RandomStateLike, check_random_state
from embetter_reg._validation import check_same_length, check_texts, check_whole_number
from embetter_reg.corpus._dealing import codes_of, deal, joined_groups, values_of
from embetter_reg.corpus._labels import check_documents
from embetter_reg.corpus.duplicates import near_duplicates
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
    >>> folds = RegisterKFold(2, random_state=0).split(y, y)
    >>> [sorted(y[test].tolist()) for _, test in folds]
    [['HI', 'HI', 'NA', 'NA'], ['HI', 'HI', 'NA', 'NA']]

    """

    def __init__(self, n_splits: int = 5, *, random_state: RandomStateLike = None):
        self.n_splits = n_splits
        self.random_state = random_state

    def get_n_splits(
        self,
        X: ArrayLike | None = None,
        y: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> int:
        """Return the number of folds."""
        return self.n_splits

    def split(
        self,
        X: ArrayLike | None,
        y: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        *,
        language: ArrayLike | None = None,
    ) -> Iterator[Split]:
        """Yield row numbers (train, test). ``y`` is labels or a binary indicator
        matrix.

        Raises
        ------
        ValueError
            If ``y`` is missing, a label, group or language is, lengths differ, or there
            are fewer than two folds or fewer documents or groups than folds.
        TypeError
            If the number of folds is not a whole one.

        """
        n_splits = check_whole_number("n_splits", self.n_splits, low=2)
        shares = [1 / n_splits] * n_splits
        rng = check_random_state(self.random_state)
        fold = deal(X, y, groups, language, shares, rng)
        for k in range(n_splits):
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

    def __init__(
        self,
        n_splits: int = 5,
        *,
        test_size: float = 0.25,
        random_state: RandomStateLike = None,
    ):
        self.n_splits = n_splits
        self.test_size = test_size
        self.random_state = random_state

    def get_n_splits(
        self,
        X: ArrayLike | None = None,
        y: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> int:
        """Return the number of splits."""
        return self.n_splits

    def split(
        self,
        X: ArrayLike | None,
        y: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        *,
        language: ArrayLike | None = None,
    ) -> Iterator[Split]:
        """Yield row numbers (train, test), like `RegisterKFold.split`."""
        n_splits = check_whole_number("n_splits", self.n_splits)
        if not (isinstance(self.test_size, Real) and 0 < self.test_size < 1):
            raise ValueError(
                f"got test_size={self.test_size!r}, expected between 0 and 1; pass for "
                "example 0.25"
            )
        shares = [1 - self.test_size, self.test_size]
        rng = check_random_state(self.random_state)
        for _ in range(n_splits):
            part = deal(X, y, groups, language, shares, rng)
            yield np.flatnonzero(part == 0), np.flatnonzero(part == 1)


class LeaveOneLanguageOut(LeaveOneGroupOut):
    """Hold out each language in turn.

    Pass the language of each document as ``groups``; there must be two at least.

    Examples
    --------
    >>> from embetter_reg.corpus import LeaveOneLanguageOut
    >>> folds = LeaveOneLanguageOut().split(range(3), groups=["en", "fi", "en"])
    >>> [test.tolist() for _, test in folds]
    [[0, 2], [1]]

    """

    def get_n_splits(
        self,
        X: ArrayLike | None = None,
        y: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> int:
        """Return the number of languages in ``groups``."""
        return super().get_n_splits(X, y, _check_languages(groups))

    def split(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Iterator[Split]:
        """Yield row numbers (train, test), a language after the other."""
        check_same_length(X=X, y=y, groups=groups)
        return super().split(X, y, _check_languages(groups))


def _check_languages(groups: ArrayLike | None) -> np.ndarray:
    if groups is None:
        raise ValueError(
            "got no groups, expected the language of each document; pass groups="
        )
    languages = values_of("group", groups)
    if len(set(languages.tolist())) < 2:
        raise ValueError(
            "got groups with fewer than two languages, expected at least two; pass "
            "documents of more languages"
        )
    return languages


def train_test_documents(
    documents: pd.DataFrame,
    test_size: float = 0.3,
    *,
    groups: ArrayLike | None = None,
    group_near_duplicates: bool = False,
    random_state: RandomStateLike = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split documents in two, stratified by main registers and language.

    Documents of equal texts stay together, since a text in both parts is no held-out
    one. So do documents of a value in ``groups``, which has one for each document, and
    with ``group_near_duplicates`` those of a group of `near_duplicates`. Without a
    column ``lang`` all documents count as of one language.

    Raises
    ------
    ValueError
        If a document has no label or group, the share is outside (0, 1), there are
        fewer than two documents that may be parted, or no texts to look for
        near-duplicates in.
    TypeError
        If ``documents`` is no DataFrame.

    """
    check_documents(documents, "labels")
    if documents.empty:
        raise ValueError(
            "got no documents, expected at least two to part; check what was read"
        )
    groupings = []
    if groups is not None:
        check_same_length(documents=documents, groups=groups)
        groupings.append(codes_of("group", groups)[1])
    if group_near_duplicates and "text" not in documents:
        raise ValueError(
            "got group_near_duplicates for documents without the column 'text', "
            "expected texts to compare; pass documents with texts"
        )
    if group_near_duplicates:
        groupings.append(near_duplicates(documents["text"]))
    if "text" in documents:
        groupings.append(pd.factorize(np.array(check_texts(documents["text"])))[0])
    splitter = RegisterShuffleSplit(1, test_size=test_size, random_state=random_state)
    parts = splitter.split(
        documents,
        label_column(documents),
        joined_groups(groupings),
        language=documents.get("lang"),
    )
    train, test = next(parts)
    return (
        documents.iloc[train].reset_index(drop=True),
        documents.iloc[test].reset_index(drop=True),
    )
