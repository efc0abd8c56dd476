"""Fine-tuning sentence-transformers models: equal to a plain loop, the caller's model
left alone, kills survived.
"""

import gc
import pickle
import random
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from embetter_reg.corpus import label_column, load_registers
from embetter_reg.finetune import SbertLearner, SbertTuner
from embetter_reg.finetune.models import _sbert_run
from embetter_reg.text import SentenceEncoder

for needed in ("datasets", "accelerate"):
    pytest.importorskip(needed, reason="the extra sbert is not installed")

PARTS = {
    "NA": "the cat sat on the mat",
    "HI": "mix the flour and bake",
    "LE": "we voted for the new law today",
}
WORDS = ["a", "cat", "mat", "law", "new", "on", "and", "we"]
TEXTS = [f"{part} {word}" for word in WORDS for part in PARTS.values()]
LABELS = list(PARTS) * len(WORDS)
FIRST = TEXTS[:23]
SECOND = [
    TEXTS[(i + (3 if i % 2 else 1)) % 24] for i in range(23)
]  # the same part and another, in turn
SIMILAR = np.array([0.9 if i % 2 else 0.1 for i in range(23)])


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(
        gc, "collect", lambda *args: 0
    )  # accelerate's, at every fit: seconds in a large process


def learner(folder, **options):
    return SbertLearner(
        folder, **{"device": "cpu", "random_state": 0, "learning_rate": 1e-3, **options}
    )


def tuner(folder, **options):
    return SbertTuner(
        folder, **{"device": "cpu", "random_state": 0, "learning_rate": 1e-3, **options}
    )


def weights(model):
    return torch.cat(
        [tensor.flatten().float() for tensor in model.state_dict().values()]
    )


def apart(X, y):
    """Return by how much the mean cosine of two documents of a label is above that of
    others.
    """
    X = X / np.linalg.norm(X, axis=1, keepdims=True)
    cosine, same = X @ X.T, np.equal.outer(np.asarray(y), np.asarray(y))
    return cosine[same & ~np.eye(len(X), dtype=bool)].mean() - cosine[~same].mean()


@pytest.fixture(scope="module")
def calm(tiny_model):
    """The tiny model without dropout."""
    model = SentenceTransformer(tiny_model, device="cpu")
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model


@pytest.fixture(scope="module")
def tuned(tiny_model):
    return tuner(tiny_model, n_epochs=3).fit(TEXTS, LABELS)


def plain_steps(model, order, optimizer, rates, batch_size):
    for step, start in enumerate(range(0, len(order), batch_size)):
        rows = order[start : start + batch_size]
        first, second = (
            model(model.preprocess([texts[i] for i in rows]))
            for texts in (FIRST, SECOND)
        )
        cosine = torch.cosine_similarity(
            first["sentence_embedding"], second["sentence_embedding"]
        )
        loss = torch.nn.functional.mse_loss(
            cosine, torch.tensor(SIMILAR[rows], dtype=torch.float32)
        )
        optimizer.param_groups[0]["lr"] = rates[step]
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()


def test_it_is_a_plain_loop_with_warm_up(calm):
    """Batch size, order, warm-up and loss against a loop written out; the caller's
    model stays as it is.
    """
    before = weights(calm)
    ours = learner(calm, batch_size=10, n_epochs=2, warmup_ratio=0.3).fit(
        FIRST, SECOND, SIMILAR
    )
    assert torch.equal(weights(calm), before) and not any(
        module.training for module in ours.model_.modules()
    )
    assert [(record["step"], record["epoch"]) for record in ours.history_] == [
        (3, 1.0),
        (6, 2.0),
    ]
    model = clone(ours).model  # a deep copy
    seed = np.random.RandomState(0).randint(np.iinfo(np.int32).max)
    rng = np.random.default_rng(seed)
    rows = rng.permutation(23)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0)
    rates = 1e-3 * np.array([0, 1 / 2, 1, 3 / 4, 1 / 2, 1 / 4])
    for epoch in range(2):
        plain_steps(model, rng.permutation(rows), optimizer, rates[3 * epoch :], 10)
    assert np.abs(ours.transform(TEXTS) - calm.encode(TEXTS)).max() > 0.01
    np.testing.assert_allclose(ours.transform(TEXTS), model.encode(TEXTS), atol=1e-4)


