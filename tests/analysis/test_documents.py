import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA

from embetter_reg import compare_documents, load_registers, write_report
from embetter_reg.analysis import Comparison, compare_spaces
from embetter_reg.corpus import label_column, train_test_documents
from embetter_reg.finetune import FeedForwardTuner
from embetter_reg.store import Embeddings, write_embeddings
from embetter_reg.text import (
    LiteTextEncoder,
    SentenceEncoder,
    SurfaceEncoder,
    join_layers,
)

pytestmark = pytest.mark.usefixtures("quick_pictures")

QUICK = {
    "k": [8],
    "clusterers": ["kmeans"],
    "figures": [],
    "controls": ["LEACE"],
    "n_seeds": 1,
    "n_bootstrap": 9,
    "n_null": 9,
}


@pytest.fixture(scope="module")
def parts():
    corpus = load_registers().query("lang in ['en', 'fi']")
    return train_test_documents(corpus, 0.5, random_state=0)


@pytest.fixture(scope="module")
def stored(parts, tmp_path_factory):
    """Planted embeddings of all documents: by register in "one", by language in "two";
    "one" carries predictions, which name one document of each language wrong.
    """
    folder = tmp_path_factory.mktemp("stored")
    documents = pd.concat(parts, ignore_index=True)
    rng = np.random.default_rng(0)
    for name, labels in (
        ("one", label_column(documents)),
        ("two", documents["lang"]),
    ):
        codes = pd.factorize(labels)[0]
        X = rng.normal(scale=0.2, size=(len(documents), 12)) + np.eye(12)[codes]
        shown = documents.assign(predicted=documents["labels"])
        write_embeddings(Embeddings(shown, {"embedding": X}), folder / name)
    return folder


def test_it_is_what_the_steps_are(parts):
    """One call equals encoder, head and compare_spaces by hand."""
    train, test = parts
    result = compare_documents(train, test, **QUICK)
    encoder = LiteTextEncoder(random_state=0)
    X_train = encoder.fit_transform(train["text"])
    X = encoder.transform(test["text"])
    tuner = FeedForwardTuner(random_state=0).fit(X_train, label_column(train))
    expected = compare_spaces(
        {"original": X, "tuned": tuner.transform(X)},
        register=label_column(test),
        language=test["lang"],
        texts=test["text"].tolist(),
        train={"X": X_train, "language": train["lang"], "texts": train["text"]},
        random_state=0,
        **QUICK,
    )
    assert isinstance(result.comparison, Comparison)
    np.testing.assert_allclose(result.spaces["original"], X, atol=1e-6)
    pd.testing.assert_frame_equal(result.comparison.agreement, expected.agreement)
    assert result.verdict == expected.verdict
    assert result.train["id"].tolist() == train["id"].tolist()
    assert result.test["id"].tolist() == test["id"].tolist()


def test_the_report_takes_the_result(parts, tmp_path):
    result = compare_documents(*parts, encoders="surface", head=None, **QUICK)
    page = write_report(result, out=tmp_path)
    text = page.read_text(encoding="utf-8")
    assert "SurfaceEncoder(" in text and result.verdict.word in text


def test_planted_spaces_without_a_head_are_compared_as_they_are(parts, stored):
    train, test = parts
    result = compare_documents(
        None,
        test,
        encoders=(),
        embeddings=[stored / "one", stored / "two"],
        head=None,
        **QUICK,
    )
    words = {name: verdict.word for name, verdict in result.comparison.verdicts.items()}
    assert words["one"] == "register" and words["two"] == "language"
    assert list(result.spaces) == ["one", "two"]
    fitted_on = result.comparison.parameters["controls_fitted_on"]
    assert fitted_on["erasers"] == "the compared documents"
    tuned = compare_documents(
        train, test, encoders=(), embeddings=stored / "two", head="linear", **QUICK
    )
    assert list(tuned.spaces) == ["original", "tuned"]
    assert tuned.about["head"].startswith("LinearTuner(")


def test_estimators_are_cloned(parts):
    encoder = SurfaceEncoder()
    head = PCA(4, random_state=0)
    result = compare_documents(*parts, encoders=[encoder], head=head, **QUICK)
    assert result.spaces["tuned"].shape == (len(result.test), 4)
    assert not hasattr(head, "components_")


