"""Suggestions from the labels so far: predictions, doubtful labels, regions of the map
to label next.
"""

from numbers import Integral
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.cluster import KMeans, MiniBatchKMeans

from embetter_reg._optional import optional_import
from embetter_reg._random import draw_seed
from embetter_reg.corpus import stratified_sample
from embetter_reg.label._map import check_matrix, check_places, unit_rows

N_NEIGHBORS = 10
MOST_VOTERS = 2_000
_BLOCK = 8_000_000


class Vote(NamedTuple):
    """The vote of the nearest labeled documents.

    ``shares`` (float32, n_queries × n_labels) is the weight of each label among them;
    ``labels`` names the columns. ``sure`` (float32, n_queries), in [0, 1], is the lead
    of the winning label over the next.
    """

    shares: np.ndarray
    labels: list[str]
    sure: np.ndarray

    def of(self, queries: np.ndarray) -> "Vote":
        """Return the vote on some of the queries, by their place."""
        return Vote(self.shares[queries], self.labels, self.sure[queries])

    def winners(self) -> list[tuple[str, ...]]:
        """Return the labels that at least half of the weight carries, or else the one
        with the most.
        """
        largest = self.shares.argmax(axis=1)
        winners = []
        for share, top in zip(self.shares, largest, strict=True):
            chosen = np.flatnonzero(share >= 0.5)
            if not len(chosen):
                chosen = np.array([top])
            winners.append(tuple(self.labels[n] for n in chosen))
        return winners


def neighbor_vote(
    X: ArrayLike,
    rows: ArrayLike,
    targets: ArrayLike,
    labels: list[str],
    queries: ArrayLike | None = None,
    *,
    n_neighbors: int = N_NEIGHBORS,
    max_voters: int | None = MOST_VOTERS,
) -> Vote:
    """Let the nearest labeled documents vote on every query, weighed by cosine
    similarity; none votes on itself.

    Parameters
    ----------
    X : array of shape (n_documents, n_dims)
    rows : array of int
        The labeled documents.
    targets : array of shape (n_rows, n_labels)
        1 where a document has a label.
    labels : list of str
    queries : array of int or None
        Documents to vote on; None is all.
    n_neighbors : int
    max_voters : int or None
        Above so many labeled documents, a sample stratified by label votes.

    Raises
    ------
    ValueError
        If no document is labeled, ``X`` holds NaN, or rows, targets and labels do not
        belong together.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.label import neighbor_vote
    >>> X = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
    >>> neighbor_vote(X, [0, 2], np.eye(2), ["HI", "NA"], n_neighbors=1).winners()
    [('NA',), ('HI',), ('HI',), ('NA',)]

    """
    X = check_matrix("X", X)
    rows, targets = check_targets(rows, targets, len(X))
    if not len(rows):
        raise ValueError(
            "got no labeled document, expected at least one to vote; label some first"
        )
    if len(labels) != targets.shape[1]:
        raise ValueError(
            f"got {len(labels)} labels for {targets.shape[1]} columns of targets, "
            "expected a label for each column; align them"
        )
    if not isinstance(n_neighbors, Integral) or n_neighbors < 1:
        raise ValueError(
            f"got n_neighbors={n_neighbors!r}, expected a whole number of at least 1; "
            "pass that"
        )
    if queries is None:
        queries = np.arange(len(X))
    queries = check_rows("queries", queries, len(X))
    if max_voters is not None and len(rows) > max_voters:
        combinations = targets @ (2.0 ** np.arange(targets.shape[1]))
        sample = stratified_sample(combinations, max_voters)
        rows, targets = rows[sample], targets[sample]
    voters = unit_rows(X, rows)
    shares = np.zeros((len(queries), targets.shape[1]), np.float32)
    k = min(n_neighbors, len(rows))
    n_batches = max(1, len(queries) * len(rows) // _BLOCK)
    for batch in np.array_split(np.arange(len(queries)), n_batches):
        similarity = unit_rows(X, queries[batch]) @ voters.T
        similarity[queries[batch][:, None] == rows] = -np.inf
        neighbors = np.argpartition(-similarity, k - 1, axis=1)[:, :k]
        near = np.take_along_axis(similarity, neighbors, axis=1)
        weight = np.where(np.isfinite(near), np.maximum(near, 1e-6), 0)
        total = np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)
        shares[batch] = ((weight / total)[:, :, None] * targets[neighbors]).sum(axis=1)
    ordered = np.sort(shares, axis=1)
    sure = ordered[:, -1]
    if shares.shape[1] > 1:
        sure = sure - ordered[:, -2]
    return Vote(shares, list(labels), np.clip(sure, 0, 1))


