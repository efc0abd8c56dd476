"""Simple controls beside a head: what does it take, at least, to get as far?"""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from embetter_reg._random import draw_seed
from embetter_reg._validation import check_labels, check_space, check_texts
from embetter_reg.erase import LEACE, LSAR, LanguageCentering

CENTERED = "language-centered"
OF_VECTORS = (CENTERED, "LSAR", "LEACE", "shuffled labels")
OF_TEXTS = ("length only", "TF-IDF")
CONTROLS = OF_VECTORS + OF_TEXTS
_TERMS, _DIMENSIONS = 50_000, 100


def choose_controls(controls: str | Collection[str], texts) -> list[str]:
    """Return the names of controls in their usual order; "all" are those that can be
    made.

    Raises
    ------
    ValueError
        If a name is unknown, or a control needs texts and there are none.

    """
    if controls == "all":
        return list(CONTROLS if texts is not None else OF_VECTORS)
    chosen = {controls} if isinstance(controls, str) else set(controls)
    if not chosen <= set(CONTROLS):
        raise ValueError(
            f"got the control {min(chosen - set(CONTROLS))!r}, expected 'all' or some "
            f"of {list(CONTROLS)}; pick those"
        )
    if texts is None and chosen & set(OF_TEXTS):
        raise ValueError(
            f"got the control {min(chosen & set(OF_TEXTS))!r} without texts, expected "
            "them; pass texts="
        )
    return [name for name in CONTROLS if name in chosen]


def make_controls(
    names: Sequence[str],
    spaces: dict[str, np.ndarray],
    *,
    language: np.ndarray,
    texts,
    train: dict[str, Any],
    rng,
) -> dict[str, np.ndarray]:
    """Return the controls by name, each (n_documents, n_dims).

    Erasers work on the first space, and what they and TF-IDF learn they learn from
    ``train`` (``X``, ``language``, ``texts``) where it has that, else from the
    documents themselves. Shuffled labels are the last space with its documents dealt
    out anew, so that every figure shows its level for labels that mean nothing.
    """
    X = next(iter(spaces.values()))
    erasers: dict[str, Any] = {
        CENTERED: LanguageCentering,
        "LSAR": LSAR,
        "LEACE": LEACE,
    }
    made = {}
    for name in names:
        if name in erasers:
            eraser = erasers[name]().fit(
                train.get("X", X), language=train.get("language", language)
            )
            made[name] = (
                eraser.transform(X, language=language)
                if name == CENTERED
                else eraser.transform(X)
            )
        elif name == "shuffled labels":
            made[name] = list(spaces.values())[-1][rng.permutation(len(X))]
        elif name == "length only":
            made[name] = _length(texts)
        else:
            made[name] = _tfidf(texts, train.get("texts", texts), rng)
    return made


def check_train(train, X: np.ndarray) -> dict[str, Any]:
    """Return what controls learn from, checked; ``train`` is a mapping with ``X`` and
    ``language``, or ``texts``.

    Raises
    ------
    ValueError
        If it has other keys, X without language, or vectors of another width than the
        first space.

    """
    train = dict(train or {})
    if not set(train) <= {"X", "language", "texts"} or ("X" in train) != (
        "language" in train
    ):
        raise ValueError(
            f"got train with {sorted(train)}, expected 'X' and 'language', 'texts', "
            "or all three; pass "
            '{"X": X_train, "language": …}'
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

    So the angle between two documents, which is what everything here looks at, is how
    far their lengths differ.
    """
    from scipy.stats import rankdata

    angles = np.pi * rankdata([len(text) for text in texts]) / len(texts)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _tfidf(texts: list[str], train: list[str], rng) -> np.ndarray:
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(
        sublinear_tf=True,
        max_features=_TERMS,
        token_pattern=r"(?u)\b\w+\b",
        dtype=np.float32,
    )
    learned = words.fit_transform(train)
    size = min(_DIMENSIONS, *(side - 1 for side in learned.shape))
    svd = TruncatedSVD(max(size, 1), random_state=draw_seed(rng)).fit(learned)
    return svd.transform(words.transform(texts)).astype(np.float32)
