"""Command ``predict``: a classifier's labels, and how well they agree with gold ones."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embetter_reg.cli._app import (
    BatchSize,
    Device,
    DType,
    IdColumn,
    LabelsColumn,
    LangColumn,
    Language,
    Long,
    MaxLength,
    Prompt,
    SkipBadRows,
    TextColumn,
    ThresholdDocs,
    console,
    output,
    warn,
)
from embetter_reg.cli._common import command, print_json, records, stop_if_dry
from embetter_reg.cli._inputs import column_names, count_docs, reading_options
from embetter_reg.cli._prediction_tables import (
    counts_table,
    hybrids_note,
    label_table,
    language_table,
    named_probabilities,
    prediction_rows,
    write_predictions,
)
from embetter_reg.cli._pretrained import (
    BASE_MODEL,
    BaseModel,
    Download,
    pretrained_registers,
)
from embetter_reg.cli._settings import settings
from embetter_reg.cli._tasks import (
    Address,
    Engine,
    GpusPerWorker,
    Shard,
    Workers,
    task_options,
)
from embetter_reg.cli._threshold import (
    choose_threshold,
    classifier_trained_on,
    parse_threshold,
)

if TYPE_CHECKING:
    import pandas as pd

    from embetter_reg.store import PredictionCounts

_STORED = {0.5: "predicted", "best": "predicted_best"}


@command
def predict(
    docs: Annotated[
        list[Path],
        typer.Argument(
            help="Documents, with or without gold labels, or embeddings that carry "
            "predictions already."
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            help="A register classifier's name or folder. [default: the pretrained "
            "weights of this package]"
        ),
    ] = None,
    base_model: BaseModel = BASE_MODEL,
    download: Download = True,
    threshold: Annotated[
        str | None,
        typer.Option(
            help="A number from 0 to 1, or 'best': the one of the pretrained weights, "
            "or that is chosen on --threshold-docs. [default: best with the pretrained "
            "weights, else 0.5]"
        ),
    ] = None,
    threshold_docs: ThresholdDocs = None,
    prompt: Prompt = None,
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
        Path | None,
        typer.Option(
            help="Folder for predictions.jsonl, counts.csv and, where there are gold "
            "labels, reports.csv and label_reports.csv; with --shard, for one output a "
            "file and counts.csv."
        ),
    ] = None,
    output_format: Annotated[
        str, typer.Option(help="Of the outputs of --shard: 'jsonl' or 'parquet'.")
    ] = "jsonl",
    shard: Shard = None,
    engine: Engine = "process",
    address: Address = None,
    workers: Workers = 1,
    gpus_per_worker: GpusPerWorker = 0,
) -> None:
    """Classify DOCS by register, count registers by language, and report on gold labels
    where there are any: F1 by language and label, hybrids apart.
    """
    import pandas as pd

    from embetter_reg._files import check_folder, write_csv
    from embetter_reg.store import PredictionCounts, holds_embeddings

    is_task = shard is not None or engine != "process"
    if is_task and out is None:
        raise ValueError(
            "got --shard or --engine ray without --out, expected a folder that the "
            "tasks share; pass one"
        )
    tasks = task_options(shard, engine, address, workers, gpus_per_worker)
    if out:
        check_folder(out)
    is_stored = model is None and all(map(holds_embeddings, docs))
    is_pretrained = model is None and not is_stored
    if threshold is None:
        threshold = "best" if is_pretrained or threshold_docs else "0.5"
    limit = parse_threshold(threshold)
    if is_stored:
        if threshold_docs or is_task:
            option = "--threshold-docs" if threshold_docs else "--shard or --engine ray"
            raise ValueError(
                f"got {option} for embeddings that are classified already, expected "
                "documents; pass those, or drop it"
            )
        documents, classes = _stored_predictions(docs, limit)
        stop_if_dry(documents, ["count and score the stored predictions"])
        parts = iter([documents])
    else:
        options = {
            "prompt": prompt,
            "long": long,
            "max_length": max_length,
            "batch_size": batch_size,
            "device": device,
            "dtype": dtype,
        }
        classifier: Any
        if model is None:
            classifier = pretrained_registers(base_model, download, **options)
        else:
            classifier = _classifier(model, options, limit, threshold_docs)
        columns = column_names(text_column, labels_column, lang_column, id_column)
        reading = reading_options(language, skip_bad_rows, columns)
        if settings.dry_run:
            documents = count_docs(docs, reading)
            stop_if_dry(documents, [f"classify by {classifier!r}"])
        if threshold_docs:
            choose_threshold(classifier, threshold_docs, language, columns)
        if is_task:
            tasks |= {"output_format": output_format, **reading}
            _predict_by_tasks(classifier, docs, out, limit, tasks)
            return
        parts = _predicted(classifier, docs, reading, limit)
        classes = classifier.classes_
    counts = PredictionCounts()
    # Of a stream, labeled documents stay in memory, and all where the result is JSON.
    remembered: list[pd.DataFrame] = []
    counted = _counted(parts, counts, remembered)
    if out:
        out.mkdir(parents=True, exist_ok=True)
        write_predictions(counted, out)
    else:
        for _ in counted:
            pass
    table = counts.table(classes)
    if out:
        write_csv(table, out / "counts.csv")
    _print_counts(table)
    documents = pd.concat(remembered, ignore_index=True)
    reports = _report_on_gold(documents, classes, out)
    print_json(
        {
            "out": out,
            "counts": records(table),
            "predictions": prediction_rows(documents),
            **reports,
        }
    )


def _counted(
    parts: Iterator["pd.DataFrame"],
    counts: "PredictionCounts",
    remembered: list["pd.DataFrame"],
) -> Iterator["pd.DataFrame"]:
    """Yield predictions, which are counted, and remembered as far as they are needed."""
    for part in parts:
        counts.add(part["lang"], part["predicted"])
        if settings.json:
            remembered.append(part)
        else:
            remembered.append(part[part["labels"].map(len) > 0])
        yield part


def _print_counts(counts: "pd.DataFrame") -> None:
    output.print(counts_table(counts))
    if len(counts):
        output.print(hybrids_note(counts))


def _predict_by_tasks(
    classifier: Any,
    docs: list[Path],
    out: Any,
    limit: float | str,
    options: dict[str, Any],
) -> None:
    """Classify files, by one task or as one of many, and count what there is so far."""
    from embetter_reg._files import write_csv
    from embetter_reg.store import count_predictions, folder_status, predict_files

    predict_files(classifier, docs, out, threshold=limit, **options)
    states = folder_status(out)["state"]
    table = count_predictions(out, incomplete=True)
    n_done = int((states == "done").sum())
    if n_done == len(states):
        write_csv(table, out / "counts.csv")
    _print_counts(table)
    output.print(f"{n_done:,} of {len(states):,} inputs are done: {out}")
    print_json(
        {"out": out, "counts": records(table), "complete": n_done == len(states)}
    )


def _report_on_gold(
    documents: "pd.DataFrame", classes: list[str] | None, out: Path | None
) -> dict[str, Any]:
    """Write, print and return how well predictions agree with gold labels; documents that the
    classifier was trained on are left out.
    """
    from embetter_reg._files import write_csv
    from embetter_reg.analysis import classification_reports, label_reports

    labeled = documents[documents["labels"].map(len) > 0]
    if "seen" in labeled and labeled["seen"].any():
        warn(
            f"{labeled['seen'].sum():,} labeled documents trained the classifier; the "
            "report on gold labels leaves them out"
        )
        labeled = labeled[~labeled["seen"]]
    if labeled.empty:
        console.print("no gold labels to report on")
        return {}
    gold = labeled["labels"].tolist()
    guesses = labeled["predicted"].tolist()
    languages = labeled["lang"].to_numpy()
    reports = classification_reports(gold, guesses, language=languages, classes=classes)
    by_label = label_reports(gold, guesses, language=languages, classes=classes)
    if out:
        write_csv(reports, out / "reports.csv")
        write_csv(by_label, out / "label_reports.csv")
    output.print(language_table(reports))
    output.print(label_table(by_label))
    return {"reports": records(reports), "label_reports": records(by_label)}


def _classifier(
    name: str,
    options: dict[str, Any],
    limit: float | str,
    threshold_docs: list[Path] | None,
) -> Any:
    """Return a classifier that is loaded and has the threshold."""
    import numpy as np

    from embetter_reg.text import RegisterEncoder

    options = {name: value for name, value in options.items() if value is not None}
    classifier = RegisterEncoder(name, show_progress=settings.shows_progress, **options)
    if limit == "best" and threshold_docs:
        return classifier
    no_documents = np.empty((0, len(classifier.classes_)))
    classifier.decide(no_documents, limit)  # refuses "best" where there is none
    return classifier


def _predicted(
    classifier: Any, docs: list[Path], reading: dict[str, Any], limit: float | str
) -> Iterator["pd.DataFrame"]:
    """Yield documents, without their texts, with their labels, the probability of each
    label, and whether the classifier was trained on them.

    Those that chose the threshold are left out.
    """
    from embetter_reg._progress import documents_bar
    from embetter_reg.corpus import estimate_documents, find_files, iter_documents
    from embetter_reg.store import predicted_labels

    n_read = 0
    n_chosen_on = 0
    total = sum(estimate_documents(find_files(docs)))
    with documents_bar(total, "classifying", settings.shows_progress) as bar:
        for batch in iter_documents(docs, **reading):
            n_read += len(batch)
            is_chosen_on = classifier.chosen_on(batch["text"])
            n_chosen_on += int(is_chosen_on.sum())
            documents = batch[~is_chosen_on].reset_index(drop=True)
            if documents.empty:
                continue
            probabilities = classifier.predict_proba(documents["text"])
            labels: Any = predicted_labels(classifier, probabilities, limit)
            named: Any = named_probabilities(probabilities, classifier.classes_)
            seen = classifier_trained_on(classifier, documents)
            yield documents[["id", "lang", "labels"]].assign(
                predicted=labels, probabilities=named, seen=seen
            )
            bar.update(n_read - bar.n)
    if n_chosen_on == n_read:
        raise ValueError(
            "got only documents that chose the threshold, expected others to report "
            "on; pass other --threshold-docs"
        )
    if n_chosen_on:
        warn(f"{n_chosen_on:,} documents chose the threshold; they are left out")
    console.print(f"{n_read:,} documents read")


def _stored_predictions(
    paths: list[Path], limit: float | str
) -> tuple["pd.DataFrame", list[str] | None]:
    """Return the documents and predictions of embeddings, and the labels of the model
    that made them.
    """
    from embetter_reg.store import read_embeddings, read_probabilities

    stored = read_embeddings(paths)
    if not set(_STORED.values()) & set(stored.documents):
        raise ValueError(
            f"got embeddings that carry no predictions ({paths[0]}), expected those "
            "that encode made by a register classifier; pass --model to classify their "
            "texts"
        )
    if limit == "best" and stored.threshold_saw_gold:
        raise ValueError(
            "got --threshold best, which was chosen on these documents' own gold "
            "labels, expected other documents to choose it on; pass --model and "
            "--threshold-docs"
        )
    column = _STORED.get(limit, "")
    if column not in stored.documents:
        raise ValueError(
            f"got embeddings whose predictions are not at --threshold {limit}, "
            "expected 0.5 or best; pass --model to classify their texts"
        )
    missing = stored.documents[column].isna()
    if missing.any():
        raise ValueError(
            f"got {missing.sum():,} documents without {column}, expected predictions "
            "of each; pass the embeddings of one classifier"
        )
    documents = stored.documents.assign(predicted=stored.documents[column])
    probable = read_probabilities(paths)
    if probable is None:
        return documents, stored.manifest.get("classes")
    named: Any = named_probabilities(*probable)
    return documents.assign(probabilities=named), probable[1]
