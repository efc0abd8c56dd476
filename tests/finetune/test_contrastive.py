import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_mutual_info_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from embetter_reg.finetune import ContrastiveLearner, ContrastiveTuner, pairs

PLAIN = {"dropout": 0.0, "input_dropout": 0.0, "mixup": 0.0, "region_weight": 0.0}
LOSSES = {
    "prototype": {},
    "supcon": {},
    "cosine": {"n_epochs": 20},
    "contrastive": {"n_epochs": 20},
}


@pytest.fixture
def nuisance():
    """Vectors in which a strong language hides the register, in a part to fit and a
    part to test.
    """
    rng = np.random.default_rng(0)
    y, language = rng.integers(4, size=800), rng.integers(3, size=800)
    X = (
        rng.normal(scale=0.3, size=(800, 20))
        + 3 * np.eye(20)[language]
        + np.eye(20)[6 + y]
    ).astype(np.float32)
    y, language = (
        np.array(["HI", "IN", "NA", "OP"])[y],
        np.array(["en", "fi", "sv"])[language],
    )
    return X[:400], y[:400], language[:400], X[400:], y[400:], language[400:]


def ami(X, y):
    return adjusted_mutual_info_score(
        y, KMeans(4, n_init=5, random_state=0).fit_predict(X)
    )


def gap(cosines, similarity):
    return cosines[similarity == 1].mean() - cosines[similarity == 0].mean()


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_learns_on_documents_it_never_saw(nuisance, loss):
    X, y, _, X_new, y_new, language = nuisance
    tuner = ContrastiveTuner(
        hidden_dim=8, loss=loss, random_state=0, **LOSSES[loss]
    ).fit(X, y)
    tuned = tuner.transform(X_new)
    assert tuned.shape == (400, 8) and tuned.dtype == np.float32
    assert ami(X_new, y_new) < 0.2 and ami(X_new, language) > 0.9
    assert ami(tuned, y_new) > 0.8 and ami(tuned, language) < 0.1
    losses = [record["loss"] for record in tuner.history_]
    assert losses[-1] < losses[0]
    np.testing.assert_array_equal(tuned, clone(tuner).fit(X, y).transform(X_new))


@pytest.mark.parametrize("loss", LOSSES)
def test_shuffled_registers_teach_less(nuisance, loss):
    X, y, _, X_new, y_new, _ = nuisance
    shuffled = np.random.default_rng(1).permutation(y)
    tuner = ContrastiveTuner(hidden_dim=8, loss=loss, random_state=0, **LOSSES[loss])
    assert ami(tuner.fit(X, shuffled).transform(X_new), y_new) < 0.3


@pytest.mark.parametrize("loss", LOSSES)
def test_hybrids(loss):
    rng = np.random.default_rng(0)
    Y = rng.integers(2, size=(400, 3))
    Y[~Y.any(axis=1), 0] = 1  # every document has a label
    X = rng.normal(scale=0.3, size=(400, 10)) + Y @ rng.normal(size=(3, 10))
    tuner = ContrastiveTuner(
        hidden_dim=6, loss=loss, random_state=0, **LOSSES[loss]
    ).fit(X[:200], Y[:200])
    shared = Y[200:] @ Y[200:].T
    either = Y[200:].sum(1)[:, None] + Y[200:].sum(1) - shared
    jaccard = shared / np.maximum(either, 1)
    Z = tuner.transform(X[200:])
    Z /= np.linalg.norm(Z, axis=1, keepdims=True)
    off = ~np.eye(200, dtype=bool)
    assert np.corrcoef((Z @ Z.T)[off], jaccard[off])[0, 1] > 0.6


def test_learner_on_pairs(nuisance):
    X, y, _, X_new, y_new, _ = nuisance
    first, second, similarity = pairs.from_labels(y, random_state=0).draw()
    a, b, s = pairs.from_labels(y_new, random_state=1).draw()
    learner = ContrastiveLearner(16, n_epochs=60, learning_rate=0.005, random_state=0)
    learner.fit(X[first], X[second], similarity)
    before = torch.cosine_similarity(
        torch.tensor(X_new[a]), torch.tensor(X_new[b])
    ).numpy()
    after = learner.predict(X_new[a], X_new[b])
    assert after.shape == (len(a),) and np.abs(after).max() <= 1 + 1e-6
    assert gap(before, s) < 0.2 and gap(after, s) > 0.7
    np.testing.assert_allclose(
        after,
        torch.cosine_similarity(
            *(torch.tensor(learner.transform(X_new[rows])) for rows in (a, b))
        ),
        atol=1e-5,
    )
    np.testing.assert_array_equal(
        after,
        clone(learner).fit(X[first], X[second], similarity).predict(X_new[a], X_new[b]),
    )


