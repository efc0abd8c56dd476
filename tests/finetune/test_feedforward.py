import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_mutual_info_score, f1_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from embetter_reg.finetune import FeedForwardTuner


@pytest.fixture
def nuisance():
    """Vectors in which a strong nuisance hides the label, in a part to fit and a part
    to test.
    """
    rng = np.random.default_rng(0)
    y, nuisance = rng.integers(4, size=800), rng.integers(3, size=800)
    X = (
        rng.normal(scale=0.3, size=(800, 20))
        + 3 * np.eye(20)[nuisance]
        + np.eye(20)[6 + y]
    )
    return X[:400].astype(np.float32), y[:400], X[400:].astype(np.float32), y[400:]


def ami(X, y):
    return adjusted_mutual_info_score(
        y, KMeans(4, n_init=5, random_state=0).fit_predict(X)
    )


def test_it_learns_on_documents_it_never_saw(nuisance):
    X, y, X_new, y_new = nuisance
    tuned = FeedForwardTuner(hidden_dim=8, random_state=0).fit(X, y).transform(X_new)
    assert tuned.shape == (400, 8) and tuned.dtype == np.float32
    assert ami(X_new, y_new) < 0.2
    assert ami(tuned, y_new) > 0.8


def test_shuffled_labels_teach_nothing(nuisance):
    X, y, X_new, y_new = nuisance
    shuffled = np.random.default_rng(1).permutation(y)
    tuned = (
        FeedForwardTuner(hidden_dim=8, random_state=0).fit(X, shuffled).transform(X_new)
    )
    assert (
        ami(tuned, y_new)
        < 0.25
        < ami(
            FeedForwardTuner(hidden_dim=8, random_state=0).fit(X, y).transform(X_new),
            y_new,
        )
    )


def test_seed_repeats_and_global_state_is_left_alone(nuisance):
    X, y, X_new, _ = nuisance
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    tuner = FeedForwardTuner(n_epochs=3, dropout=0.2, random_state=5)
    first = tuner.fit(X, y).transform(X_new)
    np.testing.assert_array_equal(first, clone(tuner).fit(X, y).transform(X_new))
    np.testing.assert_array_equal(
        first, tuner.fit(X, y).transform(X_new)
    )  # fit starts afresh
    assert not np.array_equal(
        first, tuner.set_params(random_state=6).fit(X, y).transform(X_new)
    )
    assert (
        torch.equal(state, torch.get_rng_state()) and threads == torch.get_num_threads()
    )


def test_loss_falls_and_scale_does_not_matter(nuisance):
    X, y, X_new, _ = nuisance
    plain = FeedForwardTuner(
        mixup=0, dropout=0, input_dropout=0, n_epochs=20, batch_size=32, random_state=0
    )
    tuner = clone(plain).fit(X, y)
    losses = [record["loss"] for record in tuner.history_]
    assert len(losses) == 20 and losses[-1] < 0.3 * losses[0]
    scaled = clone(plain).fit(1000 * X + 5, y).transform(1000 * X_new + 5)
    np.testing.assert_allclose(scaled, tuner.transform(X_new), atol=0.05)


def test_text_labels_and_tables(nuisance):
    X, y, *_ = nuisance
    names = np.array(["NA", "IN", "OP", "HI"])[y]
    tuner = FeedForwardTuner(n_epochs=2, random_state=0).set_output(transform="pandas")
    frame = tuner.fit_transform(pd.DataFrame(X).add_prefix("d"), pd.Series(names))
    assert tuner.classes_.tolist() == ["HI", "IN", "NA", "OP"]
    assert frame.columns[0] == "feedforwardtuner0" and frame.shape == (400, 50)


def test_hybrids_by_indicator_matrix():
    rng = np.random.default_rng(0)
    Y = rng.integers(2, size=(600, 3))
    Y[~Y.any(axis=1), 0] = 1  # every document has a label
    X = rng.normal(scale=0.4, size=(600, 10)) + Y @ rng.normal(size=(3, 10))
    tuner = FeedForwardTuner(
        hidden_dim=6, dropout=0, input_dropout=0, random_state=0
    ).fit(X[:300], Y[:300])
    with torch.no_grad():
        predicted = (
            tuner.network_(torch.tensor(X[300:], dtype=torch.float32)).numpy() > 0
        )
    assert f1_score(Y[300:], predicted, average="micro") > 0.9
    assert tuner.classes_.tolist() == [0, 1, 2]
    with pytest.raises(
        ValueError, match=r"expected an indicator matrix|not supported|multioutput"
    ):
        FeedForwardTuner().fit(X, rng.integers(3, size=(600, 3)))


