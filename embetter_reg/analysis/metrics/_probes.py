"""Probes: what a small classifier can read from a space."""

from collections.abc import Collection

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.metrics import f1_score

from embetter_reg._random import RandomStateLike, check_random_state, draw_seed
from embetter_reg._validation import (
    check_choice,
    check_groups,
    check_sequence,
    check_space,
)
from embetter_reg.analysis.metrics._probe_fits import (
    PROBES,
    abroad_guesses,
    draw_mask,
    fit_and_guess,
    make_folds,
    most_frequent,
)


def probe_space(
    X: ArrayLike,
    *,
    register: ArrayLike,
    language: ArrayLike,
    train: ArrayLike | None = None,
    n_folds: int = 5,
    probes: Collection[str] = PROBES,
    max_documents: int = 10_000,
    random_state: RandomStateLike = 0,
) -> pd.DataFrame:
    """Return how well small classifiers read register and language from a space.

    A linear probe (logistic regression) shows what a straight boundary separates, an MLP
    (one hidden layer of 128) what a curved one does (Alain & Bengio 2016; Hewitt &
    Liang 2019 warn that a probe may learn its task by itself). In a space freed of
    language, language probes fall to the majority rate; where language was taken out
    with the very documents probed, they may fall below it.

    Parameters
    ----------
    X : array of shape (n_documents, n_dims)
    register, language : arrays of labels (n_documents,)
    train : bool array (n_documents,) or None
        The documents to fit on; the others are scored. None cross-validates.
    n_folds : int
        Folds of the cross-validation, each with its share of every label.
    probes : collection of {"linear", "mlp"}
    max_documents : int
        Above so many, a seeded sample is used.
    random_state : int or RandomState

    Returns
    -------
    DataFrame
        One row a label and probe: ``accuracy`` (0 to 1) with ``sd`` over folds,
        ``majority``, the accuracy of always saying the most frequent training label,
        ``gain``, how much of the way from there to 1 the probe goes (at most 1; 0 is no
        better than the majority), ``macro_f1`` (0 to 1) and ``n_scored``. Higher means
        that more can be read: good for register, bad for language.

    Raises
    ------
    ValueError
        If there is one register or language, labels or ``train`` do not fit, or a
        choice is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import probe_space
    >>> X = np.eye(2)[[0] * 20 + [1] * 20]
    >>> labels = {"register": ["NA"] * 20 + ["HI"] * 20, "language": ["en", "fi"] * 20}
    >>> table = probe_space(X, **labels, probes=["linear"])
    >>> print(*table.loc[0, ["label", "accuracy", "majority"]])
    register 1.0 0.5

    """
    rows = check_space("X", X)
    gold = {
        "register": check_groups("register", register, len(rows)),
        "language": check_groups("language", language, len(rows)),
    }
    check_sequence("probes", probes)
    if not set(probes) <= set(PROBES) or not probes:
        raise ValueError(
            f"got probes={list(probes)}, expected some of {list(PROBES)}; pick one"
        )
    rng = check_random_state(random_state)
    train_mask = _check_train(train, len(rows))
    is_drawn = draw_mask(np.ones(len(rows), bool), max_documents, rng)
    rows = rows[is_drawn]
    folds = []
    if train_mask is not None:
        folds = [train_mask[is_drawn]]
    table = []
    for label, all_values in gold.items():
        values = all_values[is_drawn]
        if train_mask is None:
            folds = make_folds(values, n_folds, rng)
        seed = draw_seed(rng)
        for probe in probes:
            figures = _score_folds(probe, rows, values, folds, seed)
            table.append({"label": label, "probe": probe, **figures})
    return pd.DataFrame(table)


def _check_train(train: ArrayLike | None, n_documents: int) -> np.ndarray | None:
    if train is None:
        return None
    mask = np.asarray(train)
    if mask.dtype != bool or mask.shape != (n_documents,):
        raise ValueError(
            f"got train of type {mask.dtype} and shape {mask.shape}, expected one "
            "bool a document; pass a mask"
        )
    return mask


