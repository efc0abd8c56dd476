"""What every command has: help, dry runs, JSON, options from a file."""

import json
import os
import re

import numpy as np
import pandas as pd
import pytest
from joblib import cpu_count
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_info
from typer.main import get_command
from typer.testing import CliRunner

from embetter_reg.cli import app
from embetter_reg.cli._jobs import limit_jobs
from embetter_reg.cli._reducing import keep_maps, kept_places
from embetter_reg.corpus import load_registers

pytestmark = pytest.mark.usefixtures("quick_pictures")

COMMANDS = sorted(get_command(app).commands)
SHARED = ["config", "jobs", "dry-run", "json", "quiet", "verbose", "debug", "help"]
ENCODER = ["prompt", "batch-size", "device", "dtype"]


def invoke(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("docs") / "docs.jsonl"
    documents = load_registers().query("lang in ['en', 'fr']").groupby("lang").head(16)
    documents.to_json(path, orient="records", lines=True)
    return path


@pytest.fixture(scope="module")
def embeddings(corpus):
    folder = corpus.parent / "surface"
    done = invoke("encode", corpus, "--encoder", "surface", "--out", folder)
    assert done.exit_code == 0, done.exception
    return folder


def test_version():
    assert re.fullmatch(r"embetter-reg \d+\.\d+\.\d+\S*\n", invoke("--version").output)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_full_names_in_80_columns(name):
    lines = invoke(name, "--help").output.splitlines()
    assert max(map(len, lines)) <= 80
    shown = re.findall(r"^  (?:-h, )?--([\w-]+)", "\n".join(lines), re.MULTILINE)
    options = [each for each in get_command(app).commands[name].params if each.opts]
    named = [
        option.opts[0].removeprefix("--")
        for option in options
        if option.opts[0].startswith("--")
    ]
    assert set(named) | {"help"} == set(shown)
    assert set(SHARED) <= set(shown) and "Running:" in lines


@pytest.mark.parametrize("name", ["compare", "encode", "finetune", "label", "predict"])
def test_commands_that_encode_have_the_same_options(name):
    names = {
        each.name.replace("_", "-") for each in get_command(app).commands[name].params
    }
    assert set(ENCODER) <= names


def test_a_dry_run_counts_and_writes_nothing(corpus, embeddings, tmp_path):
    out = tmp_path / "out"
    calls = {
        "demo": [],
        "encode": [corpus],
        "compare": [corpus],
        "finetune": [corpus, "--model", "no-such-model"],
        "label": [corpus],
        "sweep": [embeddings, "--group", "all"],
        "plot": [embeddings],
        "convert": [embeddings],
    }
    documents = pd.read_json(corpus, lines=True)
    for name, arguments in calls.items():
        target = out / "map.html" if name == "plot" else out
        done = invoke(name, *arguments, "--out", target, "--dry-run", "--json")
        assert done.exit_code == 0, (name, done.exception)
        result = json.loads(done.stdout)
        assert result["would"] and str(out) in " ".join(result["would"])
        counts = {row["language"]: row["n_documents"] for row in result["documents"]}
        if name in ("encode", "finetune", "label", "plot", "convert"):
            assert counts == documents["lang"].value_counts().to_dict()
        row = result["documents"][0]
        assert sum(row["registers"].values()) == row["n_documents"]
        assert not out.exists()
    done = invoke("encode", corpus, "--out", out, "--dry-run")
    assert "would encode 32 documents by LiteTextEncoder" in done.output


def test_json_is_all_that_standard_output_has(corpus, embeddings, tmp_path):
    out = tmp_path / "map.png"
    done = invoke("plot", embeddings, "--reducer", "pca", "--out", out, "--json")
    assert json.loads(done.stdout) == {
        "out": [str(out)],
        "maps": ["surface"],
        "n_documents": 32,
    }
    swept = ["--reducers", "none", "--k", "2", "--group", "all", "--n-seeds", 1]
    done = invoke("sweep", embeddings, *swept, "--out", tmp_path / "s", "--json")
    averaged = pd.read_csv(tmp_path / "s" / "average.csv")
    ami = [row["register_ami"] for row in json.loads(done.stdout)["average"]]
    assert ami == pytest.approx(averaged["register_ami"].tolist(), abs=1e-9)


def test_quiet_has_no_notes(corpus, tmp_path):
    arguments = ["encode", corpus, "--encoder", "surface", "--out", tmp_path / "e"]
    done = invoke(*arguments, "--quiet")
    assert done.stderr == "" and "32 documents" in done.stdout
    done = invoke(*arguments, "--verbose")
    assert "encode --encoder: surface" in done.stderr
    refused = invoke(*arguments, "--verbose", "--quiet")
    assert "got --quiet and --verbose" in str(refused.exception)


def test_options_come_from_a_file(corpus, tmp_path):
    config = tmp_path / "run.toml"
    config.write_text(
        f'encoder = "surface"\ndocs = ["{corpus}"]\nprecision = "float16"\n'
        f'n-seeds = 7\n[encode]\nout = "{tmp_path / "e"}"\ntext = false\n'
        'shard-size = 20\n[plot]\nlayers = ["half", "last"]\n'
    )
    done = invoke("encode", "--config", config, "--precision", "float32")
    assert done.exit_code == 0, done.exception or done.output
    manifest = json.loads((tmp_path / "e" / "manifest.json").read_text())
    assert manifest["encoder"] == "SurfaceEncoder" and manifest["text"] is False
    assert manifest["shard_size"] == 20 and manifest["precision"] == "float32"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("encodr = 1", "got encodr in .*, expected an option; did you mean encoder?"),
        ("[encode]\nn-seeds = 2", "got n_seeds in .*, expected an option of encode"),
        ("[encod]\nk = 2", "got encod in .*, expected a command; did you mean encode?"),
        ("encoder =", "which is not TOML"),
    ],
)
def test_a_file_of_options_is_checked(corpus, tmp_path, text, message):
    config = tmp_path / "run.toml"
    config.write_text(text)
    done = invoke("encode", corpus, "--out", tmp_path / "e", "--config", config)
    assert re.search(message, str(done.exception))


