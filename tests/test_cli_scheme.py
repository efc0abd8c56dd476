"""Commands on documents whose labels are not those of CORE. The oracle is CORE: the
same documents under other names have the same figures.
"""

import json
import re

import pandas as pd
import pytest
from typer.testing import CliRunner

from embetter_reg.cli import app
from embetter_reg.corpus import load_registers, registers
from embetter_reg.corpus.registers import mains

pytestmark = pytest.mark.usefixtures("quick_pictures")

NAMES = dict(zip(registers.MAIN, "abcdefghi", strict=True))
ROWS = [f"{code},the {code} kind,#1{n}AA00" for n, code in enumerate(NAMES.values())]


def invoke(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def run(*arguments):
    done = invoke(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """CORE documents, the same under other labels, the scheme of these, embeddings."""
    folder = tmp_path_factory.mktemp("scheme")
    documents = load_registers().query("lang in ['en', 'fr']")
    (folder / "scheme.csv").write_text("\n".join(["code,name,color", *ROWS]))
    renamed = documents.assign(
        labels=[[NAMES[code] for code in mains(each)] for each in documents["labels"]]
    )
    for name, table in {"core": documents, "own": renamed}.items():
        path = folder / f"{name}.jsonl"
        table.to_json(path, orient="records", lines=True)
        scheme = folder / "scheme.csv" if name == "own" else "registers"
        out = folder / name
        run("encode", path, "--encoder", "surface", "--out", out, "--scheme", scheme)
    return folder


def sweep(folder, name, scheme, out):
    sweeping = [
        "sweep",
        folder / name,
        "--k",
        "2,8",
        "--reducers",
        "none",
        "--n-seeds",
        1,
    ]
    return run(*sweeping, "--scheme", scheme, "--out", out)["average"]


@pytest.mark.parametrize("scheme", ["scheme.csv", "free", "a,b"])
def test_figures_are_those_of_core_under_other_names(folder, tmp_path, scheme):
    if scheme == "scheme.csv":
        scheme = folder / scheme
    expected = sweep(folder, "core", "registers", tmp_path / "core")
    found = sweep(folder, "own", scheme, tmp_path / "own")
    for row, other in zip(expected, found, strict=True):
        assert {**row, "space": ""} == {**other, "space": ""}


def test_labels_of_another_scheme_are_refused_with_their_place(folder, tmp_path):
    done = invoke("encode", folder / "own.jsonl", "--out", tmp_path / "out")
    assert done.exit_code != 0
    assert re.search(
        r"own.jsonl:1: got the unknown.*name a scheme that has it", str(done.exception)
    )
    done = invoke(
        "plot", folder / "core", "--out", tmp_path / "a.svg", "--scheme", "core"
    )
    assert "got the scheme 'core'" in str(done.exception)


def test_pictures_have_names_and_colors_of_the_scheme(folder, tmp_path):
    picture = tmp_path / "map.svg"
    scheme = folder / "scheme.csv"
    run(
        "plot", folder / "own", "--reducer", "pca", "--out", picture, "--scheme", scheme
    )
    drawn = picture.read_text()
    kinds = sorted(set(NAMES.values()) - {NAMES["MT"]})
    assert all(f"the {code} kind" in drawn for code in kinds)
    assert all(f"#1{n}aa00" in drawn.lower() for n in range(len(kinds)))


def test_a_group_of_core_is_none_of_another_scheme(folder, tmp_path):
    options = ["--scheme", "free", "--out", tmp_path / "out"]
    done = invoke("sweep", folder / "own", "--group", "without_MT", *options)
    assert "got group='without_MT', expected one of ['all']" in str(done.exception)


def test_a_dry_run_counts_own_labels(folder):
    labeling = ["label", folder / "own.jsonl", "--scheme", "free", "--dry-run"]
    counts = run(*labeling)["documents"]
    assert [row["language"] for row in counts] == ["en", "fr"]
    documents = pd.read_json(folder / "own.jsonl", lines=True)
    expected = documents["labels"].str.join(" ").value_counts() // 2
    assert counts[0]["registers"] == expected.sort_index().to_dict()
