import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency
from sklearn.metrics import adjusted_mutual_info_score
from sklearn.preprocessing import normalize

from embetter_reg.analysis import (
    bras,
    cilisi,
    clisi,
    cluster,
    compare_spaces,
    cosine_silhouette,
    cramers_v,
    cross_language_retrieval,
    find_neighbors,
    ilisi,
    leave_one_language_out,
    register_purity,
    sweep,
)
from embetter_reg.analysis.compare._figures import FIGURES, Figure
from embetter_reg.analysis.compare._measures import Measured
from embetter_reg.analysis.compare._resample import ami_interval
from embetter_reg.analysis.compare._verdict import _beside_controls
from embetter_reg.erase import LEACE

QUICK = {"n_seeds": 2, "n_bootstrap": 60, "n_null": 60, "k": [4], "figures": []}


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
        "language-centered": "undecided",
    }
    assert "is organized by register" in found.verdict.sentence
    assert "beats centering each language" in found.verdict.sentence


def test_swapped_labels_turn_the_verdict_round(planted):
    swapped = compare_spaces(
        {"tuned": planted["by_register"]},
        register=planted["language"],
        language=planted["register"],
        **QUICK,
    )
    assert swapped.verdict.word == "language"


@pytest.mark.parametrize("kind", ["noise", "both"])
def test_it_can_say_undecided(planted, kind):
    X = np.random.default_rng(0).normal(size=(240, 8))
    if kind == "both":
        X = np.hstack([planted["by_register"], planted["by_language"]])
    result = compare_spaces(
        {"X": X},
        register=planted["register"],
        language=planted["language"],
        **QUICK,
    )
    assert result.verdict.word == "undecided"


def test_a_head_no_better_than_centering_is_said(planted):
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
    assert (
        "But centering each language, which uses no register label, does about as well"
        in result.verdict.sentence
    )


def test_figures_are_scikit_learns_of_the_clusters_of_the_one_door(found, planted):
    rows = normalize(planted["by_register"])
    expected = [
        adjusted_mutual_info_score(
            planted["register"],
            cluster(rows, "kmeans", [3, 4], n_init=1, random_state=seed)[1].labels,
        )
        for seed in found.parameters["seeds"]
    ]
    row = found.agreement.query(
        "space == 'tuned' and clusterer == 'kmeans' and k == 4 and label == 'register'"
    ).iloc[0]
    assert row["ami"] == pytest.approx(np.mean(expected))
    assert row["ami_sd"] == pytest.approx(np.std(expected))
    assert row["ami_low"] <= row["ami"] <= row["ami_high"]
    assert found.floor == pytest.approx(
        adjusted_mutual_info_score(planted["register"], planted["language"])
    )


def test_compare_and_sweep_make_the_same_clusters(planted):
    """One door: a clusterer at a k, with a seed and starts, means one thing."""
    spaces = {"X": normalize(planted["by_language"])}
    labels = {"register": planted["register"], "language": planted["language"]}
    options = {"k": [2, 3, 4], "clusterers": ["kmeans", "spherical"], "n_init": 2}
    key = ["clusterer", "k"]
    compared = compare_spaces(
        spaces, **labels, **{**QUICK, **options, "n_seeds": 1}, controls=()
    )
    swept = sweep(
        spaces, **labels, **options, random_state=compared.parameters["seeds"][0]
    )
    amis = compared.agreement.query("label == 'language'").set_index(key)["ami"]
    expected = swept.set_index(key)["language_ami"].rename("ami")
    pd.testing.assert_series_equal(amis, expected)


def test_a_new_figure_is_one_entry(planted, monkeypatch):
    def spread(space):
        norms = np.linalg.norm(space.X, axis=1)
        return Measured(norms.mean(), documents=np.arange(len(norms)), values=norms)

    entry = Figure("mixing", 0, 9, "", "how long vectors are", spread)
    monkeypatch.setitem(FIGURES, "length", entry)
    result = compare_spaces(
        {"X": planted["by_register"]},
        register=planted["register"],
        language=planted["language"],
        **{**QUICK, "figures": ["mixing"]},
    )
    row = result.figures.query("space == 'X' and figure == 'length'").iloc[0]
    expected = np.linalg.norm(planted["by_register"], axis=1).mean()
    assert row["value"] == pytest.approx(expected) and row["words"] == entry.words
    assert row["low"] < row["value"] < row["high"]


