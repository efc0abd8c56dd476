"""Options of reducers that ``plot`` and ``sweep`` share, and maps that are kept."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embetter_reg._files import write_atomically
from embetter_reg.cli._app import console

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pandas as pd

FIRST_STEPS = ("none", "pca", "scale", "normalize")
_OF_UMAP = ("umap", "supervised_umap")

First = Annotated[
    str,
    typer.Option(
        help="Step before a reducer other than PCA: 'pca', 'scale', 'normalize' or "
        "'none'."
    ),
]
NFirst = Annotated[int, typer.Option(help="Dimensions that --first pca keeps.", min=1)]
NNeighbors = Annotated[
    int | None,
    typer.Option(help="Of UMAP: more show the large picture. [default: 15]", min=2),
]
MinDist = Annotated[
    float | None,
    typer.Option(
        help="Of UMAP: how near points may come, from 0. [default: 0.1]", min=0
    ),
]
Metric = Annotated[
    str | None,
    typer.Option(help="Of UMAP, such as euclidean. [default: cosine]"),
]


def umap_options(
    reducers: "Sequence[str]",
    n_neighbors: int | None,
    min_dist: float | None,
    metric: str | None,
) -> dict[str, Any]:
    """Return the options of UMAP that were given.

    Raises
    ------
    ValueError
        If there are some and none of the reducers is UMAP.

    """
    given = {"n_neighbors": n_neighbors, "min_dist": min_dist, "metric": metric}
    options = {name: value for name, value in given.items() if value is not None}
    if options and not set(reducers) & set(_OF_UMAP):
        option = next(iter(options)).replace("_", "-")
        raise ValueError(
            f"got --{option} with {', '.join(reducers)}, expected umap among the "
            "reducers; leave it out"
        )
    return options


def reducer_options(
    name: str, first: str, n_first: int, umap: dict[str, Any]
) -> dict[str, Any]:
    """Return what `make_reducer` is given for one reducer.

    Raises
    ------
    ValueError
        If there is no such first step.

    """
    if first not in FIRST_STEPS:
        raise ValueError(
            f"got --first {first}, expected one of {', '.join(FIRST_STEPS)}; pick one"
        )
    options: dict[str, Any] = {}
    if name == "none":  # the space itself
        return options
    if name in _OF_UMAP:
        options |= umap
    if first != "none" and not (name == "pca" and first == "pca"):
        options["first"] = first
        if first == "pca":
            options["n_first"] = n_first
    return options


def keep_maps(path: Path, ids: "pd.Series", maps: "dict[str, np.ndarray]") -> None:
    """Write maps into a Parquet file, a row a document."""
    import pandas as pd

    columns: dict[str, Any] = {"id": ids.to_numpy()}
    for name, points in maps.items():
        columns[f"{name}: x"], columns[f"{name}: y"] = points.T
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, pd.DataFrame(columns).to_parquet)


def kept_maps(
    path: Path, documents: "pd.DataFrame"
) -> "tuple[dict[str, np.ndarray], pd.DataFrame]":
    """Return maps that were kept, and their documents in the order of the maps.

    Raises
    ------
    ValueError
        If the file holds no maps, or one of a document that is not there.

    """
    import pandas as pd

    try:
        table = pd.read_parquet(path)
        ids = table.pop("id")
        names = [name.removesuffix(": x") for name in table.columns[::2]]
        maps = {name: table[[f"{name}: x", f"{name}: y"]].to_numpy() for name in names}
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(
            f"got {path}, which holds no maps, expected a file that --map wrote; remove "
            "it or name another"
        ) from error
    if ids.tolist() == documents["id"].tolist():
        return maps, documents.reset_index(drop=True)
    absent = ~ids.isin(documents["id"])
    if absent.any():
        raise ValueError(
            f"got the map {path}, which has the document {ids[absent].iloc[0]!r}, "
            "expected documents of these embeddings only; name another file"
        )
    chosen = documents.set_index("id", drop=False).loc[ids]
    return maps, chosen.reset_index(drop=True)


def kept_places(path: Path, documents: "pd.DataFrame") -> "np.ndarray":
    """Return the first of kept maps, a place for each document.

    Raises
    ------
    ValueError
        If the file holds no maps, or not one of just these documents.

    """
    maps, placed = kept_maps(path, documents)
    if len(placed) != len(documents):
        raise ValueError(
            f"got the map {path} of {len(placed):,} documents for {len(documents):,}, "
            "expected a map of all of them; plot without --sample"
        )
    points = next(iter(maps.values()))
    row_of = {name: row for row, name in enumerate(placed["id"])}
    return points[[row_of[name] for name in documents["id"]]]


def print_recall(recall: float) -> None:
    """Say how much an approximate search for neighbors found; nothing of an exact one."""
    if recall < 1:
        console.print(
            f"the search for neighbors was approximate: {recall:.1%} of those of 500 "
            "documents are the nearest"
        )
