import numpy as np
import pytest
from sklearn.metrics import average_precision_score, pairwise_distances

from embetter_reg.analysis import (
    cross_language_retrieval,
    find_neighbors,
    parallel_retrieval,
    register_purity,
)
from embetter_reg.analysis.metrics._retrieval import _expected_precision


@pytest.fixture(scope="module")
def gold(planted):
    return {"register": planted["register"], "language": planted["language"]}


@pytest.fixture(scope="module")
def spaces(planted):
    random = np.random.default_rng(1).normal(size=(240, 12))
    return {
        "by_register": planted["by_register"],
        "by_language": planted["by_language"],
        "random": random,
    }


def brute_force(X, register, language):
    D = pairwise_distances(X.astype(float), metric="cosine")
    precisions, beats = [], []
    for i in range(len(X)):
        abroad, same = language != language[i], register == register[i]
        precisions.append(average_precision_score(same[abroad], -D[i, abroad]))
        beats.append((D[i, ~abroad & ~same][:, None] < D[i, abroad & same]).mean())
    return np.array(precisions), np.array(beats)


@pytest.mark.parametrize("name", ["by_register", "by_language", "random"])
def test_cross_language_retrieval_is_brute_force(spaces, gold, name):
    table = cross_language_retrieval(spaces[name], **gold)
    precisions, beats = brute_force(spaces[name], **gold)
    assert table.loc["all", "average_precision"] == pytest.approx(
        precisions.mean(), abs=1e-4
    )
    assert table.loc["all", "wrong_beats_right"] == pytest.approx(
        beats.mean(), abs=1e-4
    )
    news = gold["register"] == "NA"
    assert table.loc["NA", "average_precision"] == pytest.approx(
        precisions[news].mean(), abs=1e-4
    )
    assert table["n_queries"].to_dict() == {
        "all": 240,
        "HI": 60,
        "IN": 60,
        "NA": 60,
        "OP": 60,
    }


def test_cross_language_retrieval_of_planted_spaces(spaces, gold):
    figures = {
        name: cross_language_retrieval(X, **gold).loc["all"]
        for name, X in spaces.items()
    }
    assert (
        figures["by_register"]["average_precision"] > 0.95
        and figures["by_register"]["wrong_beats_right"] < 0.05
    )
    assert figures["by_language"]["wrong_beats_right"] > 0.95
    random = figures["random"]
    assert random["average_precision"] == pytest.approx(random["chance"], abs=0.02)
    assert random["wrong_beats_right"] == pytest.approx(0.5, abs=0.02)
    swapped = {"register": gold["language"], "language": gold["register"]}
    assert (
        cross_language_retrieval(spaces["by_register"], **swapped).loc[
            "all", "wrong_beats_right"
        ]
        > 0.95
    )


def test_chance_is_the_mean_over_random_orders():
    rng = np.random.default_rng(0)
    truth = np.arange(30) < 7
    drawn = [average_precision_score(truth, rng.random(30)) for _ in range(500)]
    assert _expected_precision(7, 30) == pytest.approx(np.mean(drawn), abs=0.02)
    assert (
        _expected_precision(30, 30) == pytest.approx(1)
        and _expected_precision(1, 1) == 1
    )


def test_a_sample_of_queries_repeats_and_is_close(spaces, gold):
    whole = cross_language_retrieval(spaces["by_register"], **gold).loc["all"]
    some = cross_language_retrieval(spaces["by_register"], **gold, max_queries=60)
    assert some.equals(
        cross_language_retrieval(spaces["by_register"], **gold, max_queries=60)
    )
    assert some.loc["all", "n_queries"] == 60
    assert some.loc["all", "average_precision"] == pytest.approx(
        whole["average_precision"], abs=0.05
    )


def test_purity_is_brute_force_and_finds_planted_truth(spaces, gold):
    figures = {
        name: register_purity(find_neighbors(X, **gold)) for name, X in spaces.items()
    }
    D = pairwise_distances(spaces["random"], metric="cosine")
    D[gold["language"][:, None] == gold["language"]] = np.inf
    near = np.argsort(D, axis=1)[:, :15]
    expected = (gold["register"][near] == gold["register"][:, None]).mean()
    random = figures["random"]
    assert random["purity"] == pytest.approx(expected)
    assert (
        random["chance"] == 0.25
        and random["purity"] == pytest.approx(0.25, abs=0.03)
        and random["p"] > 0.05
    )
    by_register = figures["by_register"]
    assert by_register["purity"] > 0.95 and by_register["purity"] == pytest.approx(
        by_register["null"], abs=0.02
    )
    assert register_purity(find_neighbors(spaces["by_register"], **gold)) == by_register


