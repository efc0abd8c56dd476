"""The map: two columns of a space, kept in place from round to round, thinned out for
the browser.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.preprocessing import normalize

from embetter_reg._random import check_random_state
from embetter_reg._validation import check_space
from embetter_reg.analysis import make_reducer
from embetter_reg.analysis.reduce import place_among

N_FITTED = 20_000  # documents that the reducer itself lays out
_ROOM = 0.4  # between documents, for a lasso to pass


def draw_map(
    X: ArrayLike,
    reducer: str = "umap",
    *,
    before: ArrayLike | None = None,
    n_fitted: int = N_FITTED,
    random_state: int | np.random.RandomState | None = 0,
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
    check_reducer(reducer)
    X = check_space("X", X)
    if before is not None:
        before = check_places("before", before, len(X))
    rows = np.arange(len(X))
    if len(X) > n_fitted:
        generator = check_random_state(random_state)
        rows = np.sort(generator.choice(len(X), n_fitted, replace=False))
    options: dict[str, Any] = {}
    if reducer == "umap":
        options["min_dist"] = _ROOM
        if before is not None:
            options["options"] = {"init": _as_start(before[rows]), "n_epochs": 200}
    layout = make_reducer(reducer, 2, random_state=random_state, **options)
    fitted = layout.fit_transform(np.asarray(X[rows], np.float32))
    places = np.asarray(fitted, np.float32)
    if len(rows) < len(X):
        places = place_among(X, rows, places)
    if before is None:
        return places
    return align(places, before)


def check_reducer(reducer: str) -> None:
    """Refuse a reducer that is unknown, or that needs a label for every document."""
    if reducer in ("lda", "supervised_umap"):
        raise ValueError(
            f"got reducer={reducer!r}, which needs a label for every document, "
            "expected one without; pick 'umap'"
        )
    make_reducer(reducer, 2)


def check_places(name: str, places: Any, n_documents: int | None = None) -> np.ndarray:
    """Return a map as finite float64 ``(n_documents, 2)``.

    Raises
    ------
    ValueError
        If it has another shape, or a place is missing.

    """
    try:
        array = np.asarray(places, np.float64)
    except (TypeError, ValueError):
        array = np.empty(0)
    n_rows: Any = n_documents
    if n_documents is None:
        n_rows = "n_documents"
    is_map = array.ndim == 2 and array.shape[1] == 2
    if not is_map or n_documents not in (None, len(array)):
        raise ValueError(
            f"got the map {name!r} of shape {array.shape}, expected numbers of shape "
            f"({n_rows}, 2); pass x and y of every document"
        )
    if not np.isfinite(array).all():
        bad = np.flatnonzero(~np.isfinite(array).all(axis=1))[0]
        raise ValueError(
            f"got NaN or infinity in row {bad} of the map {name!r}, expected finite "
            "numbers; drop the row"
        )
    return array


def _as_start(places: np.ndarray) -> np.ndarray:
    """Return an earlier map at the scale that UMAP starts from, without rows on the
    very same place.
    """
    spread = np.ptp(places, axis=0).max() or 1.0
    jitter = np.random.default_rng(0).normal(scale=1e-4, size=places.shape)
    return (10 * (places - places.min(axis=0)) / spread + jitter).astype(np.float32)


def align(moving: ArrayLike, fixed: ArrayLike) -> np.ndarray:
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

    Raises
    ------
    ValueError
        If the maps are not of the same documents, or a place is missing.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.label import align
    >>> square = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]])
    >>> turned = square @ np.array([[0.0, -3.0], [3.0, 0.0]]) + 7
    >>> np.allclose(align(turned, square), square, atol=1e-6)
    True

    """
    shapes = np.shape(moving), np.shape(fixed)
    if shapes[0] != shapes[1] or 0 in shapes[0]:
        raise ValueError(
            f"got maps of shapes {shapes[0]} and {shapes[1]}, expected the same "
            "documents in both; align them"
        )
    moving = check_places("moving", moving)
    fixed = check_places("fixed", fixed)
    target = fixed - fixed.mean(axis=0)
    centered = moving - moving.mean(axis=0)
    left, singular, right = np.linalg.svd(centered.T @ target)
    spread = (centered**2).sum()
    scale = 1.0
    if spread:
        scale = singular.sum() / spread
    return (centered @ (left @ right) * scale + fixed.mean(axis=0)).astype(np.float32)


class Density(NamedTuple):
    """How many documents lie in each cell of a grid over a map: ``counts[y, x]``, and
    where the grid lies.
    """

    counts: np.ndarray
    left: float
    bottom: float
    width: float
    height: float


def density(places: ArrayLike, *, n_cells: int = 160) -> Density:
    """Return how many documents lie where, on a grid of ``n_cells`` by ``n_cells`` over
    the map.
    """
    low, size = _extent(places)
    counts = np.bincount(grid_cells(places, n_cells), minlength=n_cells**2)
    left, bottom = low.tolist()
    width, height = size.tolist()
    return Density(counts.reshape(n_cells, n_cells), left, bottom, width, height)


