"""Metrics: pure functions of vectors and labels."""

from embetter_reg.analysis.metrics._agreement import (
    AGREEMENT,
    Majority,
    adjusted_information,
    agreement_table,
    agreements,
    center_languages,
    cluster_majority,
    cluster_table,
    cosine_silhouette,
    expected_information,
    sample_amis,
)
from embetter_reg.analysis.metrics._classification import (
    classification_reports,
    label_counts,
    label_reports,
)
from embetter_reg.analysis.metrics._lisi import lisi
from embetter_reg.analysis.metrics._mixing import (
    cilisi,
    cilisi_samples,
    clisi,
    clisi_samples,
    graph_connectivity,
    ilisi,
    ilisi_samples,
    kbet,
)
from embetter_reg.analysis.metrics._neighbors import Neighbors, Ranking, find_neighbors
from embetter_reg.analysis.metrics._parallel import parallel_retrieval
from embetter_reg.analysis.metrics._probe_fits import (
    PROBES,
    abroad_guesses,
    cross_guesses,
)
from embetter_reg.analysis.metrics._probes import leave_one_language_out, probe_space
from embetter_reg.analysis.metrics._purity import purity_samples, register_purity
from embetter_reg.analysis.metrics._retrieval import (
    cross_language_retrieval,
    retrieval_samples,
)
from embetter_reg.analysis.metrics._silhouette import (
    bras,
    bras_samples,
    mean_of_groups,
    silhouette_samples,
    silhouettes,
)

__all__ = [
    "AGREEMENT",
    "PROBES",
    "Majority",
    "Neighbors",
    "Ranking",
    "abroad_guesses",
    "adjusted_information",
    "agreement_table",
    "agreements",
    "bras",
    "bras_samples",
    "center_languages",
    "cilisi",
    "cilisi_samples",
    "classification_reports",
    "clisi",
    "clisi_samples",
    "cluster_majority",
    "cluster_table",
    "cosine_silhouette",
    "cross_guesses",
    "cross_language_retrieval",
    "expected_information",
    "find_neighbors",
    "graph_connectivity",
    "ilisi",
    "ilisi_samples",
    "kbet",
    "label_counts",
    "label_reports",
    "leave_one_language_out",
    "lisi",
    "mean_of_groups",
    "parallel_retrieval",
    "probe_space",
    "purity_samples",
    "register_purity",
    "retrieval_samples",
    "sample_amis",
    "silhouette_samples",
    "silhouettes",
]
