"""Every example in a docstring runs."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import embetter_reg
from embetter_reg import text

MODULES = [info.name for info in pkgutil.walk_packages(embetter_reg.__path__, "embetter_reg.") if not info.ispkg]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0


@pytest.mark.parametrize("name", [name for name in embetter_reg.__all__ if not name.startswith("_")])
def test_every_public_name_has_an_example(name):
    doc = getattr(embetter_reg, name).__doc__
    assert doc and (">>>" in doc or name == "write_report")


def test_the_readme_runs_and_prints_what_it_shows(tmp_path, monkeypatch, capsys):
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    code, shown = re.search(r"```python\n(.*?)```\n\n```text\n(.*?)```", readme, re.DOTALL).groups()
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    without_figures = [re.sub(r"[-+]?\d\.\d+", "#", " ".join(text.split())) for text in (printed, shown)]
    assert without_figures[0] == without_figures[1]  # figures may differ in the last digit between machines
    assert (tmp_path / "demo" / "report.html").exists()


def test_the_encoders_page_runs_and_names_every_encoder():
    page = (Path(__file__).parents[1] / "docs" / "encoders.md").read_text(encoding="utf-8")
    names: dict = {}
    for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(code, "encoders.md", "exec"), names)
    assert names["cached"].stats()["hits"] == len(names["test"])
    table = page[: page.index("## Joined encoders")]
    assert set(re.findall(r"`(\w+Encoder)`", table)) == {name for name in text.__all__ if name.endswith("Encoder")}