def test_documents_that_were_trained_on_are_left_out_by_their_text(parts):
    train, test = parts
    moved = train.iloc[:7].assign(id=[f"other-{n}" for n in range(7)])
    both = pd.concat([test, moved], ignore_index=True)
    with pytest.warns(UserWarning, match="7 held-out documents have texts that are"):
        result = compare_documents(train, both, encoders="surface", **QUICK)
    assert result.test["id"].tolist() == test["id"].tolist()


@pytest.fixture(scope="module")
def with_copies(parts):
    """Train documents, and test ones of which the first seven copy train ones but for
    the last word.
    """
    train, test = parts
    copies = train.head(7)
    copies = copies.assign(id=copies["id"] + "-copy", text=copies["text"] + " Amen.")
    return train, pd.concat([copies, test], ignore_index=True)


def test_near_duplicates_of_training_documents_are_counted(with_copies, tmp_path):
    train, test = with_copies
    quick = {**QUICK, "encoders": "surface", "head": None}
    with pytest.warns(UserWarning, match="^7 held-out documents are near-duplicates"):
        result = compare_documents(train, test, **quick)
    assert result.near_duplicates == test["id"].head(7).tolist()
    assert result.test["id"].tolist() == test["id"].tolist()
    write_report(result, out=tmp_path)
    record = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert record["near_duplicates"] == result.near_duplicates
    assert any(
        value.startswith(f"7 of {len(test)} held-out documents, kept")
        for value in record["about"].values()
    )


def test_near_duplicates_are_left_out_or_not_looked_for(parts, with_copies):
    train, test = with_copies
    quick = {**QUICK, "encoders": "surface", "head": None}
    with pytest.warns(UserWarning, match=r"^7 held-out .* they are left out"):
        dropped = compare_documents(train, test, near_duplicates="drop", **quick)
    assert dropped.near_duplicates == test["id"].head(7).tolist()
    without = compare_documents(*parts, **quick)
    assert without.near_duplicates == []
    pd.testing.assert_frame_equal(
        dropped.comparison.agreement, without.comparison.agreement
    )
    ignored = compare_documents(train, test, near_duplicates="ignore", **quick)
    assert ignored.near_duplicates == [] and len(ignored.test) == len(test)
    with pytest.raises(ValueError, match="got only held-out documents that are near-"):
        compare_documents(train, test.head(7), near_duplicates="drop", **quick)
    X = np.eye(len(train) + len(test))
    stored = Embeddings(pd.concat([train, test]).drop(columns="text"), {"one": X})
    quick = {**QUICK, "embeddings": {"one": stored}, "near_duplicates": "drop"}
    without_texts = [part.drop(columns="text") for part in parts]
    with pytest.raises(ValueError, match="'drop' for documents without texts"):
        compare_documents(*without_texts, encoders=(), **quick)


def test_equal_ids_of_unlike_texts_are_unlike_documents(parts):
    """Such as rows 1, 2, … of two files of one name."""
    train, test = (part.assign(id=[str(n) for n in range(len(part))]) for part in parts)
    result = compare_documents(train, test, encoders="surface", **QUICK)
    assert len(result.test) == len(test)


def test_vectors_of_other_texts_are_refused(parts, stored):
    """Ids of stored documents, given to other texts."""
    test = parts[1]
    swapped = test.assign(text=test["text"].to_numpy()[::-1])
    with pytest.raises(ValueError, match="expected one text an id"):
        compare_documents(
            None, swapped, encoders=(), embeddings=stored / "one", head=None, **QUICK
        )
    with pytest.raises(ValueError, match="without the document"):
        others = test.assign(
            id=[f"new-{n}" for n in range(len(test))], text=test["text"] + " More."
        )
        compare_documents(
            None, others, encoders=(), embeddings=stored / "one", head=None, **QUICK
        )