def test_partial_fit_goes_on_with_the_same_optimizer(calm):
    ours = learner(calm, batch_size=10)
    model = clone(ours).model
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0)
    seed = np.random.RandomState(0).randint(np.iinfo(np.int32).max)
    for call in range(2):
        ours.partial_fit(FIRST, SECOND, SIMILAR)
        plain_steps(
            model,
            np.random.default_rng(seed + call).permutation(23),
            optimizer,
            [1e-3] * 3,
            10,
        )
    np.testing.assert_allclose(ours.transform(TEXTS), model.encode(TEXTS), atol=1e-4)
    assert [(record["step"], record["epoch"]) for record in ours.history_] == [
        (3, 1.0),
        (6, 2.0),
    ]


def test_it_learns_what_is_similar(tiny_model, tuned):
    before = SentenceEncoder(tiny_model, device="cpu").transform(TEXTS)
    assert apart(tuned.transform(TEXTS), LABELS) > apart(before, LABELS) + 0.3
    losses = [record["loss"] for record in tuned.history_]
    assert len(losses) == 3 and losses[2] < 0.7 * losses[0]
    cosine = tuned.learner_.predict(TEXTS[:3], TEXTS[3:6])
    expected = torch.cosine_similarity(
        *torch.tensor(tuned.transform(TEXTS[:6])).chunk(2)
    )
    np.testing.assert_allclose(cosine, expected, atol=1e-6)
    assert cosine.dtype == np.float32


def test_seed_repeats_and_global_state_is_left_alone(tiny_model, tuned):
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()  # noqa: NPY002
    again = clone(tuned).fit(TEXTS, LABELS)
    assert (states[0], states[1]) == (
        random.getstate(),
        np.random.get_state()[1].tolist(),  # noqa: NPY002
    )
    assert torch.equal(states[2], torch.get_rng_state())
    np.testing.assert_array_equal(again.transform(TEXTS), tuned.transform(TEXTS))
    assert again.history_ == tuned.history_
    other = clone(tuned).set_params(random_state=1, n_epochs=1).fit(TEXTS, LABELS)
    assert not np.allclose(other.transform(TEXTS), tuned.transform(TEXTS), atol=1e-3)


def test_the_saved_folder_loads_everywhere(tuned, tmp_path):
    X = tuned.transform(TEXTS)
    tuned.save(tmp_path / "model")
    np.testing.assert_allclose(
        SentenceTransformer(str(tmp_path / "model"), device="cpu").encode(TEXTS),
        X,
        atol=1e-5,
    )
    np.testing.assert_allclose(
        SentenceEncoder(str(tmp_path / "model"), device="cpu").transform(TEXTS),
        X,
        atol=1e-5,
    )
    assert not any(
        TEXTS[0] in path.read_text("utf-8", "ignore")
        for path in (tmp_path / "model").glob("*.*")
    )


def test_copy_false_trains_the_model_itself(calm):
    model = clone(learner(calm)).model
    ours = learner(model, copy=False, dtype="bfloat16").fit(FIRST, SECOND, SIMILAR)
    assert ours.model_ is model and not torch.equal(weights(model), weights(calm))
    clean = SentenceTransformer(modules=list(model), device="cpu")
    np.testing.assert_array_equal(
        model.encode(TEXTS), clean.encode(TEXTS)
    )  # bfloat16 was for training only


@pytest.mark.parametrize("loss", ["cosent", "contrastive"])
def test_other_losses_learn(tiny_model, loss):
    ours = learner(tiny_model, loss=loss, n_epochs=12)
    right = ours.fit(FIRST, SECOND, SIMILAR).predict(FIRST, SECOND)
    assert np.corrcoef(right, SIMILAR)[0, 1] > 0.5


def test_early_stopping_restores_the_best_weights(calm):
    noise = np.random.default_rng(0).random(23)
    ours = learner(
        calm,
        n_epochs=30,
        batch_size=4,
        learning_rate=0.01,
        early_stopping=True,
        validation_fraction=1 / 3,
        n_iter_no_change=2,
        check_every=3,
    ).fit(FIRST, SECOND, noise)
    held = [record["validation_loss"] for record in ours.history_]
    assert len(held) < 30 and int(np.argmin(held)) == len(held) - 1 - 2
    assert [record["step"] for record in ours.history_] == [
        3 * (n + 1) for n in range(len(held))
    ]
    rng = np.random.default_rng(
        np.random.RandomState(0).randint(np.iinfo(np.int32).max)
    )
    rows = rng.permutation(23)[:8]
    cosine = ours.predict([FIRST[i] for i in rows], [SECOND[i] for i in rows])
    assert np.mean((cosine - noise[rows]) ** 2) == pytest.approx(min(held), abs=1e-5)


