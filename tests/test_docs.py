"""Every example in a docstring runs, and every block of every page of the site."""

import doctest
import importlib.util
import pkgutil
import re
import shlex
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import torch
from typer.main import get_command

import embetter_reg
from embetter_reg import text
from embetter_reg.cli import app

REPO = Path(__file__).parents[1]
DOCS = REPO / "docs"
_spec = importlib.util.spec_from_file_location(
    "make_pictures", DOCS / "make_pictures.py"
)
pictures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(pictures)

MODULES = [
    info.name
    for info in pkgutil.walk_packages(embetter_reg.__path__, "embetter_reg.")
    if not info.ispkg
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0


@pytest.mark.parametrize(
    "name", [name for name in embetter_reg.__all__ if not name.startswith("_")]
)
def test_every_public_name_has_an_example(name):
    doc = getattr(embetter_reg, name).__doc__
    assert doc and (">>>" in doc or name == "write_report")


def masked(text):
    """Figures may differ in the last digit between machines, so they are not compared;
    nor are line ends.
    """
    return re.sub(r"[-+]?\d+\.\d+", "#", " ".join(text.split()))


def compare_with_what_is_shown(source, label, names, run):
    for block in pictures.BLOCK.finditer(source):
        if not pictures.can_run(block):
            continue
        assert masked(run(block, names, label)) == masked(block["shown"] or ""), block[
            "code"
        ]


@pytest.mark.parametrize(
    "page", pictures.pages(), ids=lambda page: str(page.relative_to(DOCS))
)
def test_a_page_runs_and_prints_what_it_shows(
    page, tmp_path, monkeypatch, quick_pictures
):
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(
        1
    )  # numba leaves more behind, and the threads of a small model wait for each other
    names: dict = {}
    compare_with_what_is_shown(
        page.read_text(encoding="utf-8"), page.name, names, pictures.run
    )
    plt.close("all")
    if page.name == "index.md":
        assert (tmp_path / "demo" / "report.html").exists()
    if page.name == "encoders.md":
        assert names["cached"].stats()["hits"] == len(names["test"])


def test_the_readme_shows_the_example_of_the_home_page():
    readme, home = (
        (folder / name).read_text(encoding="utf-8")
        for folder, name in ((REPO, "README.md"), (DOCS, "index.md"))
    )
    block, *others = pictures.BLOCK.finditer(readme)
    assert all(pictures.NEEDS_MODEL in other["title"] for other in others)
    first = next(pictures.BLOCK.finditer(home))
    assert block["code"] == first["code"] and masked(block["shown"]) == masked(
        first["shown"]
    )


def test_every_picture_is_made_by_the_page_or_script_that_it_names():
    shown = {}
    for page in DOCS.rglob("*.md"):
        source = page.read_text(encoding="utf-8")
        for name in re.findall(r"!\[.+?\]\((?:\.\./)?pictures/(.+?)\)", source):
            makes = re.search(rf'savefig\(\s*"{re.escape(name)}"', source)
            scripts = re.findall(r"^python (benchmarks/\w+\.py)", source, re.MULTILINE)
            assert makes or any(
                name in (REPO / script).read_text(encoding="utf-8")
                for script in scripts
            ), f"{page.name} shows {name} and does not make it"
            shown[name] = page
    assert set(shown) == {path.name for path in (DOCS / "pictures").iterdir()}
    assert all(
        path.stat().st_size <= pictures.LARGEST
        for path in (DOCS / "pictures").iterdir()
    )


@pytest.mark.parametrize(
    "page",
    [REPO / "README.md", *sorted(DOCS.rglob("*.md"))],
    ids=lambda page: page.name,
)
def test_commands_on_a_page_have_the_options_that_they_are_given(page):
    group = get_command(app)
    for shell in re.findall(
        r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL
    ):
        for line in shell.replace("\\\n", " ").splitlines():
            if line.startswith("embetter-reg "):
                _, name, *arguments = shlex.split(line, comments=True)
                assert group.commands[name].make_context(name, arguments).params


def test_the_home_page_names_every_command():
    home = (DOCS / "index.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`embetter-reg (\w+)`", home)) == set(
        get_command(app).commands
    )


def test_every_public_name_is_in_the_reference():
    reference = "".join(
        page.read_text(encoding="utf-8") for page in (DOCS / "api").glob("*.md")
    )
    told = set(re.findall(r"^::: (embetter_reg\.\S+)$", reference, re.MULTILINE))
    packages = [
        info.name
        for info in pkgutil.iter_modules(embetter_reg.__path__, "embetter_reg.")
        if info.ispkg
    ]
    packages.remove("embetter_reg.cli")
    public = {
        f"{package}.{name}"
        for package in packages
        for name in importlib.import_module(package).__all__
    }
    top = {
        f"embetter_reg.{embetter_reg._HOME[name]}.{name}" for name in embetter_reg._HOME
    }
    assert public | top <= told
    for name in told:
        module, _, last = name.rpartition(".")
        assert hasattr(
            importlib.import_module(module), last
        ) or importlib.util.find_spec(name)


def test_the_encoders_page_names_every_encoder():
    page = (DOCS / "encoders.md").read_text(encoding="utf-8")
    table = page[: page.index("## Joined encoders")]
    assert set(re.findall(r"`(\w+Encoder)`", table)) == {
        name for name in text.__all__ if name.endswith("Encoder")
    }
