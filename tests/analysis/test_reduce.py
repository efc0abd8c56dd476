"""Reducers: what their docstrings say, on planted groups."""

import json
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, normalize

from embetter_reg.analysis import (
    UMAP,
    CenterProjection,
    LabelAppended,
    SharedNeighbors,
    make_reducer,
)
from embetter_reg.analysis.reduce import _shared_neighbors
from embetter_reg.analysis.reduce._make import REDUCERS

# Each reducer with few iterations, and what installs it.
SHORT = {
    "umap": {"n_epochs": 50},
    "supervised_umap": {"n_epochs": 50},
    "tsne": {"n_iter": 100, "early_exaggeration_iter": 100},
    "pacmap": {"num_iters": (15, 15, 30)},
    "trimap": {"n_iters": 20},
}
MODULES = {"tsne": "openTSNE", "pacmap": "pacmap", "trimap": "trimap"}


def cases(names):
    return [
        pytest.param(
            name,
            marks=pytest.mark.skipif(
                name in MODULES and find_spec(MODULES[name]) is None,
                reason="the extra reducers is not installed",
            ),
        )
        for name in names
    ]


def short(name, *args, **options):
    return make_reducer(
        name, *args, **{"random_state": 3, **SHORT.get(name, {}), **options}
    )


def purity(points, labels, fitted=None, fitted_labels=None):
    """Return how many of the five nearest (other) points have a point's own label."""
    search = NearestNeighbors(n_neighbors=5).fit(points if fitted is None else fitted)
    near = search.kneighbors(None if fitted is None else points, return_distance=False)
    return (
        np.asarray(labels if fitted is None else fitted_labels)[near]
        == np.asarray(labels)[:, None]
    ).mean()


@pytest.fixture(scope="module", params=cases(REDUCERS))
def fitted(request, planted):
    """A reducer's name, the reducer fitted on the space by register, and its map."""
    reducer = short(request.param)
    return (
        request.param,
        reducer,
        reducer.fit_transform(planted["by_register"], planted["register"]),
    )


def test_planted_groups_stay_apart_and_a_seed_repeats(fitted, planted):
    name, _, points = fitted
    X, register = planted["by_register"], planted["register"]
    assert points.shape == (240, 2)
    assert purity(points, register) > 0.95
    assert purity(points, planted["language"]) < 0.5
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    np.testing.assert_array_equal(points, short(name).fit_transform(X, register))
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    if name not in ("pca", "lda"):
        assert not np.allclose(
            points, short(name, random_state=4).fit_transform(X, register)
        )


def test_what_transform_does_to_training_rows(fitted, planted):
    name, reducer, points = fitted
    X, register = planted["by_register"], planted["register"]
    if name == "trimap":
        assert not hasattr(reducer, "transform")
        return
    whole, part = reducer.transform(X), reducer.transform(X[::3])
    assert purity(part, register[::3], points, register) > 0.9
    if name in ("pca", "lda"):
        np.testing.assert_allclose(whole, points, atol=1e-5)
        np.testing.assert_allclose(part, points[::3], atol=1e-5)
    elif "umap" in name:
        np.testing.assert_array_equal(whole, points)
        assert not np.allclose(part, points[::3])
    else:
        assert not np.allclose(whole, points)
    moved = np.linalg.norm(part - points[::3], axis=1)
    assert np.median(moved) < points.std()
    np.testing.assert_array_equal(part, reducer.transform(X[::3]))


@pytest.mark.parametrize("name", cases(REDUCERS))
def test_a_reducer_is_a_scikit_learn_transformer(name, planted):
    reducer = (
        clone(short(name, 3)).set_params(n_components=2).set_output(transform="pandas")
    )
    frame = reducer.fit_transform(planted["by_register"][::4], planted["register"][::4])
    assert list(frame.columns) == list(reducer.get_feature_names_out())
    assert frame.shape == (60, 2)


@pytest.mark.parametrize("name", cases(["tsne", "umap", "pacmap", "trimap"]))
def test_three_dimensions(name, planted):
    points = short(name, 3).fit_transform(planted["by_register"])
    assert points.shape == (240, 3)
    assert purity(points, planted["register"]) > 0.95


