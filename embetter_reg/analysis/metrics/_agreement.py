"""Figures that say how a space is organized. Pure functions: arrays in, numbers or
tables out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import gammaln, xlogy

from embetter_reg._validation import check_labels, check_sequence, check_space
from embetter_reg.analysis.metrics._silhouette import check_label_codes, silhouettes
from embetter_reg.erase import LanguageCentering

AGREEMENT = ("ari", "ami", "nmi", "v_measure")


def agreements(labels: ArrayLike, labelings: Sequence[Any]) -> pd.DataFrame:
    """Return ``ari``, ``ami``, ``nmi`` and ``v_measure``, one row a clustering.

    Higher agrees more; 1 is identity. ARI (adjusted Rand index, Hubert & Arabie 1985)
    and AMI (adjusted mutual information, Vinh, Epps & Bailey 2010) are 0 on average for
    chance. NMI and the V-measure (Rosenberg & Hirschberg 2007), in [0, 1], are the same
    number where entropies are averaged arithmetically, as here and in scikit-learn, and
    grow with the number of clusters. The figures are those of scikit-learn, but many
    times faster.

    Raises
    ------
    ValueError
        If a clustering has another length than ``labels``.

    Examples
    --------
    >>> from embetter_reg.analysis import agreements
    >>> labels = ["NA"] * 3 + ["HI"] * 3
    >>> table = agreements(labels, [[1, 1, 1, 0, 0, 0], [0, 0, 1, 1, 1, 1]])
    >>> table.round(2).values.tolist()
    [[1.0, 1.0, 1.0, 1.0], [0.32, 0.36, 0.48, 0.48]]

    """
    from embetter_reg._compiled import announce
    from embetter_reg.analysis.metrics._kernels import agreement

    announce(agreement)
    check_sequence("labels", labels)
    check_sequence("labelings", labelings)
    n_documents = len(np.atleast_1d(labels))
    codes = check_label_codes(labels, n_documents)
    logs = _logs(n_documents)
    rows = [
        agreement(codes, check_label_codes(clusters, n_documents), *logs)
        for clusters in labelings
    ]
    return pd.DataFrame(rows, columns=list(AGREEMENT))


def sample_amis(
    labels: np.ndarray, labelings: Sequence[Any], samples: Sequence[np.ndarray]
) -> np.ndarray:
    """Return the AMI of each clustering with the labels in each sample of rows,
    (n_samples, n_clusterings): those of `agreements`, without a table a sample.
    """
    from embetter_reg._compiled import announce
    from embetter_reg.analysis.metrics._kernels import agreement

    announce(agreement)
    n_documents = len(labels)
    codes = check_label_codes(labels, n_documents)
    coded = [check_label_codes(clusters, n_documents) for clusters in labelings]
    amis = np.empty((len(samples), len(coded)))
    for place, rows in enumerate(samples):
        logs = _logs(len(rows))
        amis[place] = [
            agreement(codes[rows], clusters[rows], *logs)[1] for clusters in coded
        ]
    return amis


def agreement_table(
    clusterings: Mapping[Any, Any], *, register: ArrayLike, language: ArrayLike
) -> pd.DataFrame:
    """Return how far each clustering agrees with register and with language.

    Higher agrees more.

    Parameters
    ----------
    clusterings : mapping of name (or k) to array of clusters (n_documents,)
    register, language : arrays of labels (n_documents,)

    Returns
    -------
    DataFrame
        One row a clustering and label, with ``ari`` and ``ami`` (at most 1, 0 on
        average for chance) and ``nmi`` and ``v_measure`` (0 to 1, not adjusted for
        chance, so they grow with the number of clusters). The V-measure (Rosenberg &
        Hirschberg 2007) *is* NMI with the arithmetic mean; both stand here since papers
        report either.

    Raises
    ------
    ValueError
        If labels do not fit a clustering.

    Examples
    --------
    >>> from embetter_reg.analysis import agreement_table
    >>> labels = {"register": ["NA", "NA", "HI", "HI"], "language": ["en", "fi"] * 2}
    >>> table = agreement_table({2: [1, 1, 0, 0]}, **labels)
    >>> table.round(2)
       clustering     label  ari  ami  nmi  v_measure
    0           2  register  1.0  1.0  1.0        1.0
    1           2  language -0.5 -0.5  0.0        0.0

    """
    if not isinstance(clusterings, Mapping):
        raise TypeError(
            f"got clusterings of type {type(clusterings).__name__}, expected a dict of "
            "arrays by name; pass {8: clusters}"
        )
    tables = []
    for label, values in (("register", register), ("language", language)):
        figures = agreements(values, list(clusterings.values()))
        tables.append(figures.assign(clustering=list(clusterings), label=label))
    return (
        pd.concat(tables)
        .sort_index(kind="stable")
        .reset_index(drop=True)[["clustering", "label", *AGREEMENT]]
    )


def expected_information(labels: np.ndarray, clusters: np.ndarray) -> float:
    """Return the mutual information (nats) that chance alone gives labels and clusters,
    as codes, of these sizes.
    """
    from embetter_reg.analysis.metrics._kernels import expected_information as expected

    return float(
        expected(np.bincount(labels), np.bincount(clusters), *_logs(len(labels)))
    )


def _logs(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return log(m) and log(m!) for m from 0 to n; the first of log(m) is not used."""
    return np.log(np.maximum(np.arange(n + 1), 1)), gammaln(np.arange(n + 1) + 1.0)


