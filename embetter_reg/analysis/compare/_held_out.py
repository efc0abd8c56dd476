"""What documents of a comparison have to be, and which of them are held out."""

import warnings
from typing import Any

import numpy as np
import pandas as pd

from embetter_reg.corpus import label_column, text_digest

_COLUMNS = ("id", "lang", "labels")


def check_documents(name: str, documents: Any, needs_text: bool) -> pd.DataFrame:
    if not isinstance(documents, pd.DataFrame):
        raise TypeError(
            f"got {type(documents).__name__} as {name} documents, expected a DataFrame "
            "of read_documents; pass one"
        )
    columns = [*_COLUMNS, "text"] if needs_text else [*_COLUMNS]
    missing = [column for column in columns if column not in documents]
    if missing:
        raise ValueError(
            f"got {name} documents without the column {missing[0]!r}, expected "
            f"{columns}; pass what read_documents returns"
        )
    return documents.reset_index(drop=True)


def text_keys(documents: pd.DataFrame) -> pd.Series:
    """Return the digest of each document's text, or, where stored embeddings have kept
    neither texts nor digests, its id.
    """
    if "text" in documents:
        return documents["text"].map(text_digest)
    if "digest" in documents:
        return documents["digest"]
    return documents["id"]


def without_trained(
    train: pd.DataFrame, test: pd.DataFrame, models: tuple[str, str] | None
) -> pd.DataFrame:
    """Leave out documents that stand in ``train`` or trained a model, by their texts."""
    from embetter_reg.finetune import trained_on

    shared = text_keys(test).isin(set(text_keys(train)))
    if shared.any():
        warnings.warn(
            f"{shared.sum():,} held-out documents have texts that are trained on too; "
            "they are left out",
            stacklevel=3,
        )
        test = test[~shared].reset_index(drop=True)
    if models is not None and len(test):
        seen = np.any([trained_on(model, test) for model in models], axis=0)
        if seen.any():
            warnings.warn(
                f"{seen.sum():,} documents trained a model; they are left out",
                stacklevel=3,
            )
        test = test[~seen].reset_index(drop=True)
    if test.empty:
        raise ValueError(
            "got no held-out document, expected some that are not trained on; pass "
            "others as test"
        )
    return test


def check_groups(train: pd.DataFrame, test: pd.DataFrame, fits: bool) -> None:
    """Check that documents are of several registers, and test ones of several
    languages.
    """
    groups = [
        ("held-out", "register", label_column(test)),
        ("held-out", "language", test["lang"]),
    ]
    if fits:
        groups.insert(0, ("training", "register", label_column(train)))
    for part, name, values in groups:
        if values.nunique() < 2:
            raise ValueError(
                f"got {part} documents of one {name} "
                f"({', '.join(values.astype(str)[:1])}), expected at least two {name}s "
                "to compare; pass more documents"
            )
