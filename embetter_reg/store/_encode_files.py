"""Files of documents encoded into a folder of shards by any number of tasks."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from embetter_reg._files import remove_drafts
from embetter_reg._fingerprint import fingerprint
from embetter_reg._validation import check_path
from embetter_reg.corpus import iter_documents, iter_input
from embetter_reg.store._embeddings import ON_THESE
from embetter_reg.store._encode import check_documents, check_encoding, encode_texts
from embetter_reg.store._inputs import (
    Work,
    Workers,
    begin,
    check_needs_no_fit,
    files_apart,
    plan_of_inputs,
    run_inputs,
)
from embetter_reg.store._manifest import (
    FORMAT_OF_INPUTS,
    is_intact,
    shard_path,
    versions,
    write_shard,
)
from embetter_reg.store._plan import documents_digest, encoding_plan
from embetter_reg.store._predictions import known_threshold, predicted_labels
from embetter_reg.store._records import (
    MANIFEST,
    inputs_of,
    n_bytes_of,
    read_record,
    record_name,
    write_record,
)
from embetter_reg.store._tables import document_columns, label_column


def encode_files(
    encoder: Any,
    paths: str | PathLike | Iterable[str | PathLike],
    out: str | Path,
    *,
    shard: tuple[int, int] | None = None,
    layers: Sequence[int | str] | None = None,
    precision: str = "float32",
    shard_size: int = 1000,
    text: bool = True,
    engine: str = "process",
    address: str | None = None,
    workers: int = 1,
    gpus_per_worker: float = 0,
    show_progress: bool = False,
    **reading: Any,
) -> Path:
    r"""Encode files of documents into one folder, in constant memory, by as many tasks
    as there are.

    Every task does some of the files and writes what belongs to them only, so that
    tasks may run in any order or at once, be killed and repeated; nothing is locked. A
    task that is repeated goes on where it stopped. `read_embeddings` refuses the folder
    until all files are done; `folder_status` tells which are.

    Parameters
    ----------
    encoder : text encoder
        One that is fitted or learns nothing. A register classifier adds ``predicted``
        and ``probabilities``, and ``predicted_best`` where it has its threshold already.
    paths : path or list of paths
        Files or folders, as in `read_documents`; the same for every task.
    out : path
        The folder.
    shard : (int, int) or None
        The task, from 1, and how many tasks there are: ``(1, 8)`` does the first file,
        the ninth, and so on. None does all.
    layers, precision, shard_size, text
        As in `encode_documents`. A shard has documents of one file.
    engine : {"process", "ray"}
        What runs the work: this process, or workers of Ray (the extra ``ray``), each of
        which holds the encoder and does one file at a time.
    address : str or None
        Of a cluster of Ray; None starts one on this machine, or takes that of
        ``RAY_ADDRESS``.
    workers : int
        Workers of Ray.
    gpus_per_worker : float
        GPUs that a worker of Ray has for itself.
    show_progress : bool
        Draw a progress bar over documents; their number is estimated.
    reading
        How documents are read: ``text_column`` and the other options of
        `iter_documents`.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ValueError
        If the folder is of other files, options or weights, or holds predictions or
        documents, the encoder has to be fitted, or a row is bad.
    TypeError
        If an argument is of another type.
    OSError
        If the folder cannot be written to; finished shards stay.
    ImportError
        If ``engine`` is "ray", and that is not installed.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> from embetter_reg.store import encode_files, read_embeddings
    >>> from embetter_reg.text import SurfaceEncoder
    >>> docs = Path(mkdtemp())
    >>> for name in ("en.tsv", "fi.tsv"):
    ...     _ = (docs / name).write_text("NA\tOne.\nHI\tTwo.\n")
    >>> out = mkdtemp()
    >>> for task in (2, 1):
    ...     _ = encode_files(SurfaceEncoder(scale=False), docs, out, shard=(task, 2))
    >>> read_embeddings(out).layers["embedding"].shape
    (4, 58)

    """
    out = check_path("out", out)
    check_encoding(
        encoder, out, layers=layers, precision=precision, shard_size=shard_size
    )
    check_needs_no_fit(encoder)
    who = Workers(engine, address, workers, gpus_per_worker)
    who.check()
    files = files_apart(paths, out)
    inputs_of(shard, len(files))  # refuses a task that cannot be
    iter_documents(files, shard_size, **reading)  # refuses wrong options
    plan = encoding_plan(
        encoder, layers=layers, precision=precision, shard_size=shard_size, text=text
    )
    plan |= plan_of_inputs(
        files, reading, format=FORMAT_OF_INPUTS, fingerprint=fingerprint(encoder)
    )
    work = _Encoding(encoder, files, out, plan, reading, layers=layers)
    begin(out, MANIFEST, plan, "embeddings")
    run_inputs(work, shard, "encoding", who, show_progress)
    return out


@dataclass
class _Encoding(Work):
    layers: Sequence[int | str] | None = None

    def run(self, number: int, moved: Callable[[int], object]) -> int:
        """Encode an input that is not encoded yet."""
        record = read_record(self.out, number)
        if record.get("complete") and self._is_whole(record):
            moved(record["n_documents"])
            return record["n_documents"]
        remove_drafts(self.out, record_name(number))
        shards: dict[str, Any] = {}
        n_documents = 0
        n_bytes = n_bytes_of(self.files[number])
        size = self.plan["shard_size"]
        batches = iter_input(self.files[number], size, **self.reading)
        for block, documents in enumerate(batches):
            path = shard_path(self.out, number, block)
            digest = documents_digest(documents)
            entry = record.get("shards", {}).get(path.name, {})
            if entry.get("documents") != digest or not is_intact(path, record):
                entry, facts = self._write(check_documents(documents), path)
                entry["documents"] = digest
                if facts.get("saw_gold") or "facts" not in record:
                    record["facts"] = facts
                known = {**record.get("shards", {}), path.name: entry}
                record = {**record, "shards": known, "complete": False}
                write_record(self.out, number, record)
            shards[path.name] = entry
            n_documents += len(documents)
            moved(n_documents)
        for path in self.out.glob(f"{record_name(number)}-*.parquet"):
            if path.name not in shards:  # of a file that was longer
                path.unlink()
        record = {**record, "shards": shards, "versions": versions()}
        record |= {"n_documents": n_documents, "n_bytes": n_bytes, "complete": True}
        write_record(self.out, number, record)
        return n_documents

    def _is_whole(self, record: dict[str, Any]) -> bool:
        return all(is_intact(self.out / name, record) for name in record["shards"])

    def _write(
        self, documents: pd.DataFrame, path: Path
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Write a shard; return its entry in the record, and facts about its vectors."""
        texts = documents["text"].tolist()
        columns, facts = encode_texts(
            self.encoder, texts, self.layers, self.plan["precision"]
        )
        threshold = None
        if facts.get("multi_label"):
            threshold = known_threshold(self.encoder, documents)
        if threshold is not None:
            columns["predicted_best"] = self._best(columns, threshold["best"])
            facts["threshold"] = threshold
            facts["saw_gold"] = threshold["chosen_on"] == ON_THESE
        columns = {**document_columns(documents, text=self.plan["text"]), **columns}
        return write_shard(path, columns, {**self.plan, **facts}), facts

    def _best(self, columns: dict[str, pa.Array], threshold: Any) -> pa.Array:
        """Return the labels at the best threshold."""
        column = columns["probabilities"]
        probabilities = column.flatten().to_numpy().reshape(len(column), -1)
        return label_column(predicted_labels(self.encoder, probabilities, threshold))
