"""200,000 documents of 384 dimensions: time and peak memory of clusterers, LISI,
probes, and UMAP fitted on a sample.

The lite vectors of all annotated documents, tiled, with noise of a third of their
standard deviation.

python benchmarks/large.py
"""

import resource
import time

import numpy as np
import pandas as pd
from _corpora import all_documents

from embetter_reg.analysis import (
    UMAP,
    SphericalKMeans,
    cilisi,
    clisi,
    cluster,
    find_neighbors,
    ilisi,
    leave_one_language_out,
    probe_space,
)
from embetter_reg.corpus import label_column
from embetter_reg.text import LiteTextEncoder

N_DOCUMENTS = 200_000
N_SAMPLE = 10_000


def measured(name, run):
    start = time.perf_counter()
    result = run()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(
        f"{name}: {time.perf_counter() - start:.0f} s, peak so far {peak:.1f} GB",
        flush=True,
    )
    return result


def tiled():
    """Return vectors, registers and languages."""
    documents = pd.concat(
        [all_documents("train"), all_documents("test")], ignore_index=True
    )
    few = LiteTextEncoder(random_state=0).fit_transform(documents["text"])
    rng = np.random.default_rng(0)
    rows = np.arange(N_DOCUMENTS) % len(few)
    X = few[rows]
    for part in np.array_split(X, 20):
        part += rng.normal(scale=few.std() / 3, size=part.shape).astype(np.float32)
    return (
        X,
        label_column(documents).str.split().str[0].to_numpy(str)[rows],
        documents["lang"].to_numpy(str)[rows],
    )


def main() -> None:
    X, register, language = measured("encode and tile", tiled)
    gold = {"register": register, "language": language}
    measured(
        "k-means, k = 8",
        lambda: cluster(X, "kmeans", 8, n_init=3, random_state=0),
    )
    measured(
        "spherical k-means, k = 8",
        lambda: SphericalKMeans(8, n_init=3, random_state=0).fit(X),
    )
    neighbors = measured(
        "neighbors of 20,000 documents among all", lambda: find_neighbors(X, **gold)
    )
    for figure in (clisi, ilisi, cilisi):
        measured(figure.__name__, lambda figure=figure: figure(neighbors))
    measured("linear and MLP probes", lambda: probe_space(X, **gold, random_state=0))
    measured(
        "probes, one language left out",
        lambda: leave_one_language_out(X, **gold, random_state=0),
    )
    sample = np.random.default_rng(0).choice(len(X), N_SAMPLE, replace=False)
    reducer = measured(
        f"UMAP of {N_SAMPLE:,}", lambda: UMAP(random_state=0).fit(X[sample])
    )
    points = measured("UMAP of all, by transform", lambda: reducer.transform(X))
    print(f"  map {points.shape}, finite {np.isfinite(points).all()}")


if __name__ == "__main__":
    main()
