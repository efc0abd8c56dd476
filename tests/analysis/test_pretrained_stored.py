"""The pretrained head on stored layers of its model: read in parts, planted truth."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from embetter_reg import compare_documents
from embetter_reg.cli import app
from embetter_reg.corpus import text_digest
from embetter_reg.finetune import ContrastiveTuner, load_head
from embetter_reg.pretrained import pretrained_folder, text_numbers
from embetter_reg.store import Embeddings, read_embeddings, write_embeddings
from embetter_reg.text import join_layers

REGISTERS = ["NA", "HI", "OP"]
LANGUAGES = ["en", "fi"]
MODEL = "multilingual-e5-small"
MANIFEST = {
    "encoder": "SentenceEncoder",
    "parameters": {"name": f"models/{MODEL}", "prompt": None, "max_length": 256},
    "layers": ["3", "12"],
}
QUICK = {
    "k": [3],
    "n_seeds": 1,
    "n_bootstrap": 20,
    "n_null": 20,
    "figures": [],
    "clusterers": ["kmeans"],
    "controls": [],
    "head": "pretrained",
}


def layers_of(documents):
    """Return layers in which the language is plain and the register is a faint trace."""
    rng = np.random.default_rng(0)
    registers = [REGISTERS.index(labels[0]) for labels in documents["labels"]]
    languages = [LANGUAGES.index(name) for name in documents["lang"]]
    planted = np.hstack([np.eye(3)[registers] * 0.4, np.eye(2)[languages] * 3])
    layers = {}
    for name in ("3", "12"):
        noise = rng.normal(scale=0.1, size=planted.shape)
        layers[name] = (planted + noise).astype(np.float32)
    return layers


@pytest.fixture
def documents(documents):
    return documents.assign(digest=documents["text"].map(text_digest))


@pytest.fixture
def stored(documents):
    return Embeddings(documents, layers_of(documents), [MANIFEST])


@pytest.fixture
def head(documents, tmp_path, monkeypatch):
    """A head on two layers of five dimensions in place of the one of the package."""
    others = "all-MiniLM-L6-v2-frozen"
    root = tmp_path / "root"
    folder = root / f"{MODEL}-frozen"
    folder.mkdir(parents=True)
    (root / others).symlink_to(pretrained_folder(others))
    trained = documents.sample(frac=1, random_state=1).reset_index(drop=True)
    X = join_layers(layers_of(trained))
    head = ContrastiveTuner(random_state=0).fit(X, trained["labels"].str[0])
    head.save(folder)
    card = {
        "base_model": f"intfloat/{MODEL}",
        "classes": list(head.classes_),
        "layers": [3, 12],
        "prompt": "query: ",
        "max_length": 256,
        "languages": ["en"],
    }
    (folder / "card.json").write_text(json.dumps(card))
    monkeypatch.setattr("embetter_reg.pretrained._weights.ROOT", root)
    return folder


def compare(documents, stored, **options):
    return compare_documents(None, documents, embeddings=stored, **(QUICK | options))


def test_spaces_are_those_of_the_head(documents, stored, head, tmp_path):
    X = join_layers(stored.layers)
    loaded = load_head(MODEL)
    path = tmp_path / "one"
    write_embeddings(stored.iter_batches(30), path)
    for embeddings in ({"kept": stored}, path):
        result = compare(documents[::-1], embeddings)
        assert list(result.spaces) == ["original", "pretrained"]
        np.testing.assert_allclose(
            result.spaces["pretrained"], loaded.transform(X)[::-1], atol=1e-5
        )
        cosines = result.spaces["original"] @ stored.layers["12"][::-1].T
        norms = np.linalg.norm(stored.layers["12"][::-1], axis=1)
        np.testing.assert_allclose(np.diag(cosines), norms, rtol=1e-5)
        assert result.verdict.word == "register"
        assert result.comparison.verdicts["original"].word == "language"
    assert result.about["encoder"] == "embeddings one layer 12"
    assert result.about["languages that they were not trained on"] == "fi"


def test_joined_layers_are_the_same(documents, stored, head):
    parameters = {**MANIFEST["parameters"], "layers": [3, 12]}
    manifest = {**MANIFEST, "parameters": parameters, "layers": ["embedding"]}
    joined = Embeddings(
        documents, {"embedding": join_layers(stored.layers)}, [manifest]
    )
    expected = compare(documents, {"e": stored}).spaces
    spaces = compare(documents, {"e": joined}).spaces
    for name in expected:
        np.testing.assert_allclose(spaces[name], expected[name], atol=1e-5)


def test_folders_of_documents_are_one_space(documents, stored, head, tmp_path):
    folders = []
    for number, part in enumerate(stored.iter_batches(50)):
        folders.append(write_embeddings(part, tmp_path / f"part{number}"))
    assert len(folders) == 2
    whole = compare_documents(None, documents, embeddings={"all": stored}, **QUICK)
    parts = compare_documents(None, documents, embeddings=[folders], **QUICK)
    for name, X in whole.spaces.items():
        np.testing.assert_allclose(parts.spaces[name], X, atol=1e-6)
    assert parts.about["encoder"] == "embeddings part0 and part1 layer 12"
    options = ["--head", "pretrained", "--k", "3", "--controls", "none"]
    options += ["--figures", "none", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, ["compare", *map(str, folders), *options])
    assert done.exit_code == 0, done.exception
    record = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    assert record["about"]["encoder"] == parts.about["encoder"]


def test_swapped_labels_fail(documents, stored, head):
    swapped = documents.assign(
        labels=[[{"en": "NA", "fi": "HI"}[name]] for name in documents["lang"]],
        lang=[labels[0] for labels in documents["labels"]],
    )
    assert compare(swapped, {"e": stored}).verdict.word == "language"


def test_seen_documents_are_known_by_their_digests(documents, stored, head, tmp_path):
    np.save(head / "seen.npy", np.sort(text_numbers(documents["text"][:30])))
    kept = Embeddings(documents.drop(columns="text"), stored.layers, [MANIFEST])
    write_embeddings(kept, tmp_path / "stored")
    without_text = read_embeddings(tmp_path / "stored", layers=[]).documents
    assert "text" not in without_text
    with pytest.warns(UserWarning, match="30 documents trained the pretrained weights"):
        result = compare(without_text, tmp_path / "stored")
    assert result.seen == documents["id"][:30].tolist()
    assert len(result.test) == 42
    kept = compare(without_text, tmp_path / "stored", keep_seen=True)
    assert len(kept.test) == 72 and len(kept.seen) == 30
    unknown = without_text.drop(columns="digest")
    with pytest.warns(UserWarning, match="neither texts nor digests"):
        assert len(compare(unknown, tmp_path / "stored").test) == 72


def test_predictions_of_the_head_stand_for_gold_labels(documents, stored, head):
    unlabeled = documents.assign(labels=[[] for _ in range(len(documents))])
    result = compare(unlabeled, {"e": stored}, label_source="predicted")
    probabilities = load_head(MODEL).predict_proba(join_layers(stored.layers))
    single = (probabilities >= 0.5).sum(axis=1) == 1
    assert result.test["id"].tolist() == documents["id"][single].tolist()
    best = load_head(MODEL).classes_[probabilities.argmax(axis=1)]
    assert [labels[0] for labels in result.test["labels"]] == best[single].tolist()
    assert result.verdict.word == "register"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": ["12"]}, "multilingual-e5-small with the layers .*12"),
        ({"layers": ["embedding"]}, "with the layers .*embedding.* expected layers"),
        (
            {"layers": ["embedding"], "parameters": {"name": MODEL, "layers": [12, 3]}},
            "with the layers .*embedding.* expected layers",
        ),
        ({"parameters": {"name": "other"}}, "made by SentenceEncoder other with"),
        ({"parameters": {"name": MODEL, "adapter": MODEL}}, "--head none"),
        ({"parameters": {}, "encoder": None}, "expected layers that a pretrained"),
    ],
)
def test_other_embeddings_are_refused(documents, stored, head, change, message):
    other = Embeddings(documents, stored.layers, [{**MANIFEST, **change}])
    with pytest.raises(ValueError, match=message):
        compare(documents, {"e": other})


def test_another_reading_is_told(documents, stored, head):
    parameters = {**MANIFEST["parameters"], "prompt": "passage: ", "max_length": 64}
    other = Embeddings(
        documents, stored.layers, [{**MANIFEST, "parameters": parameters}]
    )
    with pytest.warns(UserWarning, match="prompt 'passage: ' and not 'query: ', max"):
        compare(documents, {"e": other})


def test_what_does_not_go_with_stored_layers_is_refused(documents, stored, head):
    from embetter_reg.text import PretrainedRegisters

    with pytest.raises(ValueError, match="got 2 sources of embeddings"):
        compare(documents, {"a": stored, "b": stored})
    nothing = Embeddings(documents[:0], {"3": np.empty((0, 5))}, [MANIFEST])
    with pytest.raises(ValueError, match="got a without documents"):
        compare(documents, {"a": nothing})
    with pytest.raises(ValueError, match="got max_length with stored embeddings"):
        compare(documents, {"a": stored}, max_length=9)
    with pytest.raises(ValueError, match=r"PretrainedRegisters.* with stored emb"):
        compare(documents, {"a": stored}, head=PretrainedRegisters())