def test_a_killed_run_goes_on_and_ends_in_the_same_weights(
    tiny_model, tmp_path, monkeypatch, one_thread, fit_killed
):
    options = {
        "model": tiny_model,
        "batch_size": 8,
        "n_epochs": 2,
        "learning_rate": 1e-3,
        "check_every": 4,
        "early_stopping": True,
        "validation_fraction": 0.3,
        "device": "cpu",
        "random_state": 0,
    }
    whole = SbertTuner(**options).fit(TEXTS, LABELS)
    options["checkpoint_folder"] = str(tmp_path)
    fit_killed("_sbert_run", "SbertTuner", options, TEXTS, LABELS)
    (run,) = tmp_path.iterdir()
    assert sorted(path.name for path in run.iterdir()) == [
        "checkpoint-4",
        "checkpoint-8",
    ]
    (run / "checkpoint-12").mkdir()  # a kill amid a checkpoint
    (run / "checkpoint-12" / "model.safetensors").write_bytes(b"half")

    taken, step = [], _sbert_run._Trainer.training_step
    monkeypatch.setattr(
        _sbert_run._Trainer,
        "training_step",
        lambda self, *args: taken.append(1) or step(self, *args),
    )
    resumed = SbertTuner(**options).fit(TEXTS, LABELS)
    assert len(taken) == whole.history_[-1]["step"] - 8
    assert torch.equal(weights(resumed.learner_.model_), weights(whole.learner_.model_))
    assert resumed.history_ == whole.history_
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("moment", "call"),
    [("_save_rng_state", 2), ("_finalize_training", 1)],
    ids=["amid a checkpoint", "at the end"],
)
def test_stopped_at_awkward_moments(tiny_model, tmp_path, monkeypatch, moment, call):
    def stop(self, *args):
        calls.append(1)
        if len(calls) == call:
            raise KeyboardInterrupt
        return whole(self, *args)

    calls, whole = [], getattr(_sbert_run._Trainer, moment)
    ours = learner(
        tiny_model,
        checkpoint_folder=tmp_path,
        n_epochs=9,
        batch_size=6,
        early_stopping=True,
        n_iter_no_change=1,
        learning_rate=0.03,
    )
    monkeypatch.setattr(_sbert_run._Trainer, moment, stop)
    with pytest.raises(KeyboardInterrupt):
        ours.fit(FIRST, SECOND, SIMILAR)
    monkeypatch.setattr(_sbert_run._Trainer, moment, whole)
    ours.fit(FIRST, SECOND, SIMILAR)
    plain = clone(ours).set_params(checkpoint_folder=None).fit(FIRST, SECOND, SIMILAR)
    assert (
        torch.equal(weights(ours.model_), weights(plain.model_))
        and ours.history_ == plain.history_
    )
    assert len(ours.history_) < 9


def test_a_checkpoint_of_another_run_is_not_taken(tiny_model, tmp_path, monkeypatch):
    def stop(self, *args):
        if self.state.global_step == 2:
            raise KeyboardInterrupt
        return step(self, *args)

    step = _sbert_run._Trainer.training_step
    options = {"checkpoint_folder": tmp_path, "check_every": 1, "batch_size": 8}
    monkeypatch.setattr(_sbert_run._Trainer, "training_step", stop)
    with pytest.raises(KeyboardInterrupt):
        learner(tiny_model, **options).fit(FIRST, SECOND, SIMILAR)
    monkeypatch.undo()
    (run,) = tmp_path.iterdir()
    other = learner(tiny_model, **options).fit(FIRST, SECOND, 1 - SIMILAR)
    assert other.history_[0]["step"] == 1 and list(tmp_path.iterdir()) == [run]
    plain = learner(tiny_model, check_every=1, batch_size=8).fit(
        FIRST, SECOND, 1 - SIMILAR
    )
    assert torch.equal(weights(other.model_), weights(plain.model_))


def spied(monkeypatch, tuner, *args, **kwargs):
    """Return the pairs of each epoch, and the held-out ones, that a tuner would train
    on.
    """
    seen = {}

    def train(model, texts, epochs, held, recipe, **options):
        seen.update(epochs=epochs, held=held)
        return []

    monkeypatch.setattr(_sbert_run, "train", train)
    tuner.fit(*args, **kwargs)
    return seen["epochs"], seen["held"]