def test_texts_without_a_word_skip_the_control_that_counts_words(planted):
    rng = np.random.default_rng(0)
    result = compare_spaces(
        {"X": planted["by_register"]},
        register=planted["register"],
        language=planted["language"],
        texts=["🎉" * n for n in rng.integers(1, 9, size=240)],
        **QUICK,
        controls="all",
    )
    assert "TF-IDF" not in result.verdicts and "length only" in result.verdicts
    assert result.skipped["TF-IDF"].startswith("got texts without a word")


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    """Cover the AMI of a whole population by intervals from samples of it."""
    rng = np.random.default_rng(0)
    population = 40_000
    register = rng.integers(3, size=population)
    clusters = np.where(
        rng.random(population) < 0.5, register, rng.integers(3, size=population)
    )
    language = rng.integers(2, size=population)
    truth = adjusted_mutual_info_score(register, clusters)
    hits = 0
    for trial in range(60):
        rows = rng.choice(population, 200, replace=False)
        X = np.eye(3)[clusters[rows]]
        result = compare_spaces(
            {"X": X},
            register=register[rows],
            language=language[rows],
            k=[3],
            clusterers=["kmeans"],
            n_seeds=1,
            n_bootstrap=100,
            n_null=10,
            controls=(),
            figures=[],
            random_state=trial,
        )
        row = result.agreement.query("k == 3 and label == 'register'").iloc[0]
        hits += row["ami_low"] <= truth <= row["ami_high"]
    assert 50 <= hits <= 60  # 95 % of 60 is 57


def test_an_interval_stays_within_what_an_ami_can_be():
    boot = np.array([-21.0, 0.2, 0.4, 10.0])
    assert ami_interval(0.3, boot, 0.95) == (-1, 1)
    boot = np.linspace(0.3, 0.5, 101)
    assert ami_interval(0.4, boot, 0.9) == pytest.approx((0.31, 0.49))


def test_null_lies_near_zero_and_shuffled_labels_reach_no_more(found, planted):
    assert found.agreement["ami_null"].between(-0.01, 0.05).all()
    shuffled = np.random.default_rng(0).permutation(planted["register"])
    result = compare_spaces(
        {"tuned": planted["by_register"]},
        register=shuffled,
        language=planted["language"],
        **QUICK,
    )
    assert result.verdict.word == "undecided"


def test_a_seed_repeats(found, planted):
    again = compare_spaces(
        {"original": planted["by_language"], "tuned": planted["by_register"]},
        register=planted["register"],
        language=planted["language"],
        **QUICK,
    )
    assert again.agreement.equals(found.agreement) and again.margins.equals(
        found.margins
    )
    assert again.verdicts == found.verdicts


