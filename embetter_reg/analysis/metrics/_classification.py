"""How well predicted registers agree with gold ones, by language and by label."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_fscore_support

from embetter_reg._validation import check_labels, check_same_length, check_sequence
from embetter_reg.corpus import registers, split_labels


def classification_reports(
    gold: Iterable[Sequence[str]],
    predicted: Iterable[Sequence[str]],
    *,
    language,
    classes: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return precision, recall and F1 of predicted label sets, for each language and
    for hybrids apart.

    Parameters
    ----------
    gold, predicted : iterables of label lists
        CORE codes of each document. A document without a gold label is an error.
    language : array-like of str, shape (n_documents,)
        Language of each document.
    classes : sequence of str or None
        Labels that are scored: those of the model. None takes all that occur.

    Returns
    -------
    DataFrame
        One row for each language (and ``"all"``), kind of documents (``"all"``,
        ``"single"``, ``"hybrid"``: two or more main registers) and label, with
        ``precision, recall, f1`` (0 to 1, higher is better) and ``support``, the number
        of gold labels. The label ``"micro"`` counts all decisions together; ``"macro"``
        is the mean over the labels that stand in gold or predictions of these
        documents.

    Raises
    ------
    ValueError
        If lengths differ, a document has no gold label, or none of the gold labels is
        among ``classes``.

    Examples
    --------
    >>> reports = classification_reports([["NA"], ["OP"]], [["NA"], ["NA"]], language=["en", "fi"])
    >>> reports.query("language == 'all' and documents == 'all' and label == 'micro'")["f1"].item()
    0.5

    """
    check_sequence("gold", gold)
    check_sequence("predicted", predicted)
    if classes is not None:
        check_sequence("classes", classes)
    right = [split_labels(labels) for labels in gold]
    guessed = [split_labels(labels) for labels in predicted]
    check_same_length(gold=right, predicted=guessed)
    languages = check_labels("language", language, len(right))
    empty = next((place for place, labels in enumerate(right) if not labels), None)
    if empty is not None:
        raise ValueError(
            f"got no gold label at position {empty}, expected one for every document; "
            "drop it"
        )
    order = [*registers.MAIN, *registers.PARENT]
    found = {label for labels in (*right, *guessed) for label in labels}
    scored = sorted(
        found if classes is None else set(classes),
        key=lambda c: (order.index(c) if c in order else 99, c),
    )
    if not {label for labels in right for label in labels} & set(scored):
        raise ValueError(
            f"got gold labels of which none is among the model's {scored}, expected "
            "some; map its labels"
        )
    truth, guess = _matrix(right, scored), _matrix(guessed, scored)
    is_hybrid = np.array([registers.is_hybrid(labels) for labels in right])
    kinds = {
        "all": np.ones(len(right), bool),
        "single": ~is_hybrid,
        "hybrid": is_hybrid,
    }
    rows = []
    for name in ["all", *sorted(set(languages))]:
        spoken = np.ones(len(right), bool) if name == "all" else languages == name
        for kind, chosen in kinds.items():
            if (spoken & chosen).any():
                rows += [
                    {"language": name, "documents": kind, **row}
                    for row in _rows(truth, guess, spoken & chosen, scored)
                ]
    return pd.DataFrame(rows)


def _rows(truth: np.ndarray, guess: np.ndarray, chosen: np.ndarray, scored: list[str]):
    truth, guess = truth[chosen], guess[chosen]
    seen = np.flatnonzero(truth.any(axis=0) | guess.any(axis=0))
    truth, guess = truth[:, seen], guess[:, seen]
    precision, recall, f1, support = precision_recall_fscore_support(
        truth, guess, zero_division=0
    )
    for average in ("micro", "macro"):
        p, r, f, _ = precision_recall_fscore_support(
            truth, guess, average=average, zero_division=0
        )
        yield {
            "label": average,
            "precision": p,
            "recall": r,
            "f1": f,
            "support": int(truth.sum()),
        }
    for place, column in enumerate(seen):
        yield {
            "label": scored[column],
            "precision": precision[place],
            "recall": recall[place],
            "f1": f1[place],
            "support": int(support[place]),
        }


def _matrix(label_sets: list[list[str]], scored: list[str]) -> np.ndarray:
    return np.array(
        [[label in labels for label in scored] for labels in label_sets], dtype=np.int8
    )
