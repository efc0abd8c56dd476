"""Probes fitted on some documents, and what they guess for others."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from embetter_reg._random import draw_seed
from embetter_reg._validation import check_whole_number
from embetter_reg.analysis.metrics._distances import draw_queries

PROBES = ("linear", "mlp")


def abroad_guesses(
    X: np.ndarray,
    registers: np.ndarray,
    languages: np.ndarray,
    probe: str,
    max_documents: int,
    rng: np.random.RandomState,
) -> tuple[np.ndarray, np.ndarray]:
    """Return each document's register, guessed by a probe fitted on other languages.

    Second comes the most frequent register of those other languages. Both are arrays of
    str (n_documents,).

    Raises
    ------
    ValueError
        If the other languages of a document have one register only.

    """
    guesses = np.empty_like(registers)
    majorities = np.empty_like(registers)
    for language in np.unique(languages):
        is_scored = languages == language
        is_fitted = draw_mask(~is_scored, max_documents, rng)
        if len(np.unique(registers[is_fitted])) < 2:
            raise ValueError(
                f"got one register outside {language}, expected at least two to fit a "
                "probe on; pass more documents"
            )
        seed = draw_seed(rng)
        guesses[is_scored] = fit_and_guess(
            probe, X, registers, is_fitted, is_scored, seed
        )
        majorities[is_scored] = most_frequent(registers[is_fitted])
    return guesses, majorities


def cross_guesses(
    X: np.ndarray,
    labels: np.ndarray,
    probe: str,
    n_folds: int,
    max_documents: int,
    rng: np.random.RandomState,
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return documents and their labels as guessed by probes fitted without them.

    The documents are a seeded sample of at most ``max_documents``. Third comes the
    accuracy of always guessing the most frequent training label, in [0, 1].
    """
    documents = np.flatnonzero(draw_mask(np.ones(len(X), bool), max_documents, rng))
    rows = X[documents]
    gold = labels[documents]
    guesses = np.empty_like(gold)
    majorities = np.empty_like(gold)
    seed = draw_seed(rng)
    for is_fitted in make_folds(gold, n_folds, rng):
        is_scored = ~is_fitted
        guesses[is_scored] = fit_and_guess(
            probe, rows, gold, is_fitted, is_scored, seed
        )
        majorities[is_scored] = most_frequent(gold[is_fitted])
    return documents, guesses, float((majorities == gold).mean())


def draw_mask(
    candidates: np.ndarray, max_documents: int, rng: np.random.RandomState
) -> np.ndarray:
    """Return a mask of at most ``max_documents`` of those in the mask ``candidates``."""
    documents = draw_queries(np.flatnonzero(candidates), max_documents, rng)
    return np.isin(np.arange(len(candidates)), documents)


def make_folds(
    labels: np.ndarray, n_folds: int, rng: np.random.RandomState
) -> list[np.ndarray]:
    """Return a training mask for each fold.

    Every fold holds out its share of each label, even of rare ones.
    """
    n_documents = len(labels)
    check_whole_number("n_folds", n_folds, 2, n_documents)
    # Documents are dealt to the folds label by label, in a random order inside each.
    order = np.lexsort((rng.random_sample(n_documents), labels))
    folds = np.empty(n_documents, int)
    folds[order] = np.arange(n_documents) % n_folds
    return [folds != fold for fold in range(n_folds)]


def fit_and_guess(
    probe: str,
    X: np.ndarray,
    labels: np.ndarray,
    is_fitted: np.ndarray,
    is_scored: np.ndarray,
    seed: int,
) -> np.ndarray:
    """Fit a probe on some rows and return its guesses for others."""
    if not is_scored.any() or len(np.unique(labels[is_fitted])) < 2:
        raise ValueError(
            f"got {is_fitted.sum()} documents to fit on and {is_scored.sum()} to "
            "score, expected some to score and at least two labels to fit on; pass "
            "another train"
        )
    rows = X[is_fitted]
    center = rows.mean(axis=0)
    rows = rows - center
    # One scale for all dimensions, so that the space keeps its shape.
    scale = np.sqrt(np.mean(rows**2)) or 1.0
    model = _make_probe(probe, X.shape[1], seed)
    # The products are small: several threads would wait for each other.
    with warnings.catch_warnings(), threadpool_limits(1):
        # The MLP makes a fixed number of passes on purpose.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(rows / scale, labels[is_fitted])
    return model.predict((X[is_scored] - center) / scale)


def _make_probe(
    probe: str, n_dims: int, seed: int
) -> LogisticRegression | MLPClassifier:
    if probe == "linear":
        return LogisticRegression(C=10 / n_dims, max_iter=1000)
    return MLPClassifier(
        (128,), alpha=1e-2, learning_rate_init=3e-3, max_iter=40, random_state=seed
    )


def most_frequent(labels: np.ndarray) -> str:
    """Return the most frequent label; of equally frequent ones, the first by name."""
    names, counts = np.unique(labels, return_counts=True)
    return names[counts.argmax()]
