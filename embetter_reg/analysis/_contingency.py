"""Agreement of labels with many clusterings, and what clusters are made of."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import gammaln

from embetter_reg._validation import check_labels
from embetter_reg.analysis._metrics import cluster_table

AGREEMENT = ("ari", "ami", "nmi", "v_measure")


def agreements(labels, labelings: Sequence) -> pd.DataFrame:
    """Return ``ari, ami, nmi`` and ``v_measure`` of labels with each clustering, one row each.

    Higher agrees more; 1 is identity. ARI (adjusted Rand index, Hubert & Arabie 1985) and AMI (adjusted mutual
    information, Vinh, Epps & Bailey 2010) are 0 on average for chance. NMI and the V-measure (Rosenberg & Hirschberg
    2007), in [0, 1], are the same number where entropies are averaged arithmetically, as here and in scikit-learn, and
    grow with the number of clusters. The figures are those of scikit-learn, but many times faster.

    Raises
    ------
    ValueError
        If a clustering has another length than ``labels``.

    Examples
    --------
    >>> agreements(["NA", "NA", "HI", "HI"], [[1, 1, 0, 0], [0, 0, 0, 1]]).round(2).values.tolist()
    [[1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.34, 0.34]]

    """
    codes = np.unique(check_labels("true", labels, len(labels)), return_inverse=True)[1]
    table = gammaln(np.arange(len(codes) + 1) + 1.0)  # log(m!)
    rows = []
    for clusters in labelings:
        found = label_codes(clusters, len(codes))
        shape = codes.max() + 1, found.max() + 1
        rows.append(
            _figures(np.bincount(codes * shape[1] + found, minlength=shape[0] * shape[1]).reshape(shape), table)
        )
    return pd.DataFrame(rows, columns=list(AGREEMENT))


def label_codes(labels, n_documents: int) -> np.ndarray:
    """Return labels, of which none is missing, as whole numbers from 0 in their order."""
    values = np.asarray(labels)
    if values.dtype.kind not in "iub" or values.shape != (n_documents,):
        values = check_labels("cluster", labels, n_documents)
    return np.unique(values, return_inverse=True)[1]


def _figures(counts: np.ndarray, table: np.ndarray) -> tuple[float, ...]:
    """Return ARI, AMI, NMI and V-measure of a label × cluster table of counts."""
    from embetter_reg.analysis._kernels import expected_information

    a, b, n = counts.sum(axis=1), counts.sum(axis=0), counts.sum()
    together, of_labels, of_clusters = (float((x.astype(float) ** 2).sum() - n) for x in (counts, a, b))
    chance = of_labels * of_clusters / max(n * (n - 1), 1)
    spare = (of_labels + of_clusters) / 2 - chance
    ari = (together - chance) / spare if spare else 1.0
    h_labels, h_clusters, h_both = (_entropy(x / n) for x in (a, b, counts))
    mutual, mean = max(h_labels + h_clusters - h_both, 0.0), (h_labels + h_clusters) / 2
    if mean < 1e-12:  # one label and one cluster
        return ari, 1.0, 1.0, 1.0
    expected = expected_information(a, b, table)
    ami = (mutual - expected) / (mean - expected) if abs(mean - expected) > 1e-12 else 1.0
    return ari, ami, mutual / mean, mutual / mean


def _entropy(shares: np.ndarray) -> float:
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())


@dataclass(frozen=True)
class Majority:
    """What `cluster_majority` found.

    Attributes
    ----------
    table : DataFrame
        One row a cluster: ``size``, its majority ``label``, and its ``purity``, the share of that label, in (0, 1].
    labels : ndarray of str, shape (n_documents,)
        The majority label of each document's cluster.
    accuracy : float
        Share of documents whose label is the majority label of their cluster, in (0, 1]; higher is better. This is the
        purity of the whole clustering.

    """

    table: pd.DataFrame
    labels: np.ndarray
    accuracy: float


def cluster_majority(clusters, labels) -> Majority:
    """Call each cluster by its majority label, to compare a clustering with a classifier's accuracy.

    The labels name the clusters, so the accuracy is that of a perfect namer, never below the share of the most common
    label, and it grows with the number of clusters to 1. Of equal counts the label first in the alphabet wins.

    Raises
    ------
    ValueError
        If there are not as many clusters as labels.

    Examples
    --------
    >>> found = cluster_majority([0, 0, 0, 1, 1], ["NA", "NA", "HI", "HI", "HI"])
    >>> found.table["label"].tolist(), found.accuracy
    (['NA', 'HI'], 0.8)

    """
    clusters = np.asarray(clusters)
    counts = cluster_table(clusters, labels, normalize=False)
    size, most = counts.sum(axis=1), counts.max(axis=1)
    table = pd.DataFrame({"size": size, "label": counts.idxmax(axis=1), "purity": most / size})
    return Majority(table, table["label"].loc[clusters].to_numpy(dtype=str), float(most.sum() / size.sum()))
