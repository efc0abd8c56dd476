"""The map: two columns of a space, kept in place from round to round, thinned out for
the browser.
"""

from typing import Any, NamedTuple

import numpy as np
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from embetter_reg._random import check_random_state
from embetter_reg.analysis import make_reducer

N_FITTED = 20_000  # documents that the reducer itself lays out
_NEAREST = 5
_ROOM = 0.4  # between documents, for a lasso to pass


def draw_map(
    X, reducer: str = "umap", *, before=None, n_fitted: int = N_FITTED, random_state=0
) -> np.ndarray:
    """Return a map of a space.

    Above ``n_fitted`` documents the reducer lays out a sample of that size, and every
    other document is set among its five nearest sampled ones, weighed by cosine
    similarity.

    Parameters
    ----------
    X : array of shape (n_documents, n_dims)
    reducer : str
        A name that `make_reducer` knows; one that uses labels is refused.
    before : array of shape (n_documents, 2) or None
        An earlier map. UMAP starts from it, and whatever comes out is aligned to it by
        `align`.
    n_fitted : int
    random_state : int, RandomState or None

    Returns
    -------
    ndarray of float32, shape (n_documents, 2)

    Raises
    ------
    ValueError
        If the reducer is unknown or uses labels.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.label import draw_map
    >>> X = np.random.default_rng(0).normal(size=(40, 8))
    >>> draw_map(X, "pca").shape
    (40, 2)

    """
    if reducer in ("lda", "supervised_umap"):
        raise ValueError(
            f"got the reducer {reducer!r}, which needs a label for every document, "
            "expected one without; pick 'umap'"
        )
    rows = np.arange(len(X))
    if len(X) > n_fitted:
        rows = np.sort(
            check_random_state(random_state).choice(len(X), n_fitted, replace=False)
        )
    options: dict[str, Any] = {"min_dist": _ROOM} if reducer == "umap" else {}
    if reducer == "umap" and before is not None:
        options["options"] = {"init": _as_start(before[rows]), "n_epochs": 200}
    layout = make_reducer(reducer, 2, random_state=random_state, **options)
    fitted = np.asarray(
        layout.fit_transform(np.asarray(X[rows], np.float32)), np.float32
    )
    found = fitted if len(rows) == len(X) else _set_among(X, rows, fitted)
    return found if before is None else align(found, before)


def _as_start(places: np.ndarray) -> np.ndarray:
    """Return an earlier map at the scale that UMAP starts from, without rows on the
    very same place.
    """
    spread = np.ptp(places, axis=0).max() or 1.0
    jitter = np.random.default_rng(0).normal(scale=1e-4, size=places.shape)
    return (10 * (places - places.min(axis=0)) / spread + jitter).astype(np.float32)


