import sys

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from embetter_reg.label import doubtful_labels, informative_regions, neighbor_vote


@pytest.fixture(scope="module")
def planted():
    """Three groups of sixty documents in eight dimensions."""
    y = np.repeat([0, 1, 2], 60)
    X = np.eye(8)[y] + np.random.default_rng(0).normal(scale=0.25, size=(180, 8))
    return X, y


def test_the_vote_agrees_with_scikit_learn(planted):
    X, y = planted
    rows, queries = (
        np.arange(0, 180, 3),
        np.setdiff1d(np.arange(180), np.arange(0, 180, 3)),
    )
    oracle = KNeighborsClassifier(
        10, metric="cosine", weights=lambda d: np.maximum(1 - d, 1e-6)
    ).fit(X[rows], y[rows])
    found = neighbor_vote(X, rows, np.eye(3)[y[rows]], ["a", "b", "c"], queries)
    assert np.allclose(found.shares, oracle.predict_proba(X[queries]), atol=1e-5)
    assert [label for (label,) in found.winners()] == [
        "abc"[n] for n in oracle.predict(X[queries])
    ]
    ordered = np.sort(found.shares, axis=1)
    assert np.allclose(found.sure, ordered[:, -1] - ordered[:, -2], atol=1e-6)


def test_no_document_votes_on_itself(planted):
    X, _ = planted
    rows = np.array([0, 1])
    found = neighbor_vote(X, rows, np.eye(2), ["a", "b"], rows, n_neighbors=1)
    assert found.winners() == [("b",), ("a",)]


def test_two_labels_with_half_the_weight_each_are_both_predicted():
    X = np.ones((3, 2))
    found = neighbor_vote(X, [0, 1], [[1, 1], [1, 0]], ["a", "b"], [2])
    assert found.winners() == [("a", "b")] and found.sure[0] == pytest.approx(0.5)


def test_of_many_labeled_documents_a_sample_votes_and_says_the_same(planted):
    X, y = planted
    rows = np.arange(180)
    full = neighbor_vote(X, rows, np.eye(3)[y], ["a", "b", "c"], max_voters=None)
    some = neighbor_vote(X, rows, np.eye(3)[y], ["a", "b", "c"], max_voters=60)
    assert (
        np.mean(
            [
                one == other
                for one, other in zip(full.winners(), some.winners(), strict=True)
            ]
        )
        > 0.95
    )


def test_without_labels_there_is_no_vote(planted):
    with pytest.raises(ValueError, match="got no labeled document"):
        neighbor_vote(planted[0], [], np.empty((0, 2)), ["a", "b"])


@pytest.mark.parametrize("method", ["neighbors", "cleanlab"])
def test_planted_mistakes_are_doubtful(planted, method):
    if method == "cleanlab":
        pytest.importorskip("cleanlab", reason="the extra cleanlab is not installed")
    X, y = planted
    given = y.copy()
    wrong = np.array([5, 70, 130, 171])
    given[wrong] = (given[wrong] + 1) % 3
    found = doubtful_labels(X, np.arange(180), np.eye(3)[given], method=method)
    assert len(set(wrong.tolist()) & set(found.tolist())) >= (
        4 if method == "neighbors" else 3
    )
    assert len(found) <= 8 and set(found[:3].tolist()) <= set(wrong.tolist())
    assert len(doubtful_labels(X, np.arange(180), np.eye(3)[y], method=method)) <= 3


@pytest.mark.parametrize("method", ["neighbors", "cleanlab"])
def test_a_hybrid_that_shares_a_label_with_its_neighbors_is_not_doubtful(
    planted, method
):
    if method == "cleanlab":
        pytest.importorskip("cleanlab", reason="the extra cleanlab is not installed")
    X, y = planted
    targets = np.eye(3, dtype=int)[y]
    targets[:30, 1] = 1
    targets[100] = [1, 0, 0]
    found = doubtful_labels(X, np.arange(180), targets, method=method)
    assert 100 in found and (
        method == "cleanlab" or not set(range(30)) & set(found.tolist())
    )


def test_two_documents_are_too_few_to_doubt(planted):
    assert len(doubtful_labels(planted[0], [0, 60], np.eye(2))) == 0


def test_an_unknown_method_is_refused(planted):
    with pytest.raises(ValueError, match="expected 'neighbors' or 'cleanlab'"):
        doubtful_labels(planted[0], [0, 1], np.eye(2), method="guess")


def test_cleanlab_is_asked_for_by_name(planted, monkeypatch):
    monkeypatch.setitem(sys.modules, "cleanlab.filter", None)
    X, y = planted
    with pytest.raises(ImportError, match="pip install cleanlab"):
        doubtful_labels(X, np.arange(180), np.eye(3)[y], method="cleanlab")


def test_the_most_informative_region_is_large_unsure_and_unlabeled():
    rng = np.random.default_rng(0)
    middle = np.repeat([[0, 0], [10, 0], [0, 10], [10, 10]], [60, 60, 15, 60], axis=0)
    places = middle + rng.normal(scale=0.3, size=(195, 2))
    doubt = np.repeat([0.9, 0.1, 1.0, 0.9], [60, 60, 15, 60])
    unlabeled = np.arange(135)  # all of the last group is labeled
    first, *rest = informative_regions(places, doubt, unlabeled, region_size=34)
    assert set(first.tolist()) <= set(range(60)) | set(range(120, 135))
    assert sorted(np.concatenate([first, *rest]).tolist()) == list(range(135))
    assert doubt[rest[-1]].mean() < 0.2
    again = informative_regions(places, doubt, unlabeled, region_size=34)
    assert all(
        np.array_equal(one, other)
        for one, other in zip([first, *rest], again, strict=True)
    )


def test_with_everything_labeled_there_is_no_region():
    assert informative_regions(np.zeros((3, 2)), np.zeros(3), []) == []
