"""Files of documents classified, one output a file, by any number of tasks."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from embetter_reg._files import check_folder, remove_drafts, write_atomically
from embetter_reg._fingerprint import fingerprint
from embetter_reg._validation import check_choice, check_path
from embetter_reg.corpus import iter_documents, iter_input
from embetter_reg.store._counts import PredictionCounts
from embetter_reg.store._encode import check_documents
from embetter_reg.store._inputs import (
    Work,
    Workers,
    begin,
    files_apart,
    plan_of_inputs,
    run_inputs,
)
from embetter_reg.store._manifest import FORMAT_OF_INPUTS, versions
from embetter_reg.store._outputs import (
    file_digest,
    write_lines,
    write_parquet,
)
from embetter_reg.store._plan import encoding_plan, plain
from embetter_reg.store._predictions import predicted_labels
from embetter_reg.store._records import (
    PREDICTIONS,
    inputs_of,
    n_bytes_of,
    read_record,
    record_name,
    write_record,
)

FORMATS = ("jsonl", "parquet")
_BATCH = 1000  # documents that are classified and written at once


def predict_files(
    classifier: Any,
    paths: str | PathLike | Iterable[str | PathLike],
    out: str | Path,
    *,
    threshold: Any = 0.5,
    shard: tuple[int, int] | None = None,
    output_format: str = "jsonl",
    engine: str = "process",
    address: str | None = None,
    workers: int = 1,
    gpus_per_worker: float = 0,
    show_progress: bool = False,
    **reading: Any,
) -> Path:
    """Classify files of documents into a folder, one output a file, in constant memory,
    by as many tasks as there are.

    An output is there whole, with a digest, or not at all; tasks may run in any order or
    at once, be killed and repeated, as those of `encode_files`. `iter_predictions` reads
    the folder, and `count_predictions` counts languages and registers.

    Parameters
    ----------
    classifier : RegisterEncoder or the like
        With ``predict_proba``, ``decide``, ``label_sets`` and ``classes_``.
    paths : path or list of paths
        Files or folders, as in `read_documents`; the same for every task.
    out : path
        The folder.
    threshold : float, "best", array or dict
        As in `RegisterEncoder.predict`.
    output_format : {"jsonl", "parquet"}
        A line a document with ``id, lang, labels, predicted, probabilities`` (by label),
        or the columns of a shard of embeddings without vectors, and the labels of the
        probabilities as ``classes`` in its metadata.
    shard, engine, address, workers, gpus_per_worker, show_progress, reading
        As in `encode_files`.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ValueError
        If the folder is of other files, options or weights, or holds embeddings or
        documents, or a row is bad.
    OSError
        If the folder cannot be written to; finished outputs stay.

    Examples
    --------
    >>> from embetter_reg.store import count_predictions, predict_files
    >>> from embetter_reg.text import PretrainedRegisters
    >>> folder = predict_files(
    ...     PretrainedRegisters(), "crawl", "predicted", shard=(1, 100)
    ... )  # doctest: +SKIP
    >>> count_predictions(folder, incomplete=True)  # doctest: +SKIP

    """
    out = check_path("out", out)
    check_choice("output_format", output_format, FORMATS)
    who = Workers(engine, address, workers, gpus_per_worker)
    who.check()
    files = files_apart(paths, out)
    inputs_of(shard, len(files))  # refuses a task that cannot be
    iter_documents(files, _BATCH, **reading)  # refuses wrong options
    check_folder(out)
    if isinstance(classifier, type) or not hasattr(classifier, "predict_proba"):
        raise TypeError(
            f"got {type(classifier).__name__} as the classifier, expected one with a "
            "method predict_proba; pass for example PretrainedRegisters()"
        )
    classes = list(classifier.classes_)
    classifier.decide(np.empty((0, len(classes))), threshold)  # refuses a wrong one
    plan = encoding_plan(
        classifier, layers=None, precision="float32", shard_size=_BATCH, text=False
    )
    plan |= plan_of_inputs(
        files, reading, format=FORMAT_OF_INPUTS, fingerprint=fingerprint(classifier)
    )
    plan |= {
        "output_format": output_format,
        "threshold": plain(threshold),
        "classes": classes,
    }
    work = _Prediction(classifier, files, out, plan, reading, threshold=threshold)
    begin(out, PREDICTIONS, plan, "predictions")
    run_inputs(work, shard, "classifying", who, show_progress)
    return out


@dataclass
class _Prediction(Work):
    threshold: Any = 0.5

    def run(self, number: int, moved: Callable[[int], object]) -> int:
        """Classify an input that is not classified yet."""
        path = self.out / f"{record_name(number)}.{self.plan['output_format']}"
        record = read_record(self.out, number)
        entry = record.get("shards", {}).get(path.name)
        if entry and path.is_file() and file_digest(path) == entry["digest"]:
            moved(entry["n_documents"])
            return entry["n_documents"]
        remove_drafts(self.out, record_name(number))
        counts = PredictionCounts()
        predicted = self._predicted(number, counts, moved)
        write = {"jsonl": write_lines, "parquet": write_parquet}
        write_output = write[self.plan["output_format"]]
        digests: list[str] = []
        n_bytes = n_bytes_of(self.files[number])

        def write_draft(draft: Path) -> None:
            write_output(draft, predicted, self.plan)
            digests.append(file_digest(draft))

        write_atomically(path, write_draft)
        n_documents = counts.n_documents
        entry = {"n_documents": n_documents, "digest": digests[0]}
        record = {"complete": True, "n_documents": n_documents, "n_bytes": n_bytes}
        record |= {"shards": {path.name: entry}, "counts": counts.by_language}
        write_record(self.out, number, {**record, "versions": versions()})
        return n_documents

    def _predicted(
        self, number: int, counts: PredictionCounts, moved: Callable[[int], object]
    ) -> Iterator[pd.DataFrame]:
        """Yield batches of documents with their labels and probabilities."""
        for batch in iter_input(self.files[number], _BATCH, **self.reading):
            documents = check_documents(batch)
            predicted = _predicted_batch(self.encoder, documents, self.threshold)
            counts.add(predicted["lang"], predicted["predicted"])
            yield predicted
            moved(counts.n_documents)


def _predicted_batch(
    classifier: Any, documents: pd.DataFrame, threshold: Any
) -> pd.DataFrame:
    """Return documents with ``predicted``, a list of labels each, and ``probabilities``,
    an array each.
    """
    probabilities = classifier.predict_proba(documents["text"])
    labels = predicted_labels(classifier, probabilities, threshold)
    columns = {
        "predicted": pd.Series(labels, index=documents.index, dtype=object),
        "probabilities": pd.Series(
            list(probabilities), index=documents.index, dtype=object
        ),
    }
    return documents.assign(**columns)