def test_purity_falls_short_of_the_null_where_crossing_costs_register(gold):
    """Each language has its own places for the registers: pure within a language, at
    chance across.
    """
    rng = np.random.default_rng(0)
    _, cells = np.unique(
        np.char.add(gold["register"], gold["language"]), return_inverse=True
    )
    X = np.eye(12)[cells] + rng.normal(scale=0.1, size=(240, 12))
    figures = register_purity(find_neighbors(X, **gold), n_neighbors=5)
    assert figures["null"] > 0.8 and figures["purity"] < 0.4 and figures["p"] < 0.01
    swapped = register_purity(
        find_neighbors(
            X + 2 * np.eye(12)[cells // 3],
            register=gold["language"],
            language=gold["register"],
        ),
        n_neighbors=5,
    )
    assert swapped["purity"] < 0.5


def test_purity_leaves_out_registers_of_one_language(spaces, gold):
    register = np.where(gold["language"] == "en", "only", gold["register"])
    figures = register_purity(
        find_neighbors(
            spaces["by_register"], register=register, language=gold["language"]
        )
    )
    assert figures["purity"] > 0.4  # Finnish and French documents alone ask


def versions(rng, content, place, n_texts=60):
    """Texts in three languages: ``content`` times a text's own vector, ``place`` times
    its language's.
    """
    texts, language = (
        np.repeat(np.arange(n_texts), 3),
        np.tile(["en", "fi", "fr"], n_texts),
    )
    register = np.array(["NA", "HI", "IN"])[texts % 3]
    own = rng.normal(size=(n_texts, 20))[texts]
    own[:, :3] = 0  # the languages' own dimensions
    where = 3 * np.eye(20)[np.tile([0, 1, 2], n_texts)]
    kind = np.eye(20)[3 + texts % 3]
    return content * own + place * where + kind, {
        "pair_ids": texts,
        "language": language,
        "register": register,
    }


def test_parallel_retrieval_of_planted_spaces():
    rng = np.random.default_rng(0)
    X, labels = versions(rng, content=1, place=0)
    close = parallel_retrieval(X + rng.normal(scale=0.05, size=X.shape), **labels).loc[
        "all"
    ]
    assert close["translation_nearest"] == 1 and close["reciprocal_rank"] == 1
    assert close["same_language"] == pytest.approx(close["language_chance"], abs=0.05)
    X, labels = versions(rng, content=0.5, place=3)
    apart = parallel_retrieval(X, **labels).loc["all"]
    assert apart["translation_nearest"] == 0 and apart["same_language"] == 1
    assert apart["translation_nearest_abroad"] > 0.5
    X, labels = versions(rng, content=0, place=0)
    kinds = parallel_retrieval(X + rng.normal(scale=0.01, size=X.shape), **labels).loc[
        "all"
    ]
    assert kinds["same_register"] == 1 and kinds["translation_nearest"] < 0.3
    swapped = {**labels, "register": labels["language"], "language": labels["register"]}
    with pytest.raises(ValueError, match="got no text in two languages"):
        parallel_retrieval(X, **swapped)


def test_parallel_retrieval_is_brute_force():
    rng = np.random.default_rng(0)
    X, labels = versions(rng, content=1, place=0.5)
    X += rng.normal(scale=0.8, size=X.shape)
    labels["pair_ids"] = np.where(
        np.arange(180) < 30, 1000 + np.arange(180), labels["pair_ids"]
    )  # without a partner
    texts, language, register = (
        labels["pair_ids"],
        labels["language"],
        labels["register"],
    )
    table = parallel_retrieval(X, **labels, n_neighbors=4)
    D = pairwise_distances(X, metric="cosine")
    rows = []
    for i in range(30, 180):
        order = [j for j in np.argsort(D[i]) if j != i]
        place = next(rank for rank, j in enumerate(order) if texts[j] == texts[i])
        foreign = [j for j in order if language[j] != language[i]]
        others = [j for j in order if texts[j] != texts[i]]
        rows.append(
            [
                place == 0,
                texts[foreign[0]] == texts[i],
                1 / (place + 1),
                np.mean(register[others[:4]] == register[i]),
                np.mean(register[others] == register[i]),
                np.mean(language[others[:4]] == language[i]),
                np.mean(language[others] == language[i]),
            ]
        )
    assert table.loc["all", "n_queries"] == 150
    np.testing.assert_allclose(
        table.loc["all"].to_numpy()[1:].astype(float), np.mean(rows, axis=0), atol=1e-9
    )
    finnish = [
        row for row, name in zip(rows, language[30:], strict=True) if name == "fi"
    ]
    np.testing.assert_allclose(
        table.loc["fi"].to_numpy()[1:].astype(float),
        np.mean(finnish, axis=0),
        atol=1e-9,
    )


def test_errors(spaces, gold):
    X = spaces["random"]
    one_language = {**gold, "language": ["en"] * 240}
    for call in (
        cross_language_retrieval,
        lambda X, **labels: parallel_retrieval(X, pair_ids=range(240), **labels),
    ):
        with pytest.raises(
            ValueError, match=r"got one language \(en\), expected at least two"
        ):
            call(X, **one_language)
    confounded = {"register": gold["language"], "language": gold["language"]}
    for call in (
        lambda: register_purity(find_neighbors(X, **confounded)),
        lambda: cross_language_retrieval(X, **confounded),
    ):
        with pytest.raises(ValueError, match="got no register in two languages"):
            call()
    with pytest.raises(ValueError, match="got no text in two languages"):
        parallel_retrieval(X, pair_ids=np.arange(240), **gold)
    with pytest.raises(ValueError, match="got n_neighbors=0"):
        parallel_retrieval(X, pair_ids=np.arange(240) // 3, **gold, n_neighbors=0)
    with pytest.raises(ValueError, match="n_permutations=0"):
        register_purity(find_neighbors(X, **gold), n_permutations=0)
