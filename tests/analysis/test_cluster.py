import dataclasses

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import BayesianGaussianMixture
from sklearn.preprocessing import normalize

from embetter_reg.analysis import Clustering, SphericalKMeans, cluster
from embetter_reg.analysis.cluster import CLUSTERERS
from embetter_reg.analysis.cluster import _cluster as door
from embetter_reg.analysis.cluster import _kmeans as engine
from embetter_reg.analysis.cluster._kernels import merge, split_lowdim
from embetter_reg.analysis.cluster._kmeans import cluster_rows


@pytest.fixture
def rays():
    """Five directions, rows of very different norms along each."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(5), 60)
    X = np.eye(8)[y] + rng.normal(scale=0.05, size=(300, 8))
    return X * rng.lognormal(sigma=1.5, size=(300, 1)), y


def test_directions_are_found_where_euclidean_k_means_fails(rays):
    X, y = rays
    assert (
        adjusted_rand_score(y, SphericalKMeans(5, random_state=0).fit_predict(X)) == 1.0
    )
    assert (
        adjusted_rand_score(y, KMeans(5, n_init=10, random_state=0).fit_predict(X))
        < 0.7
    )


def test_centers_are_unit_means_and_labels_are_nearest(rays):
    X, _ = rays
    model = SphericalKMeans(5, random_state=0).fit(X)
    rows = normalize(X)
    np.testing.assert_allclose(
        np.linalg.norm(model.cluster_centers_, axis=1), 1, atol=1e-12
    )
    for k, center in enumerate(model.cluster_centers_):
        np.testing.assert_allclose(
            center, normalize(rows[model.labels_ == k].sum(axis=0)[None])[0], atol=1e-3
        )
    distances = 1 - rows @ model.cluster_centers_.T
    np.testing.assert_array_equal(model.labels_, distances.argmin(axis=1))
    np.testing.assert_array_equal(model.labels_, model.predict(X))
    assert model.inertia_ == pytest.approx(distances.min(axis=1).sum())


def test_norms_do_not_matter_and_a_seed_repeats(rays):
    X, _ = rays
    labels = SphericalKMeans(4, random_state=3).fit_predict(X)
    np.testing.assert_array_equal(
        labels, SphericalKMeans(4, random_state=3).fit_predict(normalize(X) * 7)
    )


def test_inertia_is_near_that_of_k_means_on_unit_rows():
    X = normalize(np.random.default_rng(1).normal(size=(400, 6)))
    ours = SphericalKMeans(8, n_init=10, random_state=0).fit(X).inertia_
    theirs = KMeans(8, n_init=10, random_state=0).fit(X)
    nearest = (1 - X @ normalize(theirs.cluster_centers_).T).min(axis=1).sum()
    assert ours <= nearest * 1.01


def test_no_cluster_stays_empty():
    X = np.vstack(
        [np.tile([1.0, 0.0], (50, 1)), [[0.0, 1.0], [-1.0, 0.1], [0.1, -1.0]]]
    )
    for seed in range(10):
        assert set(SphericalKMeans(4, n_init=1, random_state=seed).fit_predict(X)) == {
            0,
            1,
            2,
            3,
        }


def test_rows_of_zeros_and_too_few_rows():
    X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert np.isfinite(SphericalKMeans(2, random_state=0).fit(X).inertia_)
    with pytest.raises(ValueError, match="n_samples=3 for n_clusters=4"):
        SphericalKMeans(4).fit(X)
    with pytest.raises(ValueError, match="got n_init=0"):
        SphericalKMeans(2, n_init=0).fit(X)


def ways(monkeypatch, way):
    """Take one of the engine's three ways whatever the shape."""
    if way != "bounds":
        monkeypatch.setattr(engine, "_LOW_DIMS", 0)
    if way == "products":
        monkeypatch.setattr(engine, "_GRAM_ROWS", 0)


