"""Simple controls beside a head: what does it take, at least, to get as far?"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from embetter_reg._random import draw_seed
from embetter_reg._validation import check_labels, check_space, check_texts
from embetter_reg.erase import LEACE, LSAR, LanguageCentering

CENTERED = "language-centered"
OF_VECTORS = (CENTERED, "LSAR", "LEACE", "shuffled labels")
OF_TEXTS = ("length only", "TF-IDF")
CONTROLS = OF_VECTORS + OF_TEXTS
_ERASERS: dict[str, Any] = {"LSAR": LSAR, "LEACE": LEACE}
_N_TERMS = 50_000
_N_DIMS = 100
_WORD = re.compile(r"\w")


def choose_controls(names: Collection[str], has_texts: bool) -> list[str]:
    """Return the names of controls in their usual order; "all" are those that can be
    made.

    Raises
    ------
    ValueError
        If a control needs texts and there are none.

    """
    if "all" in names:
        return list(CONTROLS if has_texts else OF_VECTORS)
    of_texts = sorted(set(names) & set(OF_TEXTS))
    if of_texts and not has_texts:
        raise ValueError(
            f"got the control {of_texts[0]!r} without texts, expected them; pass texts="
        )
    return [name for name in CONTROLS if name in names]


def make_controls(
    names: Sequence[str],
    spaces: dict[str, np.ndarray],
    *,
    language: np.ndarray,
    texts: list[str] | None,
    train: dict[str, Any],
    rng: np.random.RandomState,
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return the controls by name, each (n_documents, n_dims), and the reasons of those
    that these texts do not allow.

    Erasers work on the first space, and what they and TF-IDF learn they learn from
    ``train`` (``X``, ``language``, ``texts``) where it has that, else from the
    documents themselves. Shuffled labels are the last space with its documents dealt
    out anew, so that every figure shows its level for labels that mean nothing.
    """
    first = next(iter(spaces.values()))
    last = list(spaces.values())[-1]
    documents = texts or []
    X_train = train.get("X", first)
    language_train = train.get("language", language)
    controls: dict[str, np.ndarray] = {}
    skipped: dict[str, str] = {}
    for name in names:
        if name == CENTERED:
            centering = LanguageCentering().fit(X_train, language=language_train)
            controls[name] = centering.transform(first, language=language)
        elif name in _ERASERS:
            eraser = _ERASERS[name]().fit(X_train, language=language_train)
            controls[name] = eraser.transform(first)
        elif name == "shuffled labels":
            controls[name] = last[rng.permutation(len(last))]
        elif name == "length only":
            controls[name] = _length(documents)
        else:
            try:
                words = train.get("texts", documents)
                controls[name] = _tfidf(documents, words, rng)
            except ValueError as error:
                skipped[name] = str(error)
    return controls, skipped


def check_train(train: Mapping[str, Any] | None, X: np.ndarray) -> dict[str, Any]:
    """Return what controls learn from, checked; ``train`` is a mapping with ``X`` and
    ``language``, or ``texts``.

    Raises
    ------
    ValueError
        If it has other keys, X without language, or vectors of another width than the
        first space.

    """
    if train is not None and not isinstance(train, Mapping):
        raise TypeError(
            f"got train of type {type(train).__name__}, expected a dict; pass "
            '{"X": X_train, "language": …}'
        )
    train = dict(train or {})
    unknown = set(train) - {"X", "language", "texts"}
    if unknown or ("X" in train) != ("language" in train):
        raise ValueError(
            f"got train with {sorted(map(str, train))}, expected 'X' and 'language', "
            '\'texts\', or all three; pass {"X": X_train, "language": …}'
        )
    if "X" in train:
        train["X"] = check_space("train", train["X"])
        if train["X"].shape[1] != X.shape[1]:
            raise ValueError(
                f"got train vectors of {train['X'].shape[1]} dimensions for a first "
                f"space of {X.shape[1]}, expected "
                "as many; pass the train vectors of the first space"
            )
        train["language"] = check_labels(
            "train language", train["language"], len(train["X"])
        )
    if "texts" in train:
        train["texts"] = check_texts(train["texts"])
    return train


def _length(texts: list[str]) -> np.ndarray:
    """Return the rank of each document's number of characters as an angle on a half
    circle.

    So the angle between two documents, which all figures go by, is how far their
    lengths differ.
    """
    from scipy.stats import rankdata

    angles = np.pi * rankdata([len(text) for text in texts]) / len(texts)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _tfidf(
    texts: list[str], train: list[str], rng: np.random.RandomState
) -> np.ndarray:
    """Return TF-IDF weights of words in at most 100 dimensions."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    if not any(map(_WORD.search, train)):
        raise ValueError(
            "got texts without a word, expected some to count; pass other texts or "
            "leave the control out"
        )
    words = TfidfVectorizer(
        sublinear_tf=True,
        max_features=_N_TERMS,
        token_pattern=r"(?u)\b\w+\b",
        dtype=np.float32,
    )
    learned = words.fit_transform(train)
    size = min(_N_DIMS, *(side - 1 for side in learned.shape))
    svd = TruncatedSVD(max(size, 1), random_state=draw_seed(rng)).fit(learned)
    return svd.transform(words.transform(texts)).astype(np.float32)
