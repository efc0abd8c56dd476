"""Every public function and estimator with odd input: our words, and no other types."""

import re

import numpy as np
import pytest

import embetter_reg.analysis as analysis
from embetter_reg.erase import LEACE, LSAR, LanguageCentering

N = 48
X = np.random.default_rng(0).normal(size=(N, 6))
REGISTER = np.array(["NA", "HI", "IN"])[np.arange(N) % 3]
LANGUAGE = np.array(["en", "fi"])[np.arange(N) // 3 % 2]
CLUSTERS = np.arange(N) % 4
LABELED = {"X": X, "register": REGISTER, "language": LANGUAGE}
NEIGHBORS = analysis.find_neighbors(**LABELED)

SPACES = {
    "None": None,
    "NaN": np.where(np.eye(N, 6) > 0, np.nan, X),
    "inf": np.where(np.eye(N, 6) > 0, np.inf, X),
    "1-D": X[:, 0],
    "3-D": X[None],
    "str": np.full((N, 6), "a"),
    "empty": X[:0],
    "no columns": X[:, :0],
    "complex": X + 1j,
}
LABELS = {
    "None": None,
    "short": REGISTER[:-1],
    "2-D": np.stack([REGISTER, REGISTER], axis=1),
    "missing": [None, *REGISTER[1:]],
    "str": "NA",
    "empty": [],
    "number": 3,
}
ONE_LABEL = {**LABELS, "one": ["a"] * N}
# Reducers take missing labels for unknown ones.
TARGETS = {odd: labels for odd, labels in ONE_LABEL.items() if odd != "missing"}
NUMBERS = {"None": None, "0": 0, "-1": -1, "2.5": 2.5, "str": "5", "NaN": np.nan}
NAMES = {"None": None, "unknown": "nosuch", "number": 3, "empty": ""}
OTHER = {"None": None, "array": X}


def fitted(make, **given):
    def fit(X=X, y=None, **parameters):
        return make(**{**given, **parameters}).fit(X, y)

    return fit


def erased(make):
    def fit(X=X, language=LANGUAGE, **parameters):
        return make(**parameters).fit(X, language=language)

    return fit


labeled = {"X": SPACES, "register": ONE_LABEL, "language": ONE_LABEL}
pca = analysis.make_reducer("pca")
CASES = {
    "silhouettes": (
        analysis.silhouettes,
        {"X": X, "labelings": [CLUSTERS]},
        {"X": SPACES, "metric": NAMES, "labelings": {"None": None, "empty": []}},
    ),
    "cosine_silhouette": (
        analysis.cosine_silhouette,
        {"X": X, "labels": CLUSTERS},
        {"X": SPACES, "labels": ONE_LABEL},
    ),
    "bras": (
        analysis.bras,
        LABELED,
        {"X": SPACES, "register": LABELS, "language": ONE_LABEL, "metric": NAMES},
    ),
    "find_neighbors": (
        analysis.find_neighbors,
        LABELED,
        {**labeled, "metric": NAMES, "n_neighbors": NUMBERS},
    ),
    "cross_language_retrieval": (
        analysis.cross_language_retrieval,
        LABELED,
        {**labeled, "metric": NAMES, "random_state": {"str": "x", "-1": -1}},
    ),
    "parallel_retrieval": (
        analysis.parallel_retrieval,
        {**LABELED, "pair_ids": np.arange(N) // 6},
        {**labeled, "pair_ids": LABELS, "n_neighbors": NUMBERS},
    ),
    "register_purity": (
        analysis.register_purity,
        {"neighbors": NEIGHBORS},
        {"neighbors": OTHER, "n_neighbors": NUMBERS, "n_permutations": NUMBERS},
    ),
    "lisi": (
        analysis.lisi,
        {"ranking": NEIGHBORS.nearest, "labels": REGISTER},
        {"ranking": OTHER, "labels": LABELS, "perplexity": {"None": None, "0": 0}},
    ),
    "clisi": (analysis.clisi, {}, {"neighbors": OTHER}),
    "ilisi": (analysis.ilisi, {}, {"neighbors": OTHER}),
    "cilisi": (analysis.cilisi, {}, {"neighbors": OTHER}),
    "kbet": (
        analysis.kbet,
        {"neighbors": NEIGHBORS},
        {"neighbors": OTHER, "alpha": {"None": None, "2": 2, "str": "5"}},
    ),
    "graph_connectivity": (
        analysis.graph_connectivity,
        {"neighbors": NEIGHBORS},
        {"neighbors": OTHER, "n_neighbors": NUMBERS},
    ),
    "agreements": (
        analysis.agreements,
        {"labels": REGISTER, "labelings": [CLUSTERS]},
        {
            "labels": {"None": None, "number": 3, "missing": [None] * N},
            "labelings": {"None": None, "number": 5, "short": [CLUSTERS[:-1]]},
        },
    ),
    "agreement_table": (
        analysis.agreement_table,
        {"clusterings": {4: CLUSTERS}, "register": REGISTER, "language": LANGUAGE},
        {
            "clusterings": {"None": None, "list": [CLUSTERS]},
            "register": {"None": None, "short": REGISTER[:-1]},
        },
    ),
    "cluster_majority": (
        analysis.cluster_majority,
        {"clusters": CLUSTERS, "labels": REGISTER},
        {"clusters": LABELS, "labels": LABELS},
    ),
    "center_languages": (
        analysis.center_languages,
        {"X": X, "language": LANGUAGE},
        {"X": SPACES, "language": LABELS},
    ),
    "probe_space": (
        analysis.probe_space,
        {**LABELED, "probes": ["linear"]},
        {
            **labeled,
            "probes": {"None": None, "unknown": ["x"], "empty": []},
            "n_folds": NUMBERS,
        },
    ),
    "leave_one_language_out": (
        analysis.leave_one_language_out,
        LABELED,
        {**labeled, "probe": NAMES},
    ),
    "classification_reports": (
        analysis.classification_reports,
        {"gold": [["NA"]] * 2, "predicted": [["NA"]] * 2, "language": ["en"] * 2},
        {
            "gold": {"None": None, "short": [["NA"]], "unlabeled": [["NA"], []]},
            "predicted": {"None": None, "short": [["NA"]]},
            "language": {"None": None, "short": ["en"], "missing": [None] * 2},
            "classes": {"number": 5, "str": "NA", "empty": []},
        },
    ),
    "label_reports": (
        analysis.label_reports,
        {"gold": [["NA"]] * 2, "predicted": [["NA"]] * 2, "language": ["en"] * 2},
        {
            "gold": {"None": None, "short": [["NA"]], "unlabeled": [["NA"], []]},
            "predicted": {"None": None, "short": [["NA"]]},
            "language": {"None": None, "short": ["en"], "missing": [None] * 2},
            "classes": {"number": 5, "str": "NA", "empty": []},
        },
    ),
    "cluster": (
        analysis.cluster,
        {"X": X, "name": "kmeans", "k": 3},
        {"X": SPACES, "name": NAMES, "k": {**NUMBERS, "n": N + 1}, "n_init": NUMBERS},
    ),
    "make_reducer": (
        analysis.make_reducer,
        {"name": "pca"},
        {"name": NAMES, "n_components": NUMBERS, "n_first": NUMBERS},
    ),
    "SharedNeighbors": (
        analysis.SharedNeighbors().find,
        {"X": X, "n_neighbors": 5},
        {"X": SPACES, "n_neighbors": NUMBERS, "metric": NAMES},
    ),
    "SphericalKMeans": (
        fitted(analysis.SphericalKMeans),
        {},
        {"X": SPACES, "n_clusters": {**NUMBERS, "n": N + 1}, "tol": {"str": "a"}},
    ),
    "LDA": (
        fitted(analysis.LDA),
        {"y": REGISTER},
        {"X": SPACES, "y": TARGETS, "options": {"misspelled": {"solvr": "eigen"}}},
    ),
    "UMAP": (
        fitted(analysis.UMAP),
        {},
        {
            "X": SPACES,
            "n_neighbors": NUMBERS,
            "min_dist": {"None": None, "-1": -1, "2.5": 2.5},
            "metric": NAMES,
            "options": {"misspelled": {"sprad": 1}, "str": "a"},
        },
    ),
    "CenterProjection": (
        fitted(analysis.CenterProjection, reducer=pca),
        {"y": REGISTER},
        {"X": SPACES, "y": TARGETS, "reducer": {"None": None, "str": "pca"}},
    ),
    "LabelAppended": (
        fitted(analysis.LabelAppended, reducer=pca),
        {"y": REGISTER},
        {"X": SPACES, "y": TARGETS, "weight": {"-1": -1}, "kind": NAMES},
    ),
    "LEACE": (erased(LEACE), {}, {"X": SPACES, "tol": {"str": "a", "1": 1}}),
    "LSAR": (
        erased(LSAR),
        {},
        {"X": SPACES, "n_components": {"-1": -1, "2.5": 2.5, "9": 9}},
    ),
    "LanguageCentering": (
        erased(LanguageCentering),
        {},
        {"X": SPACES, "language": {"short": LANGUAGE[:-1]}, "unseen": NAMES},
    ),
}
CALLS = [
    pytest.param(call, {**given, argument: value}, id=f"{name}-{argument}-{odd}")
    for name, (call, given, arguments) in CASES.items()
    for argument, values in arguments.items()
    for odd, value in values.items()
]
OURS = re.compile(r"got .*(expected|but) .*|.*requires y to be passed", re.DOTALL)


@pytest.mark.parametrize(("call", "arguments"), CALLS)
def test_odd_input_gets_one_sentence(call, arguments):
    with pytest.raises((ValueError, TypeError), match=OURS):
        call(**arguments)


def test_a_misspelled_name_gets_a_suggestion():
    with pytest.raises(ValueError, match="did you mean 'spherical'"):
        analysis.cluster(X, "sperical", 3)
    with pytest.raises(ValueError, match="did you mean 'cosine'"):
        analysis.find_neighbors(**LABELED, metric="cosin")
    with pytest.raises(TypeError, match="did you mean 'n_neighbors'"):
        analysis.make_reducer("umap", n_neigbors=3).fit(X)
