"""The application, and the options that several commands share."""

import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.status import Status
from rich.text import Text

app = typer.Typer(
    help="Embeddings organized by text register rather than by language.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# Names, paths and labels are printed as they stand, never as markup.
console = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)
output = Console(markup=False, highlight=False, soft_wrap=True)

Out = Annotated[
    Path, typer.Option(help="Folder for the report; made if it is not there.")
]
RandomState = Annotated[int, typer.Option(help="Decides everything random.")]
Docs = Annotated[
    list[Path],
    typer.Argument(
        help="Documents: TSV, CSV, JSON lines, Parquet (also .gz), or folders."
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
    bool, typer.Option("--skip-bad-rows", help="Leave out rows that cannot be read.")
]
TextColumn = Annotated[str, typer.Option(help="The column that holds the texts.")]
LabelsColumn = Annotated[str, typer.Option(help="The column of labels; '' reads none.")]
LangColumn = Annotated[str, typer.Option(help="The column of languages.")]
IdColumn = Annotated[
    str, typer.Option(help="The column of ids; without it they are made of the texts.")
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
Debug = Annotated[
    bool, typer.Option("--debug", help="Show the full traceback of an error.")
]


def working(message: str) -> Status:
    """Return a context that shows what is being done."""
    return console.status(Text(message))


def _show_warning(message, category, *_args, **_options) -> None:
    if issubclass(category, UserWarning):
        console.print(str(message), style="yellow")


def main() -> None:
    """Run the command line; bad input ends in one sentence and exit code 2."""
    warnings.showwarning = _show_warning
    try:
        app()
    except (ValueError, TypeError, OSError, ImportError) as error:
        if "--debug" in sys.argv:
            raise
        console.print(Text.assemble(("Error: ", "red"), str(error)))
        sys.exit(2)
