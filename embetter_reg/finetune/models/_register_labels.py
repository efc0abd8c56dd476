"""Register labels as targets of a classifier, and how well they are predicted in each
language.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from embetter_reg.corpus import registers

_ORDER = [*registers.MAIN, *registers.PARENT]
_LARGEST_WEIGHT = 10.0


def read_labels(
    y, *, classes: Sequence[str] | None = None, level: str = "main"
) -> list[list[str]]:
    """Return the labels of each document.

    Parameters
    ----------
    y : sequence of str or of lists
        "NA ne" or a list for each document.
    classes : sequence of str or None
        The labels there are. None is the CORE scheme, whose older codes are read too.
    level : {"main", "sub", "all"}
        Of the CORE scheme, what `registers.at_level` returns.

    Raises
    ------
    ValueError
        If a label is not in the scheme, or a document has none.

    """
    values = list(y.to_list() if hasattr(y, "to_list") else y)
    if classes is None:
        found = [registers.at_level(registers.parse(value), level) for value in values]
    else:
        found = [
            value.replace(",", " ").split() if isinstance(value, str) else list(value)
            for value in values
        ]
        for position, labels in enumerate(found):
            if unknown := sorted(set(labels) - set(classes)):
                raise ValueError(
                    f"got the label {unknown[0]!r} at position {position}, expected "
                    f"one of {list(classes)}; correct "
                    "it, or name it in classes"
                )
    empty = next(
        (position for position, labels in enumerate(found) if not labels), None
    )
    if empty is not None:
        raise ValueError(
            f"got no label at position {empty}, expected one for every document; drop "
            "the document"
        )
    return found


def find_classes(labels: Sequence[Sequence[str]]) -> list[str]:
    """Return the labels that occur, in the scheme's order."""
    found = {label for own in labels for label in own}
    return [code for code in _ORDER if code in found]


def targets(
    labels: Sequence[Sequence[str]], classes: Sequence[str], multi_label: bool
) -> np.ndarray:
    """Return a binary matrix ``float32 (n_documents, n_classes)``, or class numbers
    ``int64 (n_documents,)``.

    Raises
    ------
    ValueError
        If a document has several labels and the targets are of one.

    """
    if multi_label:
        return np.array(
            [[name in own for name in classes] for own in labels], dtype=np.float32
        )
    several = next(
        (position for position, own in enumerate(labels) if len(own) > 1), None
    )
    if several is not None:
        raise ValueError(
            f"got {len(labels[several])} labels at position {several} "
            f"({' '.join(labels[several])}), expected one a "
            "document; drop hybrids or pass multi_label=True"
        )
    return np.array([list(classes).index(own[0]) for own in labels], dtype=np.int64)


def weigh_classes(
    class_weight, y: np.ndarray, classes: Sequence[str]
) -> np.ndarray | None:
    """Return one weight a class, float32, or None.

    ``"balanced"`` is, of single labels, the number of documents over classes times
    those of the class; of several labels, documents without the label over those with
    it, at most 10. A dict names weights; others are 1.
    """
    if class_weight is None:
        return None
    if isinstance(class_weight, dict):
        unknown = sorted(set(class_weight) - set(classes))
        if unknown:
            raise ValueError(
                f"got class_weight for {unknown}, expected labels among "
                f"{list(classes)}; correct them"
            )
        return np.array(
            [class_weight.get(name, 1.0) for name in classes], dtype=np.float32
        )
    if class_weight != "balanced":
        raise ValueError(
            f"got class_weight={class_weight!r}, expected None, 'balanced' or a dict; "
            "pass one"
        )
    if y.ndim == 2:
        with_it = y.sum(axis=0)
        return np.clip(
            (len(y) - with_it) / np.maximum(with_it, 1), None, _LARGEST_WEIGHT
        ).astype(np.float32)
    counts = np.bincount(y, minlength=len(classes))
    return (len(y) / (len(classes) * np.maximum(counts, 1))).astype(np.float32)


def language_f1(
    gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], language
) -> pd.DataFrame:
    """Return F1 by language: one row each and one for ``"all"``.

    Columns ``language, n_documents, micro_f1, macro_f1``, the latter two in [0, 1],
    higher is better. With one label a document micro F1 is accuracy. The macro mean is
    over labels in gold or predictions of the language.
    """
    language = np.asarray(language).astype(str)
    names = sorted({label for own in (*gold, *predicted) for label in own})
    truth, guess = (
        np.array([[n in own for n in names] for own in sets], dtype=bool).reshape(
            len(sets), -1
        )
        for sets in (gold, predicted)
    )
    rows = []
    for name in [*sorted(set(language)), "all"]:
        chosen = (
            language == name if name != "all" else np.ones(len(language), dtype=bool)
        )
        right = 2 * (truth & guess)[chosen].sum(axis=0)
        said = truth[chosen].sum(axis=0) + guess[chosen].sum(axis=0)
        rows.append(
            {
                "language": name,
                "n_documents": int(chosen.sum()),
                "micro_f1": float(right.sum() / said.sum()),
                "macro_f1": float((right[said > 0] / said[said > 0]).mean()),
            }
        )
    return pd.DataFrame(rows)