@pytest.mark.parametrize(
    ("name", "options", "found"),
    [
        (
            "umap",
            {"min_dist": 0.4, "spread": 2.0},
            lambda r: (r.reducer_.min_dist, r.reducer_.spread) == (0.4, 2.0),
        ),
        (
            "supervised_umap",
            {"target_weight": 0.9},
            lambda r: r.reducer_.target_weight == 0.9,
        ),
        ("pca", {"whiten": True}, lambda r: r.whiten),
        (
            "lda",
            {"solver": "eigen", "shrinkage": 0.3},
            lambda r: r.reducer_.shrinkage == 0.3,
        ),
        (
            "tsne",
            {"perplexity": 7, "dof": 0.5},
            lambda r: r.embedding_.gradient_descent_params["dof"] == 0.5,
        ),
        (
            "tsne",
            {"perplexity": 7},
            lambda r: r.embedding_.affinities.knn_index.k == 3 * 7,
        ),
        (
            "tsne",
            {"metric": "manhattan"},
            lambda r: r.embedding_.affinities.knn_index.metric == "manhattan",
        ),
        (
            "pacmap",
            {"n_neighbors": 6, "distance": "angular"},
            lambda r: r.reducer_.distance == "angular",
        ),
        (
            "pacmap",
            {"n_neighbors": 6},
            lambda r: len(r.reducer_.pair_neighbors) == 6 * 240,
        ),
        ("trimap", {"n_iters": 0}, lambda r: abs(r.embedding_).max() < 0.1),
    ],
)
def test_options_reach_the_reducer(name, options, found, planted):
    if name in MODULES:
        pytest.importorskip(MODULES[name])
    assert found(
        short(name, **options).fit(planted["by_register"], planted["register"])
    )


@pytest.mark.parametrize(
    ("step", "scaler"),
    [("scale", StandardScaler()), ("normalize", None), ("pca", PCA(5, random_state=3))],
)
def test_a_first_step_is_the_step_by_hand(step, scaler, planted):
    X = planted["by_register"] * np.arange(1, 13, dtype=np.float32)
    rows = normalize(X) if scaler is None else scaler.fit_transform(X)
    for name in ("pca", "umap", "lda"):
        points = short(name, first=step, n_first=5).fit_transform(
            X, planted["register"]
        )
        np.testing.assert_allclose(
            points, short(name).fit_transform(rows, planted["register"]), atol=1e-5
        )


@pytest.mark.parametrize("step", ["scale", "normalize", "pca"])
def test_umap_knows_the_whole_array_again_unless_a_first_step_rounds(step):
    X = (
        np.random.default_rng(0).normal(size=(60, 100)).astype(np.float32)
    )  # so wide, PCA fits by SVD
    pipeline = short("umap", first=step, n_first=5)
    assert np.array_equal(pipeline.fit_transform(X), pipeline.transform(X)) == (
        step != "pca"
    )


def test_the_process_is_left_as_it_was(planted):
    import torch

    faiss, _ = pytest.importorskip("faiss"), pytest.importorskip("pacmap")
    pytest.importorskip("trimap")
    before, n_threads = torch.get_rng_state(), faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(3)
    try:
        short("pacmap").fit(planted["by_register"])
        assert faiss.omp_get_max_threads() == 3
    finally:
        faiss.omp_set_num_threads(n_threads)
    short("trimap").fit(planted["by_register"])
    assert torch.equal(torch.get_rng_state(), before)


COPIES = """
import numpy as np
from embetter_reg.analysis import UMAP

X = np.repeat(np.random.default_rng(2).normal(size=(60, 2)), 4, axis=0)
points = UMAP(random_state=0, options={"n_epochs": 30}).fit_transform(X)
"""


def test_copies_of_rows_repeat_in_this_process_and_in_another(one_thread):
    here = [{}, {}]
    for names in here:
        exec(COPIES, names)
    np.testing.assert_array_equal(here[0]["points"], here[1]["points"])
    there = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", COPIES + "print(points.tolist())"],
        capture_output=True,
        text=True,
        check=True,
    )
    points = json.loads(there.stdout)
    np.testing.assert_array_equal(here[0]["points"], np.float32(points))
    # As good a map as that of umap-learn's own start, which reaches 0.97 here.
    X = here[0]["X"]
    assert trustworthiness(X, points, n_neighbors=15, metric="cosine") > 0.9


