"""What there is of a folder that several tasks write, and what is missing."""

from pathlib import Path
from typing import Any

import pandas as pd

from embetter_reg._validation import check_path
from embetter_reg.store._manifest import read_manifest
from embetter_reg.store._records import (
    MANIFEST,
    PREDICTIONS,
    read_plan,
    read_records,
)


def folder_status(folder: str | Path) -> pd.DataFrame:
    """Return how far each input of a folder is.

    Parameters
    ----------
    folder : path
        What `encode_files` or `predict_files` writes, while they do or later.

    Returns
    -------
    DataFrame
        One row an input, in their order: its ``input`` (the name), ``n_documents`` that
        are there, ``state`` ("done", "begun" or "missing"). A file that is in a record
        and was lost since counts as missing; whether one is damaged, readers notice.

    Raises
    ------
    ValueError
        If the folder is not written input by input.

    Examples
    --------
    >>> from embetter_reg.store import folder_status
    >>> folder_status("embeddings")  # doctest: +SKIP

    """
    folder = check_path("folder", folder)
    manifest = _plan(folder)
    rows = []
    records = read_records(folder, manifest)
    for source, record in zip(manifest["inputs"], records, strict=True):
        shards = record.get("shards", {})
        present = [name for name in shards if (folder / name).is_file()]
        state = "begun" if present else "missing"
        if record.get("complete") and len(present) == len(shards):
            state = "done"
        n_documents = sum(shards[name]["n_documents"] for name in present)
        rows.append([source["name"], n_documents, state])
    return pd.DataFrame(rows, columns=["input", "n_documents", "state"])


def _plan(folder: Path) -> dict[str, Any]:
    manifest = read_plan(folder / PREDICTIONS) or read_manifest(folder)
    if "inputs" not in manifest:
        raise ValueError(
            f"got {folder} without a record of inputs ({MANIFEST} or {PREDICTIONS}), "
            "expected what encode or predict writes by --shard; check the path"
        )
    return manifest
