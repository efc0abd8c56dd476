"""How well predicted registers agree with gold ones, by language and by label."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from embetter_reg._scores import scores_by_label, scores_by_language
from embetter_reg._validation import check_labels, check_same_length, check_sequence
from embetter_reg.corpus import label_matrix, registers, split_labels


def classification_reports(
    gold: Iterable[Sequence[str]],
    predicted: Iterable[Sequence[str]],
    *,
    language: ArrayLike,
    classes: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return precision, recall and F1 of predicted label sets by language.

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
        One row for ``"all"`` languages and each ``language``, and kind of
        ``documents``: ``"all"``, ``"single"``, or ``"hybrid"``, those of two or more
        main registers. Columns are ``n_documents``, ``micro_precision``,
        ``micro_recall``, ``micro_f1``, ``macro_precision``, ``macro_recall`` and
        ``macro_f1`` (0 to 1, higher is better). ``micro`` counts all decisions
        together; ``macro`` is the mean over the labels that stand in gold or
        predictions of these documents.

    Raises
    ------
    ValueError
        If lengths differ, a document has no gold label, or none of the gold labels is
        among ``classes``.

    See Also
    --------
    label_reports : The same by label.

    Examples
    --------
    >>> gold = [["NA"], ["OP"]]
    >>> reports = classification_reports(gold, [["NA"], ["NA"]], language=["en", "fi"])
    >>> reports.query("documents == 'all'")[["language", "n_documents", "micro_f1"]]
      language  n_documents  micro_f1
    0      all            2       0.5
    2       en            1       1.0
    4       fi            1       0.0

    """
    return _reports(scores_by_language, gold, predicted, language, classes)


def label_reports(
    gold: Iterable[Sequence[str]],
    predicted: Iterable[Sequence[str]],
    *,
    language: ArrayLike,
    classes: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return precision, recall and F1 of each label by language.

    Parameters and errors are those of `classification_reports`.

    Parameters
    ----------
    gold, predicted : iterables of label lists
    language : array-like of str, shape (n_documents,)
    classes : sequence of str or None

    Returns
    -------
    DataFrame
        One row for ``"all"`` languages and each ``language``, kind of ``documents``
        (``"all"``, ``"single"`` or ``"hybrid"``) and ``label`` in gold or predictions
        of these documents, with ``precision``, ``recall`` and ``f1`` (0 to 1, higher is
        better) and ``support``, the number of documents whose gold labels have it.

    Examples
    --------
    >>> gold = [["NA"], ["OP"]]
    >>> reports = label_reports(gold, [["NA"], ["NA"]], language=["en", "fi"])
    >>> overall = reports.query("language == 'all' and documents == 'all'")
    >>> overall[["label", "precision", "recall", "support"]].round(2)
      label  precision  recall  support
    0    NA        0.5     1.0        1
    1    OP        0.0     0.0        1

    """
    return _reports(scores_by_label, gold, predicted, language, classes)


def label_counts(
    labels: Iterable[Sequence[str]],
    *,
    language: ArrayLike,
    classes: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return how many documents of each language have each label.

    Parameters
    ----------
    labels : iterable of label lists
        Of each document, gold or predicted; an empty list is a document without any.
    language : array-like of str, shape (n_documents,)
        Language of each document.
    classes : sequence of str or None
        Labels that are counted; None takes all that occur.

    Returns
    -------
    DataFrame
        One row a ``language`` and, where there are several, a last one for ``"all"``.
        Columns are ``n_documents``, one a label in the order of the scheme, ``hybrid``
        (documents of two or more main registers, which count under each of their labels
        too) and ``none``.

    Raises
    ------
    ValueError
        If lengths differ.

    Examples
    --------
    >>> from embetter_reg.analysis import label_counts
    >>> label_counts([["NA"], ["NA", "OP"], []], language=["en", "en", "fi"])
      language  n_documents  NA  OP  hybrid  none
    0       en            2   2   1       1     0
    1       fi            1   0   0       0     1
    2      all            3   2   1       1     1

    """
    check_sequence("labels", labels)
    sets = [split_labels(each) for each in labels]
    occurring = {label for each in sets for label in each}
    if classes is not None:
        check_sequence("classes", classes)
        occurring = set(classes)
    columns = registers.sort_labels(occurring)
    table = pd.DataFrame(label_matrix(sets, columns).astype(int), columns=columns)
    table["hybrid"] = [registers.has_several_mains(each) for each in sets]
    table["none"] = [not occurring.intersection(each) for each in sets]
    table.insert(0, "n_documents", 1)
    table.insert(0, "language", check_labels("language", language, len(sets)))
    counts = table.groupby("language").sum().astype(int)
    if len(counts) > 1:
        counts.loc["all"] = counts.sum()
    return counts.reset_index()


def _reports(
    score: Callable[..., pd.DataFrame],
    gold: Any,
    predicted: Any,
    language: ArrayLike,
    classes: Sequence[str] | None,
) -> pd.DataFrame:
    """Return the tables of all kinds of documents, ordered by language and kind."""
    gold_sets, predicted_sets = _read_label_sets(gold, predicted)
    languages = check_labels("language", language, len(gold_sets))
    scored = _scored_labels(gold_sets, predicted_sets, classes)
    is_hybrid = np.array([registers.is_hybrid(labels) for labels in gold_sets])
    masks = {
        "all": np.ones(len(gold_sets), bool),
        "single": ~is_hybrid,
        "hybrid": is_hybrid,
    }
    tables = []
    for kind, mask in masks.items():
        if not mask.any():
            continue
        rows = np.flatnonzero(mask)
        table = score(
            [gold_sets[row] for row in rows],
            [predicted_sets[row] for row in rows],
            languages[rows],
            scored,
        )
        table.insert(1, "documents", kind)
        tables.append(table)
    order = ["all", *sorted(set(languages))]
    return pd.concat(tables).sort_values(
        "language",
        key=lambda names: names.map(order.index),
        kind="stable",
        ignore_index=True,
    )


def _read_label_sets(
    gold: Iterable[Sequence[str]], predicted: Iterable[Sequence[str]]
) -> tuple[list[list[str]], list[list[str]]]:
    check_sequence("gold", gold)
    check_sequence("predicted", predicted)
    gold_sets = [split_labels(labels) for labels in gold]
    predicted_sets = [split_labels(labels) for labels in predicted]
    check_same_length(gold=gold_sets, predicted=predicted_sets)
    for position, labels in enumerate(gold_sets):
        if not labels:
            raise ValueError(
                f"got no gold label at position {position}, expected one for every "
                "document; drop it"
            )
    return gold_sets, predicted_sets


def _scored_labels(
    gold: list[list[str]],
    predicted: list[list[str]],
    classes: Sequence[str] | None,
) -> list[str]:
    """Return the labels that are scored, in the order of the scheme; others last."""
    gold_labels = {label for labels in gold for label in labels}
    if classes is None:
        occurring = gold_labels.union(*predicted)
    else:
        check_sequence("classes", classes)
        occurring = set(classes)
    scored = registers.sort_labels(occurring)
    if not gold_labels & occurring:
        raise ValueError(
            f"got gold labels of which none is among the model's {scored}, expected "
            "some; map its labels"
        )
    return scored
