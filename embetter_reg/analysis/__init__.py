"""Analysis: is a space organised by register or by language?"""

from embetter_reg.analysis._classify import classification_reports
from embetter_reg.analysis._cluster import SphericalKMeans
from embetter_reg.analysis._compare import Comparison, compare_spaces
from embetter_reg.analysis._graph import NeighborGraph, SharedNeighbors
from embetter_reg.analysis._lda import LDA
from embetter_reg.analysis._metrics import (
    agreement,
    center_languages,
    cluster_table,
    cosine_silhouette,
)
from embetter_reg.analysis._pacmap import PaCMAP
from embetter_reg.analysis._project import CenterProjection, LabelAppended
from embetter_reg.analysis._reduce import make_reducer
from embetter_reg.analysis._trimap import TriMap
from embetter_reg.analysis._tsne import TSNE
from embetter_reg.analysis._umap import UMAP

__all__ = [
    "LDA",
    "TSNE",
    "UMAP",
    "CenterProjection",
    "Comparison",
    "LabelAppended",
    "NeighborGraph",
    "PaCMAP",
    "SharedNeighbors",
    "SphericalKMeans",
    "TriMap",
    "agreement",
    "center_languages",
    "classification_reports",
    "cluster_table",
    "compare_spaces",
    "cosine_silhouette",
    "make_reducer",
]
