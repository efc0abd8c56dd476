"""Imports point down the house only, and importing the package loads nothing heavy."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import embetter_reg

PACKAGE = Path(embetter_reg.__file__).parent
# From the ground up; a part may import parts before it, and itself.
ORDER = [
    "_optional",
    "_random",
    "_validation",
    "_files",
    "_progress",
    "_hub",
    "_devices",
    "_fingerprint",
    "_skops",
    "_parameters",
    "_class_weights",
    "_compiled",
    "corpus",
    "_scores",
    "store",
    "grab",
    "pretrained",
    "text",
    "model",
    "utils",
    "finetune",
    "erase",
    "analysis",
    "plots",
    "report",
    "label",
    "cli",
]


def part_of(module: str) -> str | None:
    pieces = module.split(".")
    return pieces[1] if pieces[0] == "embetter_reg" and len(pieces) > 1 else None


def imported_names(source: str) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {
                f"{node.module}.{alias.name}" for alias in node.names
            }
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name for name in names if part_of(name)}


def imported_parts(source: str) -> set[str]:
    return {part for name in imported_names(source) if (part := part_of(name)) in ORDER}


def private_modules_of_others(folder: str, source: str) -> set[str]:
    """Modules named with an underscore, other than the importing folder's own and those
    at the root.
    """
    private = set()
    for name in imported_names(source):
        pieces = name.split(".")
        for depth in range(2, len(pieces)):
            path = PACKAGE.joinpath(*pieces[1:depth], pieces[depth] + ".py")
            if (
                pieces[depth].startswith("_")
                and path.is_file()
                and ".".join(pieces[:depth]) != folder
            ):
                private.add(".".join(pieces[: depth + 1]))
    return private


def points_up(part: str, source: str) -> set[str]:
    return {
        other
        for other in imported_parts(source)
        if ORDER.index(other) > ORDER.index(part)
    }


FILES = [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path):
    part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    assert part in ORDER, f"{part} has no floor in ORDER; give it one"
    assert points_up(part, path.read_text(encoding="utf-8")) == set()


def test_an_import_that_points_up_is_seen():
    assert points_up("corpus", "from embetter_reg.report import write_report") == {
        "report"
    }
    assert points_up("corpus", "def f():\n    from embetter_reg import cli") == {"cli"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_private_modules_are_imported_in_their_own_folder_only(path):
    folder = ".".join(["embetter_reg", *path.parent.relative_to(PACKAGE).parts])
    assert private_modules_of_others(folder, path.read_text(encoding="utf-8")) == set()


def test_an_import_of_a_private_module_is_seen():
    source = (
        "from embetter_reg.text._lite import LiteTextEncoder\n"
        "from embetter_reg.text import _hidden"
    )
    both = {"embetter_reg.text._lite", "embetter_reg.text._hidden"}
    assert private_modules_of_others("embetter_reg.label", source) == both
    assert private_modules_of_others("embetter_reg.text", source) == set()
    assert (
        private_modules_of_others(
            "embetter_reg.text", "from embetter_reg._files import write_atomically"
        )
        == set()
    )


@pytest.mark.parametrize("module", ["embetter_reg", "embetter_reg.cli"])
def test_import_loads_nothing_heavy(module):
    code = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {
        "torch",
        "umap",
        "sentence_transformers",
        "transformers",
        "numba",
        "matplotlib",
        "sklearn",
        "pandas",
        "bokeh",
    }
    assert heavy & set(loaded) == set()


def test_every_public_name_loads():
    for name in embetter_reg.__all__:
        assert getattr(embetter_reg, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = embetter_reg.nothing