@pytest.mark.parametrize("n_copies", [4, 6])
def test_the_start_is_spectral_unless_copies_cut_the_graph(planted, n_copies):
    rows = np.random.default_rng(n_copies).normal(size=(60, 3))
    cut = UMAP(random_state=0, options={"n_epochs": 1})
    assert cut.fit(np.repeat(rows, n_copies, axis=0)).reducer_.init == "pca"
    some = np.vstack([np.random.default_rng(0).normal(size=(200, 3)), rows[[0, 0]]])
    for X in (planted["by_register"], some):
        whole = UMAP(random_state=0, options={"n_epochs": 1})
        assert whole.fit(X).reducer_.init == "spectral"


@pytest.mark.parametrize("name", cases(["umap", "tsne", "pacmap", "trimap"]))
def test_without_a_seed_maps_differ_and_the_process_stays(name, planted, monkeypatch):
    import torch
    import umap

    fit = umap.UMAP.fit

    def greedy_fit(self, *args, **kwargs):
        torch.set_num_threads(torch.get_num_threads() + 1)
        return fit(self, *args, **kwargs)

    monkeypatch.setattr(umap.UMAP, "fit", greedy_fit)
    n_threads = torch.get_num_threads()
    state = np.random.get_state()  # noqa: NPY002
    maps = [
        short(name, random_state=None).fit_transform(planted["by_register"])
        for _ in range(2)
    ]
    after = np.random.get_state()  # noqa: NPY002
    np.testing.assert_array_equal(state[1], after[1])
    assert state[2] == after[2]
    assert torch.get_num_threads() == n_threads
    assert not np.allclose(maps[0], maps[1])


@pytest.mark.parametrize("name", MODULES)
def test_without_the_extra_the_pip_line_is_named(name, planted, monkeypatch):
    monkeypatch.setitem(sys.modules, MODULES[name], None)
    with pytest.raises(ImportError, match=r"pip install embetter-reg\[reducers\]"):
        make_reducer(name).fit(planted["by_register"])


def test_a_row_of_zeros_is_placed():
    pytest.importorskip("openTSNE")
    X = np.vstack([np.zeros(4), np.random.default_rng(0).normal(size=(40, 4))])
    assert np.isfinite(short("tsne").fit_transform(X)).all()
    assert np.isfinite(short("umap").fit_transform(X)).all()


# Neighbors


def test_the_neighbors_are_those_of_brute_force(planted):
    X = planted["by_register"]
    distances = pairwise_distances(X.astype(np.float64), metric="cosine")
    order = np.argsort(distances, axis=1)[:, :15]
    graph = SharedNeighbors().find(X, 15)
    np.testing.assert_array_equal(graph.indices, order)
    np.testing.assert_allclose(
        graph.distances, np.take_along_axis(distances, order, axis=1), atol=1e-6
    )


@pytest.mark.filterwarnings(
    "ignore:using precomputed metric", "ignore:Transforming new data with precomputed"
)
def test_the_graph_is_the_one_that_umap_makes_of_all_distances(planted):
    import umap

    X, new = planted["by_register"][::3], planted["by_register"][1::9]
    distances = pairwise_distances(X, metric="cosine")
    n = len(X)
    full = csr_matrix(
        (distances.ravel(), np.tile(np.arange(n), n), np.arange(0, n * n + 1, n))
    )  # zeros are kept
    ours = short("umap").fit(X).reducer_
    theirs = umap.UMAP(metric="precomputed", n_epochs=50, random_state=3).fit(full)
    assert abs(ours.graph_ - theirs.graph_).max() < 1e-4
    ours.transform_mode = theirs.transform_mode = "graph"
    placed = theirs.transform(pairwise_distances(new, X, metric="cosine"))
    assert abs(ours.transform(new) - placed).max() < 1e-4


