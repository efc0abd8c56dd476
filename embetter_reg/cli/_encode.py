"""Commands ``encode``, ``predict`` and ``convert``: embeddings and predictions on disk."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from embetter_reg.cli._app import (
    BatchSize,
    Debug,
    Device,
    Docs,
    DType,
    Encoder,
    IdColumn,
    LabelsColumn,
    LangColumn,
    Language,
    Long,
    MaxLength,
    Seed,
    SkipBadRows,
    TextColumn,
    ThresholdDocs,
    app,
    console,
    output,
)
from embetter_reg.cli._inputs import column_names, read_docs


@app.command()
def encode(
    docs: Docs,
    out: Annotated[
        Path,
        typer.Option(
            help="Folder for the embeddings. A run that was killed goes on there."
        ),
    ],
    encoder: Encoder = "lite",
    layers: Annotated[
        str | None,
        typer.Option(
            help="Layers, such as first,half,three_quarters,last or numbers; 0 is the embedding."
        ),
    ] = None,
    pooling: Annotated[
        str | None, typer.Option(help="'mean', 'cls', 'last_token' or 'max'.")
    ] = None,
    long: Long = None,
    max_length: MaxLength = None,
    precision: Annotated[
        str, typer.Option(help="How vectors are stored: 'float32' or 'float16'.")
    ] = "float32",
    shard_size: Annotated[
        int,
        typer.Option(help="Documents in a file; a kill loses the work on one at most."),
    ] = 1000,
    text: Annotated[
        bool, typer.Option("--text/--no-text", help="Keep the documents' text.")
    ] = True,
    threshold_docs: ThresholdDocs = None,
    batch_size: BatchSize = None,
    device: Device = None,
    dtype: DType = None,
    text_column: TextColumn = "text",
    labels_column: LabelsColumn = "labels",
    lang_column: LangColumn = "lang",
    id_column: IdColumn = "id",
    language: Language = None,
    skip_bad_rows: SkipBadRows = False,
    seed: Seed = 0,
    debug: Debug = False,
) -> None:
    """Encode DOCS into Parquet files; the same command goes on where a killed one
    stopped.
    """
    from sklearn.utils import get_tags

    from embetter_reg.store import encode_documents
    from embetter_reg.text import make_encoder

    options = {
        "pooling": pooling,
        "long": long,
        "max_length": max_length,
        "batch_size": batch_size,
    }
    model = make_encoder(
        encoder, random_state=seed, **options, device=device, dtype=dtype
    )
    columns = column_names(text_column, labels_column, lang_column, id_column)
    documents = read_docs(docs, language, skip_bad_rows, columns)
    if get_tags(model).requires_fit:
        console.print(
            f"{type(model).__name__} learns from these documents: give all that are "
            "compared in one command"
        )
    if threshold_docs:
        _choose_threshold(model, threshold_docs, language, columns)
    chosen = (
        [int(x) if x.lstrip("-").isdigit() else x for x in layers.split(",")]
        if layers
        else None
    )
    encode_documents(
        model,
        documents,
        out,
        layers=chosen,
        precision=precision,
        shard_size=shard_size,
        text=text,
        show_progress=True,
    )
    output.print(
        f"Embeddings of {len(documents):,} documents: {out}",
    )


@app.command()
def predict(
    docs: Annotated[
        list[Path],
        typer.Argument(
            help="Documents with gold labels, or embeddings that carry predictions already."
        ),
    ],
    model: Annotated[
        str | None, typer.Option(help="A register classifier's name or folder.")
    ] = None,
    threshold: Annotated[
        str, typer.Option(help="A number, or 'best' with --threshold-docs.")
    ] = "0.5",
    threshold_docs: ThresholdDocs = None,
    long: Long = None,
    max_length: MaxLength = None,
    batch_size: BatchSize = None,
    device: Device = None,
    dtype: DType = None,
    text_column: TextColumn = "text",
    labels_column: LabelsColumn = "labels",
    lang_column: LangColumn = "lang",
    id_column: IdColumn = "id",
    language: Language = None,
    skip_bad_rows: SkipBadRows = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for predictions.jsonl and reports.csv.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Classify DOCS and report on their gold labels: F1 by language and label, hybrids
    apart.
    """
    from embetter_reg.analysis import classification_reports

    if model is None:
        documents, classes = _stored_predictions(docs, threshold)
    else:
        from embetter_reg.text import RegisterEncoder

        options = {
            "long": long,
            "max_length": max_length,
            "batch_size": batch_size,
            "device": device,
            "dtype": dtype,
        }
        given = {name: value for name, value in options.items() if value is not None}
        classifier = RegisterEncoder(model, show_progress=True, **given)
        columns = column_names(text_column, labels_column, lang_column, id_column)
        documents = read_docs(docs, language, skip_bad_rows, columns)
        if threshold_docs:
            _choose_threshold(classifier, threshold_docs, language, columns)
            known = classifier.chosen_on(documents["text"])
            if known.any():
                console.print(
                    f"{known.sum()} documents chose the threshold; they are left out",
                    style="yellow",
                )
                documents = documents[~known].reset_index(drop=True)
        number = "best" if threshold == "best" else _number(threshold)
        predicted = classifier.predict(documents["text"], number)
        classes = classifier.classes_
        documents["predicted"] = (
            classifier.label_sets(predicted)
            if predicted.ndim == 2
            else [[x] for x in predicted]
        )
    if out:
        out.mkdir(parents=True, exist_ok=True)
        documents[["id", "lang", "labels", "predicted"]].to_json(
            out / "predictions.jsonl", orient="records", lines=True, force_ascii=False
        )
    labeled = documents[documents["labels"].map(len) > 0]
    if labeled.empty:
        if out is None:
            raise ValueError(
                "got no document with a gold label to report on, expected some; pass "
                "--out to predict"
            )
        console.print(
            f"no gold labels to report on; predictions: {out / 'predictions.jsonl'}"
        )
        return
    reports = classification_reports(
        labeled["labels"],
        labeled["predicted"],
        language=labeled["lang"],
        classes=classes,
    )
    if out:
        reports.to_csv(out / "reports.csv", index=False)
    _print_reports(reports, labeled)