def test_pairs_of_labels_and_languages(monkeypatch, tiny_model):
    language = np.array(["en", "fi"] * 12)
    y = np.array(LABELS)
    epochs, _ = spied(
        monkeypatch,
        tuner(tiny_model, n_epochs=2, n_pos=2, n_neg=1),
        TEXTS,
        y,
        language=language,
    )
    first, second, similarity = epochs[0]
    same = y[first] == y[second]
    np.testing.assert_array_equal(similarity, same)
    assert similarity.sum() == 48 and len(similarity) == 72
    np.testing.assert_array_equal(
        language[first] != language[second], same
    )  # other language where the same label
    assert not np.array_equal(epochs[0].second, epochs[1].second)  # drawn anew
    swapped, _ = spied(monkeypatch, tuner(tiny_model), TEXTS, language, language=y)
    assert (
        (language[swapped[0].first] == language[swapped[0].second])
        == (swapped[0].similarity == 1)
    ).all()
    plain, _ = spied(monkeypatch, tuner(tiny_model), TEXTS, y)
    assert (
        0
        < (language[plain[0].first] == language[plain[0].second])[
            plain[0].similarity == 1
        ].mean()
        < 1
    )


def test_held_out_documents_are_in_no_other_pair(monkeypatch, tiny_model):
    (drawn,), held = spied(
        monkeypatch,
        tuner(tiny_model, early_stopping=True, validation_fraction=0.25),
        TEXTS,
        LABELS,
    )
    trained, checked = {*drawn.first, *drawn.second}, {*held.first, *held.second}
    assert len(trained) == 18 and len(checked) == 6 and not trained & checked
    assert sorted(np.array(LABELS)[list(checked)]) == [
        "HI",
        "HI",
        "LE",
        "LE",
        "NA",
        "NA",
    ]
    with pytest.raises(
        ValueError,
        match="got 1 held-out documents that make no pairs, expected some of each label",
    ):
        tuner(tiny_model, early_stopping=True, validation_fraction=0.01).fit(
            TEXTS, LABELS
        )


def test_hybrids_by_indicator_matrix(monkeypatch, tiny_model):
    Y = np.array([[1, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]] * 6)
    ((drawn,), _) = spied(monkeypatch, tuner(tiny_model), TEXTS, Y)
    both, either = (
        (Y[drawn.first] & Y[drawn.second]).sum(axis=1),
        (Y[drawn.first] | Y[drawn.second]).sum(axis=1),
    )
    np.testing.assert_allclose(drawn.similarity, both / either)
    assert set(drawn.similarity.tolist()) == {0.0, 0.5, 1.0}
    with pytest.raises(ValueError, match="got language= with an indicator matrix"):
        tuner(tiny_model).fit(TEXTS, Y, language=["en"] * 24)


def test_grid_search_changes_what_it_says(tiny_model):
    pipe = make_pipeline(tuner(tiny_model), LogisticRegression())
    search = GridSearchCV(
        pipe, {"sberttuner__n_epochs": [1, 2]}, cv=[(range(12), range(12, 24))]
    )
    search.fit(TEXTS, LABELS)
    best = search.best_estimator_[0]
    assert len(best.history_) == search.best_params_["sberttuner__n_epochs"]
    fitted = pipe.set_params(sberttuner__n_epochs=2).fit(TEXTS[:12], LABELS[:12])
    assert search.cv_results_["mean_test_score"][1] == fitted.score(
        TEXTS[12:], LABELS[12:]
    )


def test_it_keeps_the_contract_of_encoders(tuned):
    X = tuned.transform(TEXTS)
    assert X.dtype == np.float32 and X.shape == (24, 16)
    for given in (
        pd.Series(TEXTS),
        np.array(TEXTS, object),
        pd.DataFrame({"text": TEXTS}),
    ):
        np.testing.assert_allclose(tuned.transform(given), X, atol=1e-6)
    np.testing.assert_allclose(tuned.transform(TEXTS[::-1]), X[::-1], atol=1e-5)
    np.testing.assert_allclose(
        pickle.loads(pickle.dumps(tuned)).transform(TEXTS), X, atol=1e-6
    )
    assert (
        tuned.transform([]).shape == (0, 16)
        and np.isfinite(tuned.transform([""])).all()
    )
    assert tuned.get_feature_names_out()[0] == "sberttuner0"
    with pytest.raises(ValueError, match="missing document at position 1"):
        tuned.transform(["a", None])


