"""Work on files of documents one after the other, by one process or by many tasks."""

import json
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from numbers import Real
from os import PathLike
from pathlib import Path
from typing import Any

from embetter_reg._files import check_folder, write_atomically
from embetter_reg._fingerprint import fingerprint
from embetter_reg._optional import optional_import
from embetter_reg._progress import documents_bar
from embetter_reg._validation import check_choice, check_whole_number
from embetter_reg.corpus import Scheme, estimate_documents, find_files
from embetter_reg.corpus.registers import current_scheme
from embetter_reg.store._fitted import is_to_fit
from embetter_reg.store._plan import check_same
from embetter_reg.store._records import (
    check_kind,
    described,
    inputs_of,
    read_plan,
    read_records,
)

ENGINES = ("process", "ray")


@dataclass
class Work:
    """What is done with each file: an encoder, where its results go, and the plan.

    It travels to other processes. A subclass defines `run`.
    """

    encoder: Any
    files: list[Path]
    out: Path
    plan: dict[str, Any]
    reading: dict[str, Any] = field(default_factory=dict)
    scheme: Scheme = field(default_factory=current_scheme)

    def run(self, number: int, moved: Callable[[int], object]) -> int:
        """Do an input that is not done yet, and return its number of documents.

        ``moved`` is told of documents as they are done.
        """
        raise NotImplementedError

    def check_encoder(self) -> None:
        """Refuse an encoder whose weights are not those of the plan."""
        here = {"fingerprint": fingerprint(self.encoder)}
        check_same(self.out, self.plan, here)


def check_needs_no_fit(encoder: Any) -> None:
    """Refuse an encoder that learns from all documents."""
    if is_to_fit(encoder):
        raise ValueError(
            f"got {type(encoder).__name__}, which learns from all documents at once, "
            "expected an encoder that is fitted or learns nothing; fit it on a sample, "
            "or encode without shards"
        )


def begin(folder: Path, name: str, plan: dict[str, Any], kind: str) -> None:
    """Write the plan of a folder, or check that it is the one that is there.

    Tasks that begin together write the same.
    """
    check_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    check_kind(folder, name)
    path = folder / name
    stray = next(folder.glob("part-*"), None)  # before a task beside this one begins
    there = read_plan(path)
    if stray and not there:
        raise ValueError(
            f"got {folder} with {stray.name} but no {name}, expected an empty folder; "
            "pass another one"
        )
    if there:
        _check_same_inputs(folder, there, plan, kind)
        check_same(folder, there, {**plan, "inputs": there.get("inputs")}, kind)
        return
    text = json.dumps(plan, indent=2, allow_nan=False)
    write_atomically(path, lambda draft: draft.write_text(text, encoding="utf-8"))


def _check_same_inputs(
    folder: Path, there: dict[str, Any], plan: dict[str, Any], kind: str
) -> None:
    """Refuse other files than those of a folder.

    A file may change until it is done, so that a damaged one can be mended.
    """
    inputs = there.get("inputs", [])
    names = [source["name"] for source in inputs]
    if names != [source["name"] for source in plan["inputs"]]:
        check_same(folder, there, {"inputs": plan["inputs"]}, kind)
    records = read_records(folder, there)
    for source, record, now in zip(inputs, records, plan["inputs"], strict=True):
        n_bytes = record.get("n_bytes", source["n_bytes"])
        if record.get("complete") and n_bytes != now["n_bytes"]:
            raise ValueError(
                f"got {now['name']} of {now['n_bytes']:,} bytes, which is done already, "
                f"expected its {n_bytes:,} bytes of then; put the older file back, or "
                "pass another folder"
            )


def files_apart(paths: Any, out: Path) -> list[Path]:
    """Return the files that paths name; refuse a folder that is written to, whose
    outputs would be read next.
    """
    if isinstance(paths, Iterable) and not isinstance(paths, str | PathLike):
        paths = list(paths)
    files = find_files(paths)
    for path in paths if isinstance(paths, list) else [paths]:
        if Path(str(path)).resolve() == out.resolve():
            raise ValueError(
                f"got {out}, a folder of documents, as the folder to write to, "
                "expected a folder apart; pass another one"
            )
    return files


@dataclass
class Workers:
    """Who does the inputs: this process, or workers of Ray."""

    engine: str = "process"
    address: str | None = None
    workers: int = 1
    gpus_per_worker: float = 0

    def check(self) -> None:
        """Refuse an engine that is not there, or none or half a worker."""
        check_choice("engine", self.engine, ENGINES)
        check_whole_number("workers", self.workers)
        gpus = self.gpus_per_worker
        if not isinstance(gpus, Real) or gpus < 0:
            raise ValueError(
                f"got gpus_per_worker={gpus!r}, expected a number of at least 0; pass "
                "for example 1"
            )
        if self.engine == "ray":
            optional_import(
                "ray.data", package='"embetter-reg[ray]"', purpose="engine='ray'"
            )


def run_inputs(
    work: Work,
    shard: tuple[int, int] | None,
    desc: str,
    workers: Workers,
    show_progress: bool = False,
) -> None:
    """Do the inputs of a task, in this process or by workers of Ray."""
    numbers = inputs_of(shard, len(work.files))
    if not numbers:
        warnings.warn(
            f"nothing to do for the task {shard}: there are {len(work.files)} inputs",
            stacklevel=3,
        )
        return
    counts = [0] * len(numbers)
    if show_progress:
        counts = estimate_documents([work.files[number] for number in numbers])
    estimates = dict(zip(numbers, counts, strict=True))
    with documents_bar(sum(counts), desc, show_progress) as bar:
        if workers.engine == "ray":
            from embetter_reg.store._ray import run_on_ray

            done = run_on_ray(
                work,
                numbers,
                workers.address,
                workers.workers,
                workers.gpus_per_worker,
            )
        else:
            done = _run_here(work, numbers, bar)
        n_done = 0
        n_left = sum(counts)
        for number, n_documents in done:
            n_done += n_documents
            n_left -= estimates[number]
            bar.total = n_done + n_left
            bar.update(n_done - bar.n)


def _run_here(work: Work, numbers: Sequence[int], bar: Any) -> Any:
    for number in numbers:
        before = bar.n

        def moved(n_documents: int, before: float = before) -> None:
            bar.update(before + n_documents - bar.n)

        yield number, work.run(number, moved)


def plan_of_inputs(
    files: Sequence[Path], reading: dict[str, Any], **about: Any
) -> dict[str, Any]:
    """Return the part of a plan that names what is read, and how."""
    in_use = current_scheme()
    scheme = {
        "main": list(in_use.main),
        "parents": dict(in_use.parents),
        "is_free": in_use.is_free,
    }
    # Whether bad rows are skipped may be decided once one is met.
    reading = {name: value for name, value in reading.items() if name != "on_error"}
    return {**about, "scheme": scheme, "reading": reading, "inputs": described(files)}
