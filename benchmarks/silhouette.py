"""Silhouettes against scikit-learn's: interleaved ratios and the largest difference.

python benchmarks/silhouette.py [rounds]
"""

import statistics
import sys
import time
import tracemalloc

import numpy as np
from sklearn.metrics import silhouette_score

from embetter_reg.analysis import silhouettes

CASES = (
    # documents, dimensions, metric, labelings
    (2_400, 2, "euclidean", range(2, 34)),
    (2_400, 384, "euclidean", range(2, 34)),
    (2_400, 384, "cosine", range(2, 34)),
    (20_000, 768, "cosine", [8]),
    (10_000, 768, "euclidean", [8]),
)


def main(rounds: int = 3) -> None:
    rng = np.random.default_rng(0)
    for n_documents, n_dims, metric, ks in CASES:
        groups = rng.normal(size=(40, n_dims))
        X = (
            groups[rng.integers(40, size=n_documents)]
            + rng.normal(size=(n_documents, n_dims))
        ).astype(np.float32)
        labelings = [rng.integers(k, size=n_documents) for k in ks]
        for place, k in enumerate(ks):  # half of the labels follow the space
            near = (X @ groups[:k].T).argmax(axis=1)
            labelings[place] = np.where(
                rng.random(n_documents) < 0.5, near, labelings[place]
            )
        silhouettes(X, labelings[:1], metric=metric)  # loads, or compiles, the kernels
        ratios, seconds = [], []
        for _ in range(rounds):
            start = time.perf_counter()
            ours = silhouettes(X, labelings, metric=metric)
            middle = time.perf_counter()
            theirs = [
                silhouette_score(X, labels, metric=metric) for labels in labelings
            ]
            end = time.perf_counter()
            ratios.append((end - middle) / (middle - start))
            seconds.append(middle - start)
        tracemalloc.start()
        silhouettes(X, labelings, metric=metric)
        peak = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        print(
            f"{n_documents} x {n_dims}, {metric}, {len(labelings)} labelings: ratio "
            f"{statistics.median(ratios):.1f} "
            f"({min(ratios):.1f} to {max(ratios):.1f}), ours "
            f"{statistics.median(seconds):.2f} s and {peak:.0f} MB, "
            f"largest difference {np.abs(ours - theirs).max():.0e}",
            flush=True,
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
