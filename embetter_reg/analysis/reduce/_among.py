"""Documents placed among others of a map, for more than a reducer lays out itself."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.preprocessing import normalize

from embetter_reg._validation import check_space

_NEAREST = 5
_BLOCK = 512


def place_among(X: ArrayLike, rows: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the places of all documents, where only some have one: the others lie
    among their nearest ones.

    A document without a place lies at the mean of its five nearest that have one,
    weighed by the inverse of their cosine distance. The search is exact.

    Parameters
    ----------
    X : array of shape (n_documents, n_dims)
    rows : array of int, shape (n_placed,)
        The documents that have a place.
    places : array of shape (n_placed, n_components)

    Returns
    -------
    ndarray of float32, shape (n_documents, n_components)

    Raises
    ------
    ValueError
        If there are no places, not one a row, or a row is that of no document.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import place_among
    >>> X = np.array([[1.0, 0.0], [0.0, 1.0], [0.999, 0.001]])
    >>> place_among(X, np.array([0, 1]), np.array([[5.0, 5.0], [9.0, 9.0]])).round(1)[2]
    array([5., 5.], dtype=float32)

    """
    X = np.asarray(X)
    places = check_space("places", places)
    rows = np.asarray(rows)
    if X.ndim != 2 or rows.shape != (len(places),) or rows.dtype.kind not in "iu":
        raise ValueError(
            f"got rows of shape {rows.shape} and type {rows.dtype} for places of shape "
            f"{places.shape} and vectors of shape {X.shape}, expected the number of a "
            "document for each place; pass one a place"
        )
    if rows.min() < 0 or rows.max() >= len(X):
        raise ValueError(
            f"got rows from {rows.min()} to {rows.max()}, expected some of the "
            f"{len(X):,} documents, from 0; pass those"
        )
    everywhere = np.empty((len(X), places.shape[1]), np.float32)
    everywhere[rows] = places
    others = np.setdiff1d(np.arange(len(X)), rows)
    placed = normalize(np.asarray(X[rows], np.float32))
    for part in np.array_split(others, max(1, len(others) // _BLOCK)):
        similarity = normalize(np.asarray(X[part], np.float32)) @ placed.T
        neighbors, nearness = _take_highest(similarity, min(_NEAREST, len(rows)))
        weight = 1 / np.maximum(1 - nearness, 1e-6)
        weight /= weight.sum(axis=1, keepdims=True)
        everywhere[part] = (places[neighbors] * weight[:, :, None]).sum(axis=1)
    return everywhere


def _take_highest(values: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns of the ``n`` highest values of each row, and these values,
    which are overwritten.

    For few of many columns, looking for one highest after the other takes less time
    than a partition.
    """
    each_row = np.arange(len(values))
    columns = np.empty((len(values), n), int)
    highest = np.empty((len(values), n), values.dtype)
    for place in range(n):
        columns[:, place] = values.argmax(axis=1)
        highest[:, place] = values[each_row, columns[:, place]]
        values[each_row, columns[:, place]] = -np.inf
    return columns, highest
