"""Options of work that many tasks share, and command ``status``."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from embetter_reg.cli._app import output
from embetter_reg.cli._common import command, print_json, records
from embetter_reg.cli._settings import settings

Shard = Annotated[
    str | None,
    typer.Option(
        help="The task and how many tasks there are, such as 3/100: it does each "
        "hundredth file, from the third on. 1/1 does all. Tasks run in any order or at "
        "once, and are repeated where they were killed."
    ),
]
Engine = Annotated[
    str, typer.Option(help="What runs the work: 'process', or 'ray' (the extra ray).")
]
Address = Annotated[
    str | None,
    typer.Option(help="A cluster of Ray. [default: one is started here]"),
]
Workers = Annotated[
    int, typer.Option(help="Workers of Ray; each does one file at a time.", min=1)
]
GpusPerWorker = Annotated[
    float, typer.Option(help="GPUs that a worker of Ray has for itself.", min=0)
]


def parse_shard(text: str | None) -> tuple[int, int] | None:
    """Return a task such as ``3/100`` as numbers.

    Raises
    ------
    ValueError
        If it is of another form, or out of range.

    """
    if text is None:
        return None
    task, _, n_tasks = text.partition("/")
    numbers = task.isdecimal() and n_tasks.isdecimal()
    if not numbers or not 1 <= int(task) <= int(n_tasks):
        raise ValueError(
            f"got --shard {text}, expected a task and the number of tasks; pass for "
            "example 3/100"
        )
    return int(task), int(n_tasks)


def task_options(
    shard: str | None,
    engine: str,
    address: str | None,
    workers: int,
    gpus_per_worker: float,
) -> dict[str, Any]:
    """Return the options of `encode_files` and `predict_files` that say who works."""
    return {
        "shard": parse_shard(shard),
        "engine": engine,
        "address": address,
        "workers": workers,
        "gpus_per_worker": gpus_per_worker,
        "show_progress": settings.shows_progress,
    }


@command
def status(
    folder: Annotated[
        Path, typer.Argument(help="What encode or predict writes by tasks.")
    ],
) -> None:
    """Tell which inputs of FOLDER are done and which are missing; exit code 1 where one
    is.
    """
    from embetter_reg.store import folder_status

    inputs = folder_status(folder)
    states = Counter(inputs["state"])
    n_documents = int(inputs["n_documents"].sum())
    is_complete = states["done"] == len(inputs)
    print_json(
        {
            "complete": is_complete,
            "n_documents": n_documents,
            "inputs": records(inputs),
        }
    )
    for row in inputs[inputs["state"] != "done"].to_dict("records"):
        output.print(
            f"{row['state']}: {row['input']} ({row['n_documents']:,} documents)"
        )
    output.print(
        f"{states['done']:,} of {len(inputs):,} inputs are done, {n_documents:,} "
        f"documents: {folder}"
    )
    if not is_complete:
        raise typer.Exit(1)
