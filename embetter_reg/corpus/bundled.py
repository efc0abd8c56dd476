"""The corpus that comes with the package."""

import json
from importlib.resources import files
from pathlib import Path

import pandas as pd


def load_registers() -> pd.DataFrame:
    """Return the bundled corpus with columns ``id, lang, labels, topic, text``.

    A synthetic factorial of 6 languages × 8 main registers × 10 topics, one document a cell, so that
    register, language and topic are independent by design. ``datasets/README.md`` tells how it was made.

    Raises
    ------
    FileNotFoundError
        If the corpus was not installed with the package.

    Examples
    --------
    >>> from embetter_reg.corpus import load_registers
    >>> len(load_registers())
    480

    """
    package = Path(str(files("embetter_reg")))
    # Inside an installed package; beside the package in a checkout (editable installs copy nothing).
    places = [folder / "datasets" / "registers.jsonl" for folder in (package, package.parent)]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise FileNotFoundError(
            f"got no bundled corpus at {places[0]} or {places[1]}, expected registers.jsonl; install embetter_reg again"
        )
    with path.open(encoding="utf-8") as lines:
        return pd.DataFrame([json.loads(line) for line in lines])