def _set_among(X, rows: np.ndarray, places: np.ndarray) -> np.ndarray:
    found = np.empty((len(X), 2), np.float32)
    found[rows] = places
    others = np.setdiff1d(np.arange(len(X)), rows)
    search = NearestNeighbors(
        n_neighbors=min(_NEAREST, len(rows)), metric="cosine", algorithm="brute"
    )
    search.fit(np.asarray(X[rows], np.float32))
    for part in np.array_split(others, max(1, len(others) // 4096)):
        distance, near = search.kneighbors(np.asarray(X[part], np.float32))
        weight = 1 / np.maximum(distance, 1e-6)
        found[part] = (
            places[near] * (weight / weight.sum(axis=1, keepdims=True))[:, :, None]
        ).sum(axis=1)
    return found


def align(moving, fixed) -> np.ndarray:
    """Return a map moved, turned, mirrored and scaled as a whole to lie as near as it
    can to another (Procrustes).

    Distances within the map keep their proportions; the sum of squared distances
    between the two places of each document is the least possible (Schönemann & Carroll
    1970).

    Parameters
    ----------
    moving, fixed : arrays of shape (n_documents, 2)

    Returns
    -------
    ndarray of float32, shape (n_documents, 2)

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.label import align
    >>> square = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]])
    >>> turned = square @ np.array([[0.0, -3.0], [3.0, 0.0]]) + 7
    >>> np.allclose(align(turned, square), square, atol=1e-6)
    True

    """
    moving, fixed = np.asarray(moving, np.float64), np.asarray(fixed, np.float64)
    if moving.shape != fixed.shape:
        raise ValueError(
            f"got maps of shapes {moving.shape} and {fixed.shape}, expected the same "
            "documents; align them"
        )
    middle = moving.mean(axis=0)
    centered, target = moving - middle, fixed - fixed.mean(axis=0)
    left, singular, right = np.linalg.svd(centered.T @ target)
    spread = (centered**2).sum()
    scale = singular.sum() / spread if spread else 1.0
    return (centered @ (left @ right) * scale + fixed.mean(axis=0)).astype(np.float32)


def stratified_sample(strata, n: int, *, random_state=0) -> np.ndarray:
    """Return ``n`` rows, of every stratum its share and at least one, in rising order.

    Parameters
    ----------
    strata : array (n_documents,)
        Any labels; documents with equal ones form a stratum.
    n : int
        All rows where there are no more. Of more strata than ``n``, only ``n`` random
        ones are seen.
    random_state : int, RandomState or None

    Examples
    --------
    >>> from embetter_reg.label import stratified_sample
    >>> strata = ["en"] * 90 + ["fi"] * 9 + ["ja"]
    >>> rows = stratified_sample(strata, 20)
    >>> len(rows), 99 in rows, int((rows < 90).sum())
    (20, True, 17)

    """
    _, codes, sizes = np.unique(
        np.asarray(strata), return_inverse=True, return_counts=True
    )
    if n >= len(codes):
        return np.arange(len(codes))
    rng = check_random_state(random_state)
    if len(sizes) >= n:
        seen = rng.choice(len(sizes), n, replace=False)
        quota = np.isin(np.arange(len(sizes)), seen).astype(int)
    else:
        exact = (sizes - 1) * (n - len(sizes)) / (len(codes) - len(sizes))
        quota = 1 + np.floor(exact).astype(int)
        quota[
            np.argsort(np.floor(exact) - exact, kind="stable")[: n - quota.sum()]
        ] += 1
    order = rng.permutation(len(codes))
    order = order[np.argsort(codes[order], kind="stable")]
    place = np.arange(len(codes)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.sort(order[place < quota[codes[order]]])


class Density(NamedTuple):
    """How many documents lie in each cell of a grid over a map: ``counts[y, x]``, and
    where the grid lies.
    """

    counts: np.ndarray
    left: float
    bottom: float
    width: float
    height: float


def density(places, *, n_cells: int = 160) -> Density:
    """Return how many documents lie where, on a grid of ``n_cells`` by ``n_cells`` over
    the map.
    """
    low, size = _extent(places)
    counts = np.bincount(grid_cells(places, n_cells), minlength=n_cells**2).reshape(
        n_cells, n_cells
    )
    return Density(counts, float(low[0]), float(low[1]), float(size[0]), float(size[1]))


def grid_cells(places, n_cells: int = 24) -> np.ndarray:
    """Return the number of the grid cell that each document of a map lies in."""
    low, size = _extent(places)
    column, row = np.minimum(
        ((np.asarray(places, np.float64) - low) / size * n_cells).astype(int),
        n_cells - 1,
    ).T
    return row * n_cells + column


def _extent(places) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower left corner of a map, and its width and height."""
    places = np.asarray(places, np.float64)
    return places.min(axis=0), np.maximum(np.ptp(places, axis=0), 1e-9)


def inside_polygon(places, x, y) -> np.ndarray:
    """Return which places lie inside a polygon, by the even-odd rule; bool
    (n_documents,).

    Parameters
    ----------
    places : array of shape (n_documents, 2)
    x, y : sequences of float
        The corners in order; the last is joined to the first.

    Examples
    --------
    >>> from embetter_reg.label import inside_polygon
    >>> inside_polygon([[1.0, 1.0], [3.0, 1.0]], [0, 2, 2, 0], [0, 0, 2, 2]).tolist()
    [True, False]

    """
    places = np.asarray(places, np.float64)
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    found = np.zeros(len(places), bool)
    if len(x) < 3:
        return found
    near = np.flatnonzero(
        (places[:, 0] >= x.min())
        & (places[:, 0] <= x.max())
        & (places[:, 1] >= y.min())
        & (places[:, 1] <= y.max())
    )
    px, py = places[near].T
    crossed = np.zeros(len(near), bool)
    for x0, y0, x1, y1 in zip(x, y, np.roll(x, -1), np.roll(y, -1), strict=True):
        if y0 != y1:
            crossed ^= ((y0 > py) != (y1 > py)) & (
                px < x0 + (py - y0) * (x1 - x0) / (y1 - y0)
            )
    found[near] = crossed
    return found


def inside_box(places, x0: float, x1: float, y0: float, y1: float) -> np.ndarray:
    """Return which places lie inside a rectangle; bool (n_documents,)."""
    px, py = np.asarray(places, np.float64).T
    return (
        (px >= min(x0, x1))
        & (px <= max(x0, x1))
        & (py >= min(y0, y1))
        & (py <= max(y0, y1))
    )


def nearest_place(places, x: float, y: float, reach: tuple[float, float]) -> int | None:
    """Return the row nearest to a point, within ``reach`` (along x and along y); None
    where there is none.
    """
    distance = np.linalg.norm(
        (np.asarray(places, np.float64) - [x, y]) / np.asarray(reach), axis=1
    )
    return int(distance.argmin()) if len(distance) and distance.min() <= 1 else None


def typicality(space, rows) -> np.ndarray:
    """Return how near each of ``rows`` is to the middle of them all: cosine, in [-1,
    1], higher is more typical.
    """
    chosen = normalize(np.asarray(space[rows], np.float32))
    return chosen @ normalize(chosen.mean(axis=0, keepdims=True))[0]
