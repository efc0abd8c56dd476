"""Command ``plot``: maps of embeddings."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embetter_reg._files import check_folder, write_atomically
from embetter_reg.cli._app import RandomState, output, working
from embetter_reg.cli._common import command, print_json, stop_if_dry
from embetter_reg.cli._inputs import read_spaces

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

SUFFIXES = (".html", ".png", ".svg", ".pdf")
FIRST_STEPS = ("none", "pca", "scale", "normalize")


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
    first: Annotated[
        str,
        typer.Option(
            help="Step before the reducer: 'pca', 'scale', 'normalize' or 'none'."
        ),
    ] = "pca",
    n_first: Annotated[
        int, typer.Option(help="Dimensions that --first pca keeps.", min=1)
    ] = 50,
    layers: Annotated[
        str | None, typer.Option(help="Layers to take, a map each; all by default.")
    ] = None,
    sample: Annotated[
        int | None, typer.Option(help="Draw this many of the documents.", min=1)
    ] = None,
    title: Annotated[str, typer.Option(help="Heading of the picture.")] = "",
    out: Annotated[
        Path,
        typer.Option(
            help="A page to look around in (.html), or a picture (.png, .svg, .pdf)."
        ),
    ] = Path("map.html"),
    random_state: RandomState = 0,
) -> None:
    """Draw maps of EMBEDDINGS side by side, colored by register or another column."""
    from embetter_reg import plots

    reducers = reducer.split(",")
    _check_options(out, reducers, first)
    spaces, documents = read_spaces(
        embeddings, None if layers is None else layers.split(","), lambda stored: stored
    )
    if sample is not None and sample < len(documents):
        documents = documents.sample(sample, random_state=random_state).sort_index()
        spaces = {name: X[documents.index] for name, X in spaces.items()}
    labels_of = documents["labels"].tolist()
    documents = _with_labels(documents)
    columns = color.split(",")
    needed = [*columns, hover] if out.suffix == ".html" else columns
    _check_columns(documents, needed)
    names = " and ".join(reducers)
    stop_if_dry(
        documents.assign(labels=labels_of),
        [f"draw {', '.join(spaces)} by {names} to {out}"],
    )
    maps: dict[str, Any] = {}
    explained: dict[str, Any] = {}
    for space, X in spaces.items():
        for name in reducers:
            heading = f"{space}, {name}" if len(reducers) > 1 else space
            step = _make_reducer(name, first, n_first, X.shape, random_state)
            with working(f"{space}: {name} of {len(X):,} documents"):
                maps[heading] = _fit_transform(step, name, X, documents["register"])
            last_step = getattr(step, "steps", [("", step)])[-1][1]
            explained[heading] = getattr(last_step, "explained_variance_ratio_", None)
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix == ".html":
        plots.write_interactive(
            maps, documents, out, color=columns, hover=hover, title=title
        )
    else:
        labels: dict[str, Any] = {}
        for name in columns:
            labels[name] = documents[name].to_numpy()
        if reducers == ["pca"]:
            figure = plots.plot_pca(maps, explained, title=title, **labels)
        else:
            figure = plots.plot_maps(maps, title=title, **labels)
        kind = out.suffix.removeprefix(".")
        write_atomically(out, lambda draft: figure.savefig(draft, dpi=130, format=kind))
    print_json({"out": out, "maps": list(maps), "n_documents": len(documents)})
    noun = "map" if len(maps) == 1 else "maps"
    output.print(f"{len(maps)} {noun} of {len(documents):,} documents: {out}")


def _check_options(out: Path, reducers: list[str], first: str) -> None:
    """Refuse what would fail after the work."""
    from embetter_reg._optional import optional_import

    if out.suffix not in SUFFIXES:
        raise ValueError(
            f"got --out {out}, expected a name that ends in one of "
            f"{', '.join(SUFFIXES)}; rename it"
        )
    check_folder(out.parent)
    if first not in FIRST_STEPS:
        raise ValueError(
            f"got --first {first}, expected one of {', '.join(FIRST_STEPS)}; pick one"
        )
    if out.suffix == ".html":
        package = '"embetter-reg[plots]"'
        optional_import("bokeh", package=package, purpose="an interactive map")
    for name in reducers:
        _make_reducer(name, "none", 1, (2, 2), 0)


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


def _make_reducer(name: str, first: str, n_first: int, shape, random_state: int) -> Any:
    """Return a reducer by name; ``center_…`` projects the registers' centers."""
    from embetter_reg.analysis import CenterProjection, make_reducer

    inner = name.removeprefix("center_")
    if inner != name:
        options: dict[str, Any] = {"n_neighbors": 3} if inner == "umap" else {}
        reducer = make_reducer(inner, random_state=random_state, **options)
        return CenterProjection(reducer)
    step = None if first == "none" else first
    if step == "pca" and (name == "pca" or n_first >= min(shape)):
        step = None  # it would change nothing
    return make_reducer(name, random_state=random_state, first=step, n_first=n_first)


def _fit_transform(reducer, name: str, X, register) -> "np.ndarray":
    """Return a map; only reducers that learn from registers are given them."""
    import numpy as np

    y = None
    if name.startswith("center_") or name in ("lda", "supervised_umap"):
        y = np.where(register == "hybrid", None, register)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return np.asarray(reducer.fit_transform(X, y), dtype=np.float32)
