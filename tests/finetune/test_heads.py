"""All heads: by name, in skops files, damaged files, and bad input."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skops.io import dump, get_untrusted_types, load

import embetter_reg
from embetter_reg.finetune import (
    ContrastiveLearner,
    ContrastiveTuner,
    FeedForwardTuner,
    LinearTuner,
    make_head,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 6)).astype(np.float32)
Y = np.array(["HI", "IN", "NA", "OP"])[RNG.integers(4, size=40)]
INDICATOR = (Y[:, None] == np.unique(Y)).astype(int)
TUNERS = [
    FeedForwardTuner(4, n_epochs=2, random_state=0),
    ContrastiveTuner(4, n_epochs=2, random_state=0),
    ContrastiveTuner(4, n_epochs=2, loss="cosine", random_state=0),
    LinearTuner(),
]
each = pytest.mark.parametrize("tuner", TUNERS, ids=str)
networks = pytest.mark.parametrize("tuner", TUNERS[:3], ids=str)


def test_by_name():
    names = ("feedforward", "contrastive", "linear")
    kinds = (FeedForwardTuner, ContrastiveTuner, LinearTuner)
    for name, kind in zip(names, kinds, strict=True):
        head = make_head(name, random_state=3, show_progress=False)
        assert type(head) is kind and head.random_state == 3
    assert make_head("feedforward", hidden_dim=7).hidden_dim == 7
    with pytest.raises(ValueError, match="got the head 'neck', expected one of"):
        make_head("neck")
    with pytest.raises(ValueError, match=r"got the option 'width' for .*'hidden_dim'"):
        make_head("feedforward", width=7)


def test_fit_starts_afresh_with_drawn_pairs():
    tuner = clone(TUNERS[2])
    first = tuner.fit(X, Y).transform(X)
    np.testing.assert_array_equal(tuner.fit(X, Y).transform(X), first)


# -- files ---------------------------------------------------------------------------


@each
@pytest.mark.parametrize("labels", [Y, INDICATOR], ids=["labels", "indicator"])
def test_a_pipeline_through_skops(tuner, labels, tmp_path):
    """Only classes of the public list are trusted, and each is one of ours."""
    probe = LogisticRegression()
    steps = [StandardScaler(), clone(tuner)]
    if labels.ndim == 1:
        steps.append(probe)
    pipeline = make_pipeline(*steps).fit(X, labels)
    dump(pipeline, tmp_path / "pipeline.skops")
    strange = get_untrusted_types(file=tmp_path / "pipeline.skops")
    assert strange == [f"{type(tuner).__module__}.{type(tuner).__name__}"]
    trusted = embetter_reg.trusted_types()
    again = load(tmp_path / "pipeline.skops", trusted=trusted)
    np.testing.assert_array_equal(again[:2].transform(X), pipeline[:2].transform(X))
    if labels.ndim == 1:
        np.testing.assert_array_equal(again.predict(X), pipeline.predict(X))
    embetter_reg.dump_estimator(pipeline, tmp_path / "one.skops")
    same = embetter_reg.load_estimator(tmp_path / "one.skops")
    np.testing.assert_array_equal(same[:2].transform(X), pipeline[:2].transform(X))
    embetter_reg.dump_estimator(same, tmp_path / "two.skops")
    one, two = ((tmp_path / f"{name}.skops").read_bytes() for name in ("one", "two"))
    assert one == two
    if hasattr(tuner, "partial_fit"):
        assert len(same[1].partial_fit(X, labels).history_) == 3


@networks
def test_parameters_changed_after_fit_do_no_harm_to_files(tuner, tmp_path):
    fitted = clone(tuner).fit(X, Y).set_params(hidden_dim=9, activation="relu")
    fitted.save(tmp_path)
    loaded = type(tuner).load(tmp_path)
    np.testing.assert_array_equal(loaded.transform(X), fitted.transform(X))
    assert loaded.get_params()["hidden_dim"] == 9


def test_a_loss_that_is_a_function_is_not_saved(tmp_path):
    def loss(first, second, similarity):
        return (first - second).square().sum(dim=1)

    tuner = ContrastiveTuner(4, n_epochs=1, loss=loss, random_state=0).fit(X, Y)
    with pytest.warns(UserWarning, match="got the function .* which files do not hold"):
        tuner.save(tmp_path)
    loaded = ContrastiveTuner.load(tmp_path)
    assert loaded.loss == "cosine"
    np.testing.assert_array_equal(loaded.transform(X), tuner.transform(X))
    assert len(loaded.partial_fit(X, Y).history_) == 2


def changed(**entries):
    def change(config):
        config.update(entries)
        return config

    return change


def parameter(**entries):
    def change(config):
        config["parameters"].update(entries)
        return config

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda config: [],
        lambda config: {"class": "FeedForwardTuner"},
        changed(parameters=None),
        changed(parameters={"nosuch": 1}),
        parameter(activation="evil"),
        parameter(hidden_dim=-3),
        changed(network={}),
        changed(network={"n_in": 6, "widths": [4], "n_out": 99}),
        changed(network={"n_in": 10**15, "widths": [10**9]}),
        changed(network={"n_in": "6", "widths": "4"}),
        changed(classes=5),
        changed(history=3),
        changed(feature_names_in=7),
        changed(random_state="now"),
    ],
)
def test_a_tampered_file_is_one_sentence(change, tmp_path):
    FeedForwardTuner(4, n_epochs=1, random_state=0).fit(X, Y).save(tmp_path)
    path = tmp_path / "head.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(ValueError, match=r"^got .*, expected .*; [^;]*$") as caught:
        FeedForwardTuner.load(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["head.json", "head.safetensors"])
@pytest.mark.parametrize("data", [b"", b"junk", b"[" * 100_000, b"\xff\xfe"])
def test_a_damaged_file_is_one_sentence(name, data, tmp_path):
    for tuner in (TUNERS[0], TUNERS[3]):
        clone(tuner).fit(X, Y).save(tmp_path)
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ValueError, match="damaged or do not fit each other"):
            type(tuner).load(tmp_path)


# -- bad input -----------------------------------------------------------------------

EMPTY_ROW = INDICATOR.copy()
EMPTY_ROW[3] = 0
HOLE = X.copy()
HOLE[5, 2] = np.nan
OURS = r"^got .*, expected .*; .*$"


@each
@pytest.mark.parametrize(
    ("vectors", "labels", "message"),
    [
        (None, Y, r"got X or y that \w+ cannot take"),
        ("text", Y, r"got X or y that \w+ cannot take"),
        (X[0], Y, "Expected 2D array"),
        (X[None], Y, "dim 3"),
        (np.zeros((0, 6)), [], "0 sample"),
        (np.zeros((40, 0)), Y, "0 feature"),
        (HOLE, Y, "NaN"),
        (np.full((40, 6), "word"), Y, r"got X or y that \w+ cannot take"),
        (X.astype(complex), Y, "Complex data not supported"),
        (X, None, "target y is None"),
        (X, Y[:7], "inconsistent numbers of samples"),
        (X, ["NA"] * 40, "got 1 class, expected at least two"),
        (X, [*Y[:39], None], "missing label at position 39"),
        (X, [*np.arange(39.0), np.nan], "NaN|missing label at position 39"),
        (X, np.linspace(0, 1, 40), "expected one label a document"),
        (X, INDICATOR * 2, "not binary"),
        (X, EMPTY_ROW, r"got no label at position 3 \(a row of zeros\)"),
        (
            X,
            np.zeros((40, 2, 2)),
            r"got X or y that \w+ cannot take|got y of shape",
        ),
    ],
)
def test_bad_vectors_and_labels(tuner, vectors, labels, message):
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        clone(tuner).fit(vectors, labels)
    assert str(caught.value).startswith("got ")


@networks
@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([-1.0, *[1.0] * 39], "got sample_weight -1.0 at position 0"),
        ([*[1.0] * 39, np.nan], "got sample_weight nan at position 39"),
        ([*[1.0] * 39, math.inf], "got sample_weight inf at position 39"),
        ([1.0] * 7, r"got sample_weight of shape \(7,\) for 40 documents"),
        (np.ones((40, 2)), r"got sample_weight of shape \(40, 2\)"),
        (["a"] * 40, "got sample_weight that is not numeric"),
        (np.zeros(40), "got sample_weight of zeros only"),
    ],
)
def test_bad_weights(tuner, weight, message):
    with pytest.raises(ValueError, match=message) as caught:
        clone(tuner).fit(X, Y, sample_weight=weight)
    assert ", expected " in str(caught.value)


@networks
@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ({"XX": 2.0}, r"got class_weight for \['XX'\], expected labels among"),
        ({"NA": -1.0}, "expected finite numbers of at least 0"),
        ({"NA": "much"}, "expected finite numbers of at least 0"),
        ({"NA": np.nan}, "expected finite numbers of at least 0"),
        ("much", "got class_weight='much'"),
    ],
)
def test_bad_class_weights(tuner, class_weight, message):
    with pytest.raises(ValueError, match=message):
        clone(tuner).set_params(class_weight=class_weight).fit(X, Y)


@networks
@pytest.mark.parametrize(
    ("language", "message"),
    [
        (["en"] * 7, "got 7 language labels for 40 documents"),
        ([None] * 40, "got a missing language label at position 0"),
    ],
)
def test_bad_languages(tuner, language, message):
    with pytest.raises(ValueError, match=message):
        clone(tuner).fit(X, Y, language=language)


@each
def test_bad_vectors_to_transform_lose_nothing(tuner):
    fitted = clone(tuner).fit(X, Y)
    before = fitted.transform(X)
    for bad in (None, X[:, :3], X[0], HOLE, X.astype(complex), X[:0]):
        with pytest.raises((ValueError, TypeError), match=r"^got "):
            fitted.transform(bad)
    np.testing.assert_array_equal(fitted.transform(X), before)


@each
@pytest.mark.parametrize("kind", ["list", "frame", "polars", "float16", "object"])
def test_vectors_of_any_table(tuner, kind):
    expected = clone(tuner).fit(X, Y).transform(X)
    labels = Y
    table = X.astype(kind) if kind in ("float16", "object") else X.tolist()
    if kind == "frame":
        table = pd.DataFrame(X, columns=list("abcdef"), index=range(40, 0, -1))
        labels = pd.Series(Y)
    elif kind == "polars":
        pl = pytest.importorskip("polars")
        table = pl.DataFrame(X, schema=list("abcdef"))
        labels = pl.Series(Y)
    tuned = np.asarray(clone(tuner).fit(table, labels).transform(table))
    tolerance = 0.05 if kind == "float16" else 1e-3
    np.testing.assert_allclose(tuned, expected, atol=tolerance)


LEARNER = ContrastiveLearner(4, n_epochs=1, random_state=0)
S = np.linspace(0, 1, 40)


@pytest.mark.parametrize(
    ("first", "second", "similarity", "message"),
    [
        (None, X, S, "got X that ContrastiveLearner cannot take"),
        (X, X[0], S, "Expected 2D array"),
        (X, HOLE, S, "NaN"),
        (X, X[:5], S, "got different lengths"),
        (X, X[:, :3], S, "features"),
        (X, X, S[:5], "got different lengths"),
        (X, X, None, "expected numbers from 0 to 1"),
        (X, X, ["a"] * 40, "got similarities that are no numbers"),
        (X, X, S * 2, "expected numbers from 0 to 1"),
        (X, X, S[:, None], r"got similarities of shape \(40, 1\)"),
        (X[:0], X[:0], [], "0 sample"),
    ],
)
def test_bad_pairs(first, second, similarity, message):
    with pytest.raises(ValueError, match=message) as caught:
        clone(LEARNER).fit(first, second, similarity)
    assert str(caught.value).startswith("got ")
