"""Records of inputs: what each file of documents has become in a folder that several
tasks write.

A task writes the records of its own inputs only, so that no lock is needed.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from embetter_reg._files import write_atomically
from embetter_reg._validation import check_whole_number
from embetter_reg.corpus import unreadable

MANIFEST = "manifest.json"
PREDICTIONS = "predictions.json"
_KINDS = {MANIFEST: "embeddings", PREDICTIONS: "predictions"}


def check_kind(folder: Path, name: str) -> None:
    """Refuse a folder of the other kind, whose files would have the same names."""
    for other, kind in _KINDS.items():
        if other != name and (folder / other).exists():
            raise ValueError(
                f"got {folder}, which holds {kind}, expected a folder for "
                f"{_KINDS[name]}; pass another one"
            )


def record_name(number: int) -> str:
    return f"part-{number:05d}"


def read_record(folder: Path, number: int) -> dict[str, Any]:
    """Return the record of an input, empty where there is none that can be read."""
    path = folder / f"{record_name(number)}.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    return record if _is_record(record) else {}


def _is_record(record: Any) -> bool:
    if not isinstance(record, dict) or not are_shards(record.get("shards")):
        return False
    return not record.get("complete") or isinstance(record.get("n_documents"), int)


def are_shards(value: Any) -> bool:
    """Return whether a list of shards has a count and a digest of each."""
    return isinstance(value, dict) and all(
        isinstance(entry, dict)
        and isinstance(entry.get("n_documents"), int)
        and isinstance(entry.get("digest"), str)
        for entry in value.values()
    )


def read_plan(path: Path) -> dict[str, Any]:
    """Return the plan of a folder of inputs, empty where there is none.

    Raises
    ------
    ValueError
        If it is no plan.

    """
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (ValueError, RecursionError):
        plan = None
    if not (plan and is_plan(plan)):
        raise ValueError(
            f"got {path}, which is damaged, expected the plan of a folder that tasks "
            "write; write into another folder"
        )
    return plan


def is_plan(plan: Any) -> bool:
    """Return whether a plan names its inputs, if it is one of inputs."""
    if not isinstance(plan, dict):
        return False
    inputs = plan.get("inputs", [])
    return isinstance(inputs, list) and all(
        isinstance(source, dict) and {"name", "n_bytes"} <= set(source)
        for source in inputs
    )


def write_record(folder: Path, number: int, record: dict[str, Any]) -> dict[str, Any]:
    """Write the record of an input, and return it."""
    text = json.dumps(record, allow_nan=False)
    write_atomically(
        folder / f"{record_name(number)}.json",
        lambda draft: draft.write_text(text, encoding="utf-8"),
    )
    return record


def read_records(folder: Path, manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the record of every input of a folder."""
    return [read_record(folder, number) for number in range(len(manifest["inputs"]))]


def described(files: Sequence[Path]) -> list[dict[str, Any]]:
    """Return what a manifest tells inputs apart by: names and sizes, in their order."""
    return [{"name": file.name, "n_bytes": n_bytes_of(file)} for file in files]


def n_bytes_of(file: Path) -> int:
    """Return the size of an input: a file, or the folder of a saved dataset."""
    try:
        if not file.is_dir():
            return file.stat().st_size
        return sum(each.stat().st_size for each in file.rglob("*") if each.is_file())
    except OSError as error:
        raise unreadable(file, error) from error


def inputs_of(shard: tuple[int, int] | None, n_inputs: int) -> range:
    """Return the numbers of the inputs of a task: every N-th, from the I-th on.

    Raises
    ------
    ValueError
        If the task's number is not from 1 to the number of tasks.
    TypeError
        If ``shard`` is no pair of whole numbers.

    """
    if shard is None:
        return range(n_inputs)
    if not isinstance(shard, tuple | list) or len(shard) != 2:
        raise TypeError(
            f"got shard={shard!r}, expected a task's number and how many tasks there "
            "are; pass for example (1, 8)"
        )
    n_tasks = check_whole_number("the number of tasks", shard[1])
    task = check_whole_number("the task", shard[0], high=n_tasks)
    return range(task - 1, n_inputs, n_tasks)
