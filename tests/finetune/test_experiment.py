"""Documents to trained models: splits without leaks, languages apart, folds, and the
commands.
"""

import gc
import json
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from embetter_reg import report
from embetter_reg.cli import app
from embetter_reg.corpus import read_documents, text_digest
from embetter_reg.finetune import (
    RegisterTrainer,
    average_folds,
    finetune_documents,
    read_figures,
    trained_on,
)
from embetter_reg.finetune.models import _register_run
from embetter_reg.text import RegisterEncoder, encode_layers

pytest.importorskip("accelerate", reason="the extra sbert is not installed")
pytest.importorskip("peft", reason="the extra adapters is not installed")

PARTS = {
    "NA": "the cat sat on the mat",
    "HI": "mix the flour and bake",
    "OP": "we voted for the new law today",
}
WORDS = ["a", "cat", "mat", "law", "new", "on", "and", "we"]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(
        gc, "collect", lambda *args: 0
    )  # accelerate's, at every fit: seconds in a large process


def make_documents(languages=("en", "fi", "sv")):
    rows = [
        {
            "id": f"{lang}-{label}-{word}",
            "lang": lang,
            "labels": [label],
            "text": f"{part} {word} {lang}",
        }
        for lang in languages
        for label, part in PARTS.items()
        for word in WORDS
    ]
    return pd.DataFrame(rows)


def trainer(folder, method="bitfit", **options):
    given = {
        "device": "cpu",
        "random_state": 0,
        "batch_size": 12,
        "max_steps": 3,
        "max_length": 16,
    }
    return RegisterTrainer(str(folder / "bert"), method, **{**given, **options})


def split_of(folder, documents):
    split = pd.read_csv(folder / "split.csv").merge(documents[["id", "text"]], on="id")
    assert (split["text"].map(text_digest) == split["digest"]).all() and not split[
        "text"
    ].duplicated().any()
    return split


def test_a_part_is_held_out_and_written_down(tiny_folder, tmp_path):
    documents = make_documents()
    figures = finetune_documents(
        documents, trainer(tiny_folder), tmp_path, test_size=0.25
    )
    split = split_of(tmp_path, documents)
    assert len(split) == len(documents)
    assert split[split["part"] == "test"].groupby("lang").size().to_dict() == {
        "en": 6,
        "fi": 6,
        "sv": 6,
    }
    assert figures[["language", "n_documents"]].to_numpy().tolist() == [
        ["en", 6],
        ["fi", 6],
        ["sv", 6],
        ["all", 18],
    ]
    test = documents[documents["id"].isin(split["id"][split["part"] == "test"])]
    loaded = RegisterEncoder(str(tmp_path), max_length=16, device="cpu")
    right = loaded.predict(test["text"]) == test["labels"].str[0]
    for name in ("en", "fi", "sv"):
        expected = right[test["lang"] == name].mean()
        assert figures.set_index("language").loc[name, "micro_f1"] == pytest.approx(
            expected
        )
    np.testing.assert_array_equal(
        trained_on(tmp_path, documents), ~documents["id"].isin(test["id"])
    )
    renamed = documents.assign(id=[f"x{n}" for n in range(len(documents))])
    np.testing.assert_array_equal(
        trained_on(tmp_path, renamed), trained_on(tmp_path, documents)
    )
    assert not trained_on(tiny_folder / "bert", documents).any()


def test_languages_apart_are_zero_shot(tiny_folder, tmp_path):
    documents = make_documents()
    figures = finetune_documents(
        documents,
        trainer(tiny_folder),
        tmp_path,
        train_languages=["en", "fi"],
        test_languages=["sv"],
        n_per_language=9,
    )
    split = split_of(tmp_path, documents)
    assert split[split["part"] == "test"]["lang"].tolist() == ["sv"] * 24  # all of it
    assert split[split["part"] != "test"].groupby("lang").size().to_dict() == {
        "en": 9,
        "fi": 9,
    }
    assert figures["language"].tolist() == ["sv", "all"]


def test_test_documents_of_their_own_and_texts_in_both(tiny_folder, tmp_path):
    documents = make_documents()
    test = make_documents(["fr"])
    test.loc[:4, "text"] = documents.loc[:4, "text"]
    figures = finetune_documents(
        documents, trainer(tiny_folder), tmp_path, test=test, test_languages=["fr"]
    )
    assert figures["n_documents"].tolist() == [19, 19]


