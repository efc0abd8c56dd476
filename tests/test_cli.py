import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from embetter_reg.cli import app
from embetter_reg.corpus import load_registers


def run(*arguments):
    code = "from embetter_reg.cli import main; main()"
    return subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("docs") / "docs.jsonl"
    load_registers().query("lang in ['en', 'fr'] and topic != 'sport'").to_json(path, orient="records", lines=True)
    return path


def test_help_names_the_commands():
    shown = CliRunner().invoke(app, ["--help"]).output
    assert "demo" in shown and "compare" in shown


def test_compare_writes_a_report_on_held_out_documents(corpus, tmp_path):
    done = run("compare", corpus, "--out", tmp_path / "r")
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "r" / "report.json").read_text(encoding="utf-8"))
    read = {json.loads(line)["id"] for line in corpus.read_text(encoding="utf-8").splitlines()}
    assert not set(record["fitted_on"]) & set(record["compared"])
    assert set(record["fitted_on"]) | set(record["compared"]) == read
    assert record["verdict"]["original"]["word"] == "language"
    assert "The tuned space" in done.stdout and "Report:" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.tsv"], "nothing.tsv, which does not exist"),
        (["CORPUS", "--head", "mlp"], "got --head mlp"),
        (["CORPUS", "--hybrids", "keep"], "got --hybrids keep"),
        (["CORPUS", "--group", "some"], "got the group 'some'"),
        (["CORPUS", "--test", "CORPUS"], "no held-out document"),
        (["ENGLISH"], "got held-out documents of one language (en)"),
        (["CORPUS", "--encoder", "no/such"], "got the model 'no/such'"),
    ],
)
def test_bad_input_is_one_sentence_and_code_2(corpus, tmp_path, arguments, message):
    english = tmp_path / "en.jsonl"
    load_registers().query("lang == 'en'").to_json(english, orient="records", lines=True)
    arguments = [{"CORPUS": corpus, "ENGLISH": english}.get(argument, argument) for argument in arguments]
    done = run("compare", *arguments, "--out", tmp_path)
    assert done.returncode == 2
    assert message in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "report.html").exists()


def test_debug_shows_the_traceback(tmp_path):
    done = run("compare", "nothing.tsv", "--debug")
    assert done.returncode == 1 and "Traceback" in done.stderr


def test_usage_errors_are_code_2():
    assert run("compare").returncode == 2
    assert run("invent").returncode == 2