@pytest.mark.parametrize("way", ["bounds", "gram", "products"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inertia_is_at_most_scikit_learns(monkeypatch, way, dtype):
    ways(monkeypatch, way)
    X = make_blobs(500, n_features=3, centers=7, cluster_std=1.5, random_state=2)[
        0
    ].astype(dtype)
    ks = [1, 2, 5, 7, 12]
    for k, found in zip(ks, cluster_rows(X, ks, n_init=5, random_state=0), strict=True):
        theirs = KMeans(k, n_init=5, random_state=0).fit(X)
        assert found.inertia <= theirs.inertia_ * (1 + 1e-6)
        assert np.bincount(found.labels, minlength=k).min() > 0
        nearest = ((X[:, None].astype(float) - found.centers) ** 2).sum(axis=2)
        assert found.inertia == pytest.approx(nearest.min(axis=1).sum(), rel=1e-5)
        if k == 7:
            assert adjusted_rand_score(theirs.labels_, found.labels) > 0.99


@pytest.mark.parametrize("way", ["bounds", "gram", "products"])
def test_one_start_is_that_of_scikit_learn(monkeypatch, way):
    ways(monkeypatch, way)
    monkeypatch.setattr(engine, "_MAX_PASS", 0)  # no moves of single rows
    X = np.random.default_rng(0).normal(size=(300, 4))
    for k in (2, 9):
        found = cluster_rows(X, [k], n_init=1, random_state=3)[0]
        theirs = KMeans(k, n_init=1, tol=0, random_state=3).fit(X)
        np.testing.assert_array_equal(found.labels, theirs.labels_)
        np.testing.assert_allclose(found.centers, theirs.cluster_centers_, atol=1e-8)


@pytest.mark.parametrize("way", ["bounds", "gram", "products"])
def test_the_sphere_is_found_in_every_way(monkeypatch, rays, way):
    ways(monkeypatch, way)
    X, y = rays
    found = cluster_rows(normalize(X), [5], spherical=True, random_state=0)[0]
    assert adjusted_rand_score(y, found.labels) == 1.0
    np.testing.assert_allclose(np.linalg.norm(found.centers, axis=1), 1)


@pytest.mark.parametrize("way", ["bounds", "gram", "products"])
def test_empty_clusters_are_mended_with_repeated_rows(monkeypatch, way):
    ways(monkeypatch, way)
    X = np.repeat(
        [[0.0, 0.0], [9.0, 0.0], [0.0, 9.0], [5.0, 5.0]], [200, 1, 1, 1], axis=0
    )
    for seed in range(5):
        assert cluster_rows(X, [4], n_init=1, random_state=seed)[
            0
        ].inertia == pytest.approx(0, abs=1e-9)


def test_the_cheapest_clusters_are_merged(rays):
    """Ward 1963: the two whose merging adds least to the inertia, which is tried here
    pair by pair.
    """
    X, _ = rays
    weights = np.random.default_rng(0).uniform(0.5, 3, size=len(X))
    found = cluster_rows(X, [7], sample_weight=weights, random_state=0)[0]

    def inertia(labels):
        middles = {
            c: np.average(X[labels == c], axis=0, weights=weights[labels == c])
            for c in np.unique(labels)
        }
        return sum(
            w * ((x - middles[c]) ** 2).sum()
            for x, c, w in zip(X, labels, weights, strict=True)
        )

    tried = [
        inertia(np.where(found.labels == b, a, found.labels))
        for b in range(7)
        for a in range(b)
    ]
    mass = np.bincount(found.labels, weights)
    merged = merge(found.labels, found.centers.astype(float), mass, 6)
    assert set(merged) == set(range(6)) and inertia(merged) == pytest.approx(min(tried))
    again = np.array(
        [
            np.average(X[merged == c], axis=0, weights=weights[merged == c])
            for c in range(6)
        ]
    )
    fewer = merge(found.labels, found.centers.astype(float), mass, 5)
    assert (
        adjusted_rand_score(
            fewer, merge(merged, again, np.bincount(merged, weights), 5)
        )
        == 1.0
    )


def test_a_cluster_of_two_groups_is_split():
    X, y = make_blobs(
        300, centers=[[0, 0], [4, 0], [0, 20]], random_state=0, cluster_std=0.3
    )
    two = (y == 2).astype(np.int32)
    centers = np.array([X[two == c].mean(axis=0) for c in (0, 1)])
    split = split_lowdim(
        X,
        np.ascontiguousarray(X.T),
        np.ones(300),
        two,
        centers,
        np.linspace(0.1, 0.9, 8),
    )
    assert adjusted_rand_score(y, split) == 1.0


def test_weights_repeat_rows(rays):
    X, _ = rays
    weights = np.random.default_rng(1).integers(0, 4, size=len(X))
    weighted = SphericalKMeans(6, random_state=0).fit(X, sample_weight=weights)
    repeated = SphericalKMeans(6, random_state=0).fit(np.repeat(X, weights, axis=0))
    np.testing.assert_allclose(
        weighted.cluster_centers_, repeated.cluster_centers_, atol=1e-10
    )
    assert weighted.inertia_ == pytest.approx(repeated.inertia_)
    with pytest.raises(ValueError, match="n_samples=2 for n_clusters=3"):
        SphericalKMeans(3).fit(X, sample_weight=np.arange(len(X)) < 2)


def test_sparse_rows_give_the_clusters_of_dense_ones(rays):
    X, y = rays
    model = SphericalKMeans(5, n_init=10, random_state=0).fit(csr_matrix(X))
    assert adjusted_rand_score(y, model.labels_) == 1.0
    dense = SphericalKMeans(5, n_init=10, random_state=0).fit(X)
    assert model.inertia_ == pytest.approx(dense.inertia_)
    np.testing.assert_allclose(
        model.transform(csr_matrix(X)), model.transform(X), atol=1e-12
    )


def test_a_stream_comes_near_the_whole(rays):
    X, y = rays
    order = np.random.default_rng(0).permutation(len(X))
    stream = SphericalKMeans(5, n_init=10, random_state=0)
    for part in np.array_split(order, 6):
        stream.partial_fit(X[part])
    assert adjusted_rand_score(y, stream.predict(X)) == 1.0
    whole = SphericalKMeans(5, random_state=0).fit(X)
    cosines = stream.cluster_centers_ @ whole.cluster_centers_.T
    assert cosines.max(axis=1).min() > 0.9999
    again = stream.fit(X)  # a fit starts afresh
    np.testing.assert_array_equal(
        again.cluster_centers_,
        SphericalKMeans(5, n_init=10, random_state=0).fit(X).cluster_centers_,
    )


# The door


@pytest.fixture(scope="module")
def blobs():
    return make_blobs(400, n_features=20, centers=6, cluster_std=4, random_state=1)


@pytest.mark.parametrize("n_dims", [2, 20])
@pytest.mark.parametrize("n_init", [1, 5])
def test_kmeans_is_at_most_scikit_learns_from_as_many_starts(blobs, n_dims, n_init):
    X = blobs[0][:, :n_dims]
    for k in (2, 4, 6, 9):
        ours = cluster(X, "kmeans", k, n_init=n_init, random_state=0)
        theirs = KMeans(k, n_init=n_init, random_state=0).fit(X)
        assert ours.inertia <= theirs.inertia_ * (1 + 1e-6)
        gaps = ((X - ours.centers[ours.labels]) ** 2).sum()
        assert ours.inertia == pytest.approx(gaps, rel=1e-5)


def test_spherical_is_the_estimator(rays):
    X, y = rays
    found = cluster(X, "spherical", 5, random_state=0)
    model = SphericalKMeans(5, n_init=10, random_state=0).fit(X)
    assert adjusted_rand_score(y, found.labels) == 1.0
    assert found.inertia == pytest.approx(model.inertia_)
    np.testing.assert_allclose(np.linalg.norm(found.centers, axis=1), 1)


def test_a_mixture_finds_blobs_and_may_leave_components_empty():
    X, y = make_blobs(200, centers=3, random_state=0, cluster_std=0.3)
    three, nine = cluster(X, "gaussian", [3, 9], random_state=0)
    assert adjusted_rand_score(y, three.labels) == 1.0
    assert three.centers.shape == (3, 2) and np.isnan(three.inertia)
    assert len(set(nine.labels)) <= 9
    by_hand = BayesianGaussianMixture(
        n_components=3,
        weight_concentration_prior_type="dirichlet_distribution",
        max_iter=300,
        random_state=0,
    ).fit(X)
    np.testing.assert_array_equal(three.labels, by_hand.predict(X))


@pytest.mark.parametrize("name", CLUSTERERS)
def test_one_k_gives_one_and_several_give_a_list_in_their_order(blobs, name):
    X, _ = blobs
    one = cluster(X, name, 4, n_init=2, random_state=0)
    several = cluster(X, name, (6, 4), n_init=2, random_state=0)
    assert isinstance(one, Clustering) and isinstance(several, list)
    assert [len(each.centers) for each in several] == [6, 4]
    again = cluster(X, name, (6, 4), n_init=2, random_state=0, n_jobs=1)
    for first, second in zip(several, again, strict=True):
        np.testing.assert_array_equal(first.labels, second.labels)
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.inertia = 0.0


def test_many_rows_are_clustered_as_few_are(blobs, monkeypatch):
    X, _ = blobs
    few = cluster(X, "kmeans", 6, random_state=0)
    monkeypatch.setattr(door, "_MANY_ROWS", 100)
    monkeypatch.setattr(engine, "_GRAM_ROWS", 100)
    many = cluster(X, "kmeans", 6, random_state=0)
    assert many.inertia == pytest.approx(few.inertia, rel=0.005)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"name": "kmean"}, ValueError, "got name='kmean'.*did you mean 'kmeans'"),
        ({"name": None}, ValueError, "got name=None, expected one of"),
        ({"k": 0}, ValueError, "got k=0, expected a whole number from 1 to 400"),
        ({"k": 401}, ValueError, "got k=401, expected a whole number from 1 to 400"),
        ({"k": [2, 2.5]}, TypeError, "got k=2.5, expected a whole number"),
        ({"k": "8"}, TypeError, "got k='8', expected a whole number"),
        ({"k": None}, TypeError, "got k=None, expected a whole number"),
        ({"k": []}, ValueError, "got no k, expected at least one"),
        ({"n_init": 0}, ValueError, "got n_init=0, expected a whole number"),
        ({"max_iter": 1.5}, TypeError, "got max_iter=1.5, expected a whole number"),
        ({"random_state": "x"}, ValueError, "got random_state='x', expected None"),
        ({"X": [[np.nan, 1.0]]}, ValueError, "got NaN or infinity in row 0"),
        ({"X": [1.0, 2.0]}, ValueError, r"of shape \(2,\)"),
    ],
)
def test_errors_of_the_door(blobs, changes, error, message):
    arguments = {"X": blobs[0], "name": "kmeans", "k": 3, **changes}
    with pytest.raises(error, match=message):
        cluster(**arguments)


def test_without_a_seed_numpys_global_state_stays(blobs):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, second = (cluster(blobs[0], "kmeans", 40, n_init=1) for _ in range(2))
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002
    assert (first.labels != second.labels).any()