def test_folds_are_tested_on_each_document_once(tiny_folder, tmp_path, monkeypatch):
    documents = make_documents(["en", "fi"])
    documents = pd.concat(
        [documents, documents.iloc[:3].assign(id=["x", "y", "z"])], ignore_index=True
    )  # twice there
    figures = finetune_documents(
        documents, trainer(tiny_folder, "ia3"), tmp_path, folds=3, merge=True
    )
    tested = []
    for fold in (1, 2, 3):
        split = pd.read_csv(tmp_path / f"fold_{fold}" / "split.csv")
        held_out = split["part"] == "test"
        tested += split["id"][held_out].tolist()
        assert not set(split["digest"][held_out]) & set(split["digest"][~held_out])
        assert not (tmp_path / f"fold_{fold}" / "adapter_config.json").exists()
    assert sorted(tested) == sorted(documents["id"])
    averaged = pd.read_csv(tmp_path / "average.csv").set_index("language")
    micro = figures[figures["language"] == "all"]["micro_f1"]
    assert averaged.loc["all", ["micro_f1", "micro_f1_sd"]].tolist() == pytest.approx(
        [micro.mean(), micro.std()]
    )
    assert averaged["n_folds"].tolist() == [3, 3, 3]

    shown = invoke(
        "average",
        *[tmp_path / f"fold_{fold}" for fold in (1, 2, 3)],
        "--out",
        tmp_path / "again",
    )
    assert "mean ± standard deviation of 3 models" in " ".join(shown.split())
    pd.testing.assert_frame_equal(
        pd.read_csv(tmp_path / "again" / "average.csv").set_index("language"), averaged
    )

    monkeypatch.setattr(RegisterTrainer, "_fit", None)  # finished folds are read
    again = finetune_documents(
        documents,
        trainer(tiny_folder, "ia3"),
        tmp_path,
        folds=3,
        merge=True,
        resume=True,
    )
    pd.testing.assert_frame_equal(again, figures)
    pd.testing.assert_frame_equal(average_folds(again), average_folds(figures))
    for options in ({"resume": False}, {"resume": True, "merge": False}):
        with pytest.raises(ValueError, match="which holds a model already"):
            finetune_documents(
                documents,
                trainer(tiny_folder, "ia3"),
                tmp_path,
                folds=3,
                **{"merge": True, **options},
            )


def test_a_kill_after_training_loses_nothing(tiny_folder, tmp_path, monkeypatch):
    def stop(self, *args, **options):
        raise KeyboardInterrupt

    documents = make_documents(["en", "fi"])
    ours = trainer(tiny_folder, max_steps=6, check_every=2)
    whole = finetune_documents(documents, ours, tmp_path / "whole")
    for moment in ("evaluate", "save"):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(RegisterTrainer, moment, stop)
            finetune_documents(
                documents,
                trainer(tiny_folder, max_steps=6, check_every=2),
                tmp_path / "out",
                resume=True,
            )
    taken, step = [], _register_run._Trainer.training_step
    monkeypatch.setattr(
        _register_run._Trainer,
        "training_step",
        lambda *args: taken.append(1) or step(*args),
    )
    again = finetune_documents(documents, ours, tmp_path / "out", resume=True)
    assert len(taken) == 2
    pd.testing.assert_frame_equal(again, whole)
    assert not (tmp_path / "out" / "checkpoints").exists()


def test_raw_text_needs_no_labels(tiny_folder, tmp_path):
    documents = make_documents(["en", "fi"]).assign(labels=[[]] * 48)
    figures = finetune_documents(
        documents, trainer(tiny_folder, objective="mlm"), tmp_path
    )
    assert list(figures) == ["language", "n_documents", "loss", "perplexity", "fold"]
    assert "a masked language model" in (tmp_path / "README.md").read_text(
        encoding="utf-8"
    )


def test_bad_documents(tiny_folder, tmp_path):
    documents = make_documents(["en", "fi"])
    for options, message in (
        (
            {"train_languages": ["de"]},
            "got no training document in de, expected some; the languages here are "
            "en, fi",
        ),
        ({"test_languages": ["de", "en"]}, "got no test document in de"),
        ({"test": documents}, "got no test document, expected some"),
        ({"folds": 1}, "got n_splits=1"),
    ):
        with pytest.raises(ValueError, match=message):
            finetune_documents(
                documents, trainer(tiny_folder), tmp_path / "out", **options
            )
    with pytest.raises(ValueError, match="got no training document that can be used"):
        finetune_documents(
            documents.assign(labels=[[]] * 48), trainer(tiny_folder), tmp_path / "out"
        )
    with pytest.raises(ValueError, match="got a trainer without random_state"):
        finetune_documents(
            documents, trainer(tiny_folder, random_state=None), tmp_path / "out"
        )
    assert not (tmp_path / "out").exists()