def test_jobs_limit_threads_and_processes(monkeypatch):
    monkeypatch.delenv("LOKY_MAX_CPU_COUNT", raising=False)
    before = {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()}
    with limit_jobs(1):
        assert cpu_count() == 1
        assert {pool["num_threads"] for pool in threadpool_info()} <= {1}
    after = {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()}
    assert after == before and "LOKY_MAX_CPU_COUNT" not in os.environ


def test_of_many_documents_a_map_lays_out_a_sample(embeddings, tmp_path, monkeypatch):
    monkeypatch.setattr("embetter_reg.cli._plot._MOST_ON_PAGE", 12)
    outs = ["--out", tmp_path / "map.png", "--out", tmp_path / "map.html"]
    kept = ["--map", tmp_path / "map.parquet"]
    plot = ["plot", embeddings, "--reducer", "pca", "--n-fitted", 20, *kept, *outs]
    done = invoke(*plot)
    said = " ".join(done.output.split())
    assert "pca laid out 20 documents, and 12 were placed among them" in said
    assert "the page shows a sample of 12 documents" in said
    assert len(pd.read_parquet(tmp_path / "map.parquet")) == 32
    assert "1 map of 12 documents" in said and "1 map of 32 documents" in said


def test_a_map_tells_what_its_search_misses(embeddings, tmp_path, monkeypatch):
    monkeypatch.setattr(PCA, "neighbor_recall_", 0.987, raising=False)
    plot = ["plot", embeddings, "--reducer", "pca", "--out", tmp_path / "map.html"]
    said = " ".join(invoke(*plot).output.split())
    assert "approximate: 98.7% of those of 500 documents are the nearest" in said


def test_a_kept_map_has_a_place_for_each_document_to_label(tmp_path):
    documents = pd.DataFrame({"id": list("abcd"), "text": "Once."})
    shuffled = documents["id"].iloc[[2, 0, 3, 1]]
    points = np.array([[2.0, 20.0], [0.0, 0.0], [3.0, 30.0], [1.0, 10.0]])
    keep_maps(tmp_path / "map.parquet", shuffled, {"space": points, "other": -points})
    places = kept_places(tmp_path / "map.parquet", documents)
    assert places.tolist() == [[0, 0], [1, 10], [2, 20], [3, 30]]
    keep_maps(tmp_path / "few.parquet", shuffled[:2], {"space": points[:2]})
    with pytest.raises(ValueError, match="of 2 documents for 4"):
        kept_places(tmp_path / "few.parquet", documents)