def test_predictions_stand_in_for_gold_labels(parts, stored):
    with pytest.warns(UserWarning, match="registers are predictions; 80 of 80"):
        result = compare_documents(
            None,
            parts[1],
            encoders=(),
            embeddings=stored / "one",
            head=None,
            label_source="predicted",
            **QUICK,
        )
    assert result.verdict.sentence.endswith("predictions, not gold labels.")


def test_texts_of_symbols_alone_are_documents(parts):
    train, test = parts
    rng = np.random.default_rng(0)

    def emoji(part):
        runs = [rng.choice(list("🎉🍰😀😡🚀"), 9) for _ in range(len(part))]
        return part.assign(text=["".join(run) for run in runs])

    result = compare_documents(
        emoji(train), emoji(test), encoders="surface", **{**QUICK, "controls": "all"}
    )
    assert result.verdict.word in ("undecided", "register", "language")
    assert "TF-IDF" in result.comparison.skipped


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"encoders": ()}, "got no encoders, embeddings or models"),
        ({"encoders": 3}, "got 3 as an encoder"),
        ({"encoders": [7]}, "got 7 as an encoder"),
        ({"encoders": ["surface", "surface"]}, "got the encoder 'surface' twice"),
        ({"encoders": ["surface"], "head": "mlp"}, "got the head 'mlp'"),
        ({"head": 7}, "got 7 as a head"),
        ({"figures": ["silhoette"]}, "did you mean 'silhouette'?"),
        ({"controls": ["nosuch"]}, "got controls='nosuch'"),
        ({"clusterers": ["kmean"]}, "did you mean 'kmeans'?"),
        ({"k": [8.5]}, "got k=8.5"),
        ({"k": [999]}, "expected numbers from 2 to 79"),
        ({"n_seeds": 0}, "got n_seeds=0"),
        ({"confidence": 95}, "got confidence=95"),
        ({"label_source": "golden"}, "did you mean 'gold'?"),
        ({"label_source": "predicted"}, "without embeddings"),
        ({"train": None}, "got no training documents"),
        ({"train": [1]}, "got list as train documents"),
        ({"test": None}, "got NoneType as test documents"),
        ({"test": pd.DataFrame({"id": ["a"]})}, "without the column 'lang'"),
        ({"near_duplicates": "keep"}, "got near_duplicates='keep'"),
        ({"random_state": "one"}, "got random_state='one'"),
        ({"random_state": -1}, "got random_state=-1"),
        ({"embeddings": "nowhere"}, "got nowhere, which does not exist"),
        ({"models": "bert"}, "got models='bert', expected a base model and a tuned"),
        ({"models": ("no/such", "no/such")}, "the model 'no/such', which could not"),
    ],
)
def test_bad_input_is_refused_before_anything_is_encoded(
    parts, monkeypatch, change, message
):
    def encode(*_):
        raise AssertionError("a document was encoded")

    monkeypatch.setattr(SurfaceEncoder, "fit_transform", encode)
    train, test = parts
    arguments = {"train": train, "test": test, "encoders": "surface", **QUICK, **change}
    with pytest.raises((ValueError, TypeError, OSError)) as error:
        compare_documents(arguments.pop("train"), arguments.pop("test"), **arguments)
    assert message in str(error.value)


def test_models_and_folders_are_checked_before_anything_is_encoded(
    parts, stored, tiny_folder, monkeypatch, tmp_path
):
    """Layers that a model lacks, tokens that it cannot read, embeddings of others."""

    def encode(*_):
        raise AssertionError("a document was encoded")

    monkeypatch.setattr(SurfaceEncoder, "fit_transform", encode)
    train, test = parts
    bert = str(tiny_folder / "bert")
    pair = {"models": (bert, bert)}
    some = Embeddings(train, {"embedding": np.eye(len(train))})
    write_embeddings(some, tmp_path / "some")
    for change, message in (
        ({**pair, "layers": ["first", 9]}, "got the layer 9"),
        ({**pair, "layers": ["middle"]}, "got the layer 'middle'"),
        ({**pair, "max_length": 999}, "got max_length=999"),
        ({"models": (bert, "no/such")}, "got the model 'no/such'"),
        ({"embeddings": tmp_path / "some"}, "without the document"),
    ):
        with pytest.raises((ValueError, OSError), match=message):
            compare_documents(train, test, encoders="surface", **QUICK, **change)