@app.command()
def convert(
    embeddings: Annotated[
        list[Path],
        typer.Argument(help="Older TSV files of embeddings, or folders of them."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the Parquet files.")],
    precision: Annotated[
        str, typer.Option(help="How vectors are stored: 'float32' or 'float16'.")
    ] = "float32",
    debug: Debug = False,
) -> None:
    """Turn the older TSV form of embeddings into Parquet files."""
    from embetter_reg.store import iter_embeddings, read_embeddings, write_embeddings

    write_embeddings(iter_embeddings(embeddings), out, precision=precision)
    written = read_embeddings(out)
    shapes = ", ".join(
        f"{name} {X.shape[1]} dimensions" for name, X in written.layers.items()
    )
    output.print(
        f"{len(written.documents):,} documents ({shapes}): {out}",
    )


def _choose_threshold(
    classifier, paths: list[Path], language: str | None, columns: dict[str, Any]
) -> None:
    from embetter_reg.corpus import read_documents

    if not hasattr(classifier, "fit_threshold"):
        raise ValueError(
            f"got --threshold-docs for {type(classifier).__name__}, expected a "
            "register classifier; drop it"
        )
    documents = read_documents(paths, **columns, language=language)
    labeled = documents[documents["labels"].map(len) > 0]
    if labeled.empty:
        raise ValueError(
            "got --threshold-docs without gold labels, expected some; pass labeled "
            "documents"
        )
    classifier.fit_threshold(labeled["text"], labeled["labels"])
    console.print(
        f"threshold {classifier.threshold_:.2f}, chosen on {len(labeled):,} other "
        "documents"
    )


def _stored_predictions(paths: list[Path], threshold: str):
    """Return the documents and predictions of embeddings, and the labels of the model
    that made them.
    """
    from embetter_reg.store import read_embeddings

    stored = read_embeddings(paths)
    if threshold == "best" and "these documents" in stored.manifest.get(
        "threshold", {}
    ).get("chosen_on", ""):
        raise ValueError(
            "got --threshold best, which was chosen on these documents' own gold "
            "labels, expected other documents to "
            "choose it on; pass --model and --threshold-docs"
        )
    column = {"0.5": "predicted", "best": "predicted_best"}.get(threshold, "")
    if column not in stored.documents:
        raise ValueError(
            f"got embeddings without predictions at --threshold {threshold}, expected "
            "0.5 or best, from a register "
            "classifier; pass --model to classify the documents"
        )
    documents = stored.documents.assign(predicted=stored.documents[column])
    return documents, stored.manifest.get("classes")


def _number(threshold: str) -> float:
    try:
        return float(threshold)
    except ValueError:
        raise ValueError(
            f"got --threshold {threshold}, expected a number or 'best'; pass one"
        ) from None


def _print_reports(reports, documents) -> None:
    from embetter_reg.corpus.registers import is_hybrid

    kinds = documents["labels"].map(
        lambda labels: "hybrid" if is_hybrid(labels) else "single"
    )
    table = Table(title="F1 against gold labels")
    for name in ("language", "documents", "number", "micro F1", "macro F1"):
        table.add_column(
            name, justify="left" if name in ("language", "documents") else "right"
        )
    f1 = reports.set_index(["language", "documents", "label"])["f1"]
    for language, kind in dict.fromkeys(f1.index.droplevel("label")):
        chosen = (documents["lang"].eq(language) | (language == "all")) & (
            kinds.eq(kind) | (kind == "all")
        )
        micro, macro = f1[language, kind, "micro"], f1[language, kind, "macro"]
        table.add_row(
            language, kind, f"{chosen.sum():,}", f"{micro:.3f}", f"{macro:.3f}"
        )
    output.print(table, soft_wrap=False)
    labels = Table(title="F1 of each label, all documents")
    wide = reports.query("documents == 'all' and label not in ('micro', 'macro')")
    wide = wide.pivot(index="label", columns="language", values="f1").reindex(
        wide["label"].unique()
    )
    for name in ("label", *wide.columns):
        labels.add_column(name, justify="left" if name == "label" else "right")
    for label, row in wide.iterrows():
        labels.add_row(
            str(label), *("" if value != value else f"{value:.2f}" for value in row)
        )
    output.print(labels)
