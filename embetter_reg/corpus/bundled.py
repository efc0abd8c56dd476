"""The corpus that comes with the package."""

import json
from importlib.resources import files

import pandas as pd


def load_registers() -> pd.DataFrame:
    """Return the bundled corpus with columns ``id, lang, labels, topic, text``.

    A synthetic factorial of 6 languages × 8 main registers × 10 topics, one document a cell, so that
    register, language and topic are independent by design. ``datasets/README.md`` tells how it was made.

    Examples
    --------
    >>> from embetter_reg.corpus import load_registers
    >>> len(load_registers())
    480
    """
    path = files("embetter_reg.datasets").joinpath("registers.jsonl")
    with path.open(encoding="utf-8") as lines:
        return pd.DataFrame([json.loads(line) for line in lines])
