"""Commands ``demo`` and ``compare``: spaces of the same documents, and the report."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from embetter_reg.cli._app import (
    Debug,
    Docs,
    IdColumn,
    LabelsColumn,
    LangColumn,
    Language,
    Out,
    RandomState,
    SkipBadRows,
    TextColumn,
    app,
    console,
    output,
    working,
)
from embetter_reg.cli._inputs import column_names, count_languages, parse_numbers


@app.command()
def demo(
    out: Out = Path("demo"), random_state: RandomState = 0, debug: Debug = False
) -> None:
    """Tune a space on the bundled corpus and report what the tuned space is organized
    by.
    """
    from embetter_reg.corpus import load_registers, train_test_documents

    train, test = train_test_documents(load_registers(), 0.4, random_state=random_state)
    _compare(train, test, out=out, seed=random_state, title="The bundled corpus")


@app.command()
def compare(
    docs: Docs,
    test: Annotated[
        list[Path] | None,
        typer.Option(help="Held-out documents. Without it a part of DOCS is held out."),
    ] = None,
    encoder: Annotated[
        list[str] | None,
        typer.Option(
            help="Encoders as for `encode`, a space each; may be repeated. [default: lite]"
        ),
    ] = None,
    embeddings: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folders that hold embeddings of the same documents, a space each; may be repeated."
        ),
    ] = None,
    models: Annotated[
        tuple[str, str] | None,
        typer.Option(
            help="A base model and a tuned one, whose layers are compared as they are, without a head."
        ),
    ] = None,
    layers: Annotated[
        str,
        typer.Option(
            help="Layers of --models, such as first,half,last or numbers; 0 is the embedding."
        ),
    ] = "first,half,last",
    head: Annotated[
        str, typer.Option(help="The head: 'feedforward' or 'contrastive'.")
    ] = "feedforward",
    max_length: Annotated[
        int | None, typer.Option(help="Tokens of a document that --models read.")
    ] = None,
    controls: Annotated[
        str,
        typer.Option(
            help="'all', 'none', or some of language-centered,LSAR,LEACE,shuffled labels,length only,TF-IDF. Erasers "
            "work on the first space."
        ),
    ] = "all",
    label_source: Annotated[
        str,
        typer.Option(
            help="'gold', or 'predicted' for the predictions that --embeddings carry; the report says so."
        ),
    ] = "gold",
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
    group: Annotated[
        str, typer.Option(help="Registers: 'all', 'main' or 'without_MT'.")
    ] = "without_MT",
    hybrids: Annotated[
        str,
        typer.Option(
            help="Documents of several registers: 'drop', 'explode' into one row a register, or 'both', which keeps "
            "them and reports with and without."
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
    out: Out = Path("report"),
    random_state: RandomState = 0,
    debug: Debug = False,
) -> None:
    """Tune a space on a part of DOCS and report, on the rest, whether it is by register
    or by language.
    """
    from embetter_reg.corpus import hybrids as apply_policy
    from embetter_reg.corpus import read_documents, select_group, train_test_documents

    if hybrids not in ("drop", "explode", "both"):
        raise ValueError(
            f"got --hybrids {hybrids}, expected 'drop', 'explode' or 'both'; pick one"
        )

    columns = column_names(text_column, labels_column, lang_column, id_column)

    def read(paths):
        documents = read_documents(
            paths,
            **columns,
            language=language,
            on_error="skip" if skip_bad_rows else "raise",
        )
        chosen = apply_policy(
            select_group(documents, group), "keep" if hybrids == "both" else hybrids
        )
        console.print(
            f"{len(documents):,} documents read ({count_languages(documents)}), "
            f"{len(chosen):,} kept (group {group}, hybrids {hybrids})"
        )
        if chosen.empty:
            raise ValueError(
                f"got no document of the group {group!r}, expected some; check "
                "labels, --group, --hybrids"
            )
        return chosen

    documents = read(docs)
    if test:
        train, held_out = documents, read(test)
    elif models and not encoder and not embeddings:
        train, held_out = documents[:0], documents  # nothing is tuned here
    else:
        groups = documents.get("document")
        train, held_out = train_test_documents(
            documents, test_size, groups=groups, random_state=random_state
        )
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
        label_source=label_source,
        figures=figures,
        k=parse_numbers("--k", k) if k else None,
        out=out,
        seed=random_state,
        title="Register or language?",
    )


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
    label_source="gold",
    figures="silhouette,mixing,retrieval,probes",
    k=None,
    out: Path,
    seed: int,
    title: str,
) -> None:
    """Encode, tune on ``train``, compare on ``test``, write the report, sum up on the
    terminal.
    """
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
        console.print(
            f"{len(shared)} texts stand in both parts; they are left out of the "
            "held-out part",
            style="yellow",
        )
        test = test[~test["text"].isin(shared)]
    if label_source != "gold":
        test = _predicted(test, embeddings, label_source)
    if models:
        test = _unseen(test, models)
    if test.empty:
        raise ValueError(
            "got no held-out document, expected some that are not trained on; pass "
            "others by --test"
        )
    tunes = bool(encoders or embeddings)
    for part, documents in (("training", train), ("held-out", test))[
        0 if tunes else 1 :
    ]:
        for name, values in (
            ("register", label_column(documents)),
            ("language", documents["lang"]),
        ):
            if values.nunique() < 2 and (part, name) != ("training", "language"):
                raise ValueError(
                    f"got {part} documents of one {name} ({values.iloc[0]}), expected "
                    f"at least two {name}s to compare; "
                    "pass more documents"
                )
    hybrid = any(
        is_hybrid(found) for documents in (train, test) for found in documents["labels"]
    )
    y = indicator(train)[0] if hybrid else label_column(train)
    tuner = heads[head](random_state=seed, show_progress=True)
    about: dict = {"head": repr(tuner)} if tunes else {}
    first = None
    spaces: dict = {}
    for name, what, X_train, X in _encoded(train, test, encoders, embeddings, seed):
        first = X_train if first is None else first
        original, tuned = (
            (f"{name} original", f"{name} tuned") if name else ("original", "tuned")
        )
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
        label_source="gold" if label_source == "gold" else "predicted",
        hybrids=[mains(found) for found in test["labels"]] if hybrid else None,
        texts=test["text"],
        train={"X": first, "language": train["lang"], "texts": train["text"]}
        if tunes
        else None,
        k=k,
        figures=[] if figures == "none" else figures.split(","),
        controls=controls
        if controls == "all"
        else []
        if controls == "none"
        else controls.split(","),
        ids=ids["compared"],
        fitted_on=ids["fitted_on"],
        random_state=seed,
        show_progress=True,
    )
    with working("drawing maps and writing the report"):
        page = write_report(
            comparison, spaces, out, title=title, about=about, random_state=seed, **ids
        )
    _summarize(comparison, page)


def _encoded(train, test, encoders, embeddings, seed: int):
    """Yield the name of each space (empty where there is one), how it was made, and its
    train and test vectors.
    """
    from embetter_reg.store import read_embeddings
    from embetter_reg.text import make_encoder

    n_spaces = len(encoders) + len(embeddings)
    paths = [Path(encoder.rpartition(":")[2]) for encoder in encoders]
    short = [
        path.name if path.is_dir() else encoder
        for path, encoder in zip(paths, encoders, strict=True)
    ]
    for encoder, name in zip(encoders, short, strict=True):
        model = make_encoder(encoder, random_state=seed)
        wished = {"normalize": True, "show_progress": True}
        model.set_params(
            **{
                name: value
                for name, value in wished.items()
                if name in model.get_params()
            }
        )
        with working(
            f"encoding {len(train):,} documents to train on and {len(test):,} "
            "held-out ones"
        ):
            X_train = model.fit_transform(train["text"])
            X = model.transform(test["text"])
        unique = name if short.count(name) == 1 else encoder
        yield unique if n_spaces > 1 else "", repr(model), X_train, X
    for path in embeddings:
        stored = read_embeddings(path)
        layers: dict[str, list] = {}
        for part in (train, test):
            rows = stored.rows_of(part, path)
            for layer, X in stored.layers.items():
                layers.setdefault(layer, []).append(X[rows])
        for layer, (X_train, X) in layers.items():
            name = path.stem if layer == "embedding" else f"{path.stem} {layer}"
            yield (
                "" if n_spaces == 1 and len(layers) == 1 else name,
                f"embeddings {path.name} {layer}",
                X_train,
                X,
            )


def _unseen(test, models):
    """Leave out documents that a model was trained on."""
    import numpy as np

    from embetter_reg.finetune import trained_on

    seen = np.any([trained_on(model, test) for model in models], axis=0)
    if seen.any():
        console.print(
            f"{seen.sum():,} documents trained a model; they are left out",
            style="yellow",
        )
    return test[~seen].reset_index(drop=True)


def _layers(models, layers, max_length, test) -> dict:
    """Return the space of each layer of a base and a tuned model: means over tokens."""
    from embetter_reg.text import encode_layers

    spaces: dict = {}
    chosen = [int(layer) if layer.lstrip("-").isdigit() else layer for layer in layers]
    for name, model in zip(("base", "tuned"), models, strict=True):
        with working(f"encoding {len(test):,} documents with {model}"):
            found = encode_layers(model, test["text"], chosen, max_length=max_length)
        spaces |= {f"{name} {layer}": X for layer, X in found.items()}
    return spaces


def _predicted(test, embeddings, labels: str):
    """Return held-out documents with the registers that a classifier predicted in place
    of the gold ones.
    """
    from embetter_reg.corpus.registers import is_hybrid, mains
    from embetter_reg.store import read_embeddings

    if labels not in ("predicted", "predicted_best") or not embeddings:
        raise ValueError(
            f"got --label-source {labels}, expected 'gold', or with --embeddings "
            "'predicted' or 'predicted_best'; pick one"
        )
    stored = read_embeddings(embeddings[0])
    if labels not in stored.documents:
        raise ValueError(
            f"got {embeddings[0]} without {labels}, expected predictions of a "
            "classifier; encode with one"
        )
    chosen_on = stored.manifest.get("threshold", {}).get("chosen_on", "")
    if labels == "predicted_best" and "these documents" in chosen_on:
        raise ValueError(
            "got predictions whose threshold was chosen on these documents' own gold "
            "labels, expected other documents "
            "to choose it on; encode with --threshold-docs"
        )
    found = [
        mains(codes)
        for codes in stored.documents[labels].iloc[stored.rows_of(test, embeddings[0])]
    ]
    kept = [bool(codes) and not is_hybrid(codes) for codes in found]
    console.print(
        f"registers are predictions; {sum(kept):,} of {len(kept):,} documents "
        "have exactly one",
        style="yellow",
    )
    return test.assign(labels=found)[kept]


def _summarize(comparison, page: Path) -> None:
    table = Table(title="AMI of clusters with each label on held-out documents")
    for name in ("space", "clusterer", "k", "register", "language"):
        table.add_column(
            name, justify="right" if name not in ("space", "clusterer") else "left"
        )
    marks = {comparison.parameters["n_registers"], comparison.parameters["n_languages"]}
    wide = comparison.agreement[comparison.agreement["k"].isin(marks)].pivot(
        index=["space", "clusterer", "k"], columns="label", values="ami"
    )
    for (space, clusterer, k), row in wide.loc[list(comparison.verdicts)].iterrows():
        table.add_row(
            space, clusterer, str(k), f"{row['register']:.2f}", f"{row['language']:.2f}"
        )
    output.print(table, soft_wrap=False)
    output.print(f"\n{comparison.verdict.sentence}\n", style="bold")
    output.print(f"Report: {page}")
