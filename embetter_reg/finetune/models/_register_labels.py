"""Register labels as targets of a classifier."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from embetter_reg.corpus import label_matrix, registers


def read_labels(
    y: Any, *, classes: Sequence[str] | None = None, level: str = "main"
) -> list[list[str]]:
    """Return the labels of each document.

    Parameters
    ----------
    y : sequence of str or of lists
        "NA ne" or a list for each document.
    classes : sequence of str or None
        The labels that are allowed. None is the scheme in use, whose older codes are
        read too.
    level : {"main", "sub", "all"}
        Of the scheme in use, main registers; sub-registers, and main ones without any; or
        both.

    Raises
    ------
    ValueError
        If a label is not in the scheme, or a document has none.
    TypeError
        If ``y`` is one str or a set.

    """
    if isinstance(y, str | set | frozenset | dict) or not hasattr(y, "__len__"):
        raise TypeError(
            f"got {type(y).__name__} as y, expected the labels of each document in "
            "their order; pass a list"
        )
    if hasattr(y, "to_list"):
        y = y.to_list()
    label_sets = []
    for position, value in enumerate(y):
        labels = _read_one(value, position, classes)
        if classes is None:
            labels = registers.at_level(labels, level)
        if not labels:
            raise ValueError(
                f"got no label at position {position}, expected one for every "
                "document; drop the document"
            )
        label_sets.append(labels)
    return label_sets


def _read_one(value: Any, position: int, classes: Sequence[str] | None) -> list[str]:
    if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)):
        raise ValueError(
            f"got a missing label at position {position}, expected one for every "
            "document; drop the document"
        )
    if classes is None:
        try:
            return registers.parse(value)
        except (TypeError, ValueError) as error:
            raise ValueError(f"position {position}: {error}") from None
    labels = [value]
    if isinstance(value, str) and value not in classes:
        labels = value.replace(",", " ").split()
    elif not isinstance(value, str) and np.iterable(value):
        labels = list(value)
    unknown = [label for label in labels if label not in classes]
    if unknown:
        raise ValueError(
            f"got the label {unknown[0]!r} at position {position}, expected one of "
            f"{list(classes)}; correct it, or name it in classes"
        )
    return list(dict.fromkeys(labels))


def find_classes(label_sets: Sequence[Sequence[str]]) -> list[str]:
    """Return the labels that occur, in the scheme's order."""
    occurring = {label for labels in label_sets for label in labels}
    return registers.sort_labels(occurring)


def targets(
    label_sets: Sequence[Sequence[str]], classes: Sequence[str], is_multi_label: bool
) -> np.ndarray:
    """Return a binary matrix ``float32 (n_documents, n_classes)``, or class numbers
    ``int64 (n_documents,)``.

    Raises
    ------
    ValueError
        If a document has several labels and the targets are of one.

    """
    if is_multi_label:
        return label_matrix(label_sets, classes).astype(np.float32)
    for position, labels in enumerate(label_sets):
        if len(labels) > 1:
            raise ValueError(
                f"got {len(labels)} labels at position {position} "
                f"({' '.join(labels)}), expected one a document; drop hybrids or pass "
                "multi_label=True"
            )
    numbers = {name: number for number, name in enumerate(classes)}
    return np.array([numbers[label] for (label,) in label_sets], dtype=np.int64)
