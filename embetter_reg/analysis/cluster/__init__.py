"""k-means and spherical k-means."""

from embetter_reg.analysis.cluster._kmeans import cluster_rows
from embetter_reg.analysis.cluster._spherical import (
    CLUSTERERS,
    MINIBATCH_ABOVE,
    SphericalKMeans,
    make_clusterer,
)

__all__ = [
    "CLUSTERERS",
    "MINIBATCH_ABOVE",
    "SphericalKMeans",
    "cluster_rows",
    "make_clusterer",
]
