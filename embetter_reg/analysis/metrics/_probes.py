"""Probes: what a small classifier can read from a space."""

import warnings
from collections.abc import Collection

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from embetter_reg._random import check_random_state, draw_seed
from embetter_reg._validation import (
    check_groups,
    check_sequence,
    check_space,
    check_whole_number,
)
from embetter_reg.analysis.metrics._distances import draw_queries

PROBES = ("linear", "mlp")


def probe_space(
    X,
    *,
    register,
    language,
    train=None,
    n_folds: int = 5,
    probes: Collection[str] = PROBES,
    max_documents: int = 10_000,
    random_state=0,
) -> pd.DataFrame:
    """Return how well small classifiers read register and language from a space.

    A linear probe (logistic regression) shows what a straight boundary tells, an MLP
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
    X = check_space("X", X)
    gold = {
        "register": check_groups("register", register, len(X)),
        "language": check_groups("language", language, len(X)),
    }
    check_sequence("probes", probes)
    if not set(probes) <= set(PROBES) or not probes:
        raise ValueError(
            f"got probes={list(probes)}, expected some of {list(PROBES)}; pick one"
        )
    rng = check_random_state(random_state)
    train = None if train is None else np.asarray(train)
    if train is not None and (train.dtype != bool or train.shape != (len(X),)):
        raise ValueError(
            f"got train of type {train.dtype} and shape {train.shape}, expected one "
            "bool a document; pass a mask"
        )
    chosen = _sample(np.ones(len(X), bool), max_documents, rng)
    X, gold = X[chosen], {label: values[chosen] for label, values in gold.items()}
    rows = []
    for label, values in gold.items():
        folds = _folds(values, n_folds, rng) if train is None else [train[chosen]]
        seed = draw_seed(rng)
        for name in probes:
            scores, guesses, scored = [], [], []
            for fitted in folds:
                guess = _guess(name, X, values, fitted, ~fitted, seed)
                common = _majority(values[fitted])
                scores.append(
                    [
                        (guess == values[~fitted]).mean(),
                        (values[~fitted] == common).mean(),
                    ]
                )
                guesses.append(guess)
                scored.append(values[~fitted])
            accuracy, majority = np.mean(scores, axis=0)
            truth = np.concatenate(scored)
            rows.append(
                {
                    "label": label,
                    "probe": name,
                    "accuracy": accuracy,
                    "sd": np.std([score for score, _ in scores]),
                    "majority": majority,
                    "gain": (accuracy - majority) / (1 - majority)
                    if majority < 1
                    else 0.0,
                    "macro_f1": f1_score(
                        truth, np.concatenate(guesses), average="macro", zero_division=0
                    ),
                    "n_scored": len(truth),
                }
            )
    return pd.DataFrame(rows)


def leave_one_language_out(
    X,
    *,
    register,
    language,
    probe: str = "linear",
    max_documents: int = 10_000,
    random_state=0,
) -> pd.DataFrame:
    """Return register F1 on each language of a probe fitted on all other languages.

    The plainest test that register is written the same way in every language of the space.

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
        One row a held-out language (and ``"all"``: all held-out guesses together) and label: ``"micro"`` counts all
        documents, which with one register each is the accuracy; ``"macro"`` is the mean over registers that occur in
        the language or were guessed; ``"majority"`` is the micro F1 of always guessing the training languages' most
        frequent register; then every register that occurs. ``f1`` lies in [0, 1], higher is better; ``support`` counts
        gold documents.

    Raises
    ------
    ValueError
        If there is one language or register, labels do not fit, or the other languages have one register only.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import leave_one_language_out
    >>> X, register = np.eye(2)[[0] * 20 + [1] * 20], ["NA"] * 20 + ["HI"] * 20
    >>> table = leave_one_language_out(X, register=register, language=["en", "fi"] * 20)
    >>> table.query("language == 'fi'")[["label", "f1", "support"]].to_string(index=False).splitlines()
    ['   label  f1  support', '   micro 1.0       20', '   macro 1.0       20', 'majority 0.5       20', '      HI 1.0       10', '      NA 1.0       10']

    """  # noqa: E501
    X = check_space("X", X)
    registers = check_groups("register", register, len(X))
    languages = check_groups("language", language, len(X))
    if probe not in PROBES:
        raise ValueError(
            f"got probe={probe!r}, expected one of {list(PROBES)}; pick one"
        )
    rng = check_random_state(random_state)
    guesses, common = abroad_guesses(X, registers, languages, probe, max_documents, rng)
    rows = []
    for name in ["all", *np.unique(languages)]:
        chosen = np.ones(len(X), bool) if name == "all" else languages == name
        truth, guess = registers[chosen], guesses[chosen]
        figures = {
            "micro": (truth == guess).mean(),
            "macro": f1_score(truth, guess, average="macro", zero_division=0),
            "majority": (truth == common[chosen]).mean(),
        }
        labels, support = np.unique(truth, return_counts=True)
        figures |= dict(
            zip(
                labels,
                f1_score(truth, guess, labels=labels, average=None, zero_division=0),
                strict=True,
            )
        )
        counts = dict(zip(labels, support, strict=True))
        rows += [
            {
                "language": name,
                "label": label,
                "f1": f1,
                "support": int(counts.get(label, len(truth))),
            }
            for label, f1 in figures.items()
        ]
    return pd.DataFrame(rows)


def abroad_guesses(
    X, registers, languages, probe: str, max_documents: int, rng
) -> tuple[np.ndarray, np.ndarray]:
    """Return what a probe fitted on all other languages guesses for each document, and
    their common register.
    """
    guesses, common = np.empty_like(registers), np.empty_like(registers)
    for name in np.unique(languages):
        held_out = languages == name
        fitted = _sample(~held_out, max_documents, rng)
        if len(np.unique(registers[fitted])) < 2:
            raise ValueError(
                f"got one register outside {name}, expected at least two to fit a "
                "probe on; pass more documents"
            )
        guesses[held_out] = _guess(
            probe, X, registers, fitted, held_out, draw_seed(rng)
        )
        common[held_out] = _majority(registers[fitted])
    return guesses, common


def cross_guesses(X, labels, probe: str, n_folds: int, max_documents: int, rng):
    """Return a seeded sample of documents, each one's label as guessed by a probe that
    was fitted without it, and the accuracy of always guessing the most frequent
    training label.
    """
    chosen = np.flatnonzero(_sample(np.ones(len(X), bool), max_documents, rng))
    rows, truth = X[chosen], labels[chosen]
    guesses, common, seed = np.empty_like(truth), np.empty_like(truth), draw_seed(rng)
    for fitted in _folds(truth, n_folds, rng):
        guesses[~fitted] = _guess(probe, rows, truth, fitted, ~fitted, seed)
        common[~fitted] = _majority(truth[fitted])
    return chosen, guesses, float((common == truth).mean())


def _sample(among: np.ndarray, n: int, rng) -> np.ndarray:
    """Return a mask of at most ``n`` of the documents in the mask ``among``."""
    return np.isin(np.arange(len(among)), draw_queries(np.flatnonzero(among), n, rng))


def _folds(labels: np.ndarray, n_folds: int, rng) -> list[np.ndarray]:
    """Return a training mask a fold; every fold holds out its share of each label, even
    of rare ones.
    """
    check_whole_number("n_folds", n_folds, 2, len(labels))
    fold = np.empty(len(labels), int)
    fold[np.lexsort((rng.random_sample(len(labels)), labels))] = (
        np.arange(len(labels)) % n_folds
    )
    return [fold != place for place in range(n_folds)]


def _guess(
    name: str,
    X: np.ndarray,
    labels: np.ndarray,
    fitted: np.ndarray,
    scored: np.ndarray,
    seed: int,
):
    """Fit a probe on ``fitted`` rows and return its guesses for ``scored`` rows."""
    if not scored.any() or len(np.unique(labels[fitted])) < 2:
        raise ValueError(
            f"got {fitted.sum()} documents to fit on and {scored.sum()} to score, "
            "expected some to score and at least "
            "two labels to fit on; pass another train"
        )
    rows = X[fitted]
    center = rows.mean(axis=0)
    rows = rows - center
    scale = (
        np.sqrt(np.mean(rows**2)) or 1.0
    )  # one scale for all dimensions, so that the space keeps its shape
    if name == "linear":
        model = LogisticRegression(C=10 / X.shape[1], max_iter=1000)
    else:
        model = MLPClassifier(
            (128,), alpha=1e-2, learning_rate_init=3e-3, max_iter=40, random_state=seed
        )
    with (
        warnings.catch_warnings(),
        threadpool_limits(1),
    ):  # many small products: threads would wait for each other
        warnings.simplefilter(
            "ignore", ConvergenceWarning
        )  # the MLP's passes are fixed on purpose
        model.fit(rows / scale, labels[fitted])
    return model.predict((X[scored] - center) / scale)


def _majority(labels: np.ndarray) -> str:
    names, counts = np.unique(labels, return_counts=True)
    return names[counts.argmax()]