def adjusted_information(tables: np.ndarray, expected: float) -> np.ndarray:
    """Return the AMI of many contingency tables of counts, shape (..., n_labels,
    n_clusters) to (...).

    With ``expected`` from `expected_information`, one table gives scikit-learn's
    ``adjusted_mutual_info_score`` (arithmetic mean). A bootstrap or a permutation
    passes all of its tables at once with the expectation of the whole sample: a
    permutation leaves it as it is, a bootstrap moves it very little.
    """
    label_entropy = _entropy(tables.sum(axis=-1), 1)
    cluster_entropy = _entropy(tables.sum(axis=-2), 1)
    mutual = label_entropy + cluster_entropy - _entropy(tables, 2)
    room = (label_entropy + cluster_entropy) / 2 - expected
    return np.divide(
        mutual - expected, room, out=np.zeros_like(room), where=np.abs(room) > 1e-12
    )


def _entropy(counts: np.ndarray, n_axes: int) -> np.ndarray:
    axes = tuple(range(-n_axes, 0))
    shares = counts / counts.sum(axis=axes, keepdims=True)
    return -xlogy(shares, shares).sum(axis=axes)


def cosine_silhouette(X: ArrayLike, labels: ArrayLike) -> float:
    """Return the mean cosine silhouette of one labeling, in [-1, 1]; see `silhouettes`.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import cosine_silhouette
    >>> X = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 3.0]])
    >>> round(cosine_silhouette(X, ["NA", "NA", "HI"]), 2)
    0.67

    """
    return float(silhouettes(X, [labels], metric="cosine")[0])


def cluster_table(
    clusters: ArrayLike, labels: ArrayLike, *, normalize: bool = True
) -> pd.DataFrame:
    """Return the cluster × label table: one row a cluster, one column a label.

    With ``normalize`` each row sums to 1 (the make-up of a cluster); else the cells are
    counts.
    """
    checked = _check_clusters(clusters)
    names = check_labels("true", labels, len(checked))
    counts = pd.crosstab(
        pd.Series(checked, name="cluster"), pd.Series(names, name="label")
    )
    if normalize:
        return counts.div(counts.sum(axis=1), axis=0)
    return counts


def _check_clusters(clusters: ArrayLike) -> np.ndarray:
    """Return the cluster of each document as an array of its own type."""
    check_sequence("clusters", clusters)
    array = np.asarray(clusters)
    check_labels("cluster", array, len(array))
    return array


@dataclass(frozen=True)
class Majority:
    """The majority label of each cluster, which `cluster_majority` returns.

    Attributes
    ----------
    table : DataFrame
        One row a cluster: ``size``, its majority ``label``, and its ``purity``, the
        share of that label, in (0, 1].
    labels : ndarray of str, shape (n_documents,)
        The majority label of each document's cluster.
    accuracy : float
        Share of documents whose label is the majority label of their cluster, in (0,
        1]; higher is better. This is the purity of the whole clustering.

    """

    table: pd.DataFrame
    labels: np.ndarray
    accuracy: float


def cluster_majority(clusters: ArrayLike, labels: ArrayLike) -> Majority:
    """Call each cluster by its majority label.

    So a clustering can be compared with a classifier's accuracy. The labels name the
    clusters, so the accuracy is that of a perfect namer, never below the share of the
    most common label, and it grows with the number of clusters to 1. Of equal counts
    the label first in the alphabet wins.

    Raises
    ------
    ValueError
        If there are not as many clusters as labels.

    Examples
    --------
    >>> majority = cluster_majority([0, 0, 0, 1, 1], ["NA", "NA", "HI", "HI", "HI"])
    >>> majority.table["label"].tolist(), majority.accuracy
    (['NA', 'HI'], 0.8)

    """
    checked = _check_clusters(clusters)
    counts = cluster_table(checked, labels, normalize=False)
    sizes = counts.sum(axis=1)
    n_majority = counts.max(axis=1)
    table = pd.DataFrame(
        {
            "size": sizes,
            "label": counts.idxmax(axis=1),
            "purity": n_majority / sizes,
        }
    )
    names = table["label"].loc[checked].to_numpy(dtype=str)
    return Majority(table, names, float(n_majority.sum() / sizes.sum()))


def center_languages(X: ArrayLike, *, language: ArrayLike) -> np.ndarray:
    """Return ``X`` less the mean of each document's language, the simple control.

    No register label is used. A head that does no better than this has learned little
    more than to forget where each language lies.
    """
    rows = check_space("X", X)
    languages = check_labels("language", language, len(rows))
    return LanguageCentering().fit_transform(rows, language=languages)
