"""Figures that say how a space is organised. Pure functions: arrays in, numbers or tables out."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import xlogy
from sklearn.metrics import (
    adjusted_mutual_info_score,
    adjusted_rand_score,
    normalized_mutual_info_score,
    v_measure_score,
)
from sklearn.metrics.cluster import contingency_matrix, expected_mutual_information

from embetter_reg._validation import check_labels, check_space
from embetter_reg.analysis._cluster import one_hot
from embetter_reg.analysis._silhouette import silhouettes


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


def agreement_table(clusterings: Mapping[Any, Any], *, register, language) -> pd.DataFrame:
    """Return how far each clustering agrees with register and with language; higher agrees more.

    Parameters
    ----------
    clusterings : mapping of name (or k) to array of clusters (n_documents,)
    register, language : arrays of labels (n_documents,)

    Returns
    -------
    DataFrame
        One row a clustering and label, with ``ari`` and ``ami`` (at most 1, 0 on average for chance) and ``nmi`` and
        ``v_measure`` (0 to 1, not adjusted for chance, so they grow with the number of clusters). The V-measure
        (Rosenberg & Hirschberg 2007) *is* NMI with the arithmetic mean; both stand here since papers report either.

    Raises
    ------
    ValueError
        If labels do not fit a clustering.

    Examples
    --------
    >>> from embetter_reg.analysis import agreement_table
    >>> table = agreement_table({2: [1, 1, 0, 0]}, register=["NA", "NA", "HI", "HI"], language=["en", "fi"] * 2)
    >>> table.round(2)
       clustering     label  ari  ami  nmi  v_measure
    0           2  register  1.0  1.0  1.0        1.0
    1           2  language -0.5 -0.5  0.0        0.0

    """
    rows = []
    for name, clusters in clusterings.items():
        for label, values in (("register", register), ("language", language)):
            figures = agreement(values, clusters)
            nmi = float(normalized_mutual_info_score(check_labels(label, values, len(clusters)), clusters))
            rows.append(
                {
                    "clustering": name,
                    "label": label,
                    "ari": figures["ari"],
                    "ami": figures["ami"],
                    "nmi": nmi,
                    "v_measure": figures["v_measure"],
                }
            )
    return pd.DataFrame(rows)


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
    """Return the mean cosine silhouette of one labeling, in [-1, 1]; see `silhouettes`.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import cosine_silhouette
    >>> round(cosine_silhouette(np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 3.0]]), ["NA", "NA", "HI"]), 2)
    0.67

    """
    return float(silhouettes(X, [labels], metric="cosine")[0])


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
