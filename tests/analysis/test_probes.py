import numpy as np
import pytest
from sklearn.metrics import f1_score

from embetter_reg.analysis import leave_one_language_out, probe_space


@pytest.fixture(scope="module")
def gold(planted):
    return {"register": planted["register"], "language": planted["language"]}


def test_planted_spaces(planted, gold):
    random = np.random.default_rng(1).normal(size=(240, 12))
    for X, high in (
        (planted["by_register"], "register"),
        (planted["by_language"], "language"),
        (random, None),
    ):
        table = probe_space(X, **gold).set_index(["label", "probe"])
        for label in gold:
            for probe in ("linear", "mlp"):
                gain = table.loc[(label, probe), "gain"]
                assert gain > 0.95 if label == high else gain < 0.25, (
                    high,
                    label,
                    probe,
                    gain,
                )
    majority = table["majority"]
    assert majority["register", "linear"] == pytest.approx(0.25) and majority[
        "language", "mlp"
    ] == pytest.approx(1 / 3)


def test_only_the_mlp_reads_what_is_curved():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 2))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    ring = rng.random(600) < 0.5
    X[ring] *= 3
    table = probe_space(X, register=ring, language=rng.integers(2, size=600)).set_index(
        ["label", "probe"]
    )
    assert (
        table.loc[("register", "mlp"), "accuracy"] > 0.95
        and table.loc[("register", "linear"), "accuracy"] < 0.65
    )


def test_train_and_test_given(planted, gold):
    """Labels of the scored documents are noise: nothing of them may have been fitted."""
    rng = np.random.default_rng(0)
    train = np.arange(240) % 3 > 0
    noisy = np.where(train, gold["register"], rng.permutation(gold["register"]))
    table = probe_space(
        planted["by_register"], register=noisy, language=gold["language"], train=train
    )
    table = table.set_index(["label", "probe"])
    assert (table["n_scored"] == 80).all() and (table["sd"] == 0).all()
    assert table.loc["register", "accuracy"].max() < 0.45


def test_a_seed_repeats_and_scale_does_not_matter(planted, gold):
    X = planted["by_register"].astype(float)
    table = probe_space(X, **gold, random_state=3)
    assert table.equals(probe_space(X, **gold, random_state=3))
    linear = probe_space(1000 * X + 5, **gold, probes=["linear"], random_state=3)
    np.testing.assert_allclose(
        linear["accuracy"],
        probe_space(X, **gold, probes=["linear"], random_state=3)["accuracy"],
        atol=0.005,
    )


def test_rare_labels_and_samples(planted, gold):
    register = gold["register"].copy()
    register[0] = "LY"  # one document: held out in one fold, known in the others
    table = probe_space(
        planted["by_register"],
        register=register,
        language=gold["language"],
        max_documents=100,
    )
    assert (table["n_scored"] == 100).all()


def test_leave_one_language_out(planted, gold):
    table = leave_one_language_out(planted["by_register"], **gold).set_index(
        ["language", "label"]
    )
    assert (
        table["f1"]["all", "micro"] > 0.95
        and (table["f1"].xs("majority", level="label") < 0.3).all()
    )
    assert list(table.loc["fi"].index) == [
        "micro",
        "macro",
        "majority",
        "HI",
        "IN",
        "NA",
        "OP",
    ]
    assert table["support"]["fi", "NA"] == 20 and table["support"]["fi", "micro"] == 80
    per_register = table.loc["fi"].loc[["HI", "IN", "NA", "OP"], "f1"]
    assert table["f1"]["fi", "macro"] == pytest.approx(per_register.mean())
    swapped = leave_one_language_out(
        planted["by_register"], register=gold["language"], language=gold["register"]
    )
    assert swapped.query("language == 'all' and label == 'micro'")["f1"].item() < 0.5


def test_a_register_unseen_in_training_counts_as_missed(planted, gold):
    register = np.where(
        (gold["language"] == "fi") & (gold["register"] == "NA"), "LY", gold["register"]
    )
    table = leave_one_language_out(
        planted["by_register"], register=register, language=gold["language"]
    )
    finnish = table.query("language == 'fi'").set_index("label")["f1"]
    assert finnish["LY"] == 0 and finnish["micro"] == pytest.approx(0.75, abs=0.03)
    truth, guess = ["LY", "OP", "OP"], ["NA", "OP", "OP"]
    assert f1_score(truth, guess, average="macro", zero_division=0) == pytest.approx(
        1 / 3
    )


def test_errors(planted, gold):
    X = planted["by_register"]
    for call in (probe_space, leave_one_language_out):
        with pytest.raises(
            ValueError, match=r"got one register \(NA\), expected at least two"
        ):
            call(X, register=["NA"] * 240, language=gold["language"])
    with pytest.raises(ValueError, match="got probes="):
        probe_space(X, **gold, probes=["tree"])
    with pytest.raises(ValueError, match="got probe='tree'"):
        leave_one_language_out(X, **gold, probe="tree")
    with pytest.raises(ValueError, match="got train of type"):
        probe_space(X, **gold, train=[0, 1])
    with pytest.raises(ValueError, match="got 240 documents to fit on and 0 to score"):
        probe_space(X, **gold, train=np.ones(240, bool))
    with pytest.raises(ValueError, match="got n_folds=1"):
        probe_space(X, **gold, n_folds=1)
    only = np.where(gold["language"] == "fi", gold["register"], "NA")
    with pytest.raises(ValueError, match="got one register outside fi"):
        leave_one_language_out(X, register=only, language=gold["language"])