def test_learner_partial_fit_and_early_stopping(nuisance):
    X, y, *_ = nuisance
    sampler = pairs.from_labels(y, random_state=0)
    learner = ContrastiveLearner(8, learning_rate=0.005, random_state=0)
    for _ in range(60):
        first, second, similarity = sampler.draw()
        learner.partial_fit(X[first], X[second], similarity)
    assert len(learner.history_) == 60
    assert gap(learner.predict(X[first], X[second]), similarity) > 0.8
    noise = np.random.default_rng(0).random(len(similarity)).astype(np.float32)
    stopped = ContrastiveLearner(
        8,
        n_epochs=200,
        learning_rate=0.01,
        early_stopping=True,
        n_iter_no_change=3,
        random_state=0,
    ).fit(X[first], X[second], noise)
    held = [record["validation_loss"] for record in stopped.history_]
    assert len(held) < 200 and int(np.argmin(held)) == len(held) - 4


def test_pair_weights_count(nuisance):
    """Pairs of weight 0 do not teach: contradicting ones are silenced."""
    X, y, *_ = nuisance
    first, second, similarity = pairs.from_labels(y, n_neg=1, random_state=0).draw()
    X1, X2 = np.concatenate([X[first]] * 2), np.concatenate([X[second]] * 2)
    contradicting = np.concatenate([similarity, 1 - similarity])
    weight = np.repeat([1.0, 0.0], len(first))
    learner = ContrastiveLearner(8, n_epochs=60, learning_rate=0.005, random_state=0)
    assert (
        gap(
            learner.fit(X1, X2, contradicting, sample_weight=weight).predict(
                X[first], X[second]
            ),
            similarity,
        )
        > 0.8
    )
    assert (
        abs(
            gap(
                learner.fit(X1, X2, contradicting).predict(X[first], X[second]),
                similarity,
            )
        )
        < 0.2
    )


def test_the_learner_inside(nuisance):
    X, y, _, X_new, *_ = nuisance
    tuner = ContrastiveTuner(
        hidden_dim=6, n_epochs=3, loss="contrastive", margin=0.8, random_state=0
    ).fit(X, y)
    assert (
        tuner.learner_.get_params()["margin"] == 0.8 and tuner.learner_.hidden_dim == 6
    )
    np.testing.assert_array_equal(
        tuner.learner_.transform(X_new), tuner.transform(X_new)
    )
    # A grid search over hidden_dim really changes it: embetter builds its learner at construction.
    search = GridSearchCV(
        make_pipeline(tuner, LogisticRegression()),
        {"contrastivetuner__hidden_dim": [2, 16]},
        cv=2,
    ).fit(X, y)
    best = search.best_params_["contrastivetuner__hidden_dim"]
    assert search.best_estimator_[0].transform(X).shape == (400, best)


@pytest.mark.parametrize(
    ("change", "different"),
    [
        ({"n_neg": 1}, {"loss": "cosine"}),
        ({"n_pos": 2}, {"loss": "cosine"}),
        ({"margin": 0.9}, {"loss": "contrastive"}),
        ({"temperature": 1.0}, {}),
        ({"supcon_weight": 0.0}, {}),
        ({"loss": "supcon"}, {}),
        ({"hidden_layers": (7,)}, {}),
        ({"activation": "relu"}, {"hidden_layers": (7,)}),
        ({"mixup": 0.0}, {}),
        ({"label_smoothing": 0.3}, {}),
        ({"dropout": 0.1}, {"hidden_layers": (7,)}),
        ({"input_dropout": 0.1}, {}),
        ({"standardize": False}, {}),
        ({"weight_decay": 0.0}, {}),
        ({"schedule": "cosine"}, {}),
        ({"warmup_ratio": 0.3}, {}),
        ({"learning_rate": 0.001}, {}),
        ({"batch_size": 32}, {}),
        ({"n_epochs": 5}, {}),
        ({"class_weight": {"NA": 5.0}}, {}),
        ({"region_weight": 0.0}, {}),
        ({"n_regions": 3}, {}),
        ({"early_stopping": True}, {}),
        ({"random_state": 1}, {}),
    ],
)
def test_every_argument_changes_the_space(nuisance, change, different):
    X, y, _, X_new, *_ = nuisance
    y = np.where(np.arange(400) % 3 == 0, y, "NA")  # unequal classes
    tuner = ContrastiveTuner(hidden_dim=5, n_epochs=3, random_state=0).set_params(
        **different
    )
    assert not np.allclose(
        tuner.fit(X, y).transform(X_new),
        clone(tuner).set_params(**change).fit(X, y).transform(X_new),
    )


