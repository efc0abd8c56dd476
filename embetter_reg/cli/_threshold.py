"""The threshold of a classifier, and the documents that it was trained on."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embetter_reg.cli._app import console, warn

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


def parse_threshold(text: str) -> float | str:
    """Return a threshold from 0 to 1, or ``"best"``."""
    if text == "best":
        return text
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not 0 <= number <= 1:
        raise ValueError(
            f"got --threshold {text}, expected a number from 0 to 1, or 'best'; pass "
            "one"
        )
    return number


def check_has_threshold(classifier: Any) -> None:
    """Refuse an encoder that has no threshold to choose."""
    if not hasattr(classifier, "fit_threshold"):
        raise ValueError(
            f"got --threshold-docs for {type(classifier).__name__}, expected a "
            "register classifier; drop it"
        )


def choose_threshold(
    classifier: Any, paths: list[Path], language: str | None, columns: dict[str, Any]
) -> None:
    """Choose a classifier's threshold on other documents."""
    from embetter_reg.corpus import read_documents

    documents = read_documents(paths, **columns, language=language)
    labeled = documents[documents["labels"].map(len) > 0]
    if labeled.empty:
        raise ValueError(
            "got --threshold-docs without gold labels, expected some; pass labeled "
            "documents"
        )
    trained = classifier_trained_on(classifier, labeled)
    if trained.any():
        warn(
            f"{trained.sum():,} of {len(trained):,} documents to choose a threshold on "
            "trained the classifier, which is surer of them than of others; pass other "
            "--threshold-docs"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # said above
        classifier.fit_threshold(labeled["text"], labeled["labels"])
    console.print(
        f"threshold {classifier.threshold_:.2f}, chosen on {len(labeled):,} other "
        "documents"
    )


def warn_trained(classifier: Any, documents: "pd.DataFrame") -> None:
    """Warn where documents, on whose gold labels the best threshold will be chosen,
    trained the classifier.
    """
    trained = classifier_trained_on(classifier, documents)
    if trained.any():
        warn(
            f"{trained.sum():,} of {len(trained):,} documents trained the classifier, "
            "which is surer of them than of others; the best threshold is of use on "
            "others only where --threshold-docs chooses it"
        )


def classifier_trained_on(classifier: Any, documents: "pd.DataFrame") -> "np.ndarray":
    """Return which documents a classifier is known to have been trained on."""
    from embetter_reg.finetune import trained_on

    if hasattr(classifier, "seen"):
        return classifier.seen(documents["text"])
    return trained_on(classifier.name, documents)