@pytest.mark.filterwarnings("ignore:.*are longer than 20 tokens")
def test_layers_of_encoders_are_joined_and_those_of_models_are_spaces(
    parts, tiny_folder, tiny_model
):
    """Also beside an encoder that has no layers and no prompt."""
    train, test = parts
    bert = str(tiny_folder / "bert")
    reading = {"layers": [1, -1], "prompt": "the law ", "long": "head_tail"}
    reading["max_length"] = 20
    options = {"head": None, **QUICK, "controls": []}
    result = compare_documents(
        train,
        test,
        encoders=["surface", tiny_model],
        models=(bert, bert),
        **reading,
        **options,
    )
    encoder = SentenceEncoder(
        tiny_model, prompt="the law ", long="head_tail", max_length=20, device="cpu"
    )
    layers = encoder.encode(result.test["text"], [1, -1]).layers
    X = result.spaces[Path(tiny_model).name]
    np.testing.assert_allclose(X, join_layers(layers), atol=1e-5)
    for name in ("base", "tuned"):
        for layer, expected in layers.items():
            X = result.spaces[f"{name} {layer}"]
            np.testing.assert_allclose(X, expected, atol=1e-5)
    assert "layers=[1, -1]" in result.about["encoder st"]


@pytest.mark.filterwarnings("ignore:.*are longer than 64 tokens")
def test_the_type_of_numbers_reaches_encoders_and_models(
    parts, tiny_folder, tiny_model
):
    bert = str(tiny_folder / "bert")
    result = compare_documents(
        *parts,
        encoders=tiny_model,
        models=(bert, bert),
        layers=[2],
        dtype="bfloat16",
        device="cpu",
        head=None,
        **{**QUICK, "controls": []},
    )
    options = {"layers": 2, "device": "cpu"}
    half = SentenceEncoder(tiny_model, dtype="bfloat16", **options)
    full = SentenceEncoder(tiny_model, **options)
    X = half.transform(result.test["text"])
    assert np.abs(full.transform(result.test["text"]) - X).max() > 1e-3
    np.testing.assert_allclose(result.spaces["base 2"], X, atol=1e-6)
    unit = half.set_params(normalize=True).transform(result.test["text"])
    np.testing.assert_allclose(result.spaces["original"], unit, atol=1e-6)


def test_what_no_encoder_takes_is_refused_before_anything_is_encoded(
    parts, tiny_model, monkeypatch
):
    def encode(*_):
        raise AssertionError("a document was encoded")

    monkeypatch.setattr(SurfaceEncoder, "fit_transform", encode)
    for encoders, change, message in (
        (["surface"], {"layers": [3]}, r"got layers for the encoders \['surface'\]"),
        (["surface"], {"prompt": "a "}, "got prompt for the encoders"),
        (["surface"], {"max_length": 20}, "got max_length for the encoders"),
        (["surface"], {"long": "chunks"}, "got long for the encoders"),
        (["surface", tiny_model], {"long": "tail"}, "got long='tail'"),
        (["surface"], {"dtype": "bfloat16"}, "got dtype for the encoders"),
        (["surface", tiny_model], {"layers": [3, 9]}, "got the layer 9"),
        (["surface", tiny_model], {"max_length": 999}, "got max_length=999"),
    ):
        with pytest.raises(ValueError, match=message):
            compare_documents(*parts, encoders=encoders, **change, **QUICK)


def test_one_register_or_language_is_refused(parts):
    train, test = parts
    english = test[test["lang"] == "en"]
    with pytest.raises(ValueError, match=r"held-out documents of one language \(en\)"):
        compare_documents(train, english, encoders="surface", **QUICK)
    same = train.assign(labels=[["NA"]] * len(train))
    with pytest.raises(ValueError, match=r"training documents of one register \(NA\)"):
        compare_documents(same, test, encoders="surface", **QUICK)
    with (
        pytest.warns(UserWarning, match="80 held-out documents"),
        pytest.raises(ValueError, match="got no held-out document"),
    ):
        compare_documents(train, train, encoders="surface", **QUICK)
