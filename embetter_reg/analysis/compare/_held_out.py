"""What documents of a comparison have to be, and which of them are held out."""

import warnings
from typing import Any

import numpy as np
import pandas as pd

from embetter_reg.corpus import label_column, near_duplicates, text_digest

NEAR_DUPLICATES = ("count", "drop", "ignore")
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


def without_near_duplicates(
    train: pd.DataFrame, test: pd.DataFrame, policy: str
) -> tuple[pd.DataFrame, pd.Series]:
    """Return the documents to report on, and for each given one whether it is a
    near-duplicate of one in ``train``; nothing is looked for under "ignore", or under
    "count" where a side has no texts.
    """
    is_near = pd.Series(False, index=test.index)
    has_texts = "text" in train and "text" in test
    if policy == "drop" and len(train) and not has_texts:
        raise ValueError(
            "got near_duplicates='drop' for documents without texts, expected texts to "
            "compare; pass documents with texts, or 'ignore'"
        )
    if policy == "ignore" or train.empty or not has_texts:
        return test, is_near
    groups = near_duplicates([*train["text"], *test["text"]])
    of_train, of_test = np.split(groups, [len(train)])
    is_near |= np.isin(of_test, of_train)
    if not is_near.any():
        return test, is_near
    if policy == "count":
        warnings.warn(
            f"{is_near.sum():,} held-out documents are near-duplicates of documents that "
            "are trained on; near_duplicates='drop' leaves them out",
            stacklevel=3,
        )
        return test, is_near
    if is_near.all():
        raise ValueError(
            "got only held-out documents that are near-duplicates of documents that are "
            "trained on, expected others to report on; pass others as test"
        )
    warnings.warn(
        f"{is_near.sum():,} held-out documents are near-duplicates of documents that are "
        "trained on; they are left out",
        stacklevel=3,
    )
    return test[~is_near].reset_index(drop=True), is_near


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
                f"to compare; pass documents of other {name}s, too"
            )