@pytest.mark.parametrize("kind", [SbertLearner, SbertTuner])
def test_construction_loads_nothing(kind):
    model = kind("no/such/model", random_state=0)
    assert clone(model).get_params() == model.get_params() and "no/such" in repr(model)
    with pytest.raises(NotFittedError):
        model.transform(["a"])
    given = (
        (["a", "b"], ["c", "d"], [0, 1])
        if kind is SbertLearner
        else (["a", "b"], ["c", "d"])
    )
    with pytest.warns() if kind is SbertTuner else pytest.MonkeyPatch.context():
        with pytest.raises(
            OSError, match="got the model 'no/such/model', which could not be loaded"
        ):
            model.fit(*given)
        with pytest.raises(
            TypeError,
            match="got int as model, expected a SentenceTransformer, a name or a folder",
        ):
            model.set_params(model=3).fit(*given)


@pytest.mark.parametrize("module", ["datasets", "accelerate"])
def test_a_missing_extra_is_named(tiny_model, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        ImportError,
        match=r"SbertLearner needs embetter-reg\[sbert\]: pip install embetter-reg\[sbert",
    ):
        learner(tiny_model).fit(FIRST, SECOND, SIMILAR)


@pytest.mark.parametrize(
    ("first", "second", "similarity", "message"),
    [
        (["a", None], ["b", "c"], [0, 1], "missing document at position 1"),
        (["a", "b"], ["b"], [0, 1], "got different lengths"),
        (["a", "b"], ["b", "c"], [0], "got different lengths"),
        (
            ["a", "b"],
            ["b", "c"],
            [0, 1.5],
            "got the similarity 1.5 at position 1, expected one in",
        ),
        (["a", "b"], ["b", "c"], [np.nan, 1], "got the similarity nan at position 0"),
        ([], [], [], "pass at least one pair"),
    ],
)
def test_bad_pairs(first, second, similarity, message):
    for fit in (SbertLearner("x").fit, SbertLearner("x").partial_fit):
        with pytest.raises(ValueError, match=message):
            fit(first, second, similarity)


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (["a", None], ["x", "y"], "missing document at position 1"),
        (["a", "b"], ["x", None], "missing y label at position 1"),
        (["a", "b"], ["x"], "got different lengths"),
        (["a", "b"], ["x", "x"], "got 1 label, expected at least two"),
        (["a", "b"], None, "target y is None"),
    ],
)
def test_bad_documents(X, y, message):
    with pytest.raises(ValueError, match=message):
        SbertTuner("x").fit(X, y)


@pytest.mark.parametrize(
    "change",
    [
        {"batch_size": 0},
        {"n_epochs": 2.5},
        {"learning_rate": 0},
        {"warmup_ratio": 2},
        {"validation_fraction": 1},
        {"n_iter_no_change": 0},
        {"check_every": 0},
        {"loss": "triplet"},
        {"dtype": "int8"},
        {"device": "tpu"},
        {"checkpoint_folder": "x"},
        {"n_pos": -1},
        {"n_pos": 0, "n_neg": 0},
    ],
)
def test_bad_parameters(change):
    told = f"got {next(iter(change))}"
    with pytest.raises(ValueError, match=told):
        SbertTuner("x", **change).fit(TEXTS, LABELS)
    if "n_pos" not in change:
        with pytest.raises(ValueError, match=told):
            SbertLearner("x", **change).fit(FIRST, SECOND, SIMILAR)


def test_a_real_model_moves_documents_of_a_register_together(real_model):
    """Six steps on twelve documents; the other nine it never saw, and their topics are
    others.
    """
    documents = load_registers()
    documents = documents.assign(register=label_column(documents))
    documents = documents[
        (documents["lang"] == "en") & documents["register"].isin(["HI", "ID", "IN"])
    ]
    train, test = (
        documents.groupby("register").head(4),
        documents.groupby("register").tail(3),
    )
    model = SentenceTransformer(real_model, device="cpu")
    model.max_seq_length = 32
    ours = SbertTuner(
        model,
        n_neg=1,
        n_epochs=2,
        batch_size=8,
        learning_rate=3e-4,
        random_state=0,
        device="cpu",
    ).fit(train["text"], train["register"])
    for part, least in ((train, 0.5), (test, 0.08)):
        before = apart(model.encode(part["text"].to_list()), part["register"])
        assert apart(ours.transform(part["text"]), part["register"]) > before + least


