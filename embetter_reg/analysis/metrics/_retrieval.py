"""Retrieval across languages: do documents find their register in other languages?"""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import digamma

from embetter_reg._random import RandomStateLike
from embetter_reg._validation import check_groups, check_space
from embetter_reg.analysis.metrics._distances import distance_blocks, draw_queries
from embetter_reg.analysis.metrics._neighbors import label_codes


def cross_language_retrieval(
    X: ArrayLike,
    *,
    register: ArrayLike,
    language: ArrayLike,
    metric: str = "cosine",
    max_queries: int | None = 5_000,
    random_state: RandomStateLike = 0,
) -> pd.DataFrame:
    """Return how well a document finds its register in other languages, by register.

    Every document is a query (above ``max_queries`` a seeded sample); all documents are
    ranked by distance to it.

    Parameters
    ----------
    X : array of shape (n_documents, n_dims)
    register, language : arrays of labels (n_documents,)
    metric : {"cosine", "euclidean"}
    max_queries : int or None
    random_state : int or RandomState

    Returns
    -------
    DataFrame
        One row ``"all"`` (the mean over queries) and one a register, with ``n_queries``
        and

        - ``average_precision``, in [0, 1], higher is better: among documents in other
          languages, those of the query's register should stand first (mean average
          precision);
        - ``chance``: its expectation for a random order;
        - ``wrong_beats_right``, in [0, 1], lower is better: how often a document of the
          *same language and another register* is nearer than one of *another
          language and the same register*, over
          all such pairs; 0.5 where neither label counts, near 1 in a space by language.
          NaN where a query has no such pair.

    Raises
    ------
    ValueError
        If there is one register or one language only, no register has two languages, or
        labels do not fit.

    Notes
    -----
    Average precision as in scikit-learn's ``average_precision_score``; ties count half.
    Its chance is exact: a relevant document at rank k has a mean precision of ``(1 + (k
    - 1)(R - 1)/(N - 1)) / k``.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import cross_language_retrieval
    >>> X = np.array([[0.0], [1.0], [9.0], [9.5]])
    >>> labels = {"register": ["NA", "NA", "HI", "HI"], "language": ["en", "fi"] * 2}
    >>> table = cross_language_retrieval(X, **labels, metric="euclidean")
    >>> table.loc["all", ["average_precision", "chance", "wrong_beats_right"]].tolist()
    [1.0, 0.75, 0.0]

    """
    rows = check_space("X", X)
    registers = check_groups("register", register, len(rows))
    languages = check_groups("language", language, len(rows))
    queries = draw_queries(np.arange(len(rows)), max_queries, random_state)
    figures = retrieval_samples(rows, queries, registers, languages, metric)
    is_scored = figures["average_precision"].notna().to_numpy()
    if not is_scored.any():
        raise ValueError(
            "got no register in two languages, expected some to cross between; pass "
            "more documents"
        )
    scored_registers = registers[queries[is_scored]]
    return mean_by_group(figures[is_scored], scored_registers, "register")


def retrieval_samples(
    X: np.ndarray,
    queries: np.ndarray,
    register: ArrayLike,
    language: ArrayLike,
    metric: str = "cosine",
) -> pd.DataFrame:
    """Return the figures of `cross_language_retrieval` for each query.

    They are NaN where a query has nothing to find.
    """
    registers = label_codes(register)
    languages = label_codes(language)
    figures = np.full((len(queries), 3), np.nan)
    for batch, block in distance_blocks(X, queries, metric):
        for row, distances in enumerate(block, batch.start):
            query = queries[row]
            figures[row] = _retrieval_figures(
                distances,
                registers == registers[query],
                languages == languages[query],
            )
    columns = ["average_precision", "chance", "wrong_beats_right"]
    return pd.DataFrame(figures, columns=columns)


def _retrieval_figures(
    distances: np.ndarray, is_same_register: np.ndarray, is_same_language: np.ndarray
) -> tuple[float, float, float]:
    """Return average precision, its chance, and how often wrong beats right."""
    right = np.sort(distances[is_same_register & ~is_same_language])
    if not len(right):
        return np.nan, np.nan, np.nan
    others = np.sort(distances[~is_same_register & ~is_same_language])
    # The k-th right document has k right ones and some others up to its place.
    ranks = np.arange(1, len(right) + 1)
    precisions = ranks / (ranks + _count_nearer(others, right))
    chance = _expected_precision(len(right), len(right) + len(others))
    wrong = np.sort(distances[~is_same_register & is_same_language])
    wrong_beats_right = np.nan
    if len(wrong):
        wrong_beats_right = _count_nearer(wrong, right).mean() / len(wrong)
    return precisions.mean(), chance, wrong_beats_right


def _count_nearer(others: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Return how many of the sorted ``others`` are below each of ``distances``.

    Equal ones count half.
    """
    n_below = np.searchsorted(others, distances, "left")
    n_up_to = np.searchsorted(others, distances, "right")
    return (n_below + n_up_to) / 2


def _expected_precision(n_right: int, n: int) -> float:
    """Return the average precision of a random order, in expectation.

    ``n_right`` of ``n`` documents are relevant.
    """
    if n == 1:
        return 1.0
    mean_reciprocal_rank = (digamma(n + 1) + np.euler_gamma) / n
    density = (n_right - 1) / (n - 1)
    return float(mean_reciprocal_rank + density * (1 - mean_reciprocal_rank))


def mean_by_group(figures: pd.DataFrame, groups: np.ndarray, name: str) -> pd.DataFrame:
    """Return means of all rows and of each group, with the number of rows first."""
    means = {"all": figures.mean()}
    counts = [len(groups)]
    for group in np.unique(groups):
        is_member = groups == group
        means[group] = figures[is_member].mean()
        counts.append(int(is_member.sum()))
    table = pd.DataFrame(means).T.rename_axis(name)
    table.insert(0, "n_queries", counts)
    return table
