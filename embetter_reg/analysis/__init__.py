"""Analysis: is a space organised by register or by language?"""

from embetter_reg.analysis._classify import classification_reports
from embetter_reg.analysis._cluster import SphericalKMeans
from embetter_reg.analysis._compare import Comparison, compare_spaces
from embetter_reg.analysis._metrics import (
    agreement,
    agreement_table,
    center_languages,
    cluster_table,
    cosine_silhouette,
)
from embetter_reg.analysis._reduce import make_reducer
from embetter_reg.analysis._silhouette import bras, silhouette_samples, silhouettes

__all__ = [
    "Comparison",
    "SphericalKMeans",
    "agreement",
    "agreement_table",
    "bras",
    "center_languages",
    "classification_reports",
    "cluster_table",
    "compare_spaces",
    "cosine_silhouette",
    "make_reducer",
    "silhouette_samples",
    "silhouettes",
]