def test_what_is_saved_is_loaded_with_its_parameters_and_goes_on(tuned, tmp_path):
    tuned.save(tmp_path / "tuned")
    loaded = SbertTuner.load(tmp_path / "tuned", device="cpu")
    np.testing.assert_allclose(
        loaded.transform(TEXTS), tuned.transform(TEXTS), atol=1e-6
    )
    assert loaded.history_ == tuned.history_
    expected = {**tuned.get_params(), "model": str(tmp_path / "tuned")}
    assert loaded.get_params() == expected
    steps = [record["step"] for record in loaded.partial_fit(TEXTS, LABELS).history_]
    assert steps == [6, 12, 18, 24]
    cosines = SbertLearner.load(tmp_path / "tuned", device="cpu").predict(FIRST, SECOND)
    np.testing.assert_allclose(
        cosines, tuned.learner_.predict(FIRST, SECOND), atol=1e-6
    )
    assert str(tmp_path) not in (tmp_path / "tuned" / "training.json").read_text(
        "utf-8"
    )


@pytest.mark.parametrize("record", [None, "{}", "[]", "nonsense", '{"history": 3}'])
def test_a_folder_of_something_else_is_not_loaded(tiny_model, tmp_path, record):
    shutil.copytree(tiny_model, tmp_path / "st")
    if record is not None:
        (tmp_path / "st" / "training.json").write_text(record, encoding="utf-8")
    for kind in (SbertLearner, SbertTuner):
        with pytest.raises(
            ValueError, match=r"without a training\.json of Sbert.*, expected a folder"
        ):
            kind.load(tmp_path / "st")


def test_no_seed_leaves_global_state_alone(tiny_model):
    before = [
        random.getstate(),
        np.random.get_state()[1].tolist(),  # noqa: NPY002
        torch.get_rng_state().tolist(),
    ]
    tuner(tiny_model, random_state=None).fit(TEXTS, LABELS)
    learner(tiny_model, random_state=None).partial_fit(FIRST, SECOND, SIMILAR)
    assert before == [
        random.getstate(),
        np.random.get_state()[1].tolist(),  # noqa: NPY002
        torch.get_rng_state().tolist(),
    ]


@pytest.mark.parametrize(
    ("X", "y", "options", "message"),
    [
        ("a text", LABELS, {}, "got one string, expected a list of documents"),
        (set(TEXTS), LABELS, {}, "got set, expected a list of documents"),
        (TEXTS, 3, {}, r"got y of shape \(\), expected one label a document"),
        (TEXTS, set(LABELS), {}, r"got y of shape \(\), expected one label a document"),
        (TEXTS, np.zeros((24, 2, 2)), {}, r"got y of shape \(24, 2, 2\)"),
        (TEXTS, LABELS, {"positives": "any"}, "got positives='any', expected one of"),
        (TEXTS, LABELS, {"negatives": 3}, "got negatives=3, expected one of"),
    ],
)
def test_odd_documents_are_refused(tiny_model, X, y, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        tuner(tiny_model, **options).fit(X, y)


@pytest.mark.parametrize(
    ("first", "second", "similarity", "message"),
    [
        ("a", ["b"], [1], "got one string, expected a list of documents"),
        ({"a"}, ["b"], [1], "got set, expected a list of documents"),
        (["a"], ["b"], ["much"], "got similarities that are not numbers"),
        (["a"], ["b"], [None], "got the similarity nan at position 0"),
        (["a"], ["b"], None, "got similarities of shape"),
        (["a"], ["b"], [[1]], r"got similarities of shape \(1, 1\)"),
        (["a"], ["b"], {1}, "got similarities that are not numbers"),
    ],
)
def test_odd_pairs_are_refused(first, second, similarity, message):
    with pytest.raises((TypeError, ValueError), match=message):
        SbertLearner("x").fit(first, second, similarity)


def test_damaged_weights_are_one_sentence(tiny_model, tmp_path):
    shutil.copytree(tiny_model, tmp_path / "cut")
    weights_file = tmp_path / "cut" / "model.safetensors"
    weights_file.write_bytes(weights_file.read_bytes()[:5000])
    with pytest.raises(OSError, match=r"got the model '.*cut', which could not be"):
        tuner(tmp_path / "cut").fit(TEXTS, LABELS)
