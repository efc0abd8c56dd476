"""Analysis: is a space organised by register or by language?"""

from embetter_reg.analysis._classify import classification_reports
from embetter_reg.analysis._cluster import SphericalKMeans, make_clusterer
from embetter_reg.analysis._compare import Comparison, compare_spaces
from embetter_reg.analysis._confounding import confounding_table, cramers_v
from embetter_reg.analysis._graph import NeighborGraph, SharedNeighbors
from embetter_reg.analysis._lda import LDA
from embetter_reg.analysis._metrics import (
    Majority,
    agreement_table,
    agreements,
    center_languages,
    cluster_majority,
    cluster_table,
    cosine_silhouette,
)
from embetter_reg.analysis._mixing import cilisi, clisi, graph_connectivity, ilisi, kbet, lisi
from embetter_reg.analysis._neighbors import Neighbors, Ranking, find_neighbors
from embetter_reg.analysis._pacmap import PaCMAP
from embetter_reg.analysis._probes import leave_one_language_out, probe_space
from embetter_reg.analysis._project import CenterProjection, LabelAppended
from embetter_reg.analysis._reduce import make_reducer
from embetter_reg.analysis._retrieval import cross_language_retrieval, parallel_retrieval, register_purity
from embetter_reg.analysis._silhouette import bras, silhouette_samples, silhouettes
from embetter_reg.analysis._sweep import average, best_k, read_combination, read_sweeps, sweep
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
    "Majority",
    "NeighborGraph",
    "Neighbors",
    "PaCMAP",
    "Ranking",
    "SharedNeighbors",
    "SphericalKMeans",
    "TriMap",
    "agreement_table",
    "agreements",
    "average",
    "best_k",
    "bras",
    "center_languages",
    "cilisi",
    "classification_reports",
    "clisi",
    "cluster_majority",
    "cluster_table",
    "compare_spaces",
    "confounding_table",
    "cosine_silhouette",
    "cramers_v",
    "cross_language_retrieval",
    "find_neighbors",
    "graph_connectivity",
    "ilisi",
    "kbet",
    "leave_one_language_out",
    "lisi",
    "make_clusterer",
    "make_reducer",
    "parallel_retrieval",
    "probe_space",
    "read_combination",
    "read_sweeps",
    "register_purity",
    "silhouette_samples",
    "silhouettes",
    "sweep",
]
