"""Every example in a docstring runs."""

import doctest
import importlib
import pkgutil

import pytest

import embetter_reg

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