def test_marks_are_always_among_k(planted):
    result = compare_spaces(
        {"X": planted["by_register"]},
        register=planted["register"],
        language=planted["language"],
        k=[2],
        n_seeds=1,
        n_bootstrap=5,
        n_null=5,
        figures=[],
    )
    assert result.parameters["k"] == [2, 3, 4]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"register": ["NA"] * 240}, "got one register"),
        ({"language": ["en"] * 239}, "got 239 language labels for 240 documents"),
        ({"k": [1]}, r"got k=\[1, 3, 4\] for 240 documents"),
        ({"k": [500]}, "expected numbers from 2 to 239"),
        ({"clusterers": ["dbscan"]}, "got clusterers='dbscan', expected one of"),
        ({"n_seeds": 0}, "got n_seeds=0, expected a whole number of at least 1"),
        ({"confidence": 95}, "got confidence=95"),
        ({"ids": ["a", "b"], "fitted_on": ["b"]}, "a space was fitted on"),
        ({"fitted_on": ["b"]}, "got fitted_on without ids"),
        (
            {"fitted_on": np.arange(240) == 7},
            "got 1 documents that a space was fitted on",
        ),
        (
            {"fitted_on": "the gold labels of these documents"},
            "got 240 documents that a space was fitted on",
        ),
        ({"label_source": "guessed"}, "got label_source='guessed'"),
        (
            {"register": pd.Series(["NA", "HI"] * 120, name="predicted_best")},
            "got the column 'predicted_best' as gold",
        ),
        ({"figures": ["silhoette"]}, "did you mean 'silhouette'?"),
        ({"figures": None}, "got figures=None"),
        ({"clusterers": []}, r"got clusterers=\[\]"),
        ({"clusterers": "kmean"}, "did you mean 'kmeans'?"),
        ({"register": [None] * 240}, "got a missing register label at position 0"),
        ({"register": [["NA"]] * 240}, r"got register of shape \(240, 1\)"),
        ({"language": ["en"] * 240}, r"got one language \(en\)"),
        ({"confidence": None}, "got confidence=nan"),
        ({"random_state": "one"}, "got random_state='one'"),
        ({"controls": ["LAECE"]}, "did you mean 'LEACE'?"),
        ({"controls": ["TF-IDF"]}, "got the control 'TF-IDF' without texts"),
        ({"texts": ["a"]}, "1 in texts"),
        ({"train": {"X": np.eye(12)}}, "got train with"),
        (
            {"train": {"X": np.eye(3), "language": ["en", "fi", "fr"]}},
            "got train vectors of 3 dimensions",
        ),
        ({"hybrids": [["NA"]] * 239 + [[]]}, "got no register of document 239"),
        ({"hybrids": [["NA"]]}, "1 in hybrids"),
    ],
)
def test_bad_input(planted, change, message):
    given = {
        "register": planted["register"],
        "language": planted["language"],
        **QUICK,
        **change,
    }
    with pytest.raises(ValueError, match=message):
        compare_spaces({"X": planted["by_register"]}, **given)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_seeds": 2.5}, "got n_seeds=2.5, expected a whole number"),
        ({"n_bootstrap": None}, "got n_bootstrap=None, expected a whole number"),
        ({"n_init": True}, "got n_init=True, expected a whole number"),
        ({"k": ["8"]}, "got k='8', expected a whole number"),
        ({"k": [float("nan")]}, "got k=nan, expected a whole number"),
        ({"register": None}, "got NoneType as register labels"),
        ({"texts": "one text"}, "got one string"),
        ({"texts": [None] * 240}, "got a missing document at position 0"),
        ({"train": [1, 2]}, "got train of type list"),
        ({"hybrids": 7}, "got hybrids that are no lists"),
        ({"hybrids": ["NA"] * 240}, "got hybrids that are no lists"),
    ],
)
def test_other_types(planted, change, message):
    labels = {"register": planted["register"], "language": planted["language"]}
    with pytest.raises((TypeError, ValueError), match=message):
        compare_spaces({"X": planted["by_register"]}, **{**labels, **QUICK, **change})


@pytest.mark.parametrize("X", [None, [], [[]], np.ones(240), np.full((240, 2), np.nan)])
def test_a_space_is_a_matrix_of_finite_numbers(planted, X):
    with pytest.raises(ValueError, match=r"the space 'X'"):
        compare_spaces(
            {"X": X}, register=planted["register"], language=planted["language"]
        )


def test_bad_spaces(planted):
    labels = {"register": planted["register"], "language": planted["language"]}
    X = planted["by_register"]
    with pytest.raises(ValueError, match="expected the same documents in each"):
        compare_spaces({"a": X, "b": X[:-1]}, **labels)
    for spaces in (X, {}, None):
        with pytest.raises(ValueError, match="expected a dict"):
            compare_spaces(spaces, **labels)
    with pytest.raises(ValueError, match="names the control"):
        compare_spaces({"language-centered": X}, **labels)
    with pytest.raises(TypeError):
        compare_spaces({"X": X}, planted["register"], planted["language"])


@pytest.fixture(scope="module")
def full(planted):
    """Every figure of the two planted spaces, and every control that there is."""
    _, lang = np.unique(planted["language"], return_inverse=True)
    words = {"NA": "once then", "IN": "is are", "OP": "think feel", "HI": "take mix"}
    texts = [
        f"{words[r]} {n % 7} " + "x" * (1 + 40 * code)
        for n, (r, code) in enumerate(zip(planted["register"], lang, strict=True))
    ]
    return compare_spaces(
        {"original": planted["by_language"], "tuned": planted["by_register"]},
        register=planted["register"],
        language=planted["language"],
        texts=texts,
        controls="all",
        k=[4],
        n_seeds=2,
        n_bootstrap=60,
        n_null=60,
        figures=["silhouette", "mixing", "retrieval", "probes", "extras"],
    )


def values(found, space):
    return found.figures[found.figures["space"] == space].set_index("figure")["value"]


