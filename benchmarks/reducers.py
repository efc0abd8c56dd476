"""UMAP on shared neighbors against umap-learn, interleaved, on the real test
documents.

python benchmarks/reducers.py [rounds]
"""

import statistics
import sys
import time
import warnings

from _corpora import all_documents
from sklearn.neighbors import NearestNeighbors
from umap import UMAP

from embetter_reg.analysis import SharedNeighbors, make_reducer
from embetter_reg.text import LiteTextEncoder

warnings.filterwarnings("ignore", "n_jobs value 1 overridden")
MAX_CHARS = 4000


def purity(points, labels) -> float:
    near = (
        NearestNeighbors(n_neighbors=10).fit(points).kneighbors(return_distance=False)
    )
    return float((labels[near] == labels[:, None]).mean())


def main(rounds: int = 3) -> None:
    train, test = all_documents("train"), all_documents("test")
    encoder = LiteTextEncoder(random_state=0).fit(train["text"].str[:MAX_CHARS])
    X, language = (
        encoder.transform(test["text"].str[:MAX_CHARS]),
        test["lang"].to_numpy(),
    )
    print(f"{X.shape[0]} documents of {X.shape[1]} dimensions", flush=True)
    neighbors = SharedNeighbors()
    ways = {
        "umap-learn": lambda seed: UMAP(metric="cosine", random_state=seed),
        "first": lambda seed: make_reducer("umap", random_state=seed),
        "on the shared graph": lambda seed: make_reducer(
            "umap", random_state=seed, neighbors=neighbors
        ),
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    purities: dict[str, list[float]] = {way: [] for way in ways}
    for make in ways.values():  # compile, and search the shared graph
        make(0).fit(X)
    for seed in range(rounds):
        for way, make in ways.items():
            start = time.perf_counter()
            points = make(seed).fit_transform(X)
            seconds[way].append(time.perf_counter() - start)
            purities[way].append(purity(points, language))
    for way in ways:
        ratios = [
            a / b for a, b in zip(seconds["umap-learn"], seconds[way], strict=True)
        ]
        print(
            f"{way}: median {statistics.median(seconds[way]):.1f} s, umap-learn takes "
            f"{statistics.median(ratios):.2f} "
            f"times that ({min(ratios):.2f} to {max(ratios):.2f}); "
            f"{statistics.mean(purities[way]):.3f} of the ten "
            "nearest have the same language"
        )
    print(f"searches for the shared graph: {neighbors.n_searches}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