def test_umaps_of_the_same_rows_search_once(planted, monkeypatch):
    import umap.umap_

    def searched(*args, **kwargs):
        raise AssertionError("umap-learn searched for neighbors itself")

    for function in ("nearest_neighbors", "pairwise_distances"):
        monkeypatch.setattr(umap.umap_, function, searched)
    calls = []
    kneighbors = NearestNeighbors.kneighbors
    monkeypatch.setattr(
        NearestNeighbors,
        "kneighbors",
        lambda self, *args, **kwargs: (
            calls.append(1) or kneighbors(self, *args, **kwargs)
        ),
    )
    X = planted["by_register"]
    neighbors = SharedNeighbors()
    first = short("umap", neighbors=neighbors).fit_transform(X)
    clone(short("umap", 5, neighbors=neighbors)).fit(X)
    short("umap", neighbors=neighbors, min_dist=0.5).fit(X)
    for target in ("register", "language"):
        short("supervised_umap", neighbors=neighbors).fit(X, planted[target])
    again = short("umap", neighbors=neighbors).fit_transform(X)
    assert neighbors.n_searches == len(calls) == 1
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, short("umap").fit_transform(X))
    for reducer in (
        short("umap", neighbors=neighbors, n_neighbors=8),
        short("umap", neighbors=neighbors, metric="l1"),
    ):
        reducer.fit(X)
    short("umap", neighbors=neighbors).fit(X[:200])
    assert neighbors.n_searches == 4


@pytest.mark.parametrize("name", ["smooth_knn_dist", "fast_intersection"])
def test_compiled_functions_of_umap_are_on_disk_for_the_next_process(name, planted):
    import numba
    import umap.umap_

    short("supervised_umap").fit(planted["by_register"], planted["register"])
    kernel = getattr(umap.umap_, name)
    new = numba.jit(kernel.py_func, locals=kernel.locals, **kernel.targetoptions)
    new.enable_caching()
    for signature in kernel.signatures:
        new.compile(signature)
    assert new.stats.cache_hits and not new.stats.cache_misses


def test_only_the_last_graphs_are_kept(planted):
    X, neighbors = planted["by_register"], SharedNeighbors(n_kept=2)
    for k in (3, 4, 5, 5, 4, 3):
        neighbors.find(X, k)
    assert neighbors.n_searches == 4


def test_a_long_search_is_approximate_and_kept_for_each_seed(planted, monkeypatch):
    import umap.umap_

    X, seeds = planted["by_register"], []
    exact = SharedNeighbors().find(X, 15)

    def nearest_neighbors(rows, k, metric, keywords, angular, random_state, **kwargs):
        seeds.append(random_state.randint(1000))
        return exact.indices, exact.distances, exact.index

    monkeypatch.setattr(umap.umap_, "nearest_neighbors", nearest_neighbors)
    monkeypatch.setattr(_shared_neighbors, "_EXACT_ROWS", 100)
    neighbors = SharedNeighbors()
    for seed in (0, 1, 0):
        short("umap", neighbors=neighbors, random_state=seed).fit(X)
    assert neighbors.n_searches == len(seeds) == 2
    assert len(set(seeds)) == 2


def test_recall_is_the_share_of_neighbors_that_are_nearest(planted, monkeypatch):
    import umap.umap_

    X = planted["by_register"]
    exact = SharedNeighbors().find(X, 15)
    spoiled = exact.indices.copy()
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    spoiled[:, 12:] = np.argsort(unit @ unit.T, axis=1)[:, :3]  # the farthest

    def nearest_neighbors(*args, **kwargs):
        return spoiled, exact.distances, exact.index

    monkeypatch.setattr(umap.umap_, "nearest_neighbors", nearest_neighbors)
    monkeypatch.setattr(_shared_neighbors, "_EXACT_ROWS", 100)
    graph = SharedNeighbors().find(X, 15, random_state=0)
    assert exact.recall == 1
    assert graph.recall == pytest.approx(11 / 14)
    reducer = short("umap", random_state=0).fit(X)
    assert reducer.neighbor_recall_ == pytest.approx(11 / 14)
    unknown = SharedNeighbors().find(X, 15, metric="hellinger", random_state=0)
    assert np.isnan(unknown.recall)


# Labels


def test_labels_pull_a_map_round_and_only_the_right_ones(planted):
    X, register, language = (
        planted["by_language"],
        planted["register"],
        planted["language"],
    )
    assert purity(short("umap").fit_transform(X), register) < 0.5
    assert purity(short("supervised_umap").fit_transform(X, register), register) > 0.95
    assert purity(short("supervised_umap").fit_transform(X, language), register) < 0.5
    np.testing.assert_array_equal(
        short("umap").fit_transform(X), short("umap").fit_transform(X, register)
    )


