"""Bootstrap and null of agreement: which figures could another sample of documents, or chance, have given?"""

from typing import Any

import numpy as np

from embetter_reg.analysis._metrics import adjusted_information, agreements, expected_information


class Resampler:
    """Bootstrap and null of the agreement of clusterings with both labels.

    The same resampled documents serve every space, so that differences between spaces are paired.
    """

    def __init__(self, gold: dict[str, np.ndarray], n_bootstrap: int, n_null: int, rng):
        self.gold = gold
        self.codes = {label: np.unique(values, return_inverse=True)[1] for label, values in gold.items()}
        n = len(gold["register"])
        self.draws = rng.randint(n, size=(n_bootstrap, n))
        self.shuffles = {
            label: np.stack([rng.permutation(codes) for _ in range(n_null)]) for label, codes in self.codes.items()
        }

    def score(self, runs: list[np.ndarray]) -> dict[str, dict[str, Any]]:
        """Return per label the figures of each run, and the bootstrap and null means over runs."""
        return {label: self._score(label, runs) for label in self.codes}

    def _score(self, label: str, runs: list[np.ndarray]) -> dict[str, Any]:
        codes = self.codes[label]
        n_labels = codes.max() + 1
        boots, nulls = [], []
        for clusters in runs:
            expected = expected_information(codes, clusters)
            n_clusters = clusters.max() + 1

            def ami(label_codes, cluster_codes, expected=expected, shape=(n_labels, n_clusters)):
                return adjusted_information(_tables(label_codes, cluster_codes, shape), expected)

            boots.append(ami(codes[self.draws], clusters[self.draws]))
            nulls.append(ami(self.shuffles[label], clusters[None]))
        figures = agreements(self.gold[label], runs)
        return {"figures": figures, "boot": np.mean(boots, axis=0), "null": np.mean(nulls, axis=0)}


def _tables(labels: np.ndarray, clusters: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return one contingency table a row of codes, (n_rows, n_labels, n_clusters)."""
    pairs = labels * shape[1] + clusters
    size = shape[0] * shape[1]
    pairs = pairs + size * np.arange(len(pairs))[:, None]
    return np.bincount(pairs.ravel(), minlength=len(pairs) * size).reshape(-1, *shape)


def interval(value: float, boot: np.ndarray, confidence: float) -> tuple[float, float]:
    """Return the bootstrap interval centred on ``value`` (a plain one overstates agreement in small samples)."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(boot - boot.mean(), [tail, 1 - tail])
    return value + low, value + high
