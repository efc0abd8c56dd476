"""The application, and the options that several commands share."""

import sys
import warnings
from contextlib import AbstractContextManager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from embetter_reg._progress import step
from embetter_reg.cli._help import Commands
from embetter_reg.cli._settings import settings

app = typer.Typer(
    cls=Commands,
    help="Embeddings organized by text register rather than by language.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help has room for the full names of options
    context_settings={"help_option_names": ["-h", "--help"]},
)
# Names, paths and labels are printed as they stand, never as markup.
_plain: Any = {"markup": False, "highlight": False, "soft_wrap": True}
console = Console(stderr=True, **_plain)  # notes
errors = Console(stderr=True, **_plain)  # warnings and errors, which --quiet shows
output = Console(**_plain)  # results

Out = Annotated[
    Path, typer.Option(help="Folder for the report; made if it is not there.")
]
RandomState = Annotated[int, typer.Option(help="Decides everything random.")]
Docs = Annotated[
    list[Path],
    typer.Argument(
        help="Documents: TSV, CSV, JSON lines, Parquet (also .gz, .zst), or folders."
    ),
]
Encoder = Annotated[
    str,
    typer.Option(
        help="'lite', 'surface', 'registers' (the pretrained weights of this package; "
        "'registers:FOLDER' where their base model lies in a folder), or a model's name "
        "or folder; 'register:', 'sentence:', 'causal:' or 'static:' before it names "
        "its kind."
    ),
]
Prompt = Annotated[
    str | None,
    typer.Option(
        help="Text in front of every document, such as 'query: '. [default: what a known "
        "model was trained with; '' is none]"
    ),
]
Language = Annotated[
    str | None,
    typer.Option(help="Language, where neither a column nor the file name tells it."),
]
SkipBadRows = Annotated[
    bool,
    typer.Option(
        "--skip-bad-rows",
        help="Leave out rows that cannot be read, and files without rows.",
    ),
]
TextColumn = Annotated[str, typer.Option(help="The column that holds the texts.")]
LabelsColumn = Annotated[str, typer.Option(help="The column of labels; '' reads none.")]
LangColumn = Annotated[str, typer.Option(help="The column of languages.")]
IdColumn = Annotated[
    str, typer.Option(help="The column of ids; without it they are made of the texts.")
]
Group = Annotated[
    str | None,
    typer.Option(
        help="Registers: 'all', or of CORE 'main' or 'without_MT'. [default: "
        "without_MT of CORE, all of other schemes]"
    ),
]
Long = Annotated[
    str | None,
    typer.Option(
        help="Documents longer than the model: 'head', 'head_tail' or 'chunks'."
    ),
]
MaxLength = Annotated[
    int | None, typer.Option(help="Tokens of a document, or of one of its chunks.")
]
BatchSize = Annotated[
    int | None, typer.Option(help="Documents in a batch; halved where memory runs out.")
]
Device = Annotated[
    str | None,
    typer.Option(help="For example 'cuda'. By default the accelerator that is there."),
]
DType = Annotated[
    str | None,
    typer.Option(help="'float32', 'bfloat16', 'float16'; 'int8' for sentence models."),
]
ThresholdDocs = Annotated[
    list[Path] | None,
    typer.Option(
        help="Other documents with gold labels, to choose the best threshold on."
    ),
]


def _print_version(value: bool) -> None:
    if value:
        output.print(f"embetter-reg {version('embetter-reg')}")
        raise typer.Exit


@app.callback()
def _every_command(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version and end.",
            callback=_print_version,
            is_eager=True,
        ),
    ] = False,
) -> None:
    """Embeddings organized by text register rather than by language."""


def working(message: str) -> AbstractContextManager[None]:
    """Return a context that shows what is being done, once it lasts two seconds."""
    return step(message, settings.shows_progress)


def warn(message: str) -> None:
    """Print what a reader of the result should know; --quiet does not hide it."""
    errors.print(message, style="yellow")


def _show_warning(message, category, *_args, **_options) -> None:
    if issubclass(category, UserWarning) or settings.verbose:
        warn(str(message))


def main() -> None:
    """Run the command line; bad input ends in one sentence and exit code 2."""
    warnings.showwarning = _show_warning
    try:
        app()
    except (ValueError, TypeError, OSError, ImportError) as error:
        if "--debug" in sys.argv:
            raise
        errors.print(Text.assemble(("Error: ", "red"), str(error)))
        sys.exit(2)
