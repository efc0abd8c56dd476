"""Command ``plot``: maps of embeddings."""

import warnings
from pathlib import Path
from typing import Annotated

import typer

from embetter_reg.cli._app import (
    Debug,
    Seed,
    app,
    output,
    working,
)
from embetter_reg.cli._inputs import read_spaces


@app.command()
def plot(
    embeddings: Annotated[
        list[Path],
        typer.Argument(
            help="Spaces of the same documents: folders of embeddings, a map each."
        ),
    ],
    color: Annotated[
        str,
        typer.Option(
            help="Columns that color: register, language, or any that the embeddings carry."
        ),
    ] = "register,language",
    hover: Annotated[
        str, typer.Option(help="Column that an HTML map shows and copies.")
    ] = "text",
    reducer: Annotated[
        str,
        typer.Option(
            help="Some of pca,umap,tsne,pacmap,trimap, and of supervised_umap,lda,center_pca,center_umap, which learn "
            "from the registers: they show them, and prove nothing. A map each."
        ),
    ] = "umap",
    first: Annotated[
        str,
        typer.Option(help="Step before the reducer: pca, scale, normalize or none."),
    ] = "pca",
    n_first: Annotated[
        int, typer.Option(help="Dimensions that --first pca keeps.")
    ] = 50,
    layers: Annotated[
        str | None, typer.Option(help="Layers to take, a map each; all by default.")
    ] = None,
    sample: Annotated[
        int | None, typer.Option(help="Draw this many of the documents.")
    ] = None,
    title: Annotated[str, typer.Option(help="Heading of the picture.")] = "",
    out: Annotated[
        Path,
        typer.Option(
            help="A page to look around in (.html), or a picture (.png, .svg, .pdf)."
        ),
    ] = Path("map.html"),
    seed: Seed = 0,
    debug: Debug = False,
) -> None:
    """Draw maps of EMBEDDINGS side by side, colored by register, language or another
    column.
    """
    from embetter_reg import plots
    from embetter_reg._optional import optional_import

    kinds = (".html", ".png", ".svg", ".pdf")
    if out.suffix not in kinds:
        raise ValueError(
            f"got --out {out}, expected a name that ends in one of "
            f"{', '.join(kinds)}; rename it"
        )
    if out.suffix == ".html":  # said before the work
        optional_import(
            "bokeh", package='"embetter-reg[plots]"', purpose="an interactive map"
        )
    spaces, documents = read_spaces(
        embeddings, layers.split(",") if layers else None, lambda stored: stored
    )
    if sample is not None and sample < len(documents):
        documents = documents.sample(sample, random_state=seed).sort_index()
        spaces = {name: X[documents.index] for name, X in spaces.items()}
    documents = _columns(documents)
    columns = color.split(",")
    absent = [
        name
        for name in [*columns, *([hover] if out.suffix == ".html" else [])]
        if name not in documents
    ]
    if absent:
        raise ValueError(
            f"got the column {absent[0]!r}, expected one of {list(documents)}; pick one"
        )
    reducers = reducer.split(",")
    maps: dict = {}
    explained: dict = {}
    for name, X in spaces.items():
        for each in reducers:
            with working(f"{name}: {each} of {len(X):,} documents"):
                heading = f"{name}, {each}" if len(reducers) > 1 else name
                maps[heading], last = _reduce(
                    each, X, documents["register"], first, n_first, seed
                )
            explained[heading] = getattr(last, "explained_variance_ratio_", None)
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix == ".html":
        plots.write_interactive(
            maps, documents, out, color=columns, hover=hover, title=title
        )
    else:
        labels = {name: documents[name].to_numpy() for name in columns}
        if reducers == ["pca"]:
            figure = plots.plot_pca(maps, explained, title=title, **labels)
        else:
            figure = plots.plot_maps(maps, title=title, **labels)
        figure.savefig(out, dpi=130)
    output.print(
        f"{len(maps)} maps of {len(documents):,} documents: {out}",
    )


def _columns(documents):
    """Return documents with one register each, or "hybrid" or None, and every list of
    codes as one text.
    """
    from embetter_reg.corpus.registers import mains

    found = [mains(labels) for labels in documents["labels"]]
    register = [
        None if not codes else codes[0] if len(codes) == 1 else "hybrid"
        for codes in found
    ]
    lists = [
        name for name in ("labels", "predicted", "predicted_best") if name in documents
    ]
    joined = {
        name: [" ".join(codes) or None for codes in documents[name]] for name in lists
    }
    return documents.assign(
        register=register, language=documents["lang"], **joined
    ).reset_index(drop=True)


def _reduce(name: str, X, register, first: str, n_first: int, seed: int):
    """Return a map, and the reducer that made it."""
    import numpy as np
    from sklearn.pipeline import Pipeline

    from embetter_reg.analysis import CenterProjection, make_reducer

    inner = name.removeprefix("center_")
    if inner != name:
        few: dict = {"n_neighbors": 3} if inner == "umap" else {}
        reducer = CenterProjection(make_reducer(inner, random_state=seed, **few))
    else:
        # PCA before PCA, or to more dimensions than there are, changes nothing.
        needless = first == "pca" and (name == "pca" or n_first >= min(X.shape))
        step = None if first == "none" or needless else first
        reducer = make_reducer(name, random_state=seed, first=step, n_first=n_first)
    supervised = inner != name or name in ("lda", "supervised_umap")
    y = np.where(register == "hybrid", None, register) if supervised else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        points = np.asarray(reducer.fit_transform(X, y), dtype=np.float32)
    return points, reducer[-1] if isinstance(reducer, Pipeline) else reducer