def test_every_figure_tells_the_planted_spaces_apart_the_right_way(full):
    by_register, by_language = values(full, "tuned"), values(full, "original")
    kinds = full.figures.drop_duplicates("figure").set_index("figure")
    assert len(kinds) == 18 and not full.skipped
    for name, better in kinds["better"].items():
        if better == "high":
            assert by_register[name] > by_language[name], name
        elif better == "low":
            assert by_register[name] < by_language[name], name
    shown = full.figures.dropna(subset="low")
    assert (shown["low"] <= shown["value"]).all() and (
        shown["value"] <= shown["high"]
    ).all()
    assert (
        full.figures["value"]
        .between(full.figures["smallest"] - 1e-9, full.figures["largest"] + 1e-9)
        .all()
    )


def test_figures_are_those_of_the_single_functions(full, planted):
    X, labels = (
        planted["by_register"],
        {name: planted[name] for name in ("register", "language")},
    )
    found, near = values(full, "tuned"), find_neighbors(X, **labels)
    one_out = (
        leave_one_language_out(X, **labels)
        .query("language == 'all'")
        .set_index("label")["f1"]
    )
    retrieved = cross_language_retrieval(X, **labels).loc["all"]
    expected = {
        "register silhouette": cosine_silhouette(X, labels["register"]),
        "BRAS": bras(X, **labels),
        "cLISI": clisi(near),
        "iLISI": ilisi(near),
        "CiLISI": cilisi(near),
        "purity": register_purity(near)["purity"],
        "mean average precision": retrieved["average_precision"],
        "wrong beats right": retrieved["wrong_beats_right"],
        "left-out language, micro F1": one_out["micro"],
        "left-out language, macro F1": one_out["macro"],
    }
    assert found[list(expected)].to_dict() == pytest.approx(expected)


def test_swapped_labels_turn_the_figures_round(full, planted):
    swapped = compare_spaces(
        {"original": planted["by_language"], "tuned": planted["by_register"]},
        register=planted["language"],
        language=planted["register"],
        **{**QUICK, "figures": ["mixing", "retrieval"]},
    )
    assert (
        values(swapped, "tuned")["CiLISI"] < 0.2 < 0.8 < values(full, "tuned")["CiLISI"]
    )
    assert (
        values(swapped, "original")["purity"]
        > 0.9
        > 0.5
        > values(full, "original")["purity"]
    )


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_differences_are_paired_by_document(full):
    own = full.figure_differences.set_index(["space", "against", "figure"])
    for name in ("CiLISI", "left-out language, macro F1"):
        row = own.loc["tuned", "original", name]
        assert row["difference"] == pytest.approx(
            values(full, "tuned")[name] - values(full, "original")[name]
        )
        assert 0 < row["low"] < row["difference"] < row["high"]
    same = compare_spaces(
        {"a": np.eye(3)[[0, 1, 2] * 20], "b": 2 * np.eye(3)[[0, 1, 2] * 20]},
        register=["NA", "HI", "IN"] * 20,
        language=["en"] * 30 + ["fi"] * 30,
        **{**QUICK, "figures": ["silhouette"], "controls": ()},
    )
    assert (
        same.figure_differences[["difference", "low", "high"]].abs().to_numpy().max()
        < 1e-9
    )
    assert (
        "the raw space, a (+0.00 [+0.00, +0.00] register AMI, +0.00 language AMI)"
        in same.verdicts["b"].sentence
    )


def test_controls_are_what_they_say(full):
    words = {name: verdict.word for name, verdict in full.verdicts.items()}
    assert words["length only"] == "language" and words["TF-IDF"] == "register"
    assert words["shuffled labels"] == "undecided"
    shuffled = full.figures.query("space == 'shuffled labels'").set_index("figure")
    for name in ("purity", "mean average precision", "wrong beats right"):
        assert shuffled["value"][name] == pytest.approx(
            shuffled["beside"][name], abs=0.05
        )
    assert (
        values(full, "LEACE")["language probe, linear"]
        < 0.4
        < 0.9
        < values(full, "original")["language probe, mlp"]
    )
    assert set(full.ami_gains.query("space == 'tuned'")["against"]) == {
        "original",
        *full.parameters["controls"],
    }


