"""Commands ``encode`` and ``convert``: embeddings on disk."""

from pathlib import Path
from typing import Annotated, Any

import typer

from embetter_reg.cli._app import (
    BatchSize,
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
    Prompt,
    RandomState,
    SkipBadRows,
    TextColumn,
    ThresholdDocs,
    console,
    output,
)
from embetter_reg.cli._common import command, print_json, stop_if_dry
from embetter_reg.cli._inputs import (
    column_names,
    count_docs,
    parse_layers,
    read_docs,
    reading_options,
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
    check_has_threshold,
    choose_threshold,
    warn_trained,
)


@command
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
            help="Layers to store, each on its own, in one pass: such as 3,6,9,12 or "
            "first,half,three_quarters,last; 0 is the embedding layer."
        ),
    ] = None,
    pooling: Annotated[
        str | None, typer.Option(help="'mean', 'cls', 'last_token' or 'max'.")
    ] = None,
    prompt: Prompt = None,
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
    keep_encoder: Annotated[
        bool,
        typer.Option(
            "--keep-encoder",
            help="Keep what an encoder learned here as encoder.skops, to encode other "
            "documents into the same space.",
        ),
    ] = False,
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
    shard: Shard = None,
    engine: Engine = "process",
    address: Address = None,
    workers: Workers = 1,
    gpus_per_worker: GpusPerWorker = 0,
    random_state: RandomState = 0,
) -> None:
    """Encode DOCS into Parquet files; the same command goes on where a killed one
    stopped. An encoder that learns nothing from DOCS reads them as a stream.
    """
    from sklearn.utils import get_tags

    from embetter_reg.store import check_encoding, encode_documents
    from embetter_reg.text import make_encoder

    options = {
        "pooling": pooling,
        "prompt": prompt,
        "long": long,
        "max_length": max_length,
        "batch_size": batch_size,
    }
    model = make_encoder(
        encoder, random_state=random_state, **options, device=device, dtype=dtype
    )
    if threshold_docs:
        check_has_threshold(model)
    storage: dict[str, Any] = {
        "layers": parse_layers(layers),
        "precision": precision,
        "shard_size": shard_size,
    }
    check_encoding(model, out, **storage)
    columns = column_names(text_column, labels_column, lang_column, id_column)
    if (
        shard is not None
        or engine != "process"
        or not _needs_all(model, threshold_docs)
    ):
        if threshold_docs and not settings.dry_run:
            choose_threshold(model, threshold_docs, language, columns)
        reading = reading_options(language, skip_bad_rows, columns)
        tasks = task_options(shard, engine, address, workers, gpus_per_worker)
        _encode_stream(model, docs, out, reading, {**storage, "text": text, **tasks})
        return
    documents = read_docs(docs, language, skip_bad_rows, columns)
    if get_tags(model).requires_fit:
        console.print(
            f"{type(model).__name__} learns from these documents: give all that are "
            "compared in one command"
        )
    stop_if_dry(
        documents, [f"encode {len(documents):,} documents by {model!r} into {out}"]
    )
    if hasattr(model, "fit_threshold") and not threshold_docs:
        warn_trained(model, documents)
    if threshold_docs:
        choose_threshold(model, threshold_docs, language, columns)
    encode_documents(
        model,
        documents,
        out,
        text=text,
        keep_encoder=keep_encoder,
        **storage,
        show_progress=settings.shows_progress,
    )
    print_json({"out": out, "n_documents": len(documents), "encoder": repr(model)})
    output.print(f"Embeddings of {len(documents):,} documents: {out}")


def _needs_all(model: Any, threshold_docs: list[Path] | None) -> bool:
    """Return whether an encoder learns from all documents, or a classifier chooses its
    threshold on them.
    """
    from embetter_reg.store import is_to_fit

    has_no_threshold = hasattr(model, "fit_threshold") and not threshold_docs
    return is_to_fit(model) or has_no_threshold


def _encode_stream(
    model: Any,
    docs: list[Path],
    out: Path,
    reading: dict[str, Any],
    options: dict[str, Any],
) -> None:
    """Encode files, by one task or as one of many."""
    from embetter_reg.store import encode_files, folder_status

    if settings.dry_run:
        documents = count_docs(docs, reading)
        todo = f"encode {len(documents):,} documents by {model!r} into {out}"
        stop_if_dry(documents, [todo])
    encode_files(model, docs, out, **options, **reading)
    inputs = folder_status(out)
    n_documents = int(inputs["n_documents"].sum())
    n_done = int((inputs["state"] == "done").sum())
    print_json({"out": out, "n_documents": n_documents, "encoder": repr(model)})
    output.print(f"Embeddings of {n_documents:,} documents: {out}")
    if n_done < len(inputs):
        output.print(f"{n_done:,} of {len(inputs):,} inputs are done")


@command
def convert(
    embeddings: Annotated[
        list[Path],
        typer.Argument(help="Older TSV files of embeddings, or folders of them."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the Parquet files.")],
    precision: Annotated[
        str, typer.Option(help="How vectors are stored: 'float32' or 'float16'.")
    ] = "float32",
) -> None:
    """Turn the older TSV form of embeddings into Parquet files."""
    from embetter_reg.store import iter_embeddings, read_embeddings, write_embeddings

    if settings.dry_run:
        stored = read_embeddings(embeddings)
        stop_if_dry(
            stored.documents, [f"write {len(stored.documents):,} rows to {out}"]
        )
    write_embeddings(iter_embeddings(embeddings), out, precision=precision)
    n_documents = 0
    for part in iter_embeddings(out):
        n_documents += len(part.documents)
        n_dims = {name: X.shape[1] for name, X in part.layers.items()}
    print_json({"out": out, "n_documents": n_documents, "n_dims": n_dims})
    shapes = ", ".join(f"{name} {n} dimensions" for name, n in n_dims.items())
    output.print(f"{n_documents:,} documents ({shapes}): {out}")
