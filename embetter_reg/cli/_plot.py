"""Command ``plot``: maps of embeddings."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embetter_reg._files import check_folder
from embetter_reg.cli._app import RandomState, console, output, warn, working
from embetter_reg.cli._common import command, print_json, stop_if_dry
from embetter_reg.cli._inputs import read_spaces
from embetter_reg.cli._reducing import (
    First,
    Metric,
    MinDist,
    NFirst,
    NNeighbors,
    keep_maps,
    kept_maps,
    print_recall,
    reducer_options,
    umap_options,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_MOST_ON_PAGE = 100_000
SUFFIXES = (".html", ".png", ".svg", ".pdf")


@command
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
            help="Columns that color: register, language, or any that the embeddings "
            "carry."
        ),
    ] = "register,language",
    hover: Annotated[
        str, typer.Option(help="Column that an HTML map shows and copies.")
    ] = "text",
    reducer: Annotated[
        str,
        typer.Option(
            help="Some of pca,umap,tsne,pacmap,trimap, and of supervised_umap,lda,"
            "center_pca,center_umap, which learn from the registers: they show them, "
            "and prove nothing. A map each."
        ),
    ] = "umap",
    first: First = "pca",
    n_first: NFirst = 50,
    n_neighbors: NNeighbors = None,
    min_dist: MinDist = None,
    metric: Metric = None,
    layers: Annotated[
        str | None, typer.Option(help="Layers to take, a map each; all by default.")
    ] = None,
    sample: Annotated[
        int | None, typer.Option(help="Draw this many of the documents.", min=1)
    ] = None,
    n_fitted: Annotated[
        int,
        typer.Option(
            help="Of more documents, the reducer lays out a sample of so many, and the "
            "others are placed among their nearest ones in it.",
            min=3,
        ),
    ] = 20_000,
    title: Annotated[str, typer.Option(help="Heading of the picture.")] = "",
    out: Annotated[
        list[Path] | None,
        typer.Option(
            help="A page to look around in (.html), or a picture (.png, .svg, .pdf); "
            "may be repeated. [default: map.html]"
        ),
    ] = None,
    kept: Annotated[
        Path | None,
        typer.Option(
            "--map",
            help="Keep the maps in this file, and take them from it where it exists, so "
            "that another picture is the same map.",
        ),
    ] = None,
    dpi: Annotated[int, typer.Option(help="Pixels an inch of a .png.", min=1)] = 130,
    width: Annotated[
        float | None, typer.Option(help="Inches of a picture, such as 3.5.", min=0.1)
    ] = None,
    font_size: Annotated[
        float | None, typer.Option(help="Points of usual text. [default: 10]", min=1)
    ] = None,
    font: Annotated[
        str | None,
        typer.Option(
            help="An installed font or a font file, before those that are found."
        ),
    ] = None,
    random_state: RandomState = 0,
) -> None:
    """Draw maps of EMBEDDINGS side by side, colored by register or another column."""
    from embetter_reg import plots
    from embetter_reg.analysis.reduce import neighbor_recall

    outs = out or [Path("map.html")]
    reducers = reducer.split(",")
    umap = umap_options(reducers, n_neighbors, min_dist, metric)
    options = {name: reducer_options(name, first, n_first, umap) for name in reducers}
    if kept is not None:
        check_folder(kept.parent)
    _check_options(outs, options, font)
    spaces, documents = read_spaces(
        embeddings, None if layers is None else layers.split(","), lambda stored: stored
    )
    if sample is not None and sample < len(documents):
        documents = documents.sample(sample, random_state=random_state).sort_index()
        spaces = {name: X[documents.index] for name, X in spaces.items()}
    labels_of = documents["labels"].tolist()
    documents = _with_labels(documents)
    columns = color.split(",")
    _check_columns(documents, columns)
    if any(path.suffix == ".html" for path in outs):
        _check_columns(documents, [hover])
    names = " and ".join(reducers)
    files = " and ".join(map(str, outs))
    stop_if_dry(
        documents.assign(labels=labels_of),
        [f"draw {', '.join(spaces)} by {names} to {files}"],
    )
    explained: dict[str, Any] = {}
    if kept is not None and kept.exists():
        maps, documents = kept_maps(kept, documents)
        console.print(f"maps taken from {kept}")
        _warn_of_other_spaces(kept, maps, spaces)
    else:
        maps = {}
        for space, X in spaces.items():
            for name in reducers:
                heading = f"{space}, {name}" if len(reducers) > 1 else space
                step = _make_reducer(name, options[name], X.shape, random_state)
                with working(f"{space}: {name} of {len(X):,} documents"):
                    maps[heading] = _draw(
                        step, name, X, documents, n_fitted, random_state
                    )
                last = getattr(step, "steps", [("", step)])[-1][1]
                shares = getattr(last, "explained_variance_ratio_", None)
                explained[heading] = shares
                print_recall(neighbor_recall(step))
        if kept is not None:
            keep_maps(kept, documents["id"], maps)
    figure: Any = None
    if any(path.suffix != ".html" for path in outs):
        figure = _figure(maps, explained, documents[columns], title)
    noun = "map" if len(maps) == 1 else "maps"
    for path in outs:
        path.parent.mkdir(parents=True, exist_ok=True)
        shown = len(documents)
        if path.suffix == ".html":
            rows = _rows_of_page(documents, random_state)
            shown = len(rows)
            plots.write_interactive(
                {name: points[rows] for name, points in maps.items()},
                documents.iloc[rows].reset_index(drop=True),
                path,
                color=columns,
                hover=hover,
                title=title,
            )
        else:
            plots.save_figure(
                figure, path, dpi=dpi, width=width, font_size=font_size, font=font
            )
        output.print(f"{len(maps)} {noun} of {shown:,} documents: {path}")
    print_json({"out": outs, "maps": list(maps), "n_documents": len(documents)})


def _warn_of_other_spaces(
    kept: Path, maps: dict[str, Any], spaces: dict[str, Any]
) -> None:
    """Warn where kept maps are not of the spaces that were asked for."""
    others = [
        heading
        for heading in maps
        if heading not in spaces and heading.rpartition(", ")[0] not in spaces
    ]
    if others:
        warn(
            f"{kept} holds maps of {', '.join(others)}, not of {', '.join(spaces)}; "
            "another --map makes those"
        )


def _figure(
    maps: dict[str, Any],
    explained: dict[str, Any],
    labels: "pd.DataFrame",
    title: str,
) -> Any:
    """Draw maps, of PCA alone with the variance that their dimensions explain."""
    from embetter_reg import plots

    columns: dict[str, Any] = {str(name): labels[name].to_numpy() for name in labels}
    if explained and all(shares is not None for shares in explained.values()):
        return plots.plot_pca(maps, explained, title=title, **columns)
    return plots.plot_maps(maps, title=title, **columns)


def _check_options(
    outs: list[Path], options: dict[str, dict[str, Any]], font: str | None
) -> None:
    """Refuse what would fail after the work."""
    from embetter_reg._optional import optional_import
    from embetter_reg.plots.static import font_family

    for out in outs:
        if out.suffix not in SUFFIXES:
            raise ValueError(
                f"got --out {out}, expected a name that ends in one of "
                f"{', '.join(SUFFIXES)}; rename it"
            )
        check_folder(out.parent)
        if out.suffix == ".html":
            package = '"embetter-reg[plots]"'
            optional_import("bokeh", package=package, purpose="an interactive map")
    font_family(font)
    for name, given in options.items():
        _make_reducer(name, given, (2, 2), 0)


def _check_columns(documents: "pd.DataFrame", names: list[str]) -> None:
    absent = [name for name in names if name not in documents]
    if absent:
        raise ValueError(
            f"got the column {absent[0]!r}, expected one of {list(documents)}; pick one"
        )


def _with_labels(documents: "pd.DataFrame") -> "pd.DataFrame":
    """Return documents with one register each, and lists of codes as one text.

    A document of several registers has "hybrid", one of none None.
    """
    from embetter_reg.corpus.registers import mains

    register: list[str | None] = []
    for labels in documents["labels"]:
        codes = mains(labels)
        if len(codes) > 1:
            register.append("hybrid")
        else:
            register.append(codes[0] if codes else None)
    columns: dict[str, Any] = {"register": register, "language": documents["lang"]}
    for name in ("labels", "predicted", "predicted_best"):
        if name in documents:
            columns[name] = [" ".join(codes) or None for codes in documents[name]]
    return documents.assign(**columns).reset_index(drop=True)


def _make_reducer(
    name: str, options: dict[str, Any], shape: tuple[int, ...], random_state: int
) -> Any:
    """Return a reducer by name; ``center_…`` projects the registers' centers."""
    from embetter_reg.analysis import CenterProjection, make_reducer

    inner = name.removeprefix("center_")
    if inner != name:
        given: dict[str, Any] = {"n_neighbors": 3} if inner == "umap" else {}
        reducer = make_reducer(inner, random_state=random_state, **given)
        return CenterProjection(reducer)
    if options.get("n_first", 0) >= min(shape):  # it would change nothing
        options = {
            key: options[key] for key in options if key not in ("first", "n_first")
        }
    return make_reducer(name, random_state=random_state, **options)


