"""Commands ``demo`` and ``compare``: spaces of the same documents, and the report."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embetter_reg.cli._app import (
    BatchSize,
    Device,
    DType,
    Group,
    IdColumn,
    LabelsColumn,
    LangColumn,
    Language,
    Long,
    MaxLength,
    Out,
    Prompt,
    RandomState,
    SkipBadRows,
    TextColumn,
    console,
)
from embetter_reg.cli._common import command, stop_if_dry
from embetter_reg.cli._inputs import (
    column_names,
    count_languages,
    parse_layers,
    parse_names,
    parse_numbers,
)
from embetter_reg.cli._pretrained import (
    BASE_MODEL,
    BaseModel,
    Download,
    pretrained_registers,
)
from embetter_reg.cli._selection import (
    hold_embeddings,
    read_spaces_of,
    select_documents,
)
from embetter_reg.cli._settings import settings
from embetter_reg.cli._summary import report_on

if TYPE_CHECKING:
    import pandas as pd


ShowAll = Annotated[
    bool,
    typer.Option("--all", help="Print controls and every clustering, too."),
]


@command
def demo(
    show_all: ShowAll = False, out: Out = Path("demo"), random_state: RandomState = 0
) -> None:
    """Tune a space on the bundled corpus and report what the tuned space is organized
    by.
    """
    from embetter_reg._files import check_folder
    from embetter_reg.analysis import compare_documents
    from embetter_reg.corpus import load_registers, train_test_documents

    check_folder(out)
    documents = load_registers()
    stop_if_dry(documents, [f"tune lite embeddings, compare, and report to {out}"])
    train, test = train_test_documents(documents, 0.4, random_state=random_state)
    result = compare_documents(
        train, test, random_state=random_state, show_progress=settings.shows_progress
    )
    report_on(
        result,
        out,
        "The bundled corpus",
        random_state,
        everything=show_all,
        about={"documents": f"the bundled corpus, {len(documents):,} documents"},
    )


@command
def compare(
    docs: Annotated[
        list[Path],
        typer.Argument(
            help="Documents: TSV, CSV, JSON lines, Parquet (also .gz, .zst), or folders; or "
            "embeddings, which are then the space."
        ),
    ],
    test: Annotated[
        list[Path] | None,
        typer.Option(help="Held-out documents. Without it a part of DOCS is held out."),
    ] = None,
    encoders: Annotated[
        list[str] | None,
        typer.Option(
            help="Encoders as for `encode`, a space each; may be repeated. [default: lite]"
        ),
    ] = None,
    embeddings: Annotated[
        list[Path] | None,
        typer.Option(
            help="What holds embeddings of the same documents, a space each; may be "
            "repeated. Older TSV and Parquet files are taken, too."
        ),
    ] = None,
    models: Annotated[
        tuple[str, str] | None,
        typer.Option(
            help="A base model and a tuned one, whose layers are compared as they are, "
            "without a head."
        ),
    ] = None,
    layers: Annotated[
        str | None,
        typer.Option(
            help="Layers, such as 3,6,9,12 or half,last; 0 is the embedding layer. Those "
            "of an encoder are joined, each of --models is a space. [default: an "
            "encoder's own embedding; first,half,last of --models]"
        ),
    ] = None,
    prompt: Prompt = None,
    long: Long = None,
    max_length: MaxLength = None,
    batch_size: BatchSize = None,
    device: Device = None,
    dtype: DType = None,
    head: Annotated[
        str,
        typer.Option(
            help="The head: 'feedforward', 'contrastive' or 'linear'; 'none' compares "
            "the spaces as they are; 'pretrained' compares the pretrained weights of this "
            "package with their base model, or stored layers of it, and trains nothing."
        ),
    ] = "feedforward",
    controls: Annotated[
        str,
        typer.Option(
            help="'all', 'none', or some of language-centered,LSAR,LEACE,shuffled labels,"
            "length only,TF-IDF. Erasers work on the first space."
        ),
    ] = "all",
    label_source: Annotated[
        str,
        typer.Option(
            help="'gold', or 'predicted' or 'predicted_best' for the predictions that "
            "--embeddings carry, or those of the pretrained head itself; the report says "
            "so."
        ),
    ] = "gold",
    base_model: BaseModel = BASE_MODEL,
    download: Download = True,
    keep_seen: Annotated[
        bool,
        typer.Option(
            "--keep-seen",
            help="Report on documents that trained the pretrained weights, too.",
        ),
    ] = False,
    near_duplicates: Annotated[
        str,
        typer.Option(
            help="Held-out documents that are near-duplicates of training ones: 'count', "
            "'drop', or 'ignore', which does not look for them."
        ),
    ] = "count",
    figures: Annotated[
        str,
        typer.Option(
            help="'none', or some of silhouette,mixing,retrieval,probes,extras."
        ),
    ] = "silhouette,mixing,retrieval,probes",
    k: Annotated[
        str | None,
        typer.Option(
            help="Numbers of clusters, such as 2-12,32; those of registers and languages are added."
        ),
    ] = None,
    group: Group = None,
    hybrids: Annotated[
        str,
        typer.Option(
            help="Documents of several registers: 'drop', 'explode' into one row a "
            "register, or 'both', which keeps them and reports with and without."
        ),
    ] = "drop",
    text_column: TextColumn = "text",
    labels_column: LabelsColumn = "labels",
    lang_column: LangColumn = "lang",
    id_column: IdColumn = "id",
    language: Language = None,
    test_size: Annotated[
        float, typer.Option(help="Share held out where --test is not given.")
    ] = 0.4,
    skip_bad_rows: SkipBadRows = False,
    sample_size: Annotated[
        int,
        typer.Option(
            help="Of more documents, all are clustered, and the clusters are measured "
            "on a sample of so many.",
            min=1,
        ),
    ] = 20_000,
    n_seeds: Annotated[
        int, typer.Option(help="Clusterings at each k, each with a seed of its own.")
    ] = 5,
    show_all: ShowAll = False,
    out: Out = Path("report"),
    random_state: RandomState = 0,
) -> None:
    """Tune a space on a part of DOCS and report, on the rest, whether it is by register
    or by language; or report on pretrained or stored spaces as they are.
    """
    import pandas as pd

    from embetter_reg._files import check_folder
    from embetter_reg.analysis import compare_documents
    from embetter_reg.corpus import read_documents, train_test_documents
    from embetter_reg.store import read_embeddings

    if hybrids not in ("drop", "explode", "both"):
        raise ValueError(
            f"got --hybrids {hybrids}, expected 'drop', 'explode' or 'both'; pick one"
        )
    requested_k = None
    if k is not None:
        requested_k = parse_numbers("--k", k)
    check_folder(out)
    is_pretrained = head == "pretrained"
    if is_pretrained and test:
        raise ValueError(
            "got --test with --head pretrained, which fits nothing, expected all "
            "documents as DOCS; pass them there"
        )
    is_stored = hold_embeddings([*docs, *(test or [])])
    if encoders is None and not is_pretrained:
        encoders = [] if embeddings or models or is_stored else ["lite"]
    requested_head: Any = None if head == "none" else head
    if is_pretrained and not (is_stored or embeddings):
        requested_head = pretrained_registers(base_model, download)
    takes_unlabeled = is_pretrained and label_source != "gold"
    columns = column_names(text_column, labels_column, lang_column, id_column)

    def read(paths: list[Path]) -> "pd.DataFrame":
        if is_stored:
            return read_embeddings(paths, layers=[]).documents
        return read_documents(
            paths,
            **columns,
            language=language,
            on_error="skip" if skip_bad_rows else "raise",
        )

    notes: list[str] = []  # which documents were read, and why others left

    def choose(documents: "pd.DataFrame") -> "pd.DataFrame":
        if takes_unlabeled:
            note = f"{len(documents):,} documents read ({count_languages(documents)})"
            console.print(note)
            notes.append(note)
            return documents
        policy = "keep" if hybrids == "both" else hybrids
        return select_documents(documents, group, policy, notes)

    every = read(docs)
    documents = choose(every)
    test_documents = None
    if test:
        every_test = read(test)
        test_documents = choose(every_test)
        every = pd.concat([every, every_test], ignore_index=True)
    # For the pretrained head these are read part by part; DOCS are one space.
    spaces: Any = [*([docs] if is_stored else []), *(embeddings or [])]
    fits = False
    if not is_pretrained:
        spaces = {}
        if is_stored:
            spaces[_name_of(docs)] = read_embeddings([*docs, *(test or [])])
        spaces |= read_spaces_of(every, embeddings or [])
        fits = bool(encoders) or (bool(spaces) and requested_head is not None)
    train = None
    held_out = documents
    if test_documents is not None:
        train = documents
        held_out = test_documents
    elif fits:
        train, held_out = train_test_documents(
            documents,
            test_size,
            groups=documents.get("document"),
            random_state=random_state,
        )
    if settings.dry_run:
        named = [*docs, *(embeddings or [])] if is_pretrained and is_stored else spaces
        sources = [*(encoders or []), *map(str, named), *(models or [])]
        n_train = 0 if train is None else len(train)
        fitting = f"fit the head {head} and encoders on {n_train:,} documents"
        if not n_train:
            fitting = "fit nothing"
        stop_if_dry(
            documents,
            [
                f"compare the spaces of {', '.join(sources) or base_model}",
                fitting,
                f"report on {len(held_out):,} held-out documents to {out}",
            ],
        )
    result = compare_documents(
        train,
        held_out,
        encoders=encoders,
        embeddings=spaces,
        models=models,
        layers=parse_layers(layers),
        prompt=prompt,
        long=long,
        max_length=max_length,
        batch_size=batch_size,
        device=device or "auto",
        dtype=dtype or "auto",
        head=requested_head,
        label_source=label_source,
        keep_seen=keep_seen,
        near_duplicates=near_duplicates,
        k=requested_k,
        figures=parse_names(figures),
        controls=parse_names(controls),
        sample_size=sample_size,
        n_seeds=n_seeds,
        random_state=random_state,
        show_progress=settings.shows_progress,
    )
    report_on(
        result,
        out,
        "Register or language?",
        random_state,
        everything=show_all,
        inputs=[*docs, *(test or []), *(embeddings or [])],
        about={"documents": "; ".join(notes)},
    )


def _name_of(paths: list[Path]) -> str:
    """Return the name of the space of some files: that of the file, or their folder."""
    if len(paths) == 1:
        return paths[0].stem
    return paths[0].absolute().parent.name
