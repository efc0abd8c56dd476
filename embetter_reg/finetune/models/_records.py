"""What stands beside a trained model: its figures, and which documents it was trained
on.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from embetter_reg._validation import check_path, check_sequence, check_table
from embetter_reg.corpus import text_digest

SPLIT = "split.csv"
FIGURES = "figures.csv"


def average_folds(figures: pd.DataFrame) -> pd.DataFrame:
    """Return the mean and standard deviation (``_sd``) of every figure over folds, a
    row each language.

    Raises
    ------
    ValueError
        If ``figures`` has no column ``language`` or ``fold``.

    Examples
    --------
    >>> import pandas as pd
    >>> from embetter_reg.finetune import average_folds
    >>> figures = pd.DataFrame({"language": "en", "micro_f1": [0.5, 0.7], "fold": [1, 2]})
    >>> average_folds(figures)[["n_folds", "micro_f1"]].values.tolist()
    [[2.0, 0.6]]

    """
    check_table("figures", figures, "language", "fold")
    names = [
        name for name in figures if name not in ("language", "n_documents", "fold")
    ]
    groups = figures.groupby("language", sort=False)
    mean = groups[names].mean()
    sd = groups[names].std().add_suffix("_sd")
    columns = [column for name in names for column in (name, f"{name}_sd")]
    n_folds = groups["fold"].nunique().rename("n_folds")
    return pd.concat([n_folds, mean.join(sd)[columns]], axis=1).reset_index()


def read_figures(folders: Sequence[str | Path]) -> pd.DataFrame:
    """Return the figures of trained models in folders, each a ``fold``, as
    `finetune_documents` returns them.

    Raises
    ------
    FileNotFoundError
        If a folder holds no figures.
    ValueError
        If there is no folder, or a file is no table of figures.

    """
    if isinstance(folders, str | Path):
        raise TypeError("got one path, expected a list of folders; put it in a list")
    check_sequence("folders", folders)
    tables = []
    for fold, folder in enumerate(folders, start=1):
        table = _read_csv(check_path("folders", folder) / FIGURES, "language")
        tables.append(table.assign(fold=fold))
    if not tables:
        raise ValueError("got no folder, expected trained models; pass some")
    return pd.concat(tables, ignore_index=True)


def trained_on(folder: str | Path, documents: pd.DataFrame) -> np.ndarray:
    """Return which documents a model was trained on or chosen by: bool
    ``(n_documents,)``.

    Documents are compared by the digests of their texts; ids do not count, since row 1
    of two files may have the same. A folder without ``split.csv``, such as that of a
    model from elsewhere, knows of none.

    Raises
    ------
    ValueError
        If ``split.csv`` is not one that `finetune_documents` wrote, or the documents
        have no texts.

    """
    path = check_path("folder", folder) / SPLIT
    check_table("documents", documents)
    if not path.is_file():
        return np.zeros(len(documents), dtype=bool)
    if "text" not in documents:
        raise ValueError(
            "got documents without the column 'text', expected one, by which to find "
            f"those of {path}; pass the documents as they were read"
        )
    split = _read_csv(path, "digest", "part")
    fitted = split["digest"][split["part"] != "test"]
    return documents["text"].map(text_digest).isin(fitted).to_numpy(dtype=bool)


def _read_csv(path: Path, *columns: str) -> pd.DataFrame:
    """Return a table with some columns; their values are str, so that the register NA
    is no missing value.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"got {path.parent} without {path.name}, expected a trained model's; check "
            "the path"
        )
    try:
        table = pd.read_csv(
            path, dtype=dict.fromkeys(columns, str), keep_default_na=False
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError):
        table = pd.DataFrame()
    missing = [name for name in columns if name not in table]
    if missing:
        raise ValueError(
            f"got {path} without the column {missing[0]!r}, expected a file that "
            "finetune_documents wrote; train the model anew, or remove the file"
        )
    return table
