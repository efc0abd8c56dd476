import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_mutual_info_score
from sklearn.preprocessing import normalize

from embetter_reg.analysis import compare_spaces

QUICK = {"n_seeds": 3, "n_bootstrap": 60, "n_null": 60, "k": [4]}


@pytest.fixture(scope="module")
def found(planted):
    return compare_spaces(
        {"original": planted["by_language"], "tuned": planted["by_register"]},
        register=planted["register"],
        language=planted["language"],
        **QUICK,
    )


def test_planted_truth_is_found(found):
    assert {name: verdict.word for name, verdict in found.verdicts.items()} == {
        "original": "language",
        "tuned": "register",
        "language-centred": "undecided",
    }
    assert "is organised by register" in found.verdict.sentence
    assert "beats centring each language" in found.verdict.sentence


def test_swapped_labels_turn_the_verdict_round(planted):
    swapped = compare_spaces(
        {"tuned": planted["by_register"]}, register=planted["language"], language=planted["register"], **QUICK
    )
    assert swapped.verdict.word == "language"


@pytest.mark.parametrize("kind", ["noise", "both"])
def test_it_can_say_undecided(planted, kind):
    X = np.random.default_rng(0).normal(size=(240, 8))
    if kind == "both":
        X = np.hstack([planted["by_register"], planted["by_language"]])
    result = compare_spaces({"X": X}, register=planted["register"], language=planted["language"], **QUICK)
    assert result.verdict.word == "undecided"


def test_a_head_no_better_than_centring_is_said(planted):
    # Language is a plain shift here, so that taking its mean away is all that there is to do.
    _, language = np.unique(planted["language"], return_inverse=True)
    original = planted["by_register"] + 3 * np.eye(12)[language]
    result = compare_spaces(
        {"original": original, "tuned": planted["by_register"]},
        register=planted["register"],
        language=planted["language"],
        **QUICK,
    )
    assert result.verdict.word == "register"
    assert "But centring each language, which uses no register label, does about as well" in result.verdict.sentence


def test_figures_are_scikit_learns(found, planted):
    rows = normalize(planted["by_register"])
    expected = [
        adjusted_mutual_info_score(planted["register"], KMeans(4, n_init=1, random_state=seed).fit_predict(rows))
        for seed in found.parameters["seeds"]
    ]
    row = found.agreement.query("space == 'tuned' and clusterer == 'kmeans' and k == 4 and label == 'register'").iloc[0]
    assert row["ami"] == pytest.approx(np.mean(expected))
    assert row["ami_sd"] == pytest.approx(np.std(expected))
    assert row["ami_low"] < row["ami"] < row["ami_high"]
    assert found.floor == pytest.approx(adjusted_mutual_info_score(planted["register"], planted["language"]))


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    """Cover the AMI of a whole population by intervals from samples of it."""
    rng = np.random.default_rng(0)
    population = 40_000
    register = rng.integers(3, size=population)
    clusters = np.where(rng.random(population) < 0.5, register, rng.integers(3, size=population))
    language = rng.integers(2, size=population)
    truth = adjusted_mutual_info_score(register, clusters)
    hits = 0
    for trial in range(60):
        rows = rng.choice(population, 200, replace=False)
        X = np.eye(3)[clusters[rows]]
        result = compare_spaces(
            {"X": X}, register=register[rows], language=language[rows], k=[3], clusterers=["kmeans"], n_seeds=1,
            n_bootstrap=100, n_null=10, control=False, random_state=trial,
        )  # fmt: skip
        row = result.agreement.query("k == 3 and label == 'register'").iloc[0]
        hits += row["ami_low"] <= truth <= row["ami_high"]
    assert 50 <= hits <= 60  # 95 % of 60 is 57


def test_null_lies_near_zero_and_shuffled_labels_reach_no_more(found, planted):
    assert found.agreement["ami_null"].between(-0.01, 0.05).all()
    shuffled = np.random.default_rng(0).permutation(planted["register"])
    result = compare_spaces({"tuned": planted["by_register"]}, register=shuffled, language=planted["language"], **QUICK)
    assert result.verdict.word == "undecided"


def test_a_seed_repeats(found, planted):
    again = compare_spaces(
        {"original": planted["by_language"], "tuned": planted["by_register"]},
        register=planted["register"],
        language=planted["language"],
        **QUICK,
    )
    assert again.agreement.equals(found.agreement) and again.balance.equals(found.balance)
    assert again.verdicts == found.verdicts


def test_marks_are_always_among_k(planted):
    result = compare_spaces(
        {"X": planted["by_register"]}, register=planted["register"], language=planted["language"],
        k=[2], n_seeds=1, n_bootstrap=5, n_null=5,
    )  # fmt: skip
    assert result.parameters["k"] == [2, 3, 4]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"register": ["NA"] * 240}, "got one register"),
        ({"language": ["en"] * 239}, "got 239 language labels for 240 documents"),
        ({"k": [1]}, "got k from 1"),
        ({"k": [500]}, "got k from"),
        ({"clusterers": ["dbscan"]}, "expected some of"),
        ({"n_seeds": 0}, "expected at least 1"),
        ({"confidence": 95}, "got confidence=95"),
        ({"ids": ["a", "b"], "fitted_on": ["b"]}, "a space was fitted on"),
    ],
)
def test_bad_input(planted, change, message):
    given = {"register": planted["register"], "language": planted["language"], **QUICK, **change}
    with pytest.raises(ValueError, match=message):
        compare_spaces({"X": planted["by_register"]}, **given)


def test_bad_spaces(planted):
    labels = {"register": planted["register"], "language": planted["language"]}
    X = planted["by_register"]
    with pytest.raises(ValueError, match="expected the same documents in each"):
        compare_spaces({"a": X, "b": X[:-1]}, **labels)
    with pytest.raises(ValueError, match="expected a dict"):
        compare_spaces(X, **labels)
    with pytest.raises(ValueError, match="names the control"):
        compare_spaces({"language-centred": X}, **labels)
    with pytest.raises(TypeError):
        compare_spaces({"X": X}, planted["register"], planted["language"])
