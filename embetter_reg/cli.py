"""The command line. Every command is a few calls that a notebook could make."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(
    help="Embeddings organised by text register rather than by language.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
console = Console(stderr=True)

Out = Annotated[Path, typer.Option(help="Folder for the report; made if it is not there.")]
Seed = Annotated[int, typer.Option(help="Decides everything random.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the full traceback of an error.")]


@app.command()
def demo(out: Out = Path("demo"), seed: Seed = 0, debug: Debug = False) -> None:
    """Tune a space on the bundled corpus and report what the tuned space is organised by."""
    from embetter_reg.corpus import load_registers, train_test_documents

    train, test = train_test_documents(load_registers(), 0.4, random_state=seed)
    _compare(train, test, encoder="lite", head="feedforward", out=out, seed=seed, title="The bundled corpus")


@app.command()
def compare(
    docs: Annotated[
        list[Path], typer.Argument(help="Documents: TSV, CSV, JSON lines, Parquet (also .gz), or folders.")
    ],
    test: Annotated[
        list[Path] | None, typer.Option(help="Held-out documents. Without it a part of DOCS is held out.")
    ] = None,
    encoder: Annotated[
        str, typer.Option(help="'lite', or a sentence-transformers model: its name or folder.")
    ] = "lite",
    head: Annotated[str, typer.Option(help="The head: 'feedforward'.")] = "feedforward",
    group: Annotated[str, typer.Option(help="Registers: 'all', 'main' or 'without_MT'.")] = "without_MT",
    hybrids: Annotated[
        str,
        typer.Option(help="Documents of several registers: 'drop', or 'explode' into one row a register."),
    ] = "drop",
    language: Annotated[
        str | None, typer.Option(help="Language, where neither a column nor the file name tells it.")
    ] = None,
    test_size: Annotated[float, typer.Option(help="Share held out where --test is not given.")] = 0.4,
    skip_bad_rows: Annotated[bool, typer.Option("--skip-bad-rows", help="Leave out rows that cannot be read.")] = False,
    out: Out = Path("report"),
    seed: Seed = 0,
    debug: Debug = False,
) -> None:
    """Tune a space on a part of DOCS and report, on the rest, whether it is by register or by language."""
    from embetter_reg.corpus import hybrids as apply_policy
    from embetter_reg.corpus import read_documents, select_group, train_test_documents

    if hybrids not in ("drop", "explode"):
        raise ValueError(f"got --hybrids {hybrids}, expected 'drop' or 'explode'; pick one")

    def read(paths):
        documents = read_documents(paths, language=language, on_error="skip" if skip_bad_rows else "raise")
        chosen = apply_policy(select_group(documents, group), hybrids)
        console.print(f"{len(documents):,} documents read, {len(chosen):,} kept (group {group}, hybrids {hybrids})")
        if chosen.empty:
            raise ValueError(f"got no document of the group {group!r}, expected some; check labels, --group, --hybrids")
        return chosen

    documents = read(docs)
    if test:
        train, held_out = documents, read(test)
    else:
        groups = documents.get("document")
        train, held_out = train_test_documents(documents, test_size, groups=groups, random_state=seed)
    _compare(train, held_out, encoder=encoder, head=head, out=out, seed=seed, title="Register or language?")


def _compare(train, test, *, encoder: str, head: str, out: Path, seed: int, title: str) -> None:
    """Encode, tune on ``train``, compare on ``test``, write the report, sum up on the terminal."""
    from embetter_reg.analysis import compare_spaces
    from embetter_reg.corpus import label_column
    from embetter_reg.finetune import FeedForwardTuner
    from embetter_reg.report import write_report
    from embetter_reg.text import LiteTextEncoder, SentenceEncoder

    if head != "feedforward":
        raise ValueError(f"got --head {head}, expected 'feedforward'; pick it")
    shared = set(train["text"]) & set(test["text"])
    if shared:
        console.print(f"[yellow]{len(shared)} texts stand in both parts; they are left out of the held-out part[/]")
        test = test[~test["text"].isin(shared)]
    if test.empty:
        raise ValueError("got no held-out document, expected some that are not trained on; pass others by --test")
    for part, documents in (("training", train), ("held-out", test)):
        for name, values in (("register", label_column(documents)), ("language", documents["lang"])):
            if values.nunique() < 2 and (part, name) != ("training", "language"):
                raise ValueError(
                    f"got {part} documents of one {name} ({values.iloc[0]}), expected at least two {name}s to compare; "
                    "pass more documents"
                )
    model = (
        LiteTextEncoder(random_state=seed)
        if encoder == "lite"
        else SentenceEncoder(encoder, normalize=True, show_progress=True)
    )
    tuner = FeedForwardTuner(random_state=seed, show_progress=True)
    y = label_column(train)
    with console.status(f"encoding {len(train):,} documents to train on and {len(test):,} held-out ones"):
        X_train = model.fit_transform(train["text"])
        X = model.transform(test["text"])
    spaces = {"original": X, "tuned": tuner.fit(X_train, y).transform(X)}
    ids = {"fitted_on": train["id"].tolist(), "compared": test["id"].tolist()}
    comparison = compare_spaces(
        spaces,
        register=label_column(test),
        language=test["lang"],
        ids=ids["compared"],
        fitted_on=ids["fitted_on"],
        random_state=seed,
        show_progress=True,
    )
    about = {"encoder": repr(model), "head": repr(tuner)}
    with console.status("drawing maps and writing the report"):
        page = write_report(comparison, spaces, out, title=title, about=about, random_state=seed, **ids)
    _summarize(comparison, page)


def _summarize(comparison, page: Path) -> None:
    shown = Console()
    table = Table(title="AMI of clusters with each label on held-out documents")
    for name in ("space", "clusterer", "k", "register", "language"):
        table.add_column(name, justify="right" if name not in ("space", "clusterer") else "left")
    marks = {comparison.parameters["n_registers"], comparison.parameters["n_languages"]}
    wide = comparison.agreement[comparison.agreement["k"].isin(marks)].pivot(
        index=["space", "clusterer", "k"], columns="label", values="ami"
    )
    for (space, clusterer, k), row in wide.loc[list(comparison.verdicts)].iterrows():
        table.add_row(space, clusterer, str(k), f"{row['register']:.2f}", f"{row['language']:.2f}")
    shown.print(table)
    shown.print(f"\n[bold]{comparison.verdict.sentence}[/]\n", highlight=False)
    shown.print(f"Report: {page}", highlight=False, soft_wrap=True)


def main() -> None:
    """Run the command line: bad input is one sentence and exit code 2."""
    try:
        app()
    except (ValueError, TypeError, OSError, ImportError) as error:
        if "--debug" in sys.argv:
            raise
        console.print(f"[red]Error:[/] {error}", highlight=False, soft_wrap=True)
        sys.exit(2)
