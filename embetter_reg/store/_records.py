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


def record_name(number: int) -> str:
    return f"part-{number:05d}"


def read_record(folder: Path, number: int) -> dict[str, Any]:
    """Return the record of an input, empty where there is none that can be read."""
    path = folder / f"{record_name(number)}.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


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
    return [{"name": file.name, "n_bytes": _size(file)} for file in files]


def _size(file: Path) -> int:
    if file.is_dir():
        return sum(each.stat().st_size for each in file.rglob("*") if each.is_file())
    return file.stat().st_size


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