def _score_folds(
    probe: str, X: np.ndarray, labels: np.ndarray, folds: list[np.ndarray], seed: int
) -> dict[str, float]:
    """Return a probe's figures over folds, each a mask of the documents to fit on."""
    accuracies = []
    majorities = []
    guesses = []
    gold = []
    for is_fitted in folds:
        is_scored = ~is_fitted
        guess = fit_and_guess(probe, X, labels, is_fitted, is_scored, seed)
        truth = labels[is_scored]
        accuracies.append((guess == truth).mean())
        majorities.append((truth == most_frequent(labels[is_fitted])).mean())
        guesses.append(guess)
        gold.append(truth)
    accuracy = np.mean(accuracies)
    majority = np.mean(majorities)
    gain = 0.0
    if majority < 1:
        gain = (accuracy - majority) / (1 - majority)
    all_gold = np.concatenate(gold)
    all_guesses = np.concatenate(guesses)
    return {
        "accuracy": accuracy,
        "sd": np.std(accuracies),
        "majority": majority,
        "gain": gain,
        "macro_f1": f1_score(all_gold, all_guesses, average="macro", zero_division=0),
        "n_scored": len(all_gold),
    }


def leave_one_language_out(
    X: ArrayLike,
    *,
    register: ArrayLike,
    language: ArrayLike,
    probe: str = "linear",
    max_documents: int = 10_000,
    random_state: RandomStateLike = 0,
) -> pd.DataFrame:
    """Return register F1 on each language of a probe fitted on all other languages.

    The plainest test that register is written the same way in every language of the
    space.

    Parameters
    ----------
    X : array of shape (n_documents, n_dims)
    register, language : arrays of labels (n_documents,)
    probe : {"linear", "mlp"}
    max_documents : int
        Above so many, a seeded sample is fitted on; all documents are scored.
    random_state : int or RandomState

    Returns
    -------
    DataFrame
        One row a held-out language (and ``"all"``: all held-out guesses together) and
        label: ``"micro"`` counts all documents, which with one register each is the
        accuracy; ``"macro"`` is the mean over registers that occur in the language or
        were guessed; ``"majority"`` is the micro F1 of always guessing the training
        languages' most frequent register; then every register that occurs. ``f1`` lies
        in [0, 1], higher is better; ``support`` counts gold documents.

    Raises
    ------
    ValueError
        If there is one language or register, labels do not fit, or the other languages
        have one register only.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import leave_one_language_out
    >>> X = np.eye(2)[[0] * 20 + [1] * 20]
    >>> labels = {"register": ["NA"] * 20 + ["HI"] * 20, "language": ["en", "fi"] * 20}
    >>> table = leave_one_language_out(X, **labels)
    >>> table.query("language == 'fi'")[["label", "f1", "support"]]
           label   f1  support
    10     micro  1.0       20
    11     macro  1.0       20
    12  majority  0.5       20
    13        HI  1.0       10
    14        NA  1.0       10

    """
    rows = check_space("X", X)
    registers = check_groups("register", register, len(rows))
    languages = check_groups("language", language, len(rows))
    check_choice("probe", probe, PROBES)
    rng = check_random_state(random_state)
    guesses, majorities = abroad_guesses(
        rows, registers, languages, probe, max_documents, rng
    )
    masks = {"all": np.ones(len(rows), bool)}
    masks |= {name: languages == name for name in np.unique(languages)}
    tables = []
    for name, mask in masks.items():
        table = _f1_table(registers[mask], guesses[mask], majorities[mask])
        table.insert(0, "language", name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _f1_table(
    gold: np.ndarray, guesses: np.ndarray, majorities: np.ndarray
) -> pd.DataFrame:
    """Return F1 and support of the averages, of the majority and of each register."""
    names, counts = np.unique(gold, return_counts=True)
    averages = {
        "micro": (gold == guesses).mean(),
        "macro": f1_score(gold, guesses, average="macro", zero_division=0),
        "majority": (gold == majorities).mean(),
    }
    by_name = f1_score(gold, guesses, labels=names, average=None, zero_division=0)
    return pd.DataFrame(
        {
            "label": [*averages, *names],
            "f1": [*averages.values(), *by_name],
            "support": [len(gold)] * len(averages) + counts.tolist(),
        }
    )
