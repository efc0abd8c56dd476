"""Analysis: is a space organised by register or by language?"""

from embetter_reg.analysis._classify import classification_reports
from embetter_reg.analysis._cluster import SphericalKMeans, make_clusterer
from embetter_reg.analysis._compare import Comparison, compare_spaces
from embetter_reg.analysis._contingency import Majority, agreements, cluster_majority
from embetter_reg.analysis._metrics import (
    agreement,
    center_languages,
    cluster_table,
    cosine_silhouette,
)
from embetter_reg.analysis._reduce import make_reducer
from embetter_reg.analysis._silhouette import silhouettes
from embetter_reg.analysis._sweep import average, best_k, read_combination, read_sweeps, sweep

__all__ = [
    "Comparison",
    "Majority",
    "SphericalKMeans",
    "agreement",
    "agreements",
    "average",
    "best_k",
    "center_languages",
    "classification_reports",
    "cluster_majority",
    "cluster_table",
    "compare_spaces",
    "cosine_silhouette",
    "make_clusterer",
    "make_reducer",
    "read_combination",
    "read_sweeps",
    "silhouettes",
    "sweep",
]
