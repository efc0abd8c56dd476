"""Command ``label``: the labeling page."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from embetter_reg.cli._app import (
    BatchSize,
    Device,
    DType,
    Encoder,
    IdColumn,
    LabelsColumn,
    LangColumn,
    Language,
    Prompt,
    RandomState,
    SkipBadRows,
    TextColumn,
    console,
    output,
    working,
)
from embetter_reg.cli._common import command, print_json, stop_if_dry
from embetter_reg.cli._inputs import column_names, parse_layers, read_labeled
from embetter_reg.cli._pretrained import (
    BASE_MODEL,
    BaseModel,
    Download,
    pretrained_registers,
)
from embetter_reg.cli._reducing import kept_places
from embetter_reg.cli._settings import settings


@command
def label(
    docs: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Documents, or embeddings that hold their text. "
            "[default: the bundled corpus]"
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            help="The log of labels; started again with it, the page is as it was."
        ),
    ] = Path("labels.jsonl"),
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 5006,
    address: Annotated[
        str,
        typer.Option(help="Where to listen; any other than loopback asks for a token."),
    ] = "127.0.0.1",
    token: Annotated[
        str | None, typer.Option(help="The token to ask for. [default: a new one]")
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            help="Another host:port that browsers come by, as of a proxy; may be "
            "repeated."
        ),
    ] = None,
    encoder: Encoder = "lite",
    predict: Annotated[
        bool,
        typer.Option(
            "--predict",
            help="Open with the registers that the pretrained weights predict, in their "
            "space, as suggestions to confirm; in place of --encoder.",
        ),
    ] = False,
    base_model: BaseModel = BASE_MODEL,
    download: Download = True,
    embeddings: Annotated[
        Path | None, typer.Option(help="Embeddings of DOCS, in place of --encoder.")
    ] = None,
    layers: Annotated[
        str | None,
        typer.Option(
            help="Layers of the encoder or of the embeddings, joined, such as 3,6,9,12. "
            "[default: the encoder's own embedding; the last of the embeddings]"
        ),
    ] = None,
    prompt: Prompt = None,
    batch_size: BatchSize = None,
    device: Device = None,
    dtype: DType = None,
    reducer: Annotated[
        str, typer.Option(help="Draws the map: umap, pca, tsne, pacmap, trimap.")
    ] = "umap",
    kept: Annotated[
        Path | None,
        typer.Option(
            "--map",
            help="A map of these documents that 'plot --map' kept, in place of "
            "--reducer.",
        ),
    ] = None,
    head: Annotated[
        str, typer.Option(help="Tunes again: 'linear', 'feedforward', 'contrastive'.")
    ] = "linear",
    keep_labels: Annotated[
        float,
        typer.Option(
            help="Share of the documents' own labels to start from; 0 starts without "
            "any."
        ),
    ] = 1.0,
    text_column: TextColumn = "text",
    labels_column: LabelsColumn = "labels",
    lang_column: LangColumn = "lang",
    id_column: IdColumn = "id",
    language: Language = None,
    skip_bad_rows: SkipBadRows = False,
    random_state: RandomState = 0,
) -> None:
    """Label DOCS by the region on a map in the browser, and tune the space on the
    labels.
    """
    from embetter_reg.label import LabelServer, Workspace, check_options, load_corpus

    check_options(
        out,
        port=port,
        reducer=reducer,
        head=head,
        keep_labels=keep_labels,
    )
    if kept is not None and not kept.exists():
        raise FileNotFoundError(
            f"got --map {kept}, which does not exist, expected a file that 'plot --map' "
            "wrote; check the path"
        )
    if settings.dry_run:
        columns = column_names(text_column, labels_column, lang_column, id_column)
        documents = read_labeled(docs or [], language, skip_bad_rows, columns)
        stop_if_dry(
            documents, [f"encode by {encoder}, draw by {reducer}, log to {out}"]
        )
    registers = None
    reading: dict[str, Any] = {
        "prompt": prompt,
        "batch_size": batch_size,
        "device": device or "auto",
        "dtype": dtype or "auto",
    }
    if predict:
        if encoder != "lite" or embeddings is not None:
            raise ValueError(
                "got --predict with --encoder or --embeddings, expected one of them, "
                "since the pretrained weights have a space of their own; drop one"
            )
        registers = pretrained_registers(
            base_model, download, layers=parse_layers(layers), **reading
        )
        layers = None
        reading = {}
    with working("reading and encoding the documents"):
        corpus = load_corpus(
            docs or [],
            encoder=encoder,
            classifier=registers,
            embeddings=embeddings,
            layers=parse_layers(layers),
            **reading,
            **column_names(text_column, labels_column, lang_column, id_column),
            language=language,
            skip_bad_rows=skip_bad_rows,
            keep_labels=keep_labels,
            random_state=random_state,
        )
    places = corpus.places if kept is None else kept_places(kept, corpus.documents)
    with working(f"drawing the map of {len(corpus.documents):,} documents"):
        work = Workspace(
            corpus.documents,
            corpus.X,
            out,
            places=places,
            reducer=reducer,
            head=head,
            suggested=corpus.suggested,
            random_state=random_state,
        )
    server = LabelServer(
        work, port=port, address=address, token=token, origins=allow_origin or ()
    )
    n_labeled = int(work.labels.is_labeled.sum())
    console.print(
        f"{len(work.ids):,} documents, {n_labeled:,} labeled; the log is {out}"
    )
    print_json(
        {
            "address": server.address,
            "out": out,
            "n_documents": len(work.ids),
            "n_labeled": n_labeled,
        }
    )
    output.print(f"Open {server.address} (Ctrl-C ends)")
    server.run()
    # Whatever was shown as saved is on disk, and a round that ran is stopped. To take
    # the interpreter apart, with all its libraries, would last seconds.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