def test_erasers_learn_from_train_where_it_is_given(planted):
    X, labels = (
        planted["by_language"],
        {name: planted[name] for name in ("register", "language")},
    )
    train = {"X": X[:150] + 0.1, "language": labels["language"][:150]}
    given = {**QUICK, "controls": ["LEACE"], "figures": ["silhouette"]}
    found = compare_spaces({"X": X}, **labels, train=train, **given)
    eraser = LEACE().fit(train["X"], language=train["language"])
    expected = cosine_silhouette(eraser.transform(X), labels["register"])
    assert values(found, "LEACE")["register silhouette"] == pytest.approx(expected)
    assert found.parameters["controls_fitted_on"]["erasers"] == "train vectors"
    here = compare_spaces({"X": X}, **labels, **given)
    assert here.parameters["controls_fitted_on"]["erasers"] == "the compared documents"


@pytest.mark.parametrize("name", ["LEACE", "LSAR"])
def test_a_simple_control_that_equals_the_head_is_said(planted, name):
    original = np.hstack(
        [
            planted["by_register"],
            4 * np.eye(3)[np.unique(planted["language"], return_inverse=True)[1]],
        ]
    )
    labels = {key: planted[key] for key in ("register", "language")}
    found = compare_spaces(
        {"original": original, "tuned": planted["by_register"]},
        **labels,
        **QUICK,
        controls=[name],
    )
    assert found.verdict.word == "register"
    assert (
        f"But a simple control does about as well: {name} (" in found.verdict.sentence
    )
    beaten = compare_spaces(
        {"original": planted["by_language"], "tuned": planted["by_register"]},
        **labels,
        **QUICK,
        controls=[name],
    )
    assert (
        f"It beats {name}." in beaten.verdict.sentence
        and "But a simple" not in beaten.verdict.sentence
    )


@pytest.mark.parametrize(
    "lows, said",
    [
        ({"language-centered": 0.1}, "] register AMI. It also beats LSAR and LEACE."),
        ({"language-centered": -0.1}, "] register AMI. It beats LSAR and LEACE."),
        (
            {"language-centered": 0.1, "LSAR": -0.1, "LEACE": -0.9},
            "] register AMI. But a simple control does about as well: LSAR (+0.10 [-0.10, "
            "+0.30] register AMI, -0.50 language AMI). And a simple control does better: "
            "LEACE (",
        ),
        ({"LSAR": -0.1, "LEACE": -0.1}, "But simple controls do about as well: LSAR ("),
    ],
)
def test_controls_that_are_not_beaten_come_after_but(lows, said):
    rows = [
        {
            "against": name,
            "register": lows.get(name, 0.1) + 0.2,
            "register_low": lows.get(name, 0.1),
            "register_high": lows.get(name, 0.1) + 0.4,
        }
        for name in ("language-centered", "LSAR", "LEACE")
    ]
    gains = pd.DataFrame(rows).assign(control=True, language=-0.5)
    assert said in _beside_controls(gains, "register", "original")


def test_confounded_labels_are_said():
    rng = np.random.default_rng(0)
    register = np.repeat(["NA", "HI", "IN"], 80)
    language = np.where(
        rng.random(240) < 0.85,
        np.repeat(["en", "fi", "fr"], 80),
        rng.choice(["en", "fi", "fr"], 240),
    )
    X = (
        rng.normal(scale=0.1, size=(240, 6))
        + np.eye(6)[np.unique(language, return_inverse=True)[1]]
    )
    found = compare_spaces({"X": X}, register=register, language=language, **QUICK)
    assert found.verdict.word == "language" and found.floor > 0.4
    assert (
        "Register and language go together in these documents (Cramér's V "
        f"{found.cramers_v:.2f})" in (found.verdict.sentence)
    )
    assert (
        found.confounding.loc["NA", "en"]
        == ((register == "NA") & (language == "en")).sum()
    )


