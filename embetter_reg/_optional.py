"""Import a package that only some users need, with the pip line that installs it."""

from importlib import import_module
from typing import Any


def optional_import(module: str, *, package: str, purpose: str) -> Any:
    """Return ``module``, or say in one sentence how to install ``package``.

    Raises
    ------
    ImportError
        If the module is not installed.

    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{purpose} needs {package}: pip install {package}"
        ) from error
