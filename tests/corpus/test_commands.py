"""Commands name the columns that they read as `read_documents` does."""

import inspect
import json

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from embetter_reg.cli import app
from embetter_reg.corpus import document_id, read_documents
from embetter_reg.store import read_embeddings

COLUMNS = ["text_column", "labels_column", "lang_column", "id_column"]


@pytest.mark.parametrize("name", ["compare", "encode", "finetune", "label", "predict"])
def test_commands_that_read_documents_have_the_names_of_python(name):
    options = {
        option.name: option.default for option in get_command(app).commands[name].params
    }
    parameters = inspect.signature(read_documents).parameters
    for column in COLUMNS:
        assert column in parameters
        assert options[column] == parameters[column].default
    assert "language" in options


def test_columns_are_read_by_their_names(tmp_path):
    path = tmp_path / "docs.jsonl"
    rows = [
        {"body": "One.", "genre": "NA", "l": "en", "key": 7},
        {"body": "Deux.", "genre": "HI", "l": "fr"},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    arguments = ["encode", path, "--out", tmp_path / "e", "--encoder", "surface"]
    arguments += ["--text-column", "body", "--labels-column", "genre"]
    arguments += ["--lang-column", "l"]
    done = CliRunner().invoke(app, list(map(str, arguments)))
    assert done.exit_code == 0, done.output
    assert "2 documents read (1 en, 1 fr)" in done.output
    documents = read_embeddings(tmp_path / "e").documents
    assert documents["id"].tolist() == [
        document_id("en", "One."),
        document_id("fr", "Deux."),
    ]
    assert documents["labels"].map(list).tolist() == [["NA"], ["HI"]]
