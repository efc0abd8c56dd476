"""Documents that a RegisterTrainer is given: checked, split, and cut into windows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from embetter_reg._validation import check_labels, check_same_length, check_texts
from embetter_reg.corpus import RegisterShuffleSplit, label_matrix
from embetter_reg.finetune.models._adapters import plain
from embetter_reg.finetune.models._register_labels import read_labels
from embetter_reg.text import Splitter, Window, longest_input

if TYPE_CHECKING:
    from embetter_reg.finetune.models._register_trainer import RegisterTrainer


@dataclass(frozen=True)
class Documents:
    """Texts, with label sets where the objective is registers, and languages where they
    are known.
    """

    texts: list[str]
    labels: list[list[str]] | None = None
    languages: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: Sequence[int] | np.ndarray) -> Self:
        """Return the documents of some rows, in their order."""
        labels = None
        if self.labels is not None:
            labels = [self.labels[row] for row in rows]
        languages = None
        if self.languages is not None:
            languages = self.languages[rows]
        return type(self)([self.texts[row] for row in rows], labels, languages)

    @property
    def language_names(self) -> np.ndarray:
        """One language a document, ``"und"`` where they are not known."""
        if self.languages is None:
            return np.full(len(self), "und")
        return self.languages

    def language_counts(self) -> dict[str, int]:
        """Return the number of documents of each language that is known."""
        if self.languages is None:
            return {}
        counts = pd.Series(self.languages).value_counts().sort_index()
        return {str(name): int(n) for name, n in counts.items()}


def check_documents(trainer: "RegisterTrainer", X, y, language) -> Documents:
    """Return the documents that `RegisterTrainer.fit` and others are given.

    Raises
    ------
    ValueError
        If there are none, a text or label is missing, or lengths differ.

    """
    texts = check_texts(X)
    if not texts:
        raise ValueError(
            "got no documents, expected some; check what was read or selected"
        )
    languages = None
    if language is not None:
        languages = check_labels("language", language, len(texts))
    if trainer.objective != "register":
        return Documents(texts, None, languages)
    if y is None:
        raise ValueError(
            "got no y, expected the labels of each document; pass them, or "
            "objective='mlm' or 'clm'"
        )
    labels = read_labels(y, classes=trainer.classes, level=trainer.level)
    check_same_length(X=texts, y=labels)
    return Documents(texts, labels, languages)


def hold_out(
    documents: Documents, fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows to train on and the rows held back, in proportion of labels and
    languages.

    A text that fell on both sides is trained on.

    Raises
    ------
    ValueError
        If a part would be empty.

    """
    n = len(documents)
    if min(fraction, 1 - fraction) * n < 1:
        raise ValueError(
            f"got {n} documents with early_stopping, expected enough to hold "
            f"{fraction:.0%} back; pass more, or early_stopping=False"
        )
    y = np.zeros(n)
    if documents.labels is not None:
        classes = sorted({label for labels in documents.labels for label in labels})
        y = label_matrix(documents.labels, classes)
    splitter = RegisterShuffleSplit(1, test_size=fraction, random_state=seed)
    fitted, held_out = next(splitter.split(y, y, language=documents.languages))
    trained = {documents.texts[row] for row in fitted}
    on_both_sides = np.array(
        [documents.texts[row] in trained for row in held_out], dtype=bool
    )
    return np.union1d(fitted, held_out[on_both_sides]), held_out[~on_both_sides]


def make_windows(
    texts: Sequence[str],
    tokenizer: Any,
    model: Any,
    *,
    objective: str,
    max_length: int | None,
    prompt: str = "",
) -> list[Window]:
    """Return what a model reads of documents: their beginnings to classify, on raw text
    all of them.

    Raises
    ------
    ValueError
        If ``max_length`` is more than the model takes, or there is nothing to predict.

    """
    longest = longest_input(tokenizer, plain(model))
    limit = max_length
    if limit is None:
        limit = longest
    if not 2 < limit <= longest:
        raise ValueError(
            f"got max_length={max_length}, expected 3 to {longest} for this model; "
            "pass that"
        )
    splitter = Splitter(tokenizer, limit, prompt=prompt)
    if objective == "register":
        windows, _ = splitter.windows(texts, long="head", overlap=0)
        return windows
    windows, _ = splitter.windows(texts, long="chunks", overlap=0)
    # A window of too few tokens has nothing to predict, and no loss.
    smallest = 1
    if objective == "clm":
        smallest = 2
    windows = [window for window in windows if len(window.positions) >= smallest]
    if not windows:
        raise ValueError(
            "got documents without words, expected some to train or score on; check "
            "their texts"
        )
    return windows
