"""Input of pairs, checked."""

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from embetter_reg._validation import check_labels

LANGUAGES = ("auto", "other", "same")


def check_numbers(n_pos: int, n_neg: int) -> None:
    """Check the numbers of pairs a document."""
    for name, number in (("n_pos", n_pos), ("n_neg", n_neg)):
        if not isinstance(number, Integral) or number < 0:
            raise ValueError(
                f"got {name}={number!r}, expected a whole number of at least 0; pass "
                "that"
            )
    if not n_pos and not n_neg:
        raise ValueError(
            "got n_pos=0 and n_neg=0, expected at least one pair a document; raise one"
        )


def check_indicator(Y: ArrayLike) -> np.ndarray:
    """Return a float matrix (n_documents, n_classes) of 1, 0 and NaN."""
    try:
        table = np.asarray(Y, dtype=np.float64)
        valid = table.ndim == 2 and 0 not in table.shape
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"got labels that are no numbers ({error}), expected a matrix of 1, 0 and "
            "NaN for unknown; pass that"
        ) from error
    if not valid or not (np.isnan(table) | (table == 0) | (table == 1)).all():
        raise ValueError(
            f"got labels of shape {table.shape}, expected a matrix of 1, 0 and NaN for "
            "unknown; pass that"
        )
    return table


def check_examples(examples: Sequence[Mapping]) -> list[Mapping]:
    """Return examples that each have a text and cats."""
    expected = '{"text": …, "cats": {label: True or False}}'
    if isinstance(examples, str | Mapping) or not hasattr(examples, "__iter__"):
        raise ValueError(
            f"got {type(examples).__name__}, expected a list of {expected}; pass one"
        )
    examples = list(examples)
    for position, example in enumerate(examples):
        if not _is_example(example):
            raise ValueError(
                f"got {example!r} at position {position}, expected {expected}; correct "
                "it"
            )
    return examples


def _is_example(example: Any) -> bool:
    if not isinstance(example, Mapping) or not isinstance(example.get("text"), str):
        return False
    cats = example.get("cats")
    if not isinstance(cats, Mapping):
        return False
    # True and False are 1 and 0.
    return all(value in (0, 1) for value in cats.values())


def resolve(
    name: str, value: str, default: str, language: ArrayLike | None, several: bool
) -> str | None:
    """Return the restriction by language, or None where there is none."""
    if value not in LANGUAGES:
        raise ValueError(
            f"got {name}={value!r}, expected one of {list(LANGUAGES)}; pick one"
        )
    if value != "auto":
        if language is None:
            raise ValueError(
                f"got {name}={value!r} without language, expected one a document; "
                "pass language="
            )
        return value
    if several:
        return default
    return None


def names_and_codes(
    name: str, values: Any, n_documents: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels that occur, sorted, and each document's number among them."""
    if isinstance(values, str) or not hasattr(values, "__len__"):
        raise ValueError(
            f"got {name} of type {type(values).__name__}, expected one label a "
            "document; pass a list or an array"
        )
    if n_documents is None:
        n_documents = len(values)
    labels = np.asarray(values)
    if labels.shape != (n_documents,) or labels.dtype.kind not in "iub":
        labels = check_labels(name, values, n_documents)
    codes, names = pd.factorize(labels, sort=True)
    return names, codes