def check_rows(name: str, rows: ArrayLike, n_documents: int) -> np.ndarray:
    """Return row numbers as int (n_rows,); refuse what is no row of the documents."""
    array = np.asarray(rows)
    if not array.size:
        return np.empty(0, int)
    is_whole = array.ndim == 1 and array.dtype.kind in "iu"
    if not is_whole or array.min() < 0 or array.max() >= n_documents:
        raise ValueError(
            f"got {name} of shape {array.shape} and type {array.dtype}, expected row "
            f"numbers from 0 to {n_documents - 1}; pass the rows of documents"
        )
    return array


def check_targets(
    rows: ArrayLike, targets: ArrayLike, n_documents: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of labeled documents and their labels as an indicator matrix of
    float32 (n_rows, n_labels).

    Raises
    ------
    ValueError
        If they do not belong together, or a label is neither 0 nor 1.

    """
    rows = check_rows("rows", rows, n_documents)
    matrix = np.asarray(targets)
    is_number = matrix.dtype.kind in "biuf" and matrix.ndim == 2
    if not is_number or len(matrix) != len(rows) or not np.isin(matrix, (0, 1)).all():
        raise ValueError(
            f"got targets of shape {matrix.shape} and type {matrix.dtype} for "
            f"{len(rows)} labeled documents, expected 0 and 1 of shape "
            f"({len(rows)}, n_labels); pass an indicator matrix"
        )
    return rows, matrix.astype(np.float32)


def doubtful_labels(
    X: ArrayLike,
    rows: ArrayLike,
    targets: ArrayLike,
    *,
    method: str = "neighbors",
) -> np.ndarray:
    """Return the labeled documents whose label looks wrong, the most doubtful first.

    Parameters
    ----------
    X : array of shape (n_documents, n_dims)
    rows : array of int
        The labeled documents.
    targets : array of shape (n_rows, n_labels)
    method : {"neighbors", "cleanlab"}
        "neighbors": the two nearest labeled documents both share no label with it; in
        the order of how little of the vote of the ten nearest falls on its own labels.
        "cleanlab": confident learning on that vote (Northcutt, Jiang & Chuang 2021), by
        cleanlab (extra ``cleanlab``).

    Returns
    -------
    ndarray of int
        Some of ``rows``.

    Raises
    ------
    ImportError
        If ``method="cleanlab"`` and it is not installed.
    ValueError
        If the method is unknown, or the arrays do not belong together.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.label import doubtful_labels
    >>> X = np.array([[1.0, 0.0], [1.0, 0.1], [1.0, 0.2], [0.0, 1.0], [0.1, 1.0], [0.2, 1.0]])
    >>> doubtful_labels(X, np.arange(6), np.eye(2)[[0, 0, 1, 1, 1, 1]]).tolist()
    [2]

    """
    if method not in ("neighbors", "cleanlab"):
        raise ValueError(
            f"got method={method!r}, expected 'neighbors' or 'cleanlab'; pick one"
        )
    X = check_matrix("X", X)
    rows, targets = check_targets(rows, targets, len(X))
    if len(rows) < 3:
        return rows[:0]
    names = [str(n) for n in range(targets.shape[1])]
    vote = neighbor_vote(X, rows, targets, names, rows, max_voters=None)
    if method == "cleanlab":
        return rows[_label_issues(targets, vote.shares)]
    nearest = neighbor_vote(
        X, rows, targets, names, rows, n_neighbors=2, max_voters=None
    )
    agreeing = (nearest.shares * targets).sum(axis=1)
    contradicted = np.flatnonzero(agreeing < 1e-6)
    support = (vote.shares * targets).sum(axis=1) / targets.sum(axis=1)
    return rows[contradicted[np.argsort(support[contradicted], kind="stable")]]


def _label_issues(targets: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return the places that cleanlab finds fault with, the worst first."""
    purpose = "finding doubtful labels by confident learning"
    labels = [np.flatnonzero(row).tolist() for row in targets]
    shares = (shares + 1e-3) / (1 + 1e-3 * targets.shape[1])
    options = {"return_indices_ranked_by": "self_confidence", "n_jobs": 1}
    if not all(len(each) == 1 for each in labels):
        multilabel = optional_import(
            "cleanlab.multilabel_classification.filter",
            package="cleanlab",
            purpose=purpose,
        )
        return multilabel.find_label_issues(labels, shares, **options)
    single = optional_import("cleanlab.filter", package="cleanlab", purpose=purpose)
    used, codes = np.unique([each[0] for each in labels], return_inverse=True)
    if len(used) < 2:
        return np.empty(0, int)
    shares = shares[:, used]
    shares = shares / shares.sum(axis=1, keepdims=True)
    return single.find_label_issues(codes, shares, **options)


def informative_regions(
    places: ArrayLike,
    doubt: ArrayLike,
    unlabeled: ArrayLike,
    *,
    region_size: int = 40,
    random_state: int | np.random.RandomState | None = 0,
) -> list[np.ndarray]:
    """Return regions of the map worth labeling, the most informative first; each a set
    of unlabeled documents.

    Regions are k-means clusters of the unlabeled documents' places. One is worth the
    sum of its documents' doubts, so that a region counts that is both large and unsure;
    near a boundary as much as where nothing is labeled yet.

    Parameters
    ----------
    places : array of shape (n_documents, 2)
    doubt : array (n_documents,)
        In [0, 1]: 1 where nothing is labeled near.
    unlabeled : array of int
    region_size : int
        Documents in a region, on average.
    random_state : int, RandomState or None

    Raises
    ------
    ValueError
        If the arrays do not belong together, or ``region_size`` is below 1.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.label import informative_regions
    >>> places = np.repeat([[0.0, 0.0], [9.0, 9.0]], 20, axis=0)
    >>> doubt = np.repeat([0.1, 0.9], 20)
    >>> first, second = informative_regions(places, doubt, np.arange(40), region_size=20)
    >>> first.tolist() == list(range(20, 40))
    True

    """
    places = check_places("places", places)
    doubt = np.asarray(doubt, np.float64)
    if doubt.shape != (len(places),) or not np.isfinite(doubt).all():
        raise ValueError(
            f"got doubt of shape {doubt.shape} for {len(places)} documents, expected a "
            "finite number for each; align the two"
        )
    if not isinstance(region_size, Integral) or region_size < 1:
        raise ValueError(
            f"got region_size={region_size!r}, expected a number of documents of at "
            "least 1; pass that"
        )
    rows = check_rows("unlabeled", unlabeled, len(places))
    if not len(rows):
        return []
    points = places[rows]
    n_regions = int(np.clip(round(len(rows) / region_size), 1, 250))
    n_regions = min(n_regions, len(np.unique(points, axis=0)))
    seed = draw_seed(random_state)
    clusterer = KMeans if len(rows) <= 20_000 else MiniBatchKMeans
    region = clusterer(n_regions, n_init=3, random_state=seed).fit_predict(points)
    value = np.bincount(region, weights=doubt[rows], minlength=n_regions)
    return [rows[region == n] for n in np.argsort(-value, kind="stable")]