def test_pairs_across_languages(nuisance):
    X, y, language, X_new, y_new, language_new = nuisance
    tuner = ContrastiveTuner(
        8,
        loss="cosine",
        n_epochs=20,
        positives="other",
        negatives="same",
        random_state=0,
    )
    tuned = tuner.fit(X, y, language=language).transform(X_new)
    assert ami(tuned, y_new) > 0.8 and ami(tuned, language_new) < 0.1
    with pytest.raises(ValueError, match="without language"):
        tuner.fit(X, y)
    swapped = tuner.fit(X, language, language=y).transform(
        X_new
    )  # register and language swapped: the other space
    assert ami(swapped, y_new) < 0.1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": "triplet"}, "got loss='triplet', expected one of"),
        ({"margin": 0}, "got margin=0, expected a number above 0"),
        ({"n_neg": -1}, "got n_neg=-1"),
        ({"temperature": 0}, "got temperature=0"),
        ({"hidden_layers": (0,)}, r"got hidden_layers=\(0,\)"),
        ({"schedule": "step"}, "got schedule='step'"),
        ({"region_weight": 1.5}, "got region_weight=1.5"),
        ({"positives": "never", "loss": "cosine"}, "got positives='never'"),
        ({"language_weight": 0.5}, "got language_weight=0.5 without language"),
    ],
)
def test_bad_parameters(nuisance, change, message):
    X, y, *_ = nuisance
    with pytest.raises(ValueError, match=message):
        ContrastiveTuner(**change).fit(X, y)


def test_bad_pairs(nuisance):
    X, *_ = nuisance
    learner = ContrastiveLearner(4, n_epochs=1)
    with pytest.raises(ValueError, match="got different lengths"):
        learner.fit(X[:3], X[:2], [1, 0, 1])
    with pytest.raises(ValueError, match="expected numbers from 0 to 1"):
        learner.fit(X[:3], X[:3], [1, 0, 2])
    with pytest.raises(ValueError, match="expected numbers from 0 to 1"):
        learner.fit(X[:3], X[:3], [1, 0, np.nan])
    with pytest.raises(ValueError, match="features"):
        learner.fit(X[:3], X[:3, :5], [1, 0, 1])
    with pytest.raises(TypeError, match="call fit"):
        learner.fit_transform(X[:3], X[:3], [1, 0, 1])
    with pytest.raises(ValueError, match="at least one non-zero"):
        learner.fit(X[:3], X[:3], [1, 0, 1], sample_weight=[0, 0, 0])


@pytest.mark.parametrize("loss", LOSSES)
def test_a_last_batch_of_one_document(nuisance, loss):
    X, y, *_ = nuisance
    tuner = ContrastiveTuner(
        4, loss=loss, n_epochs=3, batch_size=64, n_neg=0, random_state=0
    ).fit(X[:65], y[:65])
    assert np.isfinite(tuner.transform(X)).all() and np.isfinite(
        tuner.history_[-1]["loss"]
    )


def test_a_class_with_one_document_is_said(nuisance):
    X, y, *_ = nuisance
    y = np.where(np.arange(400) == 0, "LY", y)
    with pytest.warns(UserWarning, match="no other of their label"):
        tuner = ContrastiveTuner(loss="cosine", n_epochs=1, random_state=0).fit(X, y)
    assert np.isfinite(tuner.transform(X)).all()
