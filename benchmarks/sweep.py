"""The whole sweep, k = 2 to 33, against the obvious scikit-learn way: time, inertia,
silhouettes, agreement.

Lite vectors of the 2,400 annotated test documents, and their UMAP map. Both sides run
k-means and spherical k-means (for scikit-learn: k-means of unit rows) from ten starts,
with a silhouette and ARI, AMI, NMI and V-measure with both labels at each k. The sweep
is run again after every few k of scikit-learn's, so that both meet the same machine.

python benchmarks/sweep.py [2d|384d] [cores]
"""

import statistics
import sys
import time

import numpy as np
from _corpora import all_documents
from sklearn import metrics
from sklearn.cluster import KMeans
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits

from embetter_reg.analysis import make_reducer, sweep
from embetter_reg.corpus import label_column
from embetter_reg.text import LiteTextEncoder

KS = range(2, 34)
SCORES = (
    "adjusted_rand_score",
    "adjusted_mutual_info_score",
    "normalized_mutual_info_score",
    "v_measure_score",
)


def obvious(X, k, gold):
    """Return inertia, silhouette and agreement of both clusterers, as scikit-learn
    gives them.
    """
    found = {}
    for name, rows, metric in (
        ("kmeans", X, "euclidean"),
        ("spherical", normalize(X), "cosine"),
    ):
        model = KMeans(k, n_init=10, random_state=0).fit(rows)
        silhouette = metrics.silhouette_score(rows, model.labels_, metric=metric)
        scores = [
            getattr(metrics, score)(labels, model.labels_)
            for labels in gold.values()
            for score in SCORES
        ]
        found[name] = model, silhouette, scores
    return found


def cosine_inertia(X, labels) -> float:
    rows = normalize(X.astype(np.float64))
    return len(X) - sum(
        np.linalg.norm(rows[labels == c].sum(axis=0)) for c in np.unique(labels)
    )


def timed(call):
    wall, cpu = time.perf_counter(), time.process_time()
    result = call()
    return result, time.perf_counter() - wall, time.process_time() - cpu


def main(which: str = "2d", cores: str = "2") -> None:
    documents = all_documents("test")
    gold = {
        "register": label_column(documents).str.split().str[0],
        "language": documents["lang"],
    }
    X = LiteTextEncoder(random_state=0).fit_transform(documents["text"])
    if which == "2d":
        X = make_reducer("umap", random_state=0).fit_transform(X)

    def ours():
        return sweep({"X": X}, **gold, k=KS, n_jobs=int(cores))

    ours()  # loads, or compiles, the kernels
    theirs, wall, cpu, runs = {}, 0.0, 0.0, []
    for k in KS:
        with threadpool_limits(int(cores)):
            theirs[k], more_wall, more_cpu = timed(lambda k=k: obvious(X, k, gold))
        wall, cpu = wall + more_wall, cpu + more_cpu
        if k % 8 == 1:
            runs.append(timed(ours))
    found = runs[-1][0].set_index(["clusterer", "k"])
    ours_wall, ours_cpu = (
        statistics.median(run[place] for run in runs) for place in (1, 2)
    )
    print(
        f"{X.shape[0]} documents, {X.shape[1]} dimensions, {cores} cores, median of "
        f"{len(runs)} sweeps"
    )
    print(
        f"wall: scikit-learn {wall:.1f} s, sweep {ours_wall:.2f} s, ratio "
        f"{wall / ours_wall:.0f}"
    )
    print(
        f"processor: scikit-learn {cpu:.1f} s, sweep {ours_cpu:.2f} s, ratio "
        f"{cpu / ours_cpu:.0f}"
    )
    for name in ("kmeans", "spherical"):
        ratios = []
        for k in KS:
            model = theirs[k][name][0]
            reference = (
                model.inertia_ if name == "kmeans" else cosine_inertia(X, model.labels_)
            )
            ratios.append(found.loc[(name, k), "inertia"] / reference)
        higher = np.count_nonzero(np.array(ratios) > 1.00001)
        print(
            f"{name}: inertia by theirs: mean {np.mean(ratios):.4f}, largest "
            f"{max(ratios):.6f}; higher at {higher}"
        )
    check(X, gold, theirs)


def check(X, gold, theirs) -> None:
    """Print the largest differences of figures on the same labelings."""
    from embetter_reg.analysis import agreements, silhouettes

    for name, metric in (("kmeans", "euclidean"), ("spherical", "cosine")):
        labelings = [theirs[k][name][0].labels_ for k in KS]
        exact = [
            metrics.silhouette_score(X.astype(np.float64), labels, metric=metric)
            for labels in labelings
        ]
        scores = np.hstack([agreements(labels, labelings) for labels in gold.values()])
        apart = np.abs(silhouettes(X, labelings, metric=metric) - exact).max()
        agreement = np.abs(scores - [theirs[k][name][2] for k in KS]).max()
        print(
            f"{name}: largest difference of a silhouette {apart:.1e}, of agreement "
            f"{agreement:.1e}"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
