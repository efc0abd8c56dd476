"""Command ``finetune``: a model of one's own."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from embetter_reg.cli._app import (
    Docs,
    IdColumn,
    LabelsColumn,
    LangColumn,
    Language,
    MaxLength,
    RandomState,
    SkipBadRows,
    TextColumn,
    output,
)
from embetter_reg.cli._common import command, print_json, records, stop_if_dry
from embetter_reg.cli._inputs import column_names, read_docs
from embetter_reg.cli._settings import settings

if TYPE_CHECKING:
    import pandas as pd


@command
def finetune(
    docs: Docs,
    model: Annotated[
        str, typer.Option(help="The model to start from: its name or folder.")
    ],
    out: Annotated[
        Path,
        typer.Option(help="Folder for the trained model, its card, split and figures."),
    ],
    method: Annotated[
        str, typer.Option(help="What is trained: 'full', 'bitfit', 'lora' or 'ia3'.")
    ] = "full",
    objective: Annotated[
        str,
        typer.Option(
            help="'register', or on raw text 'mlm' (masked tokens) or 'clm' (the next token)."
        ),
    ] = "register",
    test: Annotated[
        list[Path] | None,
        typer.Option(
            help="Documents to score on. Without it a part of DOCS is held out."
        ),
    ] = None,
    train_languages: Annotated[
        str | None,
        typer.Option(help="Languages to train on, such as en,fi. [default: all]"),
    ] = None,
    test_languages: Annotated[
        str | None, typer.Option(help="Languages to score on. [default: all]")
    ] = None,
    test_size: Annotated[
        float, typer.Option(help="Share held out where --test is not given.")
    ] = 0.2,
    n_per_language: Annotated[
        int | None,
        typer.Option(help="Train on a sample of so many documents a language."),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(help="Train so many models, each without its own part of DOCS."),
    ] = None,
    level: Annotated[
        str, typer.Option(help="Labels: 'main' registers, 'sub' or 'all' of both.")
    ] = "main",
    multi_label: Annotated[
        bool | None,
        typer.Option(
            "--multi-label/--single-label",
            help="Several labels a document, or one: hybrids are then left out. "
            "[default: as the documents have them]",
        ),
    ] = None,
    group: Annotated[
        str,
        typer.Option(help="Registers: 'all', or of CORE 'main' or 'without_MT'."),
    ] = "all",
    class_weight: Annotated[
        str | None, typer.Option(help="'balanced' evens classes out.")
    ] = None,
    max_length: MaxLength = None,
    batch_size: Annotated[int, typer.Option(help="Documents at once.")] = 16,
    accumulate: Annotated[
        int, typer.Option(help="Batches whose gradients are added up to a step.")
    ] = 1,
    n_epochs: Annotated[float, typer.Option(help="Passes over the documents.")] = 3,
    max_steps: Annotated[
        int | None, typer.Option(help="Steps, in place of --n-epochs.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="At its highest; by default one of the method.")
    ] = None,
    warmup_ratio: Annotated[
        float,
        typer.Option(help="Share of the steps over which the learning rate rises."),
    ] = 0.1,
    early_stopping: Annotated[
        bool,
        typer.Option(
            help="Hold a part back, keep the best weights on it, and stop without improvement."
        ),
    ] = True,
    validation_fraction: Annotated[
        float, typer.Option(help="Share of the training documents held back for that.")
    ] = 0.1,
    n_iter_no_change: Annotated[
        int, typer.Option(help="Checks without improvement after which training stops.")
    ] = 3,
    check_every: Annotated[
        int | None, typer.Option(help="Steps between checks. [default: an epoch]")
    ] = None,
    rank: Annotated[int, typer.Option(help="Of LoRA's matrices.")] = 8,
    prompt: Annotated[
        str, typer.Option(help="Text in front of every document, such as 'query: '.")
    ] = "",
    dropout: Annotated[
        float | None,
        typer.Option(help="Of all dropout in the model. [default: the model's own]"),
    ] = None,
    linear_probe: Annotated[
        bool,
        typer.Option(
            "--linear-probe", help="Fit the last layer first, before training."
        ),
    ] = False,
    freeze_embeddings: Annotated[
        bool,
        typer.Option("--freeze-embeddings", help="Leave token embeddings as they are."),
    ] = False,
    supcon_weight: Annotated[
        float,
        typer.Option(
            help="Of a second loss that draws documents of a register together across "
            "languages; 0.5 is a good start. Takes large batches, such as 32."
        ),
    ] = 0.0,
    merge: Annotated[
        bool, typer.Option("--merge", help="Put adapters into the weights.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where the same command was killed.")
    ] = False,
    report_to: Annotated[
        str,
        typer.Option(
            help="'none', 'tensorboard', 'wandb' or several; keys come from the environment."
        ),
    ] = "none",
    device: Annotated[
        str, typer.Option(help="'auto', 'cpu', 'cuda' or 'mps'.")
    ] = "auto",
    dtype: Annotated[
        str,
        typer.Option(help="Type of the computation: 'auto', 'float32' or 'bfloat16'."),
    ] = "auto",
    text_column: TextColumn = "text",
    labels_column: LabelsColumn = "labels",
    lang_column: LangColumn = "lang",
    id_column: IdColumn = "id",
    language: Language = None,
    skip_bad_rows: SkipBadRows = False,
    random_state: RandomState = 0,
) -> None:
    """Train a transformer on a part of DOCS, score it on the rest by language, and
    write it with a model card.
    """
    from embetter_reg.corpus import select_group
    from embetter_reg.finetune import RegisterTrainer, finetune_documents

    columns = column_names(text_column, labels_column, lang_column, id_column)

    def read(paths: list[Path]) -> "pd.DataFrame":
        documents = read_docs(paths, language, skip_bad_rows, columns)
        if objective == "register":
            return select_group(documents, group)
        return documents

    trainer = RegisterTrainer(
        model,
        method,
        objective=objective,
        multi_label=multi_label,
        level=level,
        class_weight=class_weight,
        max_length=max_length,
        batch_size=batch_size,
        accumulate=accumulate,
        n_epochs=n_epochs,
        max_steps=max_steps,
        learning_rate=learning_rate,
        warmup_ratio=warmup_ratio,
        early_stopping=early_stopping,
        validation_fraction=validation_fraction,
        n_iter_no_change=n_iter_no_change,
        check_every=check_every,
        rank=rank,
        prompt=prompt,
        dropout=dropout,
        linear_probe=linear_probe,
        freeze_embeddings=freeze_embeddings,
        supcon_weight=supcon_weight,
        report_to=report_to.split(","),
        device=device,
        dtype=dtype,
        random_state=random_state,
        show_progress=settings.shows_progress,
    )
    documents = read(docs)
    test_documents = None
    if test:
        test_documents = read(test)
    stop_if_dry(documents, [f"train {trainer!r}", f"write the model to {out}"])
    figures = finetune_documents(
        documents,
        trainer,
        out,
        test=test_documents,
        train_languages=split_names(train_languages),
        test_languages=split_names(test_languages),
        test_size=test_size,
        n_per_language=n_per_language,
        folds=folds,
        merge=merge,
        resume=resume,
    )
    print_figures(figures, f"Model, card, split and figures: {out}", out)


def split_names(names: str | None) -> list[str] | None:
    """Return the names of an option such as ``en,fi``."""
    if not names:
        return None
    return [name.strip() for name in names.split(",") if name.strip()]


def print_figures(figures: "pd.DataFrame", where: str, out: Path) -> None:
    """Print the mean of every figure over models, with its standard deviation where
    there are several.
    """
    from embetter_reg.finetune import average_folds

    averaged = average_folds(figures)
    print_json({"out": out, "figures": records(averaged)})
    names = [str(name) for name in averaged if f"{name}_sd" in averaged]
    n_models = int(averaged["n_folds"].max())
    title = "On test documents"
    if n_models > 1:
        title += f", mean ± standard deviation of {n_models} models"
    table = Table(title=title)
    table.add_column("language")
    for name in names:
        table.add_column(name.replace("_", " "), justify="right")
    for row in averaged.to_dict("records"):
        cells = [f"{row[name]:.3f}" for name in names]
        if n_models > 1:
            cells = [f"{row[name]:.3f} ± {row[f'{name}_sd']:.3f}" for name in names]
        # A language is a name, not markup.
        table.add_row(Text(str(row["language"])), *cells)
    output.print(table, soft_wrap=False)
    output.print(where)
