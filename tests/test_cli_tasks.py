"""Commands that many tasks share, from the shell."""

import json

import pytest
from typer.testing import CliRunner

from embetter_reg.cli import app
from embetter_reg.corpus import load_registers, read_documents
from embetter_reg.store import encode_files, read_embeddings
from embetter_reg.text import SurfaceEncoder


def invoke(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    documents = load_registers().groupby("lang").head(2)
    documents["labels"] = documents["labels"].map(list)
    documents["text"] = documents["text"].str[:60]
    for number in range(2):
        part = documents.iloc[number::2]
        part.to_json(folder / f"{number}.jsonl", orient="records", lines=True)
    return folder


def test_tasks_of_encode_and_their_status(source, tiny_model, tmp_path):
    model = f"sentence:{tiny_model}"
    out = tmp_path / "e"
    command = ["encode", source, "--encoder", model, "--out", out, "--shard-size", "4"]
    done = invoke(*command, "--shard", "2/2")
    assert done.exit_code == 0, done.output
    assert "1 of 2 inputs are done" in done.output
    state = invoke("status", out)
    assert state.exit_code == 1
    assert "missing: 0.jsonl (0 documents)" in state.output
    assert invoke(*command, "--shard", "1/2").exit_code == 0
    state = invoke("status", out, "--json")
    assert state.exit_code == 0
    told = json.loads(state.stdout)
    assert told["complete"] and told["n_documents"] == len(read_documents(source))
    stored = read_embeddings(out)
    assert stored.documents["id"].tolist() == read_documents(source)["id"].tolist()
    # An encoder that learns nothing reads a stream without --shard, too.
    assert invoke(*command[:-3], tmp_path / "all", *command[-2:]).exit_code == 0
    names = {path.name: path.read_bytes() for path in out.glob("part-*")}
    again = {path.name: path.read_bytes() for path in (tmp_path / "all").glob("part-*")}
    assert names == again


@pytest.mark.parametrize("output_format", ["jsonl", "parquet"])
def test_tasks_of_predict(output_format, source, tiny_folder, tmp_path):
    model = ["--model", tiny_folder / "classifier", "--device", "cpu"]
    model += ["--max-length", "64", "--batch-size", "1"]
    out = tmp_path / "p"
    command = ["predict", source, *model, "--out", out]
    command += ["--output-format", output_format]
    assert invoke(*command, "--shard", "1/2").exit_code == 0
    assert not (out / "counts.csv").exists()
    done = invoke(*command, "--shard", "2/2", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["complete"]
    assert invoke("status", out).exit_code == 0
    whole = invoke("predict", source, *model, "--out", tmp_path / "one")
    assert whole.exit_code == 0
    counts = (tmp_path / "one" / "counts.csv").read_text()
    assert (out / "counts.csv").read_text() == counts
    if output_format == "jsonl":
        parts = [out / "part-00000.jsonl", out / "part-00001.jsonl"]
        lines = [line for part in parts for line in part.read_text().splitlines()]
        one = (tmp_path / "one" / "predictions.jsonl").read_text().splitlines()
        for ours, theirs in zip(
            map(json.loads, lines), map(json.loads, one), strict=True
        ):
            theirs.pop("seen")
            assert ours == theirs


@pytest.mark.parametrize(
    "options, message",
    [
        (["--shard", "0/2"], "got --shard 0/2"),
        (["--shard", "3/2"], "got --shard 3/2"),
        (["--shard", "two"], "got --shard two"),
        (["--shard", ""], "expected a task and the number of tasks"),
        (["--encoder", "surface", "--shard", "1/2"], "learns from all documents"),
        (["--encoder", "lite", "--engine", "ray"], "learns from all documents"),
    ],
)
def test_what_no_task_can_do_is_refused(options, message, source, tiny_model, tmp_path):
    if "--encoder" not in options:
        options = ["--encoder", f"sentence:{tiny_model}", *options]
    done = invoke("encode", source, *options, "--out", tmp_path / "e")
    assert message in str(done.exception)
    assert not (tmp_path / "e").exists()


def test_tasks_of_predict_need_documents_and_a_folder(source, tmp_path):
    done = invoke("predict", source, "--no-download", "--shard", "1/2")
    assert "without --out" in str(done.exception)
    out = ["--out", tmp_path / "p"]
    done = invoke("predict", source, "--no-download", "--shard", "4/3", *out)
    assert "got --shard 4/3" in str(done.exception)  # before the model is looked for
    stored = tmp_path / "e"
    encode_files(SurfaceEncoder(scale=False), source, stored)
    done = invoke("predict", stored, "--shard", "1/2", "--out", tmp_path / "p")
    assert "for embeddings that are classified already" in str(done.exception)
    done = invoke("status", source)
    assert "without a record of inputs" in str(done.exception)