def test_balanced_samples_undo_confounding():
    """By language, the confounded labels agree with register too; in balanced samples
    they do not.
    """
    rng = np.random.default_rng(0)
    register = np.repeat(["NA", "HI"], 300)
    language = np.where(
        rng.random(600) < 0.8,
        np.repeat(["en", "fi"], 300),
        np.repeat(["fi", "en"], 300),
    )
    X = rng.normal(scale=0.1, size=(600, 4)) + np.eye(4)[(language == "fi").astype(int)]
    found = compare_spaces(
        {"X": X}, register=register, language=language, **{**QUICK, "k": [2]}
    )
    assert (
        found.agreement.query("space == 'X' and label == 'register'")["ami"].min() > 0.2
    )
    balanced = found.balanced_agreement.query("space == 'X'")
    assert balanced["register"].abs().max() < 0.02 and balanced["language"].min() > 0.95
    cells = pd.crosstab(register, language).to_numpy()
    assert found.parameters["balanced_documents"] == 4 * cells.min()


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_labels_that_are_the_same_leave_it_undecided():
    X, labels = np.eye(2)[[0] * 30 + [1] * 30], np.repeat(["a", "b"], 30)
    found = compare_spaces(
        {"X": X},
        register=labels,
        language=labels,
        **{**QUICK, "k": [2], "figures": ["retrieval"]},
    )
    assert (
        found.verdict.word == "undecided"
        and found.cramers_v == 1
        and found.balanced_agreement.empty
    )
    assert "no register in two languages" in found.skipped["purity"]


def test_cramers_v_is_bergsmas():
    rng = np.random.default_rng(0)
    first, second = rng.integers(4, size=300), rng.integers(3, size=300)
    second = np.where(rng.random(300) < 0.3, first % 3, second)
    counts = pd.crosstab(first, second).to_numpy()
    phi = chi2_contingency(counts, correction=False).statistic / 300
    r, c = counts.shape
    corrected = max(0, phi - (r - 1) * (c - 1) / 299)
    expected = np.sqrt(
        corrected / min(r - (r - 1) ** 2 / 299 - 1, c - (c - 1) ** 2 / 299 - 1)
    )
    assert (
        cramers_v(first, second)
        == pytest.approx(expected)
        == pytest.approx(cramers_v(second, first))
    )
    assert (
        np.mean([cramers_v(rng.permutation(first), second) for _ in range(50)]) < 0.06
    )


@pytest.mark.parametrize("matrix", [True, False])
def test_hybrids_in_and_out(planted, matrix):
    """Documents of one register cluster by it, hybrids lie anywhere."""
    rng = np.random.default_rng(0)
    X, register = planted["by_register"].copy(), planted["register"]
    names = np.unique(register)
    sets = [[name] for name in register]
    for place in rng.choice(240, 80, replace=False):
        sets[place] = [register[place], rng.choice(names[names != register[place]])]
        X[place] = X[rng.integers(240)]
    hybrids = (
        pd.DataFrame({name: [name in found for found in sets] for name in names})
        if matrix
        else sets
    )
    found = compare_spaces(
        {"X": X},
        register=register,
        language=planted["language"],
        hybrids=hybrids,
        **{**QUICK, "controls": ()},
    )
    table = found.hybrids.query("k == 4 and clusterer == 'kmeans'").set_index(
        "documents"
    )
    assert table["n_documents"].to_dict() == {
        "with hybrids": 240,
        "without hybrids": 160,
    }
    assert (
        table.loc["without hybrids", "register_low"]
        > table.loc["with hybrids", "register_high"]
    )
    assert (table["register_low"] < table["register"]).all()
    assert (table["register"] <= table["register_high"]).all()


def test_sub_registers_make_no_hybrid(planted):
    sets = [[name, "ne"] if name == "NA" else [name] for name in planted["register"]]
    found = compare_spaces(
        {"X": planted["by_register"]},
        register=planted["register"],
        language=planted["language"],
        hybrids=sets,
        **{**QUICK, "controls": ()},
    )
    row = found.hybrids.iloc[0]
    assert row["n_documents"] == found.hybrids.iloc[1]["n_documents"] == 240
    assert row["register"] == pytest.approx(
        found.agreement.query("k == 3 and label == 'register'")["ami"].iloc[0]
    )


def test_predicted_labels_are_said(planted):
    found = compare_spaces(
        {"X": planted["by_register"]},
        register=pd.Series(planted["register"], name="predicted"),
        label_source="predicted",
        language=planted["language"],
        **QUICK,
    )
    assert found.verdict.sentence.endswith(
        "The registers are a classifier's predictions, not gold labels."
    )


def test_the_number_of_cores_changes_no_result(planted):
    quick = {"k": [8], "n_seeds": 1, "n_bootstrap": 9, "n_null": 9, "figures": []}
    tables = [
        compare_spaces(
            {"X": planted["by_register"]},
            register=planted["register"],
            language=planted["language"],
            controls=[],
            n_jobs=n_jobs,
            **quick,
        ).agreement
        for n_jobs in (1, 2)
    ]
    pd.testing.assert_frame_equal(*tables)