def grid_cells(places: ArrayLike, n_cells: int = 24) -> np.ndarray:
    """Return the number of the grid cell that each document of a map lies in."""
    low, size = _extent(places)
    share = (np.asarray(places, np.float64) - low) / size
    column, row = np.minimum((share * n_cells).astype(int), n_cells - 1).T
    return row * n_cells + column


def _extent(places: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower left corner of a map, and its width and height."""
    places = np.asarray(places, np.float64)
    return places.min(axis=0), np.maximum(np.ptp(places, axis=0), 1e-9)


def inside_polygon(places: ArrayLike, x: ArrayLike, y: ArrayLike) -> np.ndarray:
    """Return which places lie inside a polygon, by the even-odd rule; bool
    (n_documents,).

    Parameters
    ----------
    places : array of shape (n_documents, 2)
    x, y : sequences of float
        The corners in order; the last is joined to the first.

    Raises
    ------
    ValueError
        If ``places`` is no map, or ``x`` and ``y`` differ in length.

    Examples
    --------
    >>> from embetter_reg.label import inside_polygon
    >>> inside_polygon([[1.0, 1.0], [3.0, 1.0]], [0, 2, 2, 0], [0, 0, 2, 2]).tolist()
    [True, False]

    """
    places = check_places("places", places)
    if np.shape(x) != np.shape(y) or np.ndim(x) != 1:
        raise ValueError(
            f"got corners of shapes {np.shape(x)} and {np.shape(y)}, expected as many "
            "x as y; pass both of every corner"
        )
    inside = np.zeros(len(places), bool)
    if not np.size(x):
        return inside
    corners = check_places("polygon", np.column_stack([x, y]))
    if len(corners) < 3:
        return inside
    low, high = corners.min(axis=0), corners.max(axis=0)
    rows = np.flatnonzero(((places >= low) & (places <= high)).all(axis=1))
    px, py = places[rows].T
    # A ray from a place to the right crosses the outline an odd number of times if the
    # place lies inside.
    crossed = np.zeros(len(rows), bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y0 != y1:
            spans = (y0 > py) != (y1 > py)
            crossed ^= spans & (px < x0 + (py - y0) * (x1 - x0) / (y1 - y0))
    inside[rows] = crossed
    return inside


def inside_box(
    places: ArrayLike, x0: float, x1: float, y0: float, y1: float
) -> np.ndarray:
    """Return which places lie inside a rectangle; bool (n_documents,)."""
    points: np.ndarray = np.asarray(places, np.float64)
    low = [min(x0, x1), min(y0, y1)]
    high = [max(x0, x1), max(y0, y1)]
    return np.all((points >= low) & (points <= high), axis=1)


def nearest_place(
    places: ArrayLike, x: float, y: float, reach: tuple[float, float]
) -> int | None:
    """Return the row nearest to a point, within ``reach`` (along x and along y); None
    where there is none.
    """
    offset = (np.asarray(places, np.float64) - [x, y]) / np.asarray(reach)
    distance = np.linalg.norm(offset, axis=1)
    if not len(distance) or distance.min() > 1:
        return None
    return int(distance.argmin())


def typicality(X: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return how near each of ``rows`` is to the middle of them all: cosine, in [-1,
    1], higher is more typical.
    """
    chosen = unit_rows(X, rows)
    return chosen @ normalize(chosen.mean(axis=0, keepdims=True))[0]


def unit_rows(X: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return some rows of a space at unit length, as float32.

    Only these rows are read and checked: spaces of rounds lie on disk, and a page of
    the list asks for eight of a hundred thousand.
    """
    chosen = np.array(X[rows], np.float32, copy=None)
    lengths = np.sqrt(np.einsum("ij,ij->i", chosen, chosen, dtype=np.float64))
    if not np.isfinite(lengths).all():
        bad = rows[np.flatnonzero(~np.isfinite(chosen).all(axis=1))[0]]
        raise ValueError(
            f"got NaN or infinity in row {bad} of the space, expected finite numbers; "
            "drop the row"
        )
    chosen /= np.where(lengths > 0, lengths, 1)[:, np.newaxis]
    return chosen


def check_matrix(name: str, X: Any) -> np.ndarray:
    """Return a space as an array of numbers ``(n_documents, n_dims)``, without reading
    all of it.
    """
    array = np.asanyarray(X)  # a mapped file stays one
    if array.ndim != 2 or 0 in array.shape or array.dtype.kind not in "fiu":
        raise ValueError(
            f"got {name} of shape {array.shape} and type {array.dtype}, expected "
            "numbers of shape (n_documents, n_dims); pass one vector a document"
        )
    return array
