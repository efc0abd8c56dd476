"""Bootstrap and null of agreement: which figures could another sample of documents, or
chance, have given?
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from embetter_reg.analysis.compare._measures import Measured
from embetter_reg.analysis.metrics import (
    adjusted_information,
    agreements,
    expected_information,
)


class Resampler:
    """Bootstrap and null of the agreement of clusterings with both labels, and
    bootstrap of other figures.

    The same resampled documents serve every space, so that differences between spaces
    are paired.

    Attributes
    ----------
    weights : ndarray of uint16, shape (n_bootstrap, n_documents)
        How often each resample holds each document.

    """

    def __init__(
        self,
        gold: dict[str, np.ndarray],
        n_bootstrap: int,
        n_null: int,
        rng: np.random.RandomState,
    ) -> None:
        self.gold = gold
        self.codes = {
            label: np.unique(values, return_inverse=True)[1]
            for label, values in gold.items()
        }
        n = len(gold["register"])
        self.weights = np.empty((n_bootstrap, n), np.uint16)
        for row in self.weights:
            row[:] = np.bincount(rng.randint(n, size=n), minlength=n)
        self.shuffles = {
            label: np.stack(
                [rng.permutation(codes.astype(np.int32)) for _ in range(n_null)]
            )
            for label, codes in self.codes.items()
        }

    def score(self, runs: Sequence[np.ndarray]) -> dict[str, dict[str, Any]]:
        """Return per label the figures of each run, and the bootstrap and null means
        over runs.
        """
        scores = {}
        for label, codes in self.codes.items():
            boots = [self.bootstrap_ami(codes, clusters) for clusters in runs]
            nulls = [self._null_ami(label, clusters) for clusters in runs]
            scores[label] = {
                "figures": agreements(self.gold[label], runs),
                "boot": np.mean(boots, axis=0),
                "null": np.mean(nulls, axis=0),
            }
        return scores

    def bootstrap_ami(
        self,
        codes: np.ndarray,
        clusters: np.ndarray,
        documents: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the AMI of labels and clusters in each resample, (n_bootstrap,).

        With ``documents`` the rows are entries of those documents, of which one may
        have several (hybrids).
        """
        weights: Iterable[np.ndarray] = self.weights
        if documents is not None:
            weights = (counts[documents] for counts in self.weights)
        expected = expected_information(codes, clusters)
        return _ami(codes[None], clusters, expected, weights)

    def _null_ami(self, label: str, clusters: np.ndarray) -> np.ndarray:
        """Return the AMI of shuffled labels and clusters, (n_null,)."""
        expected = expected_information(self.codes[label], clusters)
        return _ami(self.shuffles[label], clusters, expected)

    def bootstrap_figure(self, measured: Measured) -> np.ndarray | None:
        """Return a figure in each resample, (n_bootstrap,); None where it is no
        function of single documents.
        """
        if measured.documents is None:
            return None
        places = np.arange(len(measured.documents))
        resamples = (
            np.repeat(places, counts[measured.documents]) for counts in self.weights
        )
        return np.array([measured.reduce(measured.values[rows]) for rows in resamples])


def _ami(
    labels: np.ndarray,
    clusters: np.ndarray,
    expected: float,
    weights: Iterable[np.ndarray] | None = None,
) -> np.ndarray:
    """Return the AMI of each row of label codes with the clusters, or of one row under
    each row of weights.
    """
    n_labels = labels.max() + 1
    n_clusters = clusters.max() + 1
    size = n_labels * n_clusters
    if weights is None:
        tables = [
            np.bincount(row * n_clusters + clusters, minlength=size) for row in labels
        ]
    else:
        cells = labels[0] * n_clusters + clusters
        tables = [np.bincount(cells, row, minlength=size) for row in weights]
    stacked = np.reshape(tables, (-1, n_labels, n_clusters))
    return adjusted_information(stacked, expected)


def interval(value: float, boot: np.ndarray, confidence: float) -> tuple[float, float]:
    """Return the bootstrap interval centered on ``value`` (a plain one overstates
    agreement in small samples).
    """
    tail = (1 - confidence) / 2
    low, high = np.quantile(boot - boot.mean(), [tail, 1 - tail])
    return value + low, value + high


def ami_interval(
    value: float, boot: np.ndarray, confidence: float
) -> tuple[float, float]:
    """Return the `interval` of an AMI within [-1, 1]: of a few documents it would reach
    beyond what an AMI can be.
    """
    low, high = np.clip(interval(value, boot, confidence), -1, 1)
    return float(low), float(high)
