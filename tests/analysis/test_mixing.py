import dataclasses

import networkx as nx
import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import chisquare
from sklearn.metrics import pairwise_distances

from embetter_reg.analysis import (
    Ranking,
    cilisi,
    clisi,
    find_neighbors,
    graph_connectivity,
    ilisi,
    kbet,
    lisi,
)
from embetter_reg.analysis.metrics import _distances


@pytest.fixture(scope="module")
def around(planted):
    spaces = {name: planted[name] for name in ("by_register", "by_language")}
    spaces["random"] = np.random.default_rng(1).normal(size=(240, 12))
    labels = {"register": planted["register"], "language": planted["language"]}
    return {name: find_neighbors(X, **labels) for name, X in spaces.items()}


def naive_lisi(distances, labels, perplexity):
    """The definition for one document: solve for the kernel's width, weigh, invert
    Simpson's index.
    """

    def weights(log_beta):
        w = np.exp(-np.exp(log_beta) * (distances - distances.min()))
        return w / w.sum()

    def gap(log_beta):
        w = weights(log_beta)
        return -(w * np.log(np.maximum(w, 1e-300))).sum() - np.log(perplexity)

    w = weights(brentq(gap, -10, 15))
    return 1 / sum(w[labels == name].sum() ** 2 for name in set(labels))


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("block", [16_000_000, 2000])
def test_neighbors_are_exact(planted, metric, block, monkeypatch):
    monkeypatch.setattr(_distances, "_BLOCK", block)
    X, register, language = (
        planted["by_language"],
        planted["register"],
        planted["language"],
    )
    found = find_neighbors(
        X, register=register, language=language, n_neighbors=70, metric=metric
    )
    D = pairwise_distances(X.astype(float), metric=metric)
    np.fill_diagonal(D, np.inf)
    for name, allowed in {
        "nearest": np.ones(D.shape, bool),
        "same_register": register[:, None] == register,
        "other_language": language[:, None] != language,
    }.items():
        expected = np.sort(np.where(allowed, D, np.inf), axis=1)[:, :70]
        ranking = getattr(found, name)
        np.testing.assert_allclose(ranking.distances, expected, atol=1e-5)
        there = ranking.documents >= 0
        assert (there == np.isfinite(expected)).all()
        rows = np.nonzero(there)[0]
        assert (
            allowed[rows, ranking.documents[there]].all()
            and (rows != ranking.documents[there]).all()
        )
    assert (
        found.same_register.documents[:, 59:] == -1
    ).all()  # 60 documents a register


def test_neighbors_among_many_documents(monkeypatch):
    """Where the limit is guessed from a part of the row, also where the part tells
    nothing of the rest.
    """
    rng = np.random.default_rng(0)
    X = rng.normal(size=(9000, 3))
    X[::3] += 50  # the guess looks at every third document
    labels = {
        "register": rng.integers(2, size=9000),
        "language": rng.integers(2, size=9000),
    }
    found = find_neighbors(
        X, **labels, n_neighbors=40, metric="euclidean", max_queries=60
    )
    assert len(found.queries) == 60 and (np.diff(found.queries) > 0).all()
    D = pairwise_distances(X[found.queries], X)
    D[np.arange(60), found.queries] = np.inf
    np.testing.assert_array_equal(
        found.nearest.documents, np.argsort(D, axis=1)[:, :40]
    )
    again = find_neighbors(
        X, **labels, n_neighbors=40, metric="euclidean", max_queries=60
    )
    np.testing.assert_array_equal(found.queries, again.queries)
    other = find_neighbors(
        X, **labels, n_neighbors=40, metric="euclidean", max_queries=60, random_state=1
    )
    assert (found.queries != other.queries).any()


def test_neighbors_are_frozen(around):
    with pytest.raises(dataclasses.FrozenInstanceError):
        around["random"].metric = "euclidean"


def test_lisi_is_its_definition(around):
    found = around["random"]
    ours = lisi(found.nearest, found.language, perplexity=20)
    for i in range(0, 240, 24):
        labels = found.language[found.nearest.documents[i]]
        expected = naive_lisi(found.nearest.distances[i].astype(float), labels, 20)
        assert ours[i] == pytest.approx(expected, abs=1e-4)


def test_lisi_at_the_ends():
    documents, labels = np.arange(1, 7)[None], ["x", "a", "a", "b", "b", "c", "c"]
    assert lisi(Ranking(documents, np.ones((1, 6))), labels)[0] == pytest.approx(
        3
    )  # all as near
    assert lisi(Ranking(documents, np.ones((1, 6))), ["a"] * 7)[0] == pytest.approx(1)
    missing = Ranking(
        np.array([[1, 3, -1], [-1, -1, -1]]), np.array([[1, 1, np.inf], [np.inf] * 3])
    )
    np.testing.assert_allclose(lisi(missing, labels), [2, np.nan])


