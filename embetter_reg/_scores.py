"""Precision, recall and F1 of predicted label sets, by language and by label."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from embetter_reg.corpus import label_matrix

_F1_COLUMNS = ["language", "n_documents", "micro_f1", "macro_f1"]


def scores_by_language(
    gold: Sequence[Sequence[str]],
    predicted: Sequence[Sequence[str]],
    language: ArrayLike,
    classes: Sequence[str],
) -> pd.DataFrame:
    """Return averages over labels, one row for each language and ``"all"`` last.

    Columns are ``language``, ``n_documents``, and ``precision``, ``recall`` and ``f1``
    with the prefixes ``micro_``, all decisions together, and ``macro_``, the mean over
    the labels that stand in gold or predictions of the language. Each lies in [0, 1];
    higher is better; without any label it is 0. With one label a document the micro
    figures are the accuracy.

    Labels that are not among ``classes`` do not count.
    """
    truth = label_matrix(gold, classes).astype(bool)
    guess = label_matrix(predicted, classes).astype(bool)
    rows = []
    for name, mask in _language_masks(language).items():
        hits, n_predicted, n_gold = _counts(truth[mask], guess[mask])
        occurs = n_predicted + n_gold > 0
        micro = _figures(hits.sum(), n_predicted.sum(), n_gold.sum())
        macro = _figures(hits[occurs], n_predicted[occurs], n_gold[occurs])
        row = {"language": name, "n_documents": int(mask.sum())}
        row |= {f"micro_{figure}": float(value) for figure, value in micro.items()}
        for figure, values in macro.items():
            row[f"macro_{figure}"] = 0.0
            if occurs.any():
                row[f"macro_{figure}"] = float(values.mean())
        rows.append(row)
    return pd.DataFrame(rows)


def f1_by_language(
    gold: Sequence[Sequence[str]],
    predicted: Sequence[Sequence[str]],
    language: ArrayLike,
) -> pd.DataFrame:
    """Return the F1 columns of `scores_by_language`, over all labels that occur."""
    classes = sorted({label for labels in (*gold, *predicted) for label in labels})
    return scores_by_language(gold, predicted, language, classes)[_F1_COLUMNS]


def scores_by_label(
    gold: Sequence[Sequence[str]],
    predicted: Sequence[Sequence[str]],
    language: ArrayLike,
    classes: Sequence[str],
) -> pd.DataFrame:
    """Return one row for each language, ``"all"`` last, and label that occurs there.

    Columns are ``language``, ``label``, and in [0, 1], higher is better, ``precision``,
    ``recall`` and ``f1``; ``support`` is the number of gold documents of the label.
    """
    truth = label_matrix(gold, classes).astype(bool)
    guess = label_matrix(predicted, classes).astype(bool)
    names = np.array(classes, dtype=object)
    tables = []
    for name, mask in _language_masks(language).items():
        hits, n_predicted, n_gold = _counts(truth[mask], guess[mask])
        table = pd.DataFrame(_figures(hits, n_predicted, n_gold))
        table.insert(0, "language", name)
        table.insert(1, "label", names)
        table["support"] = n_gold
        tables.append(table[n_predicted + n_gold > 0])
    return pd.concat(tables, ignore_index=True)


def _language_masks(language: ArrayLike) -> dict[str, np.ndarray]:
    languages = np.asarray(language).astype(str)
    masks = {name: languages == name for name in sorted(set(languages))}
    return masks | {"all": np.ones(len(languages), dtype=bool)}


def _counts(
    truth: np.ndarray, guess: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each label's numbers of hits, of predictions and of gold documents."""
    hits = (truth & guess).sum(axis=0)
    return hits, guess.sum(axis=0), truth.sum(axis=0)


def _figures(
    hits: np.ndarray, n_predicted: np.ndarray, n_gold: np.ndarray
) -> dict[str, np.ndarray]:
    # From counts, since training scores every threshold at every check, where
    # scikit-learn's checks of its input would take most of the time.
    return {
        "precision": _share(hits, n_predicted),
        "recall": _share(hits, n_gold),
        "f1": _share(2 * hits, n_predicted + n_gold),
    }


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return ``part / whole``, and 0 where ``whole`` is 0."""
    return part / np.maximum(whole, 1)