def invoke(*arguments):
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.exception
    return done.output


def test_the_commands_train_and_compare_layers(tiny_folder, tmp_path, monkeypatch):
    docs, out = tmp_path / "docs.jsonl", tmp_path / "tuned"
    make_documents(["en", "fi"]).to_json(docs, orient="records", lines=True)
    shown = invoke(
        "finetune",
        docs,
        "--model",
        tiny_folder / "bert",
        "--method",
        "lora",
        "--out",
        out,
        "--max-steps",
        4,
        "--batch-size",
        12,
        "--max-length",
        16,
        "--test-size",
        0.5,
        "--device",
        "cpu",
        "--single-label",
        "--rank",
        4,
    )
    assert (
        "On test documents" in shown and "micro f1" in shown and "step 4: f1 " in shown
    )
    record = json.loads((out / "training.json").read_text(encoding="utf-8"))
    assert (
        record["method"] == "lora"
        and record["settings"]["rank"] == 4
        and record["history"][-1]["step"] == 4
    )

    written = {}

    def write_report(result, out, **options):
        written.update(
            options,
            spaces=result.spaces,
            comparison=result.comparison,
            fitted_on=result.train["id"].tolist(),
            compared=result.test["id"].tolist(),
        )
        return out / "report.html"

    monkeypatch.setattr(
        report, "write_report", write_report
    )  # whose maps take their time
    shown = invoke(
        "compare",
        docs,
        "--models",
        tiny_folder / "bert",
        out,
        "--layers",
        "first,4",
        "--figures",
        "none",
        "--controls",
        "none",
        "--k",
        "2",
        "--out",
        tmp_path / "report",
    )
    read = read_documents(docs)
    held_out = read[~trained_on(out, read)]
    split = pd.read_csv(out / "split.csv")
    assert written["compared"] == held_out["id"].tolist()
    assert set(written["compared"]) == set(split["id"][split["part"] == "test"])
    assert list(written["spaces"]) == ["base first", "base 4", "tuned first", "tuned 4"]
    assert set(written["comparison"].agreement["label"]) == {"register", "language"}
    for name, folder in (("base", tiny_folder / "bert"), ("tuned", out)):
        expected = encode_layers(str(folder), held_out["text"], [1, "last"])
        np.testing.assert_allclose(
            written["spaces"][f"{name} first"], expected[1], atol=1e-5
        )
        np.testing.assert_allclose(
            written["spaces"][f"{name} 4"], expected["last"], atol=1e-5
        )
    assert not np.allclose(
        written["spaces"]["base 4"], written["spaces"]["tuned 4"], atol=1e-4
    )
    assert "tuned 4" in shown


def refused(*arguments):
    """Return the sentence of a command's bad input."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert isinstance(done.exception, ValueError | OSError), done.exception
    return str(done.exception)


FULL_DISK = """
import resource
from embetter_reg.cli import main

resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
main()
"""


def options(folder, out):
    quick = ["--max-steps", 4, "--check-every", 2, "--max-length", 16]
    return ["--model", folder / "bert", "--out", out, "--device", "cpu", *quick]


def write_documents(path, languages=("en", "fi")):
    make_documents(languages).to_json(path, orient="records", lines=True)
    return path


def test_a_full_disk_stops_training_and_resume_goes_on(tiny_folder, tmp_path):
    docs = write_documents(tmp_path / "docs.jsonl")
    out = tmp_path / "tuned"
    command = ["finetune", docs, *options(tiny_folder, out)]
    # In a process of its own, whose files may have 20,000 bytes.
    full = subprocess.run(
        [sys.executable, "-c", FULL_DISK, *map(str, command)],
        capture_output=True,
        text=True,
    )
    assert full.returncode == 2 and "Traceback" not in full.stderr
    assert "where a file cannot be written" in " ".join(full.stderr.split())
    assert "with an unfinished run" in refused(*command)
    other = refused(*command, "--batch-size", 3, "--resume")
    assert "of a run with other batch_size" in other
    invoke(*command, "--resume")
    assert RegisterEncoder(str(out), device="cpu").predict(["the cat"]).shape == (1,)
    assert not (out / "checkpoints").exists()


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--device", "cuda", "got device='cuda' but no CUDA device is here"),
        ("--device", "foo", "got device='foo', expected"),
        ("--dtype", "float8", "got dtype='float8', expected"),
        ("--method", "prefix", "got method='prefix', expected"),
        ("--n-epochs", "0", "got n_epochs=0.0, expected"),
        ("--class-weight", "much", "got class_weight='much', expected"),
        ("--model", "no/such/model", "which could not be loaded"),
        ("--out", "/dev/null/tuned", "is not a folder, expected a folder to write to"),
    ],
)
def test_bad_options_are_one_sentence(tiny_folder, tmp_path, option, value, message):
    if value == "cuda" and torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    docs = write_documents(tmp_path / "docs.jsonl")
    arguments = options(tiny_folder, tmp_path / "out")
    assert message in refused("finetune", docs, *arguments, option, value)


def test_bad_models_and_documents_are_one_sentence(tiny_folder, tmp_path):
    docs = write_documents(tmp_path / "docs.jsonl")
    broken = tmp_path / "broken"
    shutil.copytree(tiny_folder / "bert", broken)
    (broken / "model.safetensors").write_bytes(b"\x10" * 900)
    arguments = options(tiny_folder, tmp_path / "out")
    dataset = tmp_path / "dataset"
    dataset.mkdir()
    (dataset / "dataset_dict.json").write_text("{}", encoding="utf-8")
    message = refused("finetune", docs, *arguments, "--model", broken)
    assert message.startswith(f"got the model '{broken}', which could not be loaded")
    assert refused("finetune", dataset, *arguments).startswith(f"got {dataset}")
    # The folder is free for the command with the right model.
    invoke("finetune", docs, *arguments)


def test_rows_of_two_files_are_not_one_document(tiny_folder, tmp_path):
    """Documents without ids, in files of the same names: what was trained on is found
    by texts.
    """
    for part, words in (("train", WORDS[:5]), ("test", WORDS[5:])):
        (tmp_path / part).mkdir()
        lines = [
            f"{label}\t{text} {word}\n"
            for label, text in PARTS.items()
            for word in words
        ]
        path = tmp_path / part / "en.tsv"
        path.write_text("".join(lines), encoding="utf-8")
    out = tmp_path / "tuned"
    invoke(
        "finetune",
        tmp_path / "train",
        *options(tiny_folder, out),
        "--test-size",
        0.4,
        "--no-early-stopping",
    )
    train = read_documents(tmp_path / "train")
    test = read_documents(tmp_path / "test")
    split = pd.read_csv(out / "split.csv")
    held_out = split["id"][split["part"] == "test"]
    np.testing.assert_array_equal(
        trained_on(out, train), ~train["id"].isin(held_out).to_numpy()
    )
    assert not trained_on(out, test).any()
    same_ids = test.assign(id=train["id"].iloc[: len(test)].to_numpy())
    assert not trained_on(out, same_ids).any()
    assert trained_on(out, train.assign(id=test["id"].iloc[0])).any()


def test_odd_records_are_refused(tmp_path):
    documents = make_documents(["en"])
    (tmp_path / "split.csv").write_text("id,lang\na,en\n", encoding="utf-8")
    with pytest.raises(ValueError, match="without the column 'digest', expected"):
        trained_on(tmp_path, documents)
    with pytest.raises(ValueError, match="got documents without the column 'text'"):
        trained_on(tmp_path, documents.drop(columns="text"))
    (tmp_path / "figures.csv").write_text("", encoding="utf-8")
    with pytest.raises(ValueError, match="without the column 'language', expected"):
        read_figures([tmp_path])
    with pytest.raises(FileNotFoundError, match=r"without figures\.csv, expected"):
        read_figures([tmp_path / "nothing"])
    with pytest.raises(TypeError, match="got one path, expected a list of folders"):
        read_figures(str(tmp_path))
    with pytest.raises(ValueError, match="got no folder, expected trained models"):
        read_figures([])
    with pytest.raises(ValueError, match="got figures without the column 'fold'"):
        average_folds(pd.DataFrame({"language": ["en"]}))
