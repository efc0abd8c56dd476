"""Figures that say how a space is organised. Pure functions: arrays in, numbers or tables out."""

import numpy as np
import pandas as pd
from scipy.special import xlogy
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, v_measure_score
from sklearn.metrics.cluster import contingency_matrix, expected_mutual_information
from sklearn.preprocessing import normalize

from embetter_reg._validation import check_labels, check_space
from embetter_reg.analysis._cluster import one_hot


def agreement(labels, clusters) -> dict[str, float]:
    """Return how far clusters and labels agree, ``{"ami", "ari", "v_measure"}``; higher agrees more.

    AMI (adjusted mutual information, Vinh, Epps & Bailey 2010) and ARI (adjusted Rand index) are 0 on
    average for chance and 1 for identity. The V-measure lies in [0, 1] and is not adjusted for chance:
    it grows with the number of clusters.

    Examples
    --------
    >>> from embetter_reg.analysis import agreement
    >>> agreement(["NA", "NA", "HI", "HI"], [1, 1, 0, 0])
    {'ami': 1.0, 'ari': 1.0, 'v_measure': 1.0}

    """
    clusters = np.asarray(clusters)
    labels = check_labels("true", labels, len(clusters))
    return {
        "ami": float(adjusted_mutual_info_score(labels, clusters)),
        "ari": float(adjusted_rand_score(labels, clusters)),
        "v_measure": float(v_measure_score(labels, clusters)),
    }


def expected_information(labels, clusters) -> float:
    """Return the mutual information (nats) that chance alone gives labels and clusters of these sizes."""
    return float(expected_mutual_information(contingency_matrix(labels, clusters, sparse=True), len(labels)))


def adjusted_information(tables: np.ndarray, expected: float) -> np.ndarray:
    """Return the AMI of many contingency tables of counts, shape (..., n_labels, n_clusters) to (...).

    With ``expected`` from `expected_information`, one table gives scikit-learn's
    ``adjusted_mutual_info_score`` (arithmetic mean). A bootstrap or a permutation passes all of its
    tables at once with the expectation of the whole sample: a permutation leaves it as it is, a
    bootstrap moves it very little.
    """
    label_entropy = _entropy(tables.sum(axis=-1), 1)
    cluster_entropy = _entropy(tables.sum(axis=-2), 1)
    mutual = label_entropy + cluster_entropy - _entropy(tables, 2)
    room = (label_entropy + cluster_entropy) / 2 - expected
    return np.divide(mutual - expected, room, out=np.zeros_like(room), where=np.abs(room) > 1e-12)


def _entropy(counts: np.ndarray, n_axes: int) -> np.ndarray:
    axes = tuple(range(-n_axes, 0))
    shares = counts / counts.sum(axis=axes, keepdims=True)
    return -xlogy(shares, shares).sum(axis=axes)


def cosine_silhouette(X, labels) -> float:
    """Return the mean silhouette under cosine distance, in [-1, 1]; higher means tighter, better apart.

    Exact, from the sum of the unit vectors of each cluster: the cosine distances of a row to a cluster
    add up to ``size - row · sum``, so time is ``n_documents * n_clusters * n_dims`` and no distance
    matrix is made. Equal to scikit-learn's ``silhouette_score(metric="cosine")``.

    A silhouette of language labels rewards separation by language; read beside the register's, never
    alone (Rautenstrauch & Ohler 2025 show how silhouettes mislead as a measure of mixing).

    Raises
    ------
    ValueError
        If there are not between 2 and n_documents - 1 labels.

    """
    X = check_space("X", X)
    names, codes = np.unique(check_labels("cluster", labels, len(X)), return_inverse=True)
    if not 2 <= len(names) < len(X):
        raise ValueError(
            f"got {len(names)} labels for {len(X)} documents, expected from 2 to {len(X) - 1}; check the labels"
        )
    rows = normalize(X.astype(np.float64, copy=False))
    members = one_hot(codes, len(names), rows.dtype)
    sizes = members.sum(axis=0)
    totals = sizes - rows @ (members.T @ rows).T  # summed distances to each cluster
    self_distance = 1 - (rows * rows).sum(axis=1)  # 0, or 1 for a row of zeros
    index = np.arange(len(rows))
    own_size = sizes[codes]
    own = (totals[index, codes] - self_distance) / np.maximum(own_size - 1, 1)
    means = totals / sizes
    means[index, codes] = np.inf
    other = means.min(axis=1)
    larger = np.maximum(own, other)
    scores = np.divide(other - own, larger, out=np.zeros_like(own), where=larger > 0)
    return float(np.where(own_size > 1, scores, 0.0).mean())


def cluster_table(clusters, labels, *, normalize: bool = True) -> pd.DataFrame:
    """Return the cluster × label table: one row a cluster, one column a label.

    With ``normalize`` each row sums to 1 (the make-up of a cluster); else the cells are counts.
    """
    clusters = np.asarray(clusters)
    labels = check_labels("true", labels, len(clusters))
    counts = pd.crosstab(pd.Series(clusters, name="cluster"), pd.Series(labels, name="label"))
    return counts.div(counts.sum(axis=1), axis=0) if normalize else counts


def center_languages(X, *, language) -> np.ndarray:
    """Return ``X`` with the mean of each document's language taken away, the simple control.

    No register label is used. A head that does no better than this has learned little more than to
    forget where each language lies.
    """
    X = check_space("X", X)
    _, codes = np.unique(check_labels("language", language, len(X)), return_inverse=True)
    members = one_hot(codes, codes.max() + 1, X.dtype)
    means = (members.T @ X) / members.sum(axis=0)[:, None]
    return X - means[codes]