def test_planted_spaces(around):
    figures = {
        name: {
            figure.__name__: figure(found)
            for figure in (clisi, ilisi, cilisi, kbet, graph_connectivity)
        }
        for name, found in around.items()
    }
    by_register, by_language, random = (
        figures[name] for name in ("by_register", "by_language", "random")
    )
    assert (
        by_register["clisi"] > 0.95
        and by_register["ilisi"] > 0.7
        and by_register["cilisi"] > 0.7
    )
    assert (
        by_language["clisi"] < 0.5
        and by_language["ilisi"] < 0.05
        and by_language["cilisi"] < 0.05
    )
    assert random["clisi"] < 0.5 and random["ilisi"] > 0.7 and random["cilisi"] > 0.7
    assert (
        by_register["kbet"] > 0.8
        and by_language["kbet"] < 0.05
        and random["kbet"] > 0.9
    )
    assert by_register["graph_connectivity"] == 1 and by_language[
        "graph_connectivity"
    ] == pytest.approx(1 / 3, abs=0.01)


def test_swapped_labels_turn_it_round(planted):
    swapped = find_neighbors(
        planted["by_register"],
        register=planted["language"],
        language=planted["register"],
    )
    assert (
        clisi(swapped) < 0.4
        and ilisi(swapped) < 0.3
        and cilisi(swapped) < 0.1
        and kbet(swapped) < 0.05
    )


def test_cilisi_gains_nothing_from_registers_thrown_together():
    """English news lies with Finnish how-to, and the other way round: languages mix,
    but inside no register.
    """
    rng = np.random.default_rng(0)
    news, english = np.repeat([True, False], 60), np.tile([True, False], 60)
    X = np.eye(2)[(news == english) * 1] + rng.normal(scale=0.1, size=(120, 2))
    found = find_neighbors(X, register=news, language=english, n_neighbors=45)
    assert ilisi(found) > 0.9 and cilisi(found) < 0.1


def test_kbet_is_a_chi_squared_test_of_each_neighborhood(around):
    found = around["by_register"]
    accepted = []
    for i in found.queries:
        same = np.flatnonzero(
            (found.register == found.register[i]) & (np.arange(240) != i)
        )
        _, shares = np.unique(found.language[same], return_counts=True)
        near = found.same_register.documents[
            i, :10
        ]  # a quarter of 20 documents a language, but at least 10
        seen = [
            (found.language[near] == name).sum() for name in np.unique(found.language)
        ]
        accepted.append(chisquare(seen, 10 * shares / shares.sum()).pvalue >= 0.05)
    assert kbet(found) == pytest.approx(np.mean(accepted))


def test_connectivity_is_networkx(around):
    found = around["random"]
    graph = nx.Graph()
    graph.add_nodes_from(range(240))
    graph.add_edges_from(
        (i, j) for i, row in enumerate(found.nearest.documents[:, :4]) for j in row
    )
    shares = []
    for name in set(found.register):
        inside = graph.subgraph(np.flatnonzero(found.register == name))
        shares.append(max(map(len, nx.connected_components(inside))) / len(inside))
    assert graph_connectivity(found, n_neighbors=4) == pytest.approx(np.mean(shares))


def test_errors(planted):
    X, register, language = (
        planted["by_register"],
        planted["register"],
        planted["language"],
    )
    with pytest.raises(
        ValueError, match=r"got one register \(NA\), expected at least two"
    ):
        find_neighbors(X, register=["NA"] * 240, language=language)
    with pytest.raises(ValueError, match="got n_neighbors=0"):
        find_neighbors(X, register=register, language=language, n_neighbors=0)
    with pytest.raises(ValueError, match="got max_queries=0"):
        find_neighbors(X, register=register, language=language, max_queries=0)
    some = find_neighbors(X, register=register, language=language, max_queries=50)
    with pytest.raises(ValueError, match="got neighbors of 50 of 240 documents"):
        graph_connectivity(some)
    with pytest.raises(ValueError, match="got perplexity=0"):
        lisi(some.nearest, language, perplexity=0)
    with pytest.raises(ValueError, match="labels for neighbors up to document"):
        lisi(some.nearest, language[:100])
    with pytest.raises(ValueError, match="got alpha=1"):
        kbet(some, alpha=1)
    confounded = find_neighbors(X, register=language, language=language)
    for figure in (cilisi, kbet):
        with pytest.raises(
            ValueError,
            match="got no register of at least 10 documents in two languages",
        ):
            figure(confounded)
