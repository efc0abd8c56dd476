"""The command line. Every command is a few calls that a notebook could make."""

from embetter_reg.cli import (  # noqa: F401  they hold the commands
    _compare,
    _encode,
    _finetune,
    _label,
    _plot,
    _predict,
    _sweep,
    _tasks,
)
from embetter_reg.cli._app import app, main

__all__ = ["app", "main"]