@pytest.mark.parametrize("name", ["supervised_umap", "lda"])
def test_labels_may_be_unknown(name, planted):
    X, register = planted["by_register"], planted["register"]
    results = []
    for unknown in (None, -1, np.nan):
        labels = register.astype(object)
        labels[::2] = unknown
        results.append(short(name).fit_transform(X, labels))
    for result in results[1:]:
        np.testing.assert_array_equal(results[0], result)
    assert purity(results[0], register) > 0.95
    if name == "lda":
        known = short(name).fit(X[1::2], register[1::2])
        np.testing.assert_allclose(results[0], known.transform(X), atol=1e-4)


def test_numeric_targets_pass_through(planted, monkeypatch):
    import umap

    fit, targets = umap.UMAP.fit, []
    monkeypatch.setattr(
        umap.UMAP, "fit", lambda self, X, y: targets.append(y) or fit(self, X)
    )
    target = np.linspace(0, 1, 240)
    short("supervised_umap", target_metric="l2").fit(planted["by_language"], target)
    assert targets[0] is target


# Around reducers


@pytest.fixture(scope="module")
def noisy():
    """Four classes that lie apart on two dimensions, and eight of much more noise."""
    rng = np.random.default_rng(0)
    classes = np.repeat(["NA", "IN", "OP", "HI"], 50)
    means = np.repeat([[0, 0], [0, 6], [6, 0], [6, 6]], 50, axis=0)
    X = np.hstack(
        [means + rng.normal(size=(200, 2)) / 2, 12 * rng.normal(size=(200, 8))]
    )
    return X, classes


def test_center_projection_is_the_reducer_of_the_averages(noisy):
    X, classes = noisy
    means = np.stack([X[classes == name].mean(axis=0) for name in np.unique(classes)])
    reducer = CenterProjection(make_reducer("pca"))
    points = reducer.fit_transform(X, classes)
    np.testing.assert_allclose(points, PCA(2).fit(means).transform(X))
    np.testing.assert_array_equal(points, reducer.transform(X))
    np.testing.assert_array_equal(reducer.get_feature_names_out(), ["pca0", "pca1"])
    part = np.where(np.arange(200) % 2, classes, None)
    odd = CenterProjection(make_reducer("pca")).fit(X[1::2], classes[1::2])
    np.testing.assert_allclose(
        CenterProjection(make_reducer("pca")).fit_transform(X, part), odd.transform(X)
    )


def test_center_projection_keeps_what_tells_classes_apart(noisy):
    X, classes = noisy
    assert purity(PCA(2).fit_transform(X), classes) < 0.4
    inside = CenterProjection(make_reducer("pca", first="scale")).fit_transform(
        X, classes
    )
    assert purity(inside, classes) < 0.4
    outside = make_pipeline(
        StandardScaler(), CenterProjection(make_reducer("pca"))
    ).fit_transform(X, classes)
    assert purity(outside, classes) > 0.9


def test_center_projection_with_umap(planted):
    X, register = planted["by_register"], planted["register"]
    reducer = CenterProjection(short("umap", n_neighbors=2))
    points = reducer.fit_transform(X, register)
    assert reducer.reducer_.embedding_.shape == (4, 2)
    assert purity(points, register) > 0.8
    np.testing.assert_array_equal(points, reducer.transform(X))
    assert CenterProjection(short("umap", 5)).fit_transform(X, register).shape == (
        240,
        5,
    )


def test_label_appended_is_the_reducer_of_joined_vectors(noisy):
    X, classes = noisy
    codes = np.unique(classes, return_inverse=True)[1]
    joined = np.eye(4)[codes] * np.sqrt(X.var(axis=0).sum() / 0.75)
    reducer = LabelAppended(make_reducer("pca"), 0.5)
    points = reducer.fit_transform(X, classes)
    np.testing.assert_allclose(
        abs(points), abs(PCA(2).fit_transform(np.hstack([X, 0.5 * joined])))
    )
    plain = PCA(2).fit_transform(X)
    np.testing.assert_allclose(
        abs(LabelAppended(make_reducer("pca"), 0).fit_transform(X, classes)), abs(plain)
    )


