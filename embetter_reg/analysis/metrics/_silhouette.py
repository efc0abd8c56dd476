"""Silhouettes: exact, many labelings in one pass over the distances; and BRAS, the one
for mixing.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_matrix
from sklearn.preprocessing import normalize
from sklearn.utils import gen_batches

from embetter_reg._validation import (
    check_groups,
    check_labels,
    check_sequence,
    check_space,
)
from embetter_reg.analysis.metrics._distances import check_metric, distance_blocks
from embetter_reg.analysis.metrics._neighbors import label_codes

_LOW_DIMS = 16


def silhouettes(
    X: ArrayLike, labelings: Sequence[Any], *, metric: str = "euclidean"
) -> np.ndarray:
    """Return the mean silhouette of each labeling, in [-1, 1]; higher means tighter and
    better apart.

    0 means that documents lie as near to another group as to their own (Rousseeuw
    1987). Exact, equal to scikit-learn's ``silhouette_score`` to 1e-4. All labelings,
    such as clusterings at every k, share one pass.

    A silhouette of *language* labels rewards separation by language. It is no measure
    of mixing (Rautenstrauch & Ohler 2025): use `bras`.

    Parameters
    ----------
    X : array of shape (n_documents, n_dims)
    labelings : sequence of label arrays, each (n_documents,)
    metric : {"euclidean", "cosine"}
        Cosine takes time in proportion to ``n_documents * n_dims``, Euclidean to
        ``n_documents ** 2``.

    Returns
    -------
    ndarray of float64, shape (n_labelings,)

    Raises
    ------
    ValueError
        If a labeling has not between 2 and n_documents - 1 labels, or the metric is
        another.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import silhouettes
    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [9.0, 0.0], [9.0, 1.0]])
    >>> silhouettes(X, [["NA", "NA", "HI", "HI"], ["en", "fi", "en", "fi"]]).round(2)
    array([ 0.89, -0.44])

    """
    return silhouette_samples(X, labelings, metric=metric).mean(axis=1)


def silhouette_samples(
    X: ArrayLike, labelings: Sequence[Any], *, metric: str = "euclidean"
) -> np.ndarray:
    """Return each document's silhouette under each labeling, float64 ``(n_labelings,
    n_documents)``, in [-1, 1].

    The only document of a label has 0. Parameters and errors are those of
    `silhouettes`.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import silhouette_samples
    >>> X = np.array([[0.0], [1.0], [11.0]])
    >>> silhouette_samples(X, [["NA", "NA", "HI"]]).round(2)
    array([[0.91, 0.9 , 0.  ]])

    """
    return _samples(check_space("X", X), labelings, metric, "nearest")


def bras(
    X: ArrayLike, *, register: ArrayLike, language: ArrayLike, metric: str = "cosine"
) -> float:
    """Return how well languages mix inside registers, in [0, 1]; higher mixes better.

    Batch-removal-adapted silhouette (Rautenstrauch & Ohler 2025). Inside each register,
    every document's silhouette of language is taken with the mean distance to *all*
    documents of other languages (not only those of the nearest one, which hides
    languages that mix in pairs), and 1 minus its absolute value is averaged over
    documents, then over registers. Registers in one language are left out. It says
    nothing about whether registers are apart.

    Parameters
    ----------
    X : array of shape (n_documents, n_dims)
    register, language : arrays of labels (n_documents,)
    metric : {"cosine", "euclidean"}

    Raises
    ------
    ValueError
        If no register has two languages with at least two documents in one of them, or
        labels do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import bras
    >>> X = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    >>> bras(X, register=["NA"] * 4, language=["en", "en", "fi", "fi"])
    0.5
    >>> bras(X, register=["NA"] * 4, language=["en", "fi", "en", "fi"])
    0.0

    """
    samples = bras_samples(X, register=register, language=language, metric=metric)
    is_scored = ~np.isnan(samples)
    groups = label_codes(np.asarray(register)[is_scored].astype(str))
    return mean_of_groups(samples[is_scored], groups)


def bras_samples(
    X: ArrayLike, *, register: ArrayLike, language: ArrayLike, metric: str = "cosine"
) -> np.ndarray:
    """Return how well languages mix around each document inside its register, float64
    ``(n_documents,)``, in [0, 1]; NaN for documents of registers that `bras` leaves out.

    Parameters and errors are those of `bras`.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import bras_samples
    >>> X = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> language = ["en", "en", "fi", "fi", "fi"]
    >>> bras_samples(X, register=["NA"] * 4 + ["HI"], language=language)
    array([0.5, 0.5, 0.5, 0.5, nan])

    """
    rows = check_space("X", X)
    registers = check_labels("register", register, len(rows))
    languages = check_groups("language", language, len(rows))
    samples = np.full(len(rows), np.nan)
    for name in np.unique(registers):
        members = np.flatnonzero(registers == name)
        n_languages = len(np.unique(languages[members]))
        if 1 < n_languages < len(members):
            widths = _samples(rows[members], [languages[members]], metric, "all")[0]
            samples[members] = 1 - np.abs(widths)
    if np.isnan(samples).all():
        raise ValueError(
            "got no register in two languages, expected at least one to judge mixing; "
            "pass more documents"
        )
    return samples


def mean_of_groups(values: np.ndarray, groups: np.ndarray) -> float:
    """Return the mean over groups (whole numbers from 0) of the means of their values;
    numbers that no value has are left out.
    """
    sizes = np.bincount(groups)
    sums = np.bincount(groups, values)
    return float((sums[sizes > 0] / sizes[sizes > 0]).mean())


def _samples(
    X: np.ndarray, labelings: Sequence[Any], metric: str, others: str
) -> np.ndarray:
    check_metric(metric)
    check_sequence("labelings", labelings)
    coded = [_codes(labels, len(X), place) for place, labels in enumerate(labelings)]
    if not coded:
        raise ValueError(
            "got no labelings, expected at least one; pass a list of label arrays"
        )
    if metric == "euclidean" and others == "nearest" and X.shape[1] <= _LOW_DIMS:
        return _lowdim_silhouettes(X, coded)
    from embetter_reg._compiled import announce
    from embetter_reg.analysis.metrics._kernels import silhouettes_of_sums

    announce(silhouettes_of_sums)
    sizes = [np.bincount(codes) for codes in coded]
    starts = np.cumsum([0, *map(len, sizes)])
    columns = np.stack(
        [codes + start for codes, start in zip(coded, starts[:-1], strict=True)], axis=1
    )
    n, n_labelings = columns.shape
    members = csr_matrix(
        (
            np.ones(columns.size),
            columns.ravel(),
            np.arange(0, columns.size + 1, n_labelings),
        ),
        shape=(n, starts[-1]),
    )
    scores = np.empty((n_labelings, n))
    make_sums = _euclidean_sums
    if metric == "cosine":
        make_sums = _cosine_sums
    for batch, sums in make_sums(X, members):
        for place, codes in enumerate(coded):
            silhouettes_of_sums(
                sums,
                starts[place],
                codes[batch],
                sizes[place],
                others == "all",
                scores[place, batch],
            )
    return scores


def _codes(labels: ArrayLike, n_documents: int, place: int) -> np.ndarray:
    codes = check_label_codes(labels, n_documents)
    n_labels = codes.max() + 1
    if not 2 <= n_labels < n_documents:
        raise ValueError(
            f"got {n_labels} labels for {n_documents} documents in labeling {place}, "
            f"expected from 2 to {n_documents - 1}; check the labels"
        )
    return codes


def check_label_codes(labels: ArrayLike, n_documents: int) -> np.ndarray:
    """Return labels, of which none is missing, as whole numbers from 0 in their order."""
    values = np.asarray(labels)
    if values.dtype.kind not in "iu" or values.shape != (n_documents,):
        values = check_labels("cluster", labels, n_documents)
    if values.dtype.kind in "iu" and values.min() >= 0 and values.max() <= n_documents:
        # Small whole numbers are numbered without a sort.
        occurs = np.bincount(values) > 0
        if occurs.all():
            return values.astype(np.int64)
        return (np.cumsum(occurs) - 1)[values]
    return label_codes(values)


def _lowdim_silhouettes(X: np.ndarray, coded: list[np.ndarray]) -> np.ndarray:
    """Return silhouettes where bounds on mean distances leave out most clusters of a
    document.
    """
    from embetter_reg._compiled import announce
    from embetter_reg.analysis.metrics._kernels import silhouettes_lowdim

    announce(silhouettes_lowdim)
    rows = X - X.mean(axis=0, dtype=np.float64)
    scores = np.empty((len(coded), len(X)))
    for codes, out in zip(coded, scores, strict=True):
        silhouettes_lowdim(rows, codes, codes.max() + 1, out)
    return scores


def _euclidean_sums(
    X: np.ndarray, members: csr_matrix
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield rows and their summed distances to each cluster of every labeling, (n_rows,
    n_clusters).
    """
    dense = members.astype(np.float32).toarray()
    for batch, block in distance_blocks(X, np.arange(len(X)), "euclidean"):
        yield batch, block @ dense


def _cosine_sums(
    X: np.ndarray, members: csr_matrix
) -> Iterator[tuple[slice, np.ndarray]]:
    """The same without distances: those of a row to a cluster add up to ``size - row ·
    sum of its unit rows``.
    """
    n, n_clusters = members.shape
    batches = list(gen_batches(n, max(1, 500_000 // max(n_clusters, X.shape[1]))))
    totals = np.zeros((n_clusters, X.shape[1]))
    for batch in batches:
        totals += members[batch].T @ normalize(X[batch].astype(np.float64, copy=False))
    sizes = np.asarray(members.sum(axis=0)).ravel()
    space = np.empty((batches[0].stop, n_clusters))
    for batch in batches:
        rows = normalize(X[batch].astype(np.float64, copy=False))
        sums = space[: len(rows)]
        np.subtract(sizes, np.matmul(rows, totals.T, out=sums), out=sums)
        empty = ~rows.any(axis=1)
        if empty.any():  # without a direction, at distance 1 to all but itself
            sums[empty] -= members[batch][empty].toarray()
        yield batch, sums
