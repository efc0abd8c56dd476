"""What every command has: options of running, dry runs, and results as JSON."""

import functools
import inspect
import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embetter_reg.cli._app import app, console, output
from embetter_reg.cli._config import read_config
from embetter_reg.cli._help import GroupedCommand
from embetter_reg.cli._jobs import limit_jobs
from embetter_reg.cli._settings import settings

if TYPE_CHECKING:
    import pandas as pd


def _options(
    config: Annotated[
        Path | None,
        typer.Option(
            help="A TOML file with any of these options, such as batch-size = 8; what "
            "is given here goes before it.",
            callback=read_config,
            is_eager=True,
        ),
    ] = None,
    scheme: Annotated[
        str,
        typer.Option(
            help="The labels that there are: 'registers' (CORE), 'free' (whatever the "
            "documents have), labels such as spam,ham beside any others, or a file "
            "with the columns code, name, parent, color."
        ),
    ] = "registers",
    jobs: Annotated[
        int | None, typer.Option(help="Processes and threads at most.", min=1)
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Show what would be read and computed, and compute nothing.",
        ),
    ] = False,
    json: Annotated[
        bool,
        typer.Option(
            "--json", help="The result as JSON on standard output, and nothing else."
        ),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="No progress and no notes.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Options, versions, times, all warnings.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the full traceback of an error.")
    ] = False,
) -> None:
    """Hold the options that every command has."""


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Register a command, with the options that all have beside its own."""
    common = inspect.signature(_options).parameters
    own = inspect.signature(function).parameters

    @functools.wraps(function)
    def run(**values: Any) -> None:
        shared = {name: values.pop(name) for name in common}
        with _running(function.__name__, shared, values):
            function(**values)

    parameters = [*own.values(), *common.values()]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    app.command(cls=GroupedCommand)(run)
    return function


@contextmanager
def _running(
    name: str, shared: dict[str, Any], values: dict[str, Any]
) -> Iterator[None]:
    """Run a command as the shared options say, and leave nothing of them behind."""
    start = time.monotonic()
    from embetter_reg.corpus import use_scheme

    before = dict(vars(settings))
    for option in ("jobs", "dry_run", "json", "quiet", "verbose"):
        setattr(settings, option, shared[option])
    if settings.quiet and settings.verbose:
        raise ValueError("got --quiet and --verbose, expected one of them; drop one")
    settings.stream = sys.stdout
    if settings.quiet or not sys.stderr.isatty():
        # Bars of files and weights, which are many lines in a log.
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    console.quiet = settings.quiet
    output.quiet = settings.json
    try:
        with use_scheme(shared["scheme"]), _own_stdout(), limit_jobs(settings.jobs):
            if settings.verbose:
                warnings.simplefilter("default")
                _tell_options(name, values)
            yield
            if settings.verbose:
                console.print(f"{name}: {time.monotonic() - start:.1f} s")
    finally:
        vars(settings).update(before)
        console.quiet = False
        output.quiet = False


@contextmanager
def _own_stdout() -> Iterator[None]:
    """With --json, keep standard output free of what libraries print."""
    if not settings.json:
        yield
        return
    with redirect_stdout(sys.stderr):
        yield


def _tell_options(name: str, values: dict[str, Any]) -> None:
    packages = ("embetter-reg", "numpy", "scikit-learn", "torch", "transformers")
    console.print(", ".join(f"{package} {version(package)}" for package in packages))
    for option, value in values.items():
        if value is not None:
            console.print(f"{name} --{option.replace('_', '-')}: {value}")


def print_json(result: dict[str, Any]) -> None:
    """With --json, print the result of a command; else do nothing."""
    if settings.json:
        text = json.dumps(result, ensure_ascii=False, default=_plain)
        print(text, file=settings.stream)


def records(table: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return a table's rows for JSON; what is missing is null."""
    return json.loads(table.to_json(orient="records"))


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)


def stop_if_dry(documents: "pd.DataFrame | None", computes: list[str]) -> None:
    """With --dry-run, print how many documents of each language and register there
    are and what would be computed, and end the command; else do nothing.
    """
    if not settings.dry_run:
        return
    counts: list[dict[str, Any]] = []
    if documents is not None:
        counts = _counts(documents)
        output.print(_counts_table(counts), soft_wrap=False)
    for line in computes:
        output.print(f"would {line}")
    print_json({"dry_run": True, "documents": counts, "would": computes})
    raise typer.Exit


def _counts(documents: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return, for each language, the number of documents and that of each register."""
    from collections import Counter

    from embetter_reg.corpus.facts import registers_of
    from embetter_reg.corpus.registers import sort_labels

    rows: list[dict[str, Any]] = []
    for language, part in documents.groupby("lang", sort=True):
        registers = Counter(map(registers_of, part["labels"]))
        row = {"language": language, "n_documents": len(part)}
        rows.append(
            {
                **row,
                "registers": {name: registers[name] for name in sort_labels(registers)},
            }
        )
    return rows


def _counts_table(counts: list[dict[str, Any]]) -> Any:
    from rich.table import Table

    from embetter_reg.corpus.registers import full_name

    table = Table(title="Documents that would be read")
    table.add_column("language")
    table.add_column("number", justify="right")
    table.add_column("registers")
    for row in counts:
        named = ", ".join(
            f"{n:,} {full_name(name)}" for name, n in row["registers"].items()
        )
        table.add_row(str(row["language"]), f"{row['n_documents']:,}", named)
    return table
