"""Command ``compare`` on stored embeddings, of today and of the older scripts."""

import json
import re
import shlex
import shutil
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from embetter_reg.cli import app
from embetter_reg.corpus import load_registers, read_documents, text_digest
from embetter_reg.store import Embeddings, read_embeddings, write_embeddings

pytestmark = pytest.mark.usefixtures("quick_pictures")

QUICK = ["--figures", "none", "--controls", "none", "--k", "8", "--n-seeds", "1"]


def compare(*arguments, out):
    shown = ["compare", *map(str, arguments), *QUICK, "--out", str(out)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        done = CliRunner().invoke(app, shown)
    assert done.exit_code == 0, done.exception
    record = json.loads((out / "report.json").read_text(encoding="utf-8"))
    return record, [str(each.message) for each in caught], done


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Documents, and vectors that are by register, in every form."""
    folder = tmp_path_factory.mktemp("planted")
    corpus = load_registers().query("lang in ['en', 'fr']").groupby("lang").head(60)
    corpus.to_json(folder / "docs.jsonl", orient="records", lines=True)
    documents = read_documents(folder / "docs.jsonl")
    rng = np.random.default_rng(0)
    codes = pd.factorize(documents["labels"].str[0])[0]
    X = rng.normal(scale=0.1, size=(len(documents), 12)) + np.eye(12)[codes]
    write_embeddings(Embeddings(documents, {"embedding": X}), folder / "new")
    older = documents[["id", "lang", "labels", "text"]].assign(embed_last=X.tolist())
    (folder / "old").mkdir()
    for language, rows in older.groupby("lang"):
        path = folder / "old" / f"{language}_embeds.tsv"
        rows.drop(columns="text").to_csv(path, sep="\t")
    by_text = older.drop(columns="id").assign(embed_last=X.tolist())
    by_text.to_parquet(folder / "by_text.parquet")
    older[["lang", "labels", "embed_last"]].to_parquet(folder / "by_order.parquet")
    older[["lang", "labels", "embed_last"]].to_csv(folder / "by_order.tsv", sep="\t")
    return folder


@pytest.mark.parametrize("name", ["new", "old"])
def test_stored_embeddings_are_documents_of_compare(planted, tmp_path, name):
    paths = [planted / name]
    if name == "old":
        paths = sorted((planted / name).iterdir())
    record, _, _ = compare(*paths, "--head", "none", out=tmp_path)
    assert len(record["compared"]) == 120 and not record["fitted_on"]
    assert record["verdict"]["original"]["word"] == "register"
    assert record["about"]["encoder"].startswith("embeddings")


def test_a_head_is_tuned_on_vectors_alone(planted, tmp_path):
    """The file has neither ids nor texts."""
    path = planted / "by_order.tsv"
    record, _, _ = compare(path, "--head", "linear", out=tmp_path)
    assert len(record["fitted_on"]) + len(record["compared"]) == 120
    assert record["parameters"]["spaces"] == ["original", "tuned"]


def test_stored_spaces_are_compared_as_they_are(planted, tmp_path):
    arguments = [planted / "docs.jsonl", "--head", "none", "--json"]
    names = ["new", "by_text.parquet", "by_order.parquet"]
    for name in names:
        arguments += ["--embeddings", planted / name]
    record, messages, done = compare(*arguments, out=tmp_path)
    assert record["parameters"]["spaces"] == ["new", "by_text last", "by_order last"]
    rows = [row for row in record["agreement"] if row["clusterer"] == "kmeans"]
    amis = {row["space"]: row["ami"] for row in rows if row["label"] == "register"}
    assert np.ptp(list(amis.values())) < 1e-9 and min(amis.values()) > 0.9
    said = " ".join(messages)
    assert "120 documents pair with" in said
    assert "by_text by their text: their ids are others there" in said
    assert "by_order.parquet by their order: it has neither ids nor texts" in said
    shown = json.loads(done.stdout)
    assert shown["compared"] == record["compared"]
    assert shown["out"] == str(tmp_path / "report.html")


def test_what_pairs_by_order_fits_the_documents(planted):
    stored = read_embeddings(planted / "by_order.parquet")
    documents = read_documents(planted / "docs.jsonl")
    with pytest.raises(ValueError, match=r"120 vectors .* for 119 documents"):
        stored.in_order_of(documents[1:])
    with pytest.raises(ValueError, match="row 1 is of another language"):
        stored.in_order_of(documents[::-1])
    with pytest.warns(UserWarning, match="by their order"):
        paired = stored.in_order_of(documents)
    assert paired.rows_of(documents[::-1]).tolist() == list(range(120))[::-1]
    assert read_embeddings(planted / "new").in_order_of(documents[::-1]).layers


def test_documents_and_embeddings_do_not_mix(planted, tmp_path):
    arguments = ["compare", planted / "docs.jsonl", planted / "new"]
    done = CliRunner().invoke(app, [*map(str, arguments), "--out", str(tmp_path)])
    assert "among documents, expected one of them" in str(done.exception)


def test_every_document_that_leaves_has_a_reason(planted, tmp_path):
    documents = read_documents(planted / "docs.jsonl")
    labels = documents["labels"].tolist()
    labels[:4] = [[], ["MT"], ["NA", "OP"], ["NA", "MT"]]
    path = tmp_path / "docs.jsonl"
    documents.assign(labels=labels).to_json(path, orient="records", lines=True)
    done = CliRunner().invoke(app, ["compare", str(path), "--dry-run"])
    assert done.exit_code == 0, done.exception
    said = (
        "116 kept; left out: 1 without a label, 2 machine-translated or generated (MT; "
    )
    assert said + "--group all keeps them), 1 hybrid\n" in done.stderr


def test_embeddings_without_predictions_say_so(planted):
    done = CliRunner().invoke(app, ["predict", str(planted / "new")])
    assert re.search(
        "carry no predictions .*new.*, expected those that encode made by a register",
        str(done.exception),
    )


@pytest.fixture
def older_folds(tmp_path):
    """Embeddings of two folds, as the umap-embeddings scripts wrote them."""
    rng = np.random.default_rng(0)
    corpus = load_registers().query("lang in ['en', 'fr']").groupby("lang").head(24)
    codes = pd.factorize(corpus["labels"].str[0])[0]
    for fold in (1, 2):
        folder = tmp_path / "model_embeds" / "CORE" / f"xlmr-fold-{fold}"
        folder.mkdir(parents=True)
        X = rng.normal(scale=0.2, size=(3, len(corpus), 12)) + np.eye(12)[codes]
        table = corpus.assign(text=[f"Text {n}." for n in range(len(corpus))])
        for layer, name in zip(X, ("first", "half", "last"), strict=True):
            table[f"embed_{name}"] = layer.tolist()
        for language, rows in table.groupby("lang"):
            columns = ["id", "lang", "labels", "text", *rows.filter(like="embed_")]
            rows[columns].to_csv(folder / f"{language}_embeds.tsv", sep="\t")
    return tmp_path


def test_the_recipe_of_coming_from_runs_as_written(older_folds, monkeypatch):
    """The page writes it for fold 1; every other fold is the same lines again."""
    monkeypatch.chdir(older_folds)
    page = Path(__file__).parents[1] / "docs" / "coming-from.md"
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    runs = [shlex.split(line)[1:] for line in lines if line.startswith("embetter-reg")]
    of_folds = [
        run for run in runs if "fold_1" in " ".join(run) and run[0] != "average"
    ]
    assert [run[0] for run in of_folds] == ["convert", "sweep"]
    average = next(run for run in runs if run[0] == "average")
    others = [
        [re.sub(r"(fold[-_])1", r"\g<1>2", argument) for argument in run]
        for run in of_folds
    ]
    for run in [*of_folds, *others, average]:
        done = CliRunner().invoke(app, run)
        assert done.exit_code == 0, (run, done.exception)
    averaged = pd.read_csv(Path(average[-1]) / "average.csv")
    assert set(averaged["space"]) == {"first", "half", "last"}
    n_seeds = int(of_folds[1][of_folds[1].index("--n-seeds") + 1])
    assert set(averaged["n_runs"]) == {2 * n_seeds}


def test_a_threshold_on_training_documents_warns(planted, tiny_folder, tmp_path):
    docs = planted / "docs.jsonl"
    model = shutil.copytree(tiny_folder / "classifier", tmp_path / "model")
    texts = read_documents(docs)["text"]
    parts = ["train"] * 100 + ["test"] * 20
    split = pd.DataFrame({"digest": texts.map(text_digest), "part": parts})
    split.to_csv(model / "split.csv", index=False)
    arguments = ["encode", docs, "--encoder", model, "--out", tmp_path / "e"]
    done = CliRunner().invoke(app, [*map(str, arguments), "--device", "cpu"])
    assert done.exit_code == 0, done.exception
    said = " ".join(done.stderr.split())
    assert "100 of 120 documents trained the classifier" in said