@pytest.mark.parametrize("kind", ["one_hot", "centroid"])
def test_label_appended_shows_the_classes(kind, noisy):
    X, classes = noisy
    found = [
        purity(
            LabelAppended(PCA(2), weight, kind=kind).fit_transform(X, classes), classes
        )
        for weight in (0, 3)
    ]
    assert found[0] < 0.5 < 0.95 < found[1]


def test_near_classes_stay_near_with_centroids(noisy):
    X = np.random.default_rng(0).normal(size=(90, 3)) / 9 + np.repeat(
        [[0, 0, 0], [1, 0, 0], [9, 0, 0]], 30, axis=0
    )
    classes = np.repeat(["a", "b", "far"], 30)
    gaps = {}
    for kind in ("one_hot", "centroid"):
        joined = LabelAppended(PCA(2), kind=kind).fit(X, classes).joined_
        gaps[kind] = np.linalg.norm(joined[0] - joined[1]) / np.linalg.norm(
            joined[0] - joined[2]
        )
    assert gaps["one_hot"] == pytest.approx(1)
    assert gaps["centroid"] == pytest.approx(1 / 9, abs=0.02)


def test_new_and_unlabeled_documents_join_the_nearest_class(planted):
    X, register = planted["by_register"], planted["register"]
    reducer = LabelAppended(make_reducer("pca", 3))
    points = reducer.fit_transform(X, register)
    np.testing.assert_allclose(reducer.transform(X), points, atol=1e-5)
    labels = np.where(np.arange(240) % 2, register, None)
    part = LabelAppended(make_reducer("pca", 3)).fit_transform(X, labels)
    np.testing.assert_allclose(abs(part), abs(points), atol=0.1)


# Errors


def test_names_that_do_not_exist():
    with pytest.raises(
        ValueError, match=r"got reducer='tsnee', .*; did you mean 'tsne'"
    ):
        make_reducer("tsnee")
    with pytest.raises(ValueError, match="got first='zca', expected one of"):
        make_reducer("pca", first="zca")


def test_wrong_labels_are_told(planted):
    X, register = planted["by_register"], planted["register"]
    with pytest.raises(ValueError, match="supervised UMAP requires y"):
        make_reducer("supervised_umap").fit(X)
    with pytest.raises(ValueError, match="got labels of 1 class"):
        make_reducer("supervised_umap").fit(X, ["NA"] * 239 + [None])
    with pytest.raises(ValueError, match="240 in vectors, 239 in labels"):
        CenterProjection(PCA(2)).fit(X, register[1:])
    with pytest.raises(
        ValueError,
        match="got n_components=4 for 4 classes in 12 dimensions, expected at most 3",
    ):
        make_reducer("lda", 4).fit(X, register)


def test_wrong_reducers_are_told(planted):
    pytest.importorskip("trimap")
    X, register = planted["by_register"], planted["register"]
    for reducer in (short("trimap"), short("trimap", first="scale")):
        with pytest.raises(
            TypeError, match=r"expected a reducer with transform .*; use PCA or UMAP"
        ):
            CenterProjection(reducer).fit(X, register)
        with pytest.raises(
            TypeError, match=r"got TriMap, expected a reducer with transform"
        ):
            LabelAppended(reducer).fit(X, register).transform(X)
    with pytest.raises(ValueError, match="got weight=-1, expected 0 or more"):
        LabelAppended(PCA(2), -1).fit(X, register)
    with pytest.raises(ValueError, match="got kind='number', expected one of"):
        LabelAppended(PCA(2), kind="number").fit(X, register)


def test_trimap_needs_two_dimensions(planted):
    pytest.importorskip("trimap")
    with pytest.raises(
        ValueError, match="got n_components=1, expected at least 2 for TriMap"
    ):
        make_reducer("trimap", 1).fit(planted["by_register"])


def test_a_seeded_map_leaves_the_threads_of_torch_as_they_were(one_thread):
    import torch

    X = np.random.default_rng(0).normal(size=(120, 8)).astype(np.float32)
    UMAP(random_state=0, options={"n_epochs": 5}).fit(X)
    assert torch.get_num_threads() == 1
