"""The command line. Every command is a few calls that a notebook could make."""

import sys
import warnings
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
Docs = Annotated[list[Path], typer.Argument(help="Documents: TSV, CSV, JSON lines, Parquet (also .gz), or folders.")]
Encoder = Annotated[
    str,
    typer.Option(
        help="'lite', 'surface', or a model's name or folder; 'register:', 'sentence:', 'causal:' or 'static:' before "
        "it says what it is."
    ),
]
Language = Annotated[str | None, typer.Option(help="Language, where neither a column nor the file name tells it.")]
SkipBadRows = Annotated[bool, typer.Option("--skip-bad-rows", help="Leave out rows that cannot be read.")]
Long = Annotated[str | None, typer.Option(help="Documents longer than the model: 'head', 'head_tail' or 'chunks'.")]
MaxLength = Annotated[int | None, typer.Option(help="Tokens of a document, or of one of its chunks.")]
BatchSize = Annotated[int | None, typer.Option(help="Documents in a batch; halved where memory runs out.")]
Device = Annotated[str | None, typer.Option(help="For example 'cuda'. By default the accelerator that is there.")]
DType = Annotated[str | None, typer.Option(help="'float32', 'bfloat16', 'float16'; 'int8' for sentence models.")]
ThresholdDocs = Annotated[
    list[Path] | None, typer.Option(help="Other documents with gold labels, to choose the best threshold on.")
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the full traceback of an error.")]


@app.command()
def demo(out: Out = Path("demo"), seed: Seed = 0, debug: Debug = False) -> None:
    """Tune a space on the bundled corpus and report what the tuned space is organised by."""
    from embetter_reg.corpus import load_registers, train_test_documents

    train, test = train_test_documents(load_registers(), 0.4, random_state=seed)
    _compare(train, test, out=out, seed=seed, title="The bundled corpus")


@app.command()
def compare(
    docs: Docs,
    test: Annotated[
        list[Path] | None, typer.Option(help="Held-out documents. Without it a part of DOCS is held out.")
    ] = None,
    encoder: Annotated[
        list[str] | None, typer.Option(help="Encoders as for `encode`, a space each; may be repeated. [default: lite]")
    ] = None,
    embeddings: Annotated[
        list[Path] | None,
        typer.Option(help="Folders that hold embeddings of the same documents, a space each; may be repeated."),
    ] = None,
    models: Annotated[
        tuple[str, str] | None,
        typer.Option(help="A base model and a tuned one, whose layers are compared as they are, without a head."),
    ] = None,
    layers: Annotated[
        str, typer.Option(help="Layers of --models, such as first,half,last or numbers; 0 is the embedding.")
    ] = "first,half,last",
    head: Annotated[str, typer.Option(help="The head: 'feedforward' or 'contrastive'.")] = "feedforward",
    max_length: Annotated[int | None, typer.Option(help="Tokens of a document that --models read.")] = None,
    controls: Annotated[
        str,
        typer.Option(
            help="'all', 'none', or some of language-centred,LSAR,LEACE,shuffled labels,length only,TF-IDF. Erasers "
            "work on the first space."
        ),
    ] = "all",
    labels: Annotated[
        str,
        typer.Option(help="'gold', or 'predicted' for the predictions that --embeddings carry; the report says so."),
    ] = "gold",
    figures: Annotated[
        str, typer.Option(help="'none', or some of silhouette,mixing,retrieval,probes,extras.")
    ] = "silhouette,mixing,retrieval,probes",
    k: Annotated[
        str | None,
        typer.Option(help="Numbers of clusters, such as 2-12,32; those of registers and languages are added."),
    ] = None,
    group: Annotated[str, typer.Option(help="Registers: 'all', 'main' or 'without_MT'.")] = "without_MT",
    hybrids: Annotated[
        str,
        typer.Option(
            help="Documents of several registers: 'drop', 'explode' into one row a register, or 'both', which keeps "
            "them and reports with and without."
        ),
    ] = "drop",
    language: Language = None,
    test_size: Annotated[float, typer.Option(help="Share held out where --test is not given.")] = 0.4,
    skip_bad_rows: SkipBadRows = False,
    out: Out = Path("report"),
    seed: Seed = 0,
    debug: Debug = False,
) -> None:
    """Tune a space on a part of DOCS and report, on the rest, whether it is by register or by language."""
    from embetter_reg.corpus import hybrids as apply_policy
    from embetter_reg.corpus import read_documents, select_group, train_test_documents

    if hybrids not in ("drop", "explode", "both"):
        raise ValueError(f"got --hybrids {hybrids}, expected 'drop', 'explode' or 'both'; pick one")

    def read(paths):
        documents = read_documents(paths, language=language, on_error="skip" if skip_bad_rows else "raise")
        chosen = apply_policy(select_group(documents, group), "keep" if hybrids == "both" else hybrids)
        console.print(f"{len(documents):,} documents read, {len(chosen):,} kept (group {group}, hybrids {hybrids})")
        if chosen.empty:
            raise ValueError(f"got no document of the group {group!r}, expected some; check labels, --group, --hybrids")
        return chosen

    documents = read(docs)
    if test:
        train, held_out = documents, read(test)
    elif models and not encoder and not embeddings:
        train, held_out = documents[:0], documents  # nothing is tuned here
    else:
        groups = documents.get("document")
        train, held_out = train_test_documents(documents, test_size, groups=groups, random_state=seed)
    _compare(
        train,
        held_out,
        encoders=encoder or ([] if embeddings or models else ["lite"]),
        models=models,
        layers=layers.split(","),
        max_length=max_length,
        embeddings=embeddings or [],
        head=head,
        controls=controls,
        labels=labels,
        figures=figures,
        k=_numbers("--k", k) if k else None,
        out=out,
        seed=seed,
        title="Register or language?",
    )


@app.command()
def finetune(
    docs: Docs,
    model: Annotated[str, typer.Option(help="The model to start from: its name or folder.")],
    out: Annotated[Path, typer.Option(help="Folder for the trained model, its card, split and figures.")],
    method: Annotated[str, typer.Option(help="What is trained: 'full', 'bitfit', 'lora' or 'ia3'.")] = "full",
    objective: Annotated[
        str, typer.Option(help="'register', or on raw text 'mlm' (masked tokens) or 'clm' (the next token).")
    ] = "register",
    test: Annotated[
        list[Path] | None, typer.Option(help="Documents to score on. Without it a part of DOCS is held out.")
    ] = None,
    train_langs: Annotated[
        str | None, typer.Option(help="Languages to train on, such as en,fi. [default: all]")
    ] = None,
    test_langs: Annotated[str | None, typer.Option(help="Languages to score on. [default: all]")] = None,
    test_size: Annotated[float, typer.Option(help="Share held out where --test is not given.")] = 0.2,
    per_language: Annotated[int | None, typer.Option(help="Train on a sample of so many documents a language.")] = None,
    folds: Annotated[int | None, typer.Option(help="Train so many models, each without its own part of DOCS.")] = None,
    level: Annotated[str, typer.Option(help="Labels: 'main' registers, or 'all' with sub-registers.")] = "main",
    multi_label: Annotated[
        bool | None,
        typer.Option(
            "--multi-label/--single-label",
            help="Several labels a document, or one: hybrids are then left out. By default as the documents have them.",
        ),
    ] = None,
    group: Annotated[str, typer.Option(help="Registers: 'all', 'main' or 'without_MT'.")] = "all",
    class_weight: Annotated[str | None, typer.Option(help="'balanced' evens classes out.")] = None,
    max_length: MaxLength = None,
    batch_size: Annotated[int, typer.Option(help="Documents at once.")] = 16,
    accumulate: Annotated[int, typer.Option(help="Batches whose gradients are added up to a step.")] = 1,
    epochs: Annotated[float, typer.Option(help="Passes over the documents.")] = 3,
    max_steps: Annotated[int | None, typer.Option(help="Steps, in place of --epochs.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="At its highest; by default one of the method.")] = None,
    warmup: Annotated[float, typer.Option(help="Share of the steps over which the learning rate rises.")] = 0.1,
    early_stopping: Annotated[
        bool, typer.Option(help="Hold a part back, keep the best weights on it, and stop when nothing gets better.")
    ] = True,
    validation_size: Annotated[float, typer.Option(help="Share of the training documents held back for that.")] = 0.1,
    patience: Annotated[int, typer.Option(help="Checks without anything better before training stops.")] = 3,
    check_every: Annotated[int | None, typer.Option(help="Steps between checks. [default: an epoch]")] = None,
    rank: Annotated[int, typer.Option(help="Of LoRA's matrices.")] = 8,
    merge: Annotated[bool, typer.Option("--merge", help="Put adapters into the weights.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the same command was killed.")] = False,
    report_to: Annotated[
        str, typer.Option(help="'none', 'tensorboard', 'wandb' or several; keys come from the environment.")
    ] = "none",
    device: Annotated[str, typer.Option(help="'auto', 'cpu', 'cuda' or 'mps'.")] = "auto",
    dtype: Annotated[str | None, typer.Option(help="Type of the computation: 'float32' or 'bfloat16'.")] = None,
    language: Language = None,
    skip_bad_rows: SkipBadRows = False,
    seed: Seed = 0,
    debug: Debug = False,
) -> None:
    """Train a transformer on a part of DOCS, score it on the rest by language, and write it with a model card."""
    from embetter_reg.corpus import select_group
    from embetter_reg.finetune import RegisterTrainer, finetune_documents

    def read(paths):
        documents = _read(paths, language, skip_bad_rows)
        return select_group(documents, group) if objective == "register" else documents

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
        n_epochs=epochs,
        max_steps=max_steps,
        learning_rate=learning_rate,
        warmup_ratio=warmup,
        early_stopping=early_stopping,
        validation_fraction=validation_size,
        n_iter_no_change=patience,
        check_every=check_every,
        rank=rank,
        report_to=report_to.split(","),
        device=device,
        dtype=dtype,
        random_state=seed,
        show_progress=True,
    )
    figures = finetune_documents(
        read(docs),
        trainer,
        out,
        test=read(test) if test else None,
        train_languages=train_langs.split(",") if train_langs else None,
        test_languages=test_langs.split(",") if test_langs else None,
        test_size=test_size,
        n_per_language=per_language,
        folds=folds,
        merge=merge,
        resume=resume,
    )
    _print_figures(figures, f"Model, card, split and figures: {out}")


@app.command()
def encode(
    docs: Docs,
    out: Annotated[Path, typer.Option(help="Folder for the embeddings. A run that was killed goes on there.")],
    encoder: Encoder = "lite",
    layers: Annotated[
        str | None, typer.Option(help="Layers, such as first,half,three_quarters,last or numbers; 0 is the embedding.")
    ] = None,
    pooling: Annotated[str | None, typer.Option(help="'mean', 'cls', 'last_token' or 'max'.")] = None,
    long: Long = None,
    max_length: MaxLength = None,
    precision: Annotated[str, typer.Option(help="How vectors are stored: 'float32' or 'float16'.")] = "float32",
    shard_size: Annotated[int, typer.Option(help="Documents in a file; a kill loses the work on one at most.")] = 1000,
    text: Annotated[bool, typer.Option("--text/--no-text", help="Keep the documents' text.")] = True,
    threshold_docs: ThresholdDocs = None,
    batch_size: BatchSize = None,
    device: Device = None,
    dtype: DType = None,
    language: Language = None,
    skip_bad_rows: SkipBadRows = False,
    seed: Seed = 0,
    debug: Debug = False,
) -> None:
    """Encode DOCS into Parquet files; the same command goes on where a killed one stopped."""
    from sklearn.utils import get_tags

    from embetter_reg.store import encode_documents
    from embetter_reg.text import make_encoder

    options = {"pooling": pooling, "long": long, "max_length": max_length, "batch_size": batch_size}
    model = make_encoder(encoder, random_state=seed, **options, device=device, dtype=dtype)
    documents = _read(docs, language, skip_bad_rows)
    if get_tags(model).requires_fit:
        console.print(f"{type(model).__name__} learns from these documents: give all that are compared in one command")
    if threshold_docs:
        _choose_threshold(model, threshold_docs, language)
    chosen = [int(x) if x.lstrip("-").isdigit() else x for x in layers.split(",")] if layers else None
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
    Console().print(f"Embeddings of {len(documents):,} documents: {out}", highlight=False, soft_wrap=True)


@app.command()
def predict(
    docs: Annotated[
        list[Path], typer.Argument(help="Documents with gold labels, or embeddings that carry predictions already.")
    ],
    model: Annotated[str | None, typer.Option(help="A register classifier's name or folder.")] = None,
    threshold: Annotated[str, typer.Option(help="A number, or 'best' with --threshold-docs.")] = "0.5",
    threshold_docs: ThresholdDocs = None,
    long: Long = None,
    max_length: MaxLength = None,
    batch_size: BatchSize = None,
    device: Device = None,
    dtype: DType = None,
    language: Language = None,
    skip_bad_rows: SkipBadRows = False,
    out: Annotated[Path | None, typer.Option(help="Folder for predictions.jsonl and reports.csv.")] = None,
    debug: Debug = False,
) -> None:
    """Classify DOCS and report on their gold labels: F1 by language and label, hybrids apart."""
    from embetter_reg.analysis import classification_reports

    if model is None:
        documents, classes = _stored_predictions(docs, threshold)
    else:
        from embetter_reg.text import RegisterEncoder

        options = {"long": long, "max_length": max_length, "batch_size": batch_size, "device": device, "dtype": dtype}
        given = {name: value for name, value in options.items() if value is not None}
        classifier = RegisterEncoder(model, show_progress=True, **given)
        documents = _read(docs, language, skip_bad_rows)
        if threshold_docs:
            _choose_threshold(classifier, threshold_docs, language)
            known = classifier.chosen_on(documents["text"])
            if known.any():
                console.print(f"[yellow]{known.sum()} documents chose the threshold; they are left out[/]")
                documents = documents[~known].reset_index(drop=True)
        number = "best" if threshold == "best" else _number(threshold)
        predicted = classifier.predict(documents["text"], number)
        classes = classifier.classes_
        documents["predicted"] = classifier.label_sets(predicted) if predicted.ndim == 2 else [[x] for x in predicted]
    columns = ["id", "lang", "labels", "predicted"]
    if out:
        out.mkdir(parents=True, exist_ok=True)
        documents[columns].to_json(out / "predictions.jsonl", orient="records", lines=True, force_ascii=False)
    labelled = documents[documents["labels"].map(len) > 0]
    if labelled.empty:
        if out is None:
            raise ValueError("got no document with a gold label to report on, expected some; pass --out to predict")
        console.print(f"no gold labels to report on; predictions: {out / 'predictions.jsonl'}")
        return
    reports = classification_reports(
        labelled["labels"], labelled["predicted"], language=labelled["lang"], classes=classes
    )
    if out:
        reports.to_csv(out / "reports.csv", index=False)
    _print_reports(reports, labelled)


@app.command()
def convert(
    embeddings: Annotated[list[Path], typer.Argument(help="Older TSV files of embeddings, or folders of them.")],
    out: Annotated[Path, typer.Option(help="Folder for the Parquet files.")],
    precision: Annotated[str, typer.Option(help="How vectors are stored: 'float32' or 'float16'.")] = "float32",
    debug: Debug = False,
) -> None:
    """Turn the older TSV form of embeddings into Parquet files."""
    from embetter_reg.store import iter_embeddings, read_embeddings, write_embeddings

    write_embeddings(iter_embeddings(embeddings), out, precision=precision)
    written = read_embeddings(out)
    shapes = ", ".join(f"{name} {X.shape[1]} dimensions" for name, X in written.layers.items())
    Console().print(f"{len(written.documents):,} documents ({shapes}): {out}", highlight=False, soft_wrap=True)


@app.command()
def sweep(
    embeddings: Annotated[
        list[Path], typer.Argument(help="Spaces of the same documents: folders of embeddings, a space each.")
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for table, curves and maps. A sweep that was killed goes on there.")
    ],
    reducers: Annotated[
        str, typer.Option(help="Reducers, such as none,pca,umap; 'none' is the space itself.")
    ] = "none,umap",
    n_components: Annotated[str, typer.Option(help="Dimensions to reduce to, such as 2,8.")] = "2",
    k: Annotated[str | None, typer.Option(help="Numbers of clusters, such as 2-33,64.")] = None,
    clusterers: Annotated[str, typer.Option(help="Some of kmeans,spherical,gaussian.")] = "kmeans,spherical",
    seeds: Annotated[int, typer.Option(help="Repetitions, each with a seed of its own.")] = 3,
    layers: Annotated[str | None, typer.Option(help="Layers to take, a space each; all by default.")] = None,
    group: Annotated[str, typer.Option(help="Registers: 'all', 'main' or 'without_MT'.")] = "without_MT",
    hybrids: Annotated[str, typer.Option(help="Documents of several registers: 'drop', 'keep' or 'explode'.")] = "drop",
    seed: Seed = 0,
    debug: Debug = False,
) -> None:
    """Cluster EMBEDDINGS over k and say, at each, whether register or language explains the clusters."""
    from embetter_reg import analysis

    chosen = layers.split(",") if layers else None
    spaces, documents = _spaces(embeddings, chosen, _labelled(group, hybrids))
    found = analysis.sweep(
        spaces,
        register=documents["register"],
        language=documents["lang"],
        reducers=reducers.split(","),
        n_components=_numbers("--n-components", n_components),
        k=_numbers("--k", k) if k else None,
        clusterers=clusterers.split(","),
        seeds=range(seed, seed + seeds),
        folder=out / "combinations",
        show_progress=True,
    )
    _write_sweep(found, out)
    for (space, reducer), rows in found[found["n_components"] == 2].groupby(["space", "reducer"], sort=False):
        first = rows[rows["combination"] == rows["combination"].iloc[0]]
        clusters, points = analysis.read_combination(out / "combinations", first["combination"].iloc[0])
        labelings = {"language": documents["lang"].to_numpy(str), "register": documents["register"].to_numpy(str)}
        for clusterer, group_rows in first.groupby("clusterer", sort=False):
            best = group_rows.loc[group_rows["silhouette"].idxmax()]
            heading = f"{clusterer}, k = {best['k']} (silhouette {best['silhouette']:.2f})"
            labelings[heading] = clusters[clusterer, best["k"]]
        title = f"{space}: {reducer}, seed {first['seed'].iloc[0]}"
        _save(out / f"map_{_slug(str(space))}_{reducer}.png", "plot_labelled_map", points, labelings, title)
    _summarize_sweep(found, out)


@app.command()
def average(
    runs: Annotated[
        list[Path],
        typer.Argument(help="Folders that sweep or finetune wrote: of other models, folds or seeds."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the averages and curves.")],
    debug: Debug = False,
) -> None:
    """Average sweeps of several RUNS, with standard deviations, and draw the curves; or figures of trained models."""
    from embetter_reg.analysis import read_sweeps

    if all((run / "split.csv").is_file() for run in runs):
        _average_models(runs, out)
        return
    found = read_sweeps(runs)
    _write_sweep(found, out)
    _summarize_sweep(found, out)


def _average_models(runs: list[Path], out: Path) -> None:
    from embetter_reg.finetune import average_folds, read_figures

    figures = read_figures(runs)
    out.mkdir(parents=True, exist_ok=True)
    average_folds(figures).to_csv(out / "average.csv", index=False)
    _print_figures(figures, f"Means and standard deviations: {out / 'average.csv'}")


@app.command()
def plot(
    embeddings: Annotated[
        list[Path], typer.Argument(help="Spaces of the same documents: folders of embeddings, a map each.")
    ],
    color: Annotated[
        str, typer.Option(help="Columns that colour: register, language, or any that the embeddings carry.")
    ] = "register,language",
    hover: Annotated[str, typer.Option(help="Column that an HTML map shows and copies.")] = "text",
    reducer: Annotated[
        str,
        typer.Option(
            help="Some of pca,umap,tsne,pacmap,trimap, and of supervised_umap,lda,center_pca,center_umap, which learn "
            "from the registers: they show them, and prove nothing. A map each."
        ),
    ] = "umap",
    pca: Annotated[int, typer.Option(help="First reduce to this many dimensions by PCA; 0 does not.")] = 50,
    layers: Annotated[str | None, typer.Option(help="Layers to take, a map each; all by default.")] = None,
    sample: Annotated[int | None, typer.Option(help="Draw this many of the documents.")] = None,
    title: Annotated[str, typer.Option(help="Heading of the picture.")] = "",
    out: Annotated[
        Path, typer.Option(help="A page to look around in (.html), or a picture (.png, .svg, .pdf).")
    ] = Path("map.html"),
    seed: Seed = 0,
    debug: Debug = False,
) -> None:
    """Draw maps of EMBEDDINGS side by side, coloured by register, language or another column."""
    from embetter_reg import plots
    from embetter_reg._optional import optional_import

    kinds = (".html", ".png", ".svg", ".pdf")
    if out.suffix not in kinds:
        raise ValueError(f"got --out {out}, expected a name that ends in one of {', '.join(kinds)}; rename it")
    if out.suffix == ".html":  # said before the work
        optional_import("bokeh", package='"embetter-reg[plots]"', purpose="an interactive map")
    spaces, documents = _spaces(embeddings, layers.split(",") if layers else None, lambda stored: stored)
    if sample is not None and sample < len(documents):
        documents = documents.sample(sample, random_state=seed).sort_index()
        spaces = {name: X[documents.index] for name, X in spaces.items()}
    documents = _columns(documents)
    columns = color.split(",")
    absent = [name for name in [*columns, *([hover] if out.suffix == ".html" else [])] if name not in documents]
    if absent:
        raise ValueError(f"got the column {absent[0]!r}, expected one of {list(documents)}; pick one")
    reducers = reducer.split(",")
    maps: dict = {}
    explained: dict = {}
    for name, X in spaces.items():
        for each in reducers:
            with console.status(f"{name}: {each} of {len(X):,} documents"):
                heading = f"{name}, {each}" if len(reducers) > 1 else name
                maps[heading], last = _reduce(each, X, documents["register"], pca, seed)
            explained[heading] = getattr(last, "explained_variance_ratio_", None)
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix == ".html":
        plots.write_interactive(maps, documents, out, color=columns, hover=hover, title=title)
    else:
        labels = {name: documents[name].to_numpy() for name in columns}
        if reducers == ["pca"]:
            figure = plots.plot_pca(maps, explained, title=title, **labels)
        else:
            figure = plots.plot_maps(maps, title=title, **labels)
        figure.savefig(out, dpi=130)
    Console().print(f"{len(maps)} maps of {len(documents):,} documents: {out}", highlight=False, soft_wrap=True)


@app.command()
def label(
    docs: Annotated[
        list[Path] | None,
        typer.Argument(help="Documents, or embeddings that hold their text. [default: the bundled corpus]"),
    ] = None,
    out: Annotated[Path, typer.Option(help="The log of labels; started again with it, the page is as it was.")] = Path(
        "labels.jsonl"
    ),
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 5006,
    address: Annotated[str, typer.Option(help="Where to listen; any other than loopback asks for a token.")] = (
        "127.0.0.1"
    ),
    token: Annotated[str | None, typer.Option(help="The token to ask for. [default: a new one]")] = None,
    allow_origin: Annotated[
        list[str] | None, typer.Option(help="Another host:port that browsers come by, as of a proxy; may be repeated.")
    ] = None,
    encoder: Encoder = "lite",
    embeddings: Annotated[Path | None, typer.Option(help="Embeddings of DOCS, in place of --encoder.")] = None,
    layer: Annotated[str | None, typer.Option(help="Layer of the embeddings; the last by default.")] = None,
    reducer: Annotated[str, typer.Option(help="Draws the map: umap, pca, tsne, pacmap, trimap.")] = "umap",
    head: Annotated[str, typer.Option(help="Tunes again: 'linear', 'feedforward', 'contrastive'.")] = "linear",
    labels: Annotated[
        str | None, typer.Option(help="Labels to pick from, such as spam,ham. [default: the CORE main registers]")
    ] = None,
    keep_labels: Annotated[
        float, typer.Option(help="Share of the documents' own labels to start from; 0 starts without any.")
    ] = 1.0,
    language: Language = None,
    skip_bad_rows: SkipBadRows = False,
    seed: Seed = 0,
    debug: Debug = False,
) -> None:
    """Label DOCS by the region on a map in the browser, and tune the space on the labels."""
    from embetter_reg.label import LabelServer, Workspace, load_corpus

    with console.status("reading and encoding the documents"):
        corpus = load_corpus(
            docs or [],
            encoder=encoder,
            embeddings=embeddings,
            layer=layer,
            language=language,
            skip_bad_rows=skip_bad_rows,
            keep_labels=keep_labels,
            random_state=seed,
        )
    with console.status(f"drawing the map of {len(corpus.documents):,} documents"):
        work = Workspace(
            corpus.documents,
            corpus.X,
            out,
            places=corpus.places,
            reducer=reducer,
            head=head,
            scheme=[name.strip() for name in labels.split(",")] if labels else None,
            random_state=seed,
        )
    server = LabelServer(work, port=port, address=address, token=token, origins=allow_origin or ())
    n_labelled = sum(map(bool, work.labels))
    console.print(f"{len(work.ids):,} documents, {n_labelled:,} labelled; the log is {out}", highlight=False)
    Console().print(f"Open {server.address} (Ctrl-C ends)", highlight=False, soft_wrap=True)
    server.run()


def _columns(documents):
    """Return documents with one register each, or "hybrid" or None, and every list of codes as one text."""
    from embetter_reg.corpus.registers import mains

    found = [mains(labels) for labels in documents["labels"]]
    register = [None if not codes else codes[0] if len(codes) == 1 else "hybrid" for codes in found]
    lists = [name for name in ("labels", "predicted", "predicted_best") if name in documents]
    joined = {name: [" ".join(codes) or None for codes in documents[name]] for name in lists}
    return documents.assign(register=register, language=documents["lang"], **joined).reset_index(drop=True)


def _reduce(name: str, X, register, pca: int, seed: int):
    """Return a map, and the reducer that made it."""
    import numpy as np
    from sklearn.pipeline import Pipeline

    from embetter_reg.analysis import CenterProjection, make_reducer

    inner = name.removeprefix("center_")
    if inner != name:
        few: dict = {"n_neighbors": 3} if inner == "umap" else {}
        reducer = CenterProjection(make_reducer(inner, random_state=seed, **few))
    else:
        first: dict = {"before": "pca", "n_before": pca} if pca and name != "pca" and pca < min(X.shape) else {}
        reducer = make_reducer(name, random_state=seed, **first)
    supervised = inner != name or name in ("lda", "supervised_umap")
    y = np.where(register == "hybrid", None, register) if supervised else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        points = np.asarray(reducer.fit_transform(X, y), dtype=np.float32)
    return points, reducer[-1] if isinstance(reducer, Pipeline) else reducer


def _labelled(group: str, policy: str):
    """Return what chooses the documents of a group and gives them one register each."""
    from embetter_reg.corpus import hybrids, label_column, select_group

    def choose(documents):
        chosen = hybrids(select_group(documents[documents["labels"].map(len) > 0], group), policy)
        if chosen.empty:
            raise ValueError(f"got no document of the group {group!r}, expected some; check --group and --hybrids")
        console.print(f"{len(documents):,} documents read, {len(chosen):,} kept ({group}, {policy} hybrids)")
        return chosen.assign(register=label_column(chosen))

    return choose


def _spaces(paths: list[Path], layers: list[str] | None, choose):
    """Return spaces by name, and their documents, as chosen of those of the first."""
    from embetter_reg.store import read_embeddings

    spaces, documents = {}, None
    for path in paths:
        stored = read_embeddings(path, layers=layers)
        documents = choose(stored.documents) if documents is None else documents
        rows = _rows_of(documents, stored, path)
        for layer, X in stored.layers.items():
            name = path.stem if layer == "embedding" else f"{path.stem} {layer}"
            if name in spaces:
                raise ValueError(f"got the space {name!r} twice, expected names that differ; rename a folder")
            spaces[name] = X[rows]
    return spaces, documents


def _numbers(option: str, text: str) -> list[int]:
    numbers: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        if not (first.isdigit() and (last or first).isdigit()):
            raise ValueError(f"got {option} {text}, expected numbers and ranges; pass for example 2-33,64")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def _write_sweep(found, out: Path) -> None:
    """Write the tables of a sweep and draw its curves."""
    from embetter_reg.analysis import average as mean
    from embetter_reg.analysis import best_k

    out.mkdir(parents=True, exist_ok=True)
    averaged = mean(found)
    found.to_parquet(out / "sweep.parquet")
    for name, table in (("sweep", found), ("average", averaged), ("best_k", best_k(averaged))):
        table.to_csv(out / f"{name}.csv", index=False)
    # The space itself has dimensions of its own in each space; they share a picture.
    averaged["shown"] = averaged["n_components"].where(averaged["reducer"] != "none", 0)
    for (reducer, size), rows in averaged.groupby(["reducer", "shown"], sort=False):
        what = "the spaces themselves" if reducer == "none" else f"{reducer} to {size} dimensions"
        title = f"{what}; means and standard deviations of {rows['n_runs'].max()} runs"
        name = reducer if reducer == "none" else f"{reducer}_{size}"
        _save(out / f"curves_{name}.png", "plot_sweep", rows, title)


def _save(path: Path, plot: str, *arguments) -> None:
    from embetter_reg import plots

    getattr(plots, plot)(*arguments).savefig(path, dpi=130)


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name)


def _summarize_sweep(found, out: Path) -> None:
    from embetter_reg.analysis import average as mean

    averaged = mean(found)
    table = Table(title="AMI of clusters with each label, at the numbers of languages and of registers")
    for name in ("space", "reducer", "clusterer", "k", "register", "language", "explained by"):
        table.add_column(name, justify="right" if name == "k" else "left", no_wrap=name in ("register", "language"))
    marks = {averaged["n_registers"].iloc[0], averaged["n_languages"].iloc[0]}
    for row in averaged[averaged["k"].isin(marks)].to_dict("records"):
        figures = [f"{row[f'{label}_ami']:.2f} ± {row[f'{label}_ami_sd']:.2f}" for label in ("register", "language")]
        reducer = f"{row['reducer']}, {row['n_components']}"
        table.add_row(
            row["space"],
            reducer,
            row["clusterer"],
            str(row["k"]),
            *(text.removesuffix(" ± nan") for text in figures),
            row["explains"],
        )
    shown = Console()
    shown.print(table)
    shown.print(f"Tables, curves and maps: {out}", highlight=False, soft_wrap=True)


def _read(docs: list[Path], language: str | None, skip_bad_rows: bool):
    from embetter_reg.corpus import read_documents

    documents = read_documents(docs, language=language, on_error="skip" if skip_bad_rows else "raise")
    console.print(f"{len(documents):,} documents read")
    return documents


def _choose_threshold(classifier, paths: list[Path], language: str | None) -> None:
    from embetter_reg.corpus import read_documents

    if not hasattr(classifier, "fit_threshold"):
        raise ValueError(
            f"got --threshold-docs for {type(classifier).__name__}, expected a register classifier; drop it"
        )
    documents = read_documents(paths, language=language)
    labelled = documents[documents["labels"].map(len) > 0]
    if labelled.empty:
        raise ValueError("got --threshold-docs without gold labels, expected some; pass labelled documents")
    classifier.fit_threshold(labelled["text"], labelled["labels"])
    console.print(f"threshold {classifier.threshold_:.2f}, chosen on {len(labelled):,} other documents")


def _stored_predictions(paths: list[Path], threshold: str):
    """Return the documents and predictions of embeddings, and the labels of the model that made them."""
    from embetter_reg.store import read_embeddings

    stored = read_embeddings(paths)
    if threshold == "best" and "these documents" in stored.manifest.get("threshold", {}).get("chosen_on", ""):
        raise ValueError(
            "got --threshold best, which was chosen on these documents' own gold labels, expected other documents to "
            "choose it on; pass --model and --threshold-docs"
        )
    column = {"0.5": "predicted", "best": "predicted_best"}.get(threshold, "")
    if column not in stored.documents:
        raise ValueError(
            f"got embeddings without predictions at --threshold {threshold}, expected 0.5 or best, from a register "
            "classifier; pass --model to classify the documents"
        )
    documents = stored.documents.assign(predicted=stored.documents[column])
    return documents, stored.manifest.get("classes")


def _number(threshold: str) -> float:
    try:
        return float(threshold)
    except ValueError:
        raise ValueError(f"got --threshold {threshold}, expected a number or 'best'; pass one") from None


def _print_reports(reports, documents) -> None:
    from embetter_reg.corpus.registers import is_hybrid

    shown = Console()
    kinds = documents["labels"].map(lambda labels: "hybrid" if is_hybrid(labels) else "single")
    table = Table(title="F1 against gold labels")
    for name in ("language", "documents", "number", "micro F1", "macro F1"):
        table.add_column(name, justify="left" if name in ("language", "documents") else "right")
    f1 = reports.set_index(["language", "documents", "label"])["f1"]
    for language, kind in dict.fromkeys(f1.index.droplevel("label")):
        chosen = (documents["lang"].eq(language) | (language == "all")) & (kinds.eq(kind) | (kind == "all"))
        micro, macro = f1[language, kind, "micro"], f1[language, kind, "macro"]
        table.add_row(language, kind, f"{chosen.sum():,}", f"{micro:.3f}", f"{macro:.3f}")
    shown.print(table)
    labels = Table(title="F1 of each label, all documents")
    wide = reports.query("documents == 'all' and label not in ('micro', 'macro')")
    wide = wide.pivot(index="label", columns="language", values="f1").reindex(wide["label"].unique())
    for name in ("label", *wide.columns):
        labels.add_column(name, justify="left" if name == "label" else "right")
    for label, row in wide.iterrows():
        labels.add_row(str(label), *("" if value != value else f"{value:.2f}" for value in row))
    shown.print(labels)


def _print_figures(figures, where: str) -> None:
    """Print the mean of every figure over models, with its standard deviation where there are several."""
    from embetter_reg.finetune import average_folds

    averaged = average_folds(figures)
    names = [str(name) for name in averaged if f"{name}_sd" in averaged]
    n_models = int(averaged["n_folds"].max())
    table = Table(title="On test documents" + (f", mean ± standard deviation of {n_models} models" * (n_models > 1)))
    for name in ("language", *names):
        table.add_column(name.replace("_", " "), justify="left" if name == "language" else "right")
    for row in averaged.to_dict("records"):
        shown = [f"{row[name]:.3f}" + (f" ± {row[f'{name}_sd']:.3f}" * (n_models > 1)) for name in names]
        table.add_row(row["language"], *shown)
    printed = Console()
    printed.print(table)
    printed.print(where, highlight=False, soft_wrap=True)


def _compare(
    train,
    test,
    *,
    encoders=("lite",),
    embeddings=(),
    models=None,
    layers=(),
    max_length=None,
    head="feedforward",
    controls="all",
    labels="gold",
    figures="silhouette,mixing,retrieval,probes",
    k=None,
    out: Path,
    seed: int,
    title: str,
) -> None:
    """Encode, tune on ``train``, compare on ``test``, write the report, sum up on the terminal."""
    from embetter_reg.analysis import compare_spaces
    from embetter_reg.corpus import indicator, label_column
    from embetter_reg.corpus.registers import is_hybrid, mains
    from embetter_reg.finetune import ContrastiveTuner, FeedForwardTuner
    from embetter_reg.report import write_report

    heads = {"feedforward": FeedForwardTuner, "contrastive": ContrastiveTuner}
    if head not in heads:
        raise ValueError(f"got --head {head}, expected one of {list(heads)}; pick one")
    shared = set(train["text"]) & set(test["text"])
    if shared:
        console.print(f"[yellow]{len(shared)} texts stand in both parts; they are left out of the held-out part[/]")
        test = test[~test["text"].isin(shared)]
    if labels != "gold":
        test = _predicted(test, embeddings, labels)
    if models:
        test = _unseen(test, models)
    if test.empty:
        raise ValueError("got no held-out document, expected some that are not trained on; pass others by --test")
    tunes = bool(encoders or embeddings)
    for part, documents in (("training", train), ("held-out", test))[0 if tunes else 1 :]:
        for name, values in (("register", label_column(documents)), ("language", documents["lang"])):
            if values.nunique() < 2 and (part, name) != ("training", "language"):
                raise ValueError(
                    f"got {part} documents of one {name} ({values.iloc[0]}), expected at least two {name}s to compare; "
                    "pass more documents"
                )
    hybrid = any(is_hybrid(found) for documents in (train, test) for found in documents["labels"])
    y = indicator(train)[0] if hybrid else label_column(train)
    tuner = heads[head](random_state=seed, show_progress=True)
    about: dict = {"head": repr(tuner)} if tunes else {}
    first = None
    spaces: dict = {}
    for name, what, X_train, X in _encoded(train, test, encoders, embeddings, seed):
        first = X_train if first is None else first
        original, tuned = (f"{name} original", f"{name} tuned") if name else ("original", "tuned")
        about[f"encoder {name}".strip()] = what
        spaces |= {original: X, tuned: tuner.fit(X_train, y).transform(X)}
    if models:
        about |= dict(zip(("base", "tuned"), models, strict=True))
        spaces |= _layers(models, layers, max_length, test)
    ids = {"fitted_on": train["id"].tolist(), "compared": test["id"].tolist()}
    comparison = compare_spaces(
        spaces,
        register=label_column(test),
        language=test["lang"],
        labels="gold" if labels == "gold" else "predicted",
        hybrids=[mains(found) for found in test["labels"]] if hybrid else None,
        texts=test["text"],
        train={"X": first, "language": train["lang"], "texts": train["text"]} if tunes else None,
        k=k,
        figures=[] if figures == "none" else figures.split(","),
        controls=controls if controls == "all" else [] if controls == "none" else controls.split(","),
        ids=ids["compared"],
        fitted_on=ids["fitted_on"],
        random_state=seed,
        show_progress=True,
    )
    with console.status("drawing maps and writing the report"):
        page = write_report(comparison, spaces, out, title=title, about=about, random_state=seed, **ids)
    _summarize(comparison, page)


def _encoded(train, test, encoders, embeddings, seed: int):
    """Yield the name of each space (empty where there is one), how it was made, and its train and test vectors."""
    from embetter_reg.store import read_embeddings
    from embetter_reg.text import make_encoder

    n_spaces = len(encoders) + len(embeddings)
    paths = [Path(encoder.rpartition(":")[2]) for encoder in encoders]
    short = [path.name if path.is_dir() else encoder for path, encoder in zip(paths, encoders, strict=True)]
    for encoder, name in zip(encoders, short, strict=True):
        model = make_encoder(encoder, random_state=seed)
        wished = {"normalize": True, "show_progress": True}
        model.set_params(**{name: value for name, value in wished.items() if name in model.get_params()})
        with console.status(f"encoding {len(train):,} documents to train on and {len(test):,} held-out ones"):
            X_train = model.fit_transform(train["text"])
            X = model.transform(test["text"])
        unique = name if short.count(name) == 1 else encoder
        yield unique if n_spaces > 1 else "", repr(model), X_train, X
    for path in embeddings:
        stored = read_embeddings(path)
        layers: dict[str, list] = {}
        for part in (train, test):
            rows = _rows_of(part, stored, path)
            for layer, X in stored.layers.items():
                layers.setdefault(layer, []).append(X[rows])
        for layer, (X_train, X) in layers.items():
            name = path.stem if layer == "embedding" else f"{path.stem} {layer}"
            yield "" if n_spaces == 1 and len(layers) == 1 else name, f"embeddings {path.name} {layer}", X_train, X


def _unseen(test, models):
    """Leave out documents that a model was trained on."""
    import numpy as np

    from embetter_reg.finetune import trained_on

    seen = np.any([trained_on(model, test) for model in models], axis=0)
    if seen.any():
        console.print(f"[yellow]{seen.sum():,} documents trained a model; they are left out[/]")
    return test[~seen].reset_index(drop=True)


def _layers(models, layers, max_length, test) -> dict:
    """Return the space of each layer of a base and a tuned model: means over tokens."""
    from embetter_reg.text import encode_layers

    spaces: dict = {}
    chosen = [int(layer) if layer.lstrip("-").isdigit() else layer for layer in layers]
    for name, model in zip(("base", "tuned"), models, strict=True):
        with console.status(f"encoding {len(test):,} documents with {model}"):
            found = encode_layers(model, test["text"], chosen, max_length=max_length)
        spaces |= {f"{name} {layer}": X for layer, X in found.items()}
    return spaces


def _rows_of(documents, stored, path: Path):
    """Return where the vectors of documents stand in stored embeddings."""
    ids = documents["document"] if "document" in documents else documents["id"]
    rows = stored.documents.reset_index().set_index("id")["index"].reindex(ids)
    if rows.isna().any():
        raise ValueError(
            f"got {path} without the document {rows.index[rows.isna()][0]!r}, expected the same documents in "
            "each; encode them all"
        )
    return rows.astype(int).to_numpy()


def _predicted(test, embeddings, labels: str):
    """Return held-out documents with the registers that a classifier predicted in place of the gold ones."""
    from embetter_reg.corpus.registers import is_hybrid, mains
    from embetter_reg.store import read_embeddings

    if labels not in ("predicted", "predicted_best") or not embeddings:
        raise ValueError(
            f"got --labels {labels}, expected 'gold', or with --embeddings 'predicted' or 'predicted_best'; pick one"
        )
    stored = read_embeddings(embeddings[0])
    if labels not in stored.documents:
        raise ValueError(f"got {embeddings[0]} without {labels}, expected predictions of a classifier; encode with one")
    chosen_on = stored.manifest.get("threshold", {}).get("chosen_on", "")
    if labels == "predicted_best" and "these documents" in chosen_on:
        raise ValueError(
            "got predictions whose threshold was chosen on these documents' own gold labels, expected other documents "
            "to choose it on; encode with --threshold-docs"
        )
    found = [mains(codes) for codes in stored.documents[labels].iloc[_rows_of(test, stored, embeddings[0])]]
    kept = [bool(codes) and not is_hybrid(codes) for codes in found]
    console.print(f"[yellow]registers are predictions; {sum(kept):,} of {len(kept):,} documents have exactly one[/]")
    return test.assign(labels=found)[kept]


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


def _warn(message, category, *where, **more) -> None:
    if issubclass(category, UserWarning):
        console.print(f"[yellow]{message}[/]", highlight=False, soft_wrap=True)


def main() -> None:
    """Run the command line: bad input is one sentence and exit code 2, a warning one line."""
    warnings.showwarning = _warn
    try:
        app()
    except (ValueError, TypeError, OSError, ImportError) as error:
        if "--debug" in sys.argv:
            raise
        console.print(f"[red]Error:[/] {error}", highlight=False, soft_wrap=True)
        sys.exit(2)