def test_early_stopping_restores_the_best_weights(nuisance):
    X, y, *_ = nuisance
    noisy = np.where(
        np.random.default_rng(0).random(400) < 0.5,
        np.random.default_rng(1).integers(4, size=400),
        y,
    )
    tuner = FeedForwardTuner(
        n_epochs=300,
        mixup=0,
        dropout=0,
        input_dropout=0,
        region_weight=0,
        learning_rate=0.02,
        early_stopping=True,
        validation_fraction=0.3,
        n_iter_no_change=8,
        random_state=0,
    ).fit(X, noisy)
    held = [record["validation_loss"] for record in tuner.history_]
    assert len(held) < 300
    assert int(np.argmin(held)) == len(held) - 1 - 8
    targets = (noisy[:, None] == tuner.classes_).astype(np.float32)
    _, rows = tuner._hold_back(targets)
    logits = tuner.network_(torch.from_numpy(X[rows]))
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(targets[rows]))
    assert float(loss) == pytest.approx(min(held), abs=1e-5)


def test_partial_fit_continues_and_keeps_to_its_classes(nuisance):
    X, y, X_new, y_new = nuisance
    tuner = FeedForwardTuner(hidden_dim=8, random_state=0)
    for _ in range(40):
        for rows in np.array_split(np.arange(400), 4):
            tuner.partial_fit(X[rows], y[rows], classes=range(4))
    assert len(tuner.history_) == 160
    assert ami(tuner.transform(X_new), y_new) > 0.8
    with pytest.raises(ValueError, match="unknown label 9"):
        tuner.partial_fit(X[:5], [9] * 5)
    with pytest.raises(ValueError, match="expected"):
        tuner.partial_fit(X, y, classes=[0, 1])


def test_class_weight_helps_the_rare_class():
    rng = np.random.default_rng(0)
    y = (rng.random(1000) < 0.05).astype(int)
    X = rng.normal(size=(1000, 5)) + y[:, None]

    def recall(class_weight):
        tuner = FeedForwardTuner(
            mixup=0, n_epochs=20, class_weight=class_weight, random_state=0
        ).fit(X, y)
        with torch.no_grad():
            predicted = (
                tuner.network_(torch.tensor(X, dtype=torch.float32))
                .argmax(dim=1)
                .numpy()
            )
        return predicted[y == 1].mean()

    assert recall("balanced") > recall(None) + 0.1
    assert recall({1: 20}) > recall(None) + 0.1


def test_grid_search_changes_what_it_says(nuisance):
    X, y, *_ = nuisance
    pipe = make_pipeline(
        FeedForwardTuner(n_epochs=5, random_state=0), LogisticRegression()
    )
    search = GridSearchCV(pipe, {"feedforwardtuner__hidden_dim": [2, 16]}, cv=2).fit(
        X, y
    )
    assert (
        search.best_estimator_[0].transform(X).shape[1]
        == search.best_params_["feedforwardtuner__hidden_dim"]
    )
    scores = search.cv_results_["mean_test_score"]
    assert scores[1] > scores[0]


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_number_types(nuisance, dtype):
    X, y, X_new, _ = nuisance
    tuner = FeedForwardTuner(n_epochs=2, random_state=0).fit(X, y)
    np.testing.assert_allclose(
        tuner.transform(X_new.astype(dtype)), tuner.transform(X_new), atol=1e-2
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_dim": 0}, "got hidden_dim=0"),
        ({"batch_size": 2.5}, "got batch_size=2.5"),
        ({"learning_rate": 0}, "got learning_rate=0"),
        ({"validation_fraction": 1.5}, "got validation_fraction=1.5"),
        ({"class_weight": "odd"}, "got class_weight='odd'"),
        ({"activation": "swish"}, "got activation='swish', expected one of"),
    ],
)
def test_bad_parameters(nuisance, change, message):
    X, y, *_ = nuisance
    with pytest.raises(ValueError, match=message):
        FeedForwardTuner(**change).fit(X, y)


def test_one_class_and_one_document_a_class(nuisance):
    X, *_ = nuisance
    with pytest.raises(ValueError, match="got 1 class, expected at least two"):
        FeedForwardTuner().fit(X, np.zeros(400, int))
    tuner = FeedForwardTuner(n_epochs=2, early_stopping=True, random_state=0).fit(
        X[:4], ["a", "b", "c", "d"]
    )
    assert np.isfinite(tuner.transform(X[:4])).all()


def test_missing_labels_are_named(nuisance):
    X, *_ = nuisance
    with pytest.raises(ValueError, match="missing label at position 2"):
        FeedForwardTuner().fit(X[:4], ["a", "b", None, "a"])


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_here(nuisance):
    X, y, *_ = nuisance
    with pytest.raises(ValueError, match="no CUDA device is here"):
        FeedForwardTuner(device="cuda").fit(X, y)
