"""LISI: the effective number of labels among neighbors."""

from numbers import Real

import numpy as np
from numpy.typing import ArrayLike

from embetter_reg._validation import check_labels
from embetter_reg.analysis.metrics._neighbors import Ranking

_N_STEPS = 60  # of the search for kernel widths; it ends earlier at the tolerance
_TOLERANCE = 1e-6  # of the entropy, in nats
_TINY = 1e-300  # keeps divisors and logarithms finite


def lisi(ranking: Ranking, labels: ArrayLike, *, perplexity: float = 30) -> np.ndarray:
    """Return the effective number of labels around each query.

    It lies between 1 and the number of labels. Local inverse Simpson's index (Korsunsky
    et al. 2019): neighbors are weighted by a Gaussian-like kernel whose width is set
    for each document so that the entropy of the weights equals that of ``perplexity``
    neighbors; the index is 1 / the chance that two neighbors so drawn share the label.

    Parameters
    ----------
    ranking : Ranking
        Of `find_neighbors`; the document itself is not among them.
    labels : array of labels (n_documents,)
    perplexity : float
        Effective neighbors, at least 1; at most a third of those that a document has.

    Returns
    -------
    ndarray of float64, shape (n_queries,)
        NaN for a document without neighbors.

    Raises
    ------
    ValueError
        If the perplexity is below 1, or a label is missing.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import Ranking, lisi
    >>> around = Ranking(np.array([[1, 2, 3, 4, 5, 6]]), np.ones((1, 6)))
    >>> lisi(around, ["en", "en", "fi", "en", "fi", "en", "fi"])
    array([2.])

    """
    _check_ranking(ranking)
    _check_perplexity(perplexity)
    if not np.ndim(labels):
        raise TypeError(
            f"got labels={labels!r}, expected one label a document; pass a 1-D array"
        )
    documents = ranking.documents
    n_labels = len(np.asarray(labels))
    if n_labels <= documents.max(initial=-1):
        raise ValueError(
            f"got {n_labels} labels for neighbors up to document {documents.max()}, "
            "expected one label a document; align the two"
        )
    checked = check_labels("neighbor", labels, n_labels)
    names, codes = np.unique(checked, return_inverse=True)
    weights = _find_weights(ranking, perplexity)
    # The weights are added up by query and label: one cell for each pair of them.
    shape = (len(documents), len(names))
    cells = np.arange(len(documents))[:, None] * len(names) + codes[documents]
    shares = np.bincount(cells.ravel(), weights.ravel(), shape[0] * shape[1])
    chance_of_same = (shares.reshape(shape) ** 2).sum(axis=1)
    return np.divide(
        1,
        chance_of_same,
        out=np.full(len(documents), np.nan),
        where=chance_of_same > 0,
    )


def _check_ranking(ranking: Ranking) -> None:
    if not isinstance(ranking, Ranking):
        raise TypeError(
            f"got a ranking of type {type(ranking).__name__}, expected a Ranking; pass "
            "one of find_neighbors, such as its .nearest"
        )


def _check_perplexity(perplexity: float) -> None:
    if not isinstance(perplexity, Real) or not 1 <= perplexity < np.inf:
        raise ValueError(
            f"got perplexity={perplexity!r}, expected at least 1; pass for example 30"
        )


def _find_weights(ranking: Ranking, perplexity: float) -> np.ndarray:
    """Return the weights of neighbors, each row adding up to 1.

    Their entropy is that of ``perplexity`` equal ones: a kernel width is searched for
    each row, by doubling and then by halving the interval.
    """
    is_neighbor = ranking.documents >= 0
    n_neighbors = is_neighbor.sum(axis=1)
    # Only gaps to the nearest matter, on any scale; the mean gap is a good one to
    # start from.
    distances = np.where(is_neighbor, ranking.distances, 0).astype(np.float64)
    gaps = np.where(is_neighbor, distances - distances[:, :1], 0)
    mean_gaps = gaps.sum(axis=1) / np.maximum(n_neighbors, 1)
    gaps /= np.maximum(mean_gaps, _TINY)[:, None]
    target = np.log(np.clip(n_neighbors / 3, 1, perplexity))
    low = np.zeros(len(gaps))
    high = np.full(len(gaps), np.inf)
    sharpness = np.ones(len(gaps))
    for _ in range(_N_STEPS):
        weights = np.exp(-sharpness[:, None] * gaps) * is_neighbor
        weights /= np.maximum(weights.sum(axis=1), _TINY)[:, None]
        # The nearest has no gap, so its weight is 1 over the sum of all.
        entropy = -np.log(np.maximum(weights[:, 0], _TINY))
        entropy += sharpness * (weights * gaps).sum(axis=1)
        if (np.abs(entropy - target) < _TOLERANCE).all():
            break
        is_too_wide = entropy > target
        low = np.where(is_too_wide, sharpness, low)
        high = np.where(is_too_wide, high, sharpness)
        middle = (low + high) / 2
        sharpness = np.where(np.isinf(high), sharpness * 2, middle)
    return weights
