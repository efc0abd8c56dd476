import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import normalize

from embetter_reg.analysis import SphericalKMeans


@pytest.fixture
def rays():
    """Five directions, rows of very different norms along each."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(5), 60)
    X = np.eye(8)[y] + rng.normal(scale=0.05, size=(300, 8))
    return X * rng.lognormal(sigma=1.5, size=(300, 1)), y


def test_directions_are_found_where_euclidean_k_means_fails(rays):
    X, y = rays
    assert adjusted_rand_score(y, SphericalKMeans(5, random_state=0).fit_predict(X)) == 1.0
    assert adjusted_rand_score(y, KMeans(5, n_init=10, random_state=0).fit_predict(X)) < 0.7


def test_centres_are_unit_means_and_labels_are_nearest(rays):
    X, _ = rays
    model = SphericalKMeans(5, random_state=0).fit(X)
    rows = normalize(X)
    np.testing.assert_allclose(np.linalg.norm(model.cluster_centers_, axis=1), 1, atol=1e-12)
    for k, centre in enumerate(model.cluster_centers_):
        np.testing.assert_allclose(centre, normalize(rows[model.labels_ == k].sum(axis=0)[None])[0], atol=1e-3)
    distances = 1 - rows @ model.cluster_centers_.T
    np.testing.assert_array_equal(model.labels_, distances.argmin(axis=1))
    np.testing.assert_array_equal(model.labels_, model.predict(X))
    assert model.inertia_ == pytest.approx(distances.min(axis=1).sum())


def test_norms_do_not_matter_and_a_seed_repeats(rays):
    X, _ = rays
    labels = SphericalKMeans(4, random_state=3).fit_predict(X)
    np.testing.assert_array_equal(labels, SphericalKMeans(4, random_state=3).fit_predict(normalize(X) * 7))


def test_inertia_is_near_that_of_k_means_on_unit_rows():
    X = normalize(np.random.default_rng(1).normal(size=(400, 6)))
    ours = SphericalKMeans(8, n_init=10, random_state=0).fit(X).inertia_
    theirs = KMeans(8, n_init=10, random_state=0).fit(X)
    nearest = (1 - X @ normalize(theirs.cluster_centers_).T).min(axis=1).sum()
    assert ours <= nearest * 1.01


def test_no_cluster_stays_empty():
    X = np.vstack([np.tile([1.0, 0.0], (50, 1)), [[0.0, 1.0], [-1.0, 0.1], [0.1, -1.0]]])
    for seed in range(10):
        assert set(SphericalKMeans(4, n_init=1, random_state=seed).fit_predict(X)) == {0, 1, 2, 3}


def test_rows_of_zeros_and_too_few_rows():
    X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert np.isfinite(SphericalKMeans(2, random_state=0).fit(X).inertia_)
    with pytest.raises(ValueError, match="n_samples=3 for n_clusters=4"):
        SphericalKMeans(4).fit(X)
    with pytest.raises(ValueError, match="got n_init=0"):
        SphericalKMeans(2, n_init=0).fit(X)
