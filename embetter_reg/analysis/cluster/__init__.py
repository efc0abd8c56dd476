"""Clusterings by name, and spherical k-means as an estimator."""

from embetter_reg.analysis.cluster._cluster import CLUSTERERS, cluster
from embetter_reg.analysis.cluster._kmeans import Clustering
from embetter_reg.analysis.cluster._spherical import SphericalKMeans

__all__ = ["CLUSTERERS", "Clustering", "SphericalKMeans", "cluster"]
