"""Bootstrap and null of agreement: which figures could another sample of documents, or
chance, have given?
"""

from collections.abc import Callable
from typing import Any

import numpy as np

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

    def __init__(self, gold: dict[str, np.ndarray], n_bootstrap: int, n_null: int, rng):
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

    def score(self, runs: list[np.ndarray]) -> dict[str, dict[str, Any]]:
        """Return per label the figures of each run, and the bootstrap and null means
        over runs.
        """
        found = {}
        for label, codes in self.codes.items():
            figures = agreements(self.gold[label], runs)
            boots = [self.bootstrap_ami(codes, clusters) for clusters in runs]
            nulls = [
                _ami(
                    self.shuffles[label],
                    clusters,
                    expected_information(codes, clusters),
                )
                for clusters in runs
            ]
            found[label] = {
                "figures": figures,
                "boot": np.mean(boots, axis=0),
                "null": np.mean(nulls, axis=0),
            }
        return found

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
        weights = (
            self.weights
            if documents is None
            else (row[documents] for row in self.weights)
        )
        return _ami(
            codes[None], clusters, expected_information(codes, clusters), weights
        )

    def bootstrap(
        self,
        documents: np.ndarray,
        values: np.ndarray,
        reduce: Callable[[np.ndarray], float],
    ) -> np.ndarray:
        """Return ``reduce`` of the values in each resample, (n_bootstrap,);
        ``values[i]`` is of ``documents[i]``.
        """
        places = np.arange(len(documents))
        return np.array(
            [reduce(values[np.repeat(places, row[documents])]) for row in self.weights]
        )


def _ami(
    labels: np.ndarray, clusters: np.ndarray, expected: float, weights=None
) -> np.ndarray:
    """Return the AMI of each row of label codes with the clusters, or of one row under
    each row of weights.
    """
    shape = labels.max() + 1, clusters.max() + 1
    size = shape[0] * shape[1]
    if weights is None:
        tables = [
            np.bincount(row * shape[1] + clusters, minlength=size) for row in labels
        ]
    else:
        pairs = labels[0] * shape[1] + clusters
        tables = [np.bincount(pairs, row, minlength=size) for row in weights]
    return adjusted_information(np.reshape(tables, (-1, *shape)), expected)


def interval(value: float, boot: np.ndarray, confidence: float) -> tuple[float, float]:
    """Return the bootstrap interval centered on ``value`` (a plain one overstates
    agreement in small samples).
    """
    tail = (1 - confidence) / 2
    low, high = np.quantile(boot - boot.mean(), [tail, 1 - tail])
    return value + low, value + high
