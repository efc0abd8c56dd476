"""The corpus and the examples that come with the package."""

import json
from importlib.resources import files
from pathlib import Path

import pandas as pd

from embetter_reg._validation import check_choice


def load_registers() -> pd.DataFrame:
    """Return the bundled corpus with columns ``id, lang, labels, topic, text``.

    A synthetic factorial of 6 languages × 8 main registers × 10 topics, one document a
    cell, so that register, language and topic are independent by design.
    ``datasets/README.md`` describes how it was made.

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
    return pd.DataFrame(_read("registers.jsonl"))


EXAMPLES = ("sentences", "messages")


def load_examples(name: str) -> list[dict]:
    """Return a small bundled data set in the form of pairs: ``{"text", "cats": {label:
    True or False}, "lang"}``.

    ``"sentences"`` has registers and their sub-registers, ``"messages"`` what the
    writers of notes on a board want. Both have labels in two levels and texts in four
    languages; a label that is unknown is missing from ``cats``. ``datasets/README.md``
    describes them.

    Raises
    ------
    ValueError
        If there is no data set of that name.
    FileNotFoundError
        If it was not installed with the package.

    Examples
    --------
    >>> from embetter_reg.corpus import load_examples
    >>> examples = load_examples("messages")
    >>> len(examples), examples[0]["cats"]
    (101, {'asks': True, 'tells': False, 'offers': False, 'asks how': True, 'asks which': False})

    """
    check_choice("name", name, EXAMPLES)
    return _read(f"{name}.jsonl")


def _read(file: str) -> list[dict]:
    package = Path(str(files("embetter_reg")))
    # Inside an installed package; beside it in a checkout, since editable installs copy
    # nothing.
    places = [folder / "datasets" / file for folder in (package, package.parent)]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise FileNotFoundError(
            f"got no bundled corpus at {places[0]} or {places[1]}, expected {file}; "
            "install embetter_reg again"
        )
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