def _draw(
    reducer: Any,
    name: str,
    X: "np.ndarray",
    documents: "pd.DataFrame",
    n_fitted: int,
    random_state: int,
) -> "np.ndarray":
    """Return a map; only reducers that learn from registers are given them, and of many
    documents a reducer lays out a sample.
    """
    import numpy as np

    from embetter_reg.analysis import place_among

    rows = _sampled(documents, n_fitted, random_state)
    y = None
    if name.startswith("center_") or name in ("lda", "supervised_umap"):
        register = documents["register"].to_numpy()[rows]
        y = np.where(register == "hybrid", None, register)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        points = np.asarray(reducer.fit_transform(X[rows], y), dtype=np.float32)
    if len(rows) == len(X):
        return points
    console.print(
        f"{name} laid out {len(rows):,} documents, and {len(X) - len(rows):,} were "
        "placed among them"
    )
    return place_among(X, rows, points)


def _sampled(documents: "pd.DataFrame", n: int, random_state: int) -> "np.ndarray":
    """Return rows of so many documents, of every register in every language its
    share.
    """
    from embetter_reg.corpus import stratified_sample

    strata = documents["register"].fillna("") + " " + documents["lang"].astype(str)
    return stratified_sample(strata, n, random_state=random_state)


def _rows_of_page(documents: "pd.DataFrame", random_state: int) -> "np.ndarray":
    """Return the rows that a page shows: all, or as many as a browser can hold."""
    rows = _sampled(documents, _MOST_ON_PAGE, random_state)
    if len(rows) < len(documents):
        console.print(
            f"the page shows a sample of {len(rows):,} documents, of every register in "
            "every language its share; a picture (--out map.png) shows all"
        )
    return rows
