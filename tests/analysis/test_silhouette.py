import numpy as np
import pytest
from sklearn import metrics
from sklearn.metrics import pairwise_distances

from embetter_reg.analysis import bras, silhouette_samples, silhouettes
from embetter_reg.analysis.metrics import _distances

METRICS = ("euclidean", "cosine")


@pytest.fixture(scope="module")
def cloud():
    rng = np.random.default_rng(0)
    return rng.normal(size=(400, 20)), [rng.integers(k, size=400) for k in (2, 5, 30)]


def naive_bras(X, register, language, metric):
    """The definition, a document at a time."""
    means = []
    for name in np.unique(register):
        D = pairwise_distances(X[register == name], metric=metric)
        spoken, scores = language[register == name], []
        if len(set(spoken)) < 2:
            continue
        for i, own in enumerate(spoken):
            same = spoken == own
            same[i] = False
            a, b = D[i, same].mean() if same.any() else None, D[i, spoken != own].mean()
            scores.append(1 - (abs(b - a) / max(a, b) if a is not None else 0))
        means.append(np.mean(scores))
    return np.mean(means)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_dims", [2, 20])  # bounds, or blocks
def test_equal_to_scikit_learns(cloud, metric, dtype, n_dims):
    X, labelings = cloud
    X = X[:, :n_dims].astype(dtype)
    X[3], lone = 0, labelings[1].copy()
    lone[0] = 99  # a label of one document
    labelings = [*labelings, lone]
    ours = silhouette_samples(X, labelings, metric=metric)
    theirs = [
        metrics.silhouette_samples(X.astype(float), labels, metric=metric)
        for labels in labelings
    ]
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    np.testing.assert_allclose(
        silhouettes(X, labelings, metric=metric), np.mean(theirs, axis=1), atol=1e-5
    )


@pytest.mark.parametrize("metric", METRICS)
def test_hard_geometry_is_exact(cloud, metric):
    """Tight groups far from the origin, in a narrow cone, with copies: where float32
    squares would cancel.
    """
    X, (_, labels, _) = cloud
    X = 300 + np.eye(20)[labels] + 0.01 * X
    X[200:] = X[:200]
    theirs = metrics.silhouette_samples(X, labels, metric=metric)
    np.testing.assert_allclose(
        silhouette_samples(X, [labels], metric=metric)[0], theirs, atol=1e-4
    )


@pytest.mark.parametrize("metric", METRICS)
def test_blocks_do_not_change_it(cloud, metric, monkeypatch):
    X, labelings = cloud
    whole = silhouette_samples(X, labelings, metric=metric)
    monkeypatch.setattr(_distances, "_BLOCK", 7 * len(X))
    np.testing.assert_allclose(
        silhouette_samples(X, labelings, metric=metric), whole, atol=1e-6
    )


def test_no_distance_block_outgrows_its_bound(cloud, monkeypatch):
    monkeypatch.setattr(_distances, "_BLOCK", 4000)
    for metric in METRICS:
        shapes = [
            block.shape
            for _, block in _distances.distance_blocks(cloud[0], np.arange(400), metric)
        ]
        assert set(shapes) == {(10, 400)} and len(shapes) == 40


@pytest.mark.parametrize("metric", METRICS)
def test_bras_is_its_definition(cloud, metric):
    X, (_, language, register) = cloud
    register = register % 3
    X = X + 0.5 * np.eye(20)[language]
    language = np.where(
        register == 0, 0, language
    )  # a register in one language is left out
    language[np.flatnonzero(register == 1)[0]] = 9  # the only document of a language
    ours = bras(X, register=register, language=language, metric=metric)
    assert ours == pytest.approx(naive_bras(X, register, language, metric), abs=1e-6)


def test_bras_tells_mixing_and_which_label_is_which(planted):
    register, language = planted["register"], planted["language"]
    mixed = bras(planted["by_register"], register=register, language=language)
    split = bras(planted["by_language"], register=register, language=language)
    assert mixed > 0.9 and split < 0.25
    assert (
        bras(planted["by_register"], register=language, language=register) < 0.25
    )  # swapped


def test_errors(cloud):
    X, labelings = cloud
    with pytest.raises(
        ValueError,
        match="got 1 labels for 400 documents in labeling 1, expected from 2 to 399",
    ):
        silhouettes(X, [labelings[0], ["a"] * 400])
    with pytest.raises(ValueError, match="got no labelings"):
        silhouettes(X, [])
    with pytest.raises(ValueError, match="got metric='manhattan'"):
        silhouettes(X, labelings, metric="manhattan")
    with pytest.raises(
        ValueError, match=r"got one language \(en\), expected at least two"
    ):
        bras(X, register=labelings[0], language=["en"] * 400)
    with pytest.raises(ValueError, match="got no register in two languages"):
        bras(X, register=labelings[0], language=labelings[0])
