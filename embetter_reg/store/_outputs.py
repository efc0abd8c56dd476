"""Predictions on disk: one output an input, as JSON lines or Parquet."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from embetter_reg._validation import check_path
from embetter_reg.store._counts import PredictionCounts
from embetter_reg.store._records import PREDICTIONS, read_plan, read_records
from embetter_reg.store._tables import document_columns, label_column, vector_column

_COLUMNS = ["id", "lang", "labels", "predicted", "probabilities"]


def prediction_row(document: Mapping[Any, Any], classes: list[str]) -> dict[str, Any]:
    """Return a document's line of JSON, with probabilities by label in four digits."""
    probabilities = {
        label: round(float(value), 4)
        for label, value in zip(classes, document["probabilities"], strict=True)
    }
    return {
        "id": document["id"],
        "lang": document["lang"],
        "labels": list(document["labels"]),
        "predicted": list(document["predicted"]),
        "probabilities": probabilities,
    }


def write_lines(
    draft: Path, batches: Iterator[pd.DataFrame], plan: dict[str, Any]
) -> None:
    with open(draft, "w", encoding="utf-8", newline="\n") as file:
        for batch in batches:
            for document in batch.to_dict("records"):
                row = prediction_row(document, plan["classes"])
                file.write(json.dumps(row, ensure_ascii=False) + "\n")


def write_parquet(
    draft: Path, batches: Iterator[pd.DataFrame], plan: dict[str, Any]
) -> None:
    about = {name: value for name, value in plan.items() if name != "inputs"}
    metadata = {"embetter_reg": json.dumps(about)}
    writer = None
    nothing = pd.DataFrame(columns=[*_COLUMNS, "text"], dtype=object)
    first = next(batches, nothing)
    for batch in chain([first], batches):
        columns = document_columns(batch, text=False)
        columns["predicted"] = label_column(batch["predicted"].tolist())
        probabilities = np.reshape(
            batch["probabilities"].tolist(), (len(batch), len(plan["classes"]))
        )
        columns["probabilities"] = vector_column(probabilities, "float32")
        table = pa.table(columns).replace_schema_metadata(metadata)
        if writer is None:
            writer = pq.ParquetWriter(
                draft, table.schema, compression="zstd", write_page_checksum=True
            )
        writer.write_table(table)
    if writer is not None:
        writer.close()


def iter_predictions(
    folder: str | Path, *, incomplete: bool = False
) -> Iterator[pd.DataFrame]:
    """Yield the predictions of a folder of `predict_files`, one output after the other.

    Parameters
    ----------
    folder : path
    incomplete : bool
        Read what there is of a folder some of whose inputs are missing, in place of an
        error.

    Yields
    ------
    DataFrame
        With ``id, lang, labels, predicted, probabilities``: lists of labels, and a dict
        (JSON lines) or an array in the order of the classifier's labels (Parquet).

    Raises
    ------
    ValueError
        If the folder holds no predictions, is incomplete, or an output is not that of
        its digest.

    Examples
    --------
    >>> from embetter_reg.store import iter_predictions
    >>> for predictions in iter_predictions("predicted"):  # doctest: +SKIP
    ...     print(predictions["predicted"].str.len().mean())

    """
    folder = check_path("folder", folder)
    return _read_outputs(folder, _records(folder, incomplete))


def _read_outputs(
    folder: Path, records: list[dict[str, Any]]
) -> Iterator[pd.DataFrame]:
    for record in records:
        for name, entry in record["shards"].items():
            path = folder / name
            if not path.is_file() or file_digest(path) != entry["digest"]:
                raise ValueError(
                    f"got {path}, which is lost or not what its record says, expected "
                    "a whole output; run the same predict command again"
                )
            if path.suffix == ".parquet":
                yield pq.read_table(path).to_pandas()
            else:
                with open(path, encoding="utf-8") as file:
                    rows = [json.loads(line) for line in file]
                yield pd.DataFrame(rows, columns=_COLUMNS)


def count_predictions(folder: str | Path, *, incomplete: bool = False) -> pd.DataFrame:
    """Return how many documents of each language have each predicted label.

    The records of a folder of `predict_files` are read, not its outputs.

    Parameters
    ----------
    folder : path
    incomplete : bool
        Count what there is of a folder some of whose inputs are missing.

    Returns
    -------
    DataFrame
        As `label_counts` returns it.

    Raises
    ------
    ValueError
        If the folder holds no predictions, or is incomplete.

    Examples
    --------
    >>> from embetter_reg.store import count_predictions
    >>> count_predictions("predicted")  # doctest: +SKIP

    """
    folder = check_path("folder", folder)
    counts = PredictionCounts()
    for record in _records(folder, incomplete):
        counts.merge(record["counts"])
    return counts.table(_plan(folder)["classes"])


def _plan(folder: Path) -> dict[str, Any]:
    plan = read_plan(folder / PREDICTIONS)
    if not plan:
        raise ValueError(
            f"got {folder} without {PREDICTIONS}, expected a folder of predictions; "
            "run embetter-reg predict with --shard"
        )
    return plan


def _records(folder: Path, incomplete: bool) -> list[dict[str, Any]]:
    records = read_records(folder, _plan(folder))
    done = [record for record in records if record.get("complete")]
    if len(done) < len(records) and not incomplete:
        raise ValueError(
            f"got {folder} with {len(done)} of {len(records)} inputs, expected all; "
            "run the tasks that are missing (embetter-reg status), or pass "
            "incomplete=True"
        )
    return done


def file_digest(path: Path) -> str:
    """Return the digest of a file that need not fit in memory."""
    with open(path, "rb") as file:
        return hashlib.file_digest(
            file, lambda: hashlib.blake2b(digest_size=16)
        ).hexdigest()
