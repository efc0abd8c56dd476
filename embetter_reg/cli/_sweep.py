"""Commands ``sweep`` and ``average``: many clusterings, and means over runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from embetter_reg._files import slug, write_atomically, write_csv
from embetter_reg.cli._app import (
    Group,
    RandomState,
    output,
)
from embetter_reg.cli._common import command, print_json, records, stop_if_dry
from embetter_reg.cli._finetune import print_figures
from embetter_reg.cli._inputs import parse_numbers, read_spaces
from embetter_reg.cli._reducing import (
    First,
    Metric,
    MinDist,
    NFirst,
    NNeighbors,
    print_recall,
    reducer_options,
    umap_options,
)
from embetter_reg.cli._selection import select_documents
from embetter_reg.cli._settings import settings

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import pandas as pd


@command
def sweep(
    embeddings: Annotated[
        list[Path],
        typer.Argument(
            help="Spaces of the same documents: folders of embeddings, a space each. "
            "Of one folder, spaces have the names of its layers, by which 'average' "
            "finds the same space in other sweeps."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="Folder for table, curves and maps. A sweep that was killed goes on there."
        ),
    ],
    reducers: Annotated[
        str,
        typer.Option(
            help="Reducers, such as none,pca,umap; 'none' is the space itself."
        ),
    ] = "none,umap",
    n_components: Annotated[
        str, typer.Option(help="Dimensions to reduce to, such as 2,8.")
    ] = "2",
    first: First = "none",
    n_first: NFirst = 50,
    n_neighbors: NNeighbors = None,
    min_dist: MinDist = None,
    metric: Metric = None,
    k: Annotated[
        str | None, typer.Option(help="Numbers of clusters, such as 2-33,64.")
    ] = None,
    clusterers: Annotated[
        str, typer.Option(help="Some of kmeans,spherical,gaussian.")
    ] = "kmeans,spherical",
    sample_size: Annotated[
        int,
        typer.Option(
            help="Of more documents, all are clustered, and silhouettes are measured "
            "on a sample of so many.",
            min=1,
        ),
    ] = 20_000,
    n_seeds: Annotated[
        int, typer.Option(help="Repetitions, each with a seed of its own.")
    ] = 3,
    layers: Annotated[
        str | None, typer.Option(help="Layers to take, a space each; all by default.")
    ] = None,
    group: Group = None,
    hybrids: Annotated[
        str,
        typer.Option(
            help="Documents of several registers: 'drop', 'keep' or 'explode'."
        ),
    ] = "drop",
    random_state: RandomState = 0,
) -> None:
    """Cluster EMBEDDINGS over k and say, at each, whether register or language explains
    the clusters.
    """
    from embetter_reg import analysis

    names = reducers.split(",")
    umap = umap_options(names, n_neighbors, min_dist, metric)
    options = {name: reducer_options(name, first, n_first, umap) for name in names}
    sizes = parse_numbers("--n-components", n_components)
    ks = None if k is None else parse_numbers("--k", k)
    requested = None if layers is None else layers.split(",")
    spaces, documents = read_spaces(
        embeddings, requested, _labeled(group, hybrids), named_by_layer=True
    )
    stop_if_dry(
        documents,
        [
            f"cluster {', '.join(spaces)} by {clusterers} at k = {k or 'its own'}",
            f"reduce by {reducers} to {n_components}, {n_seeds} seeds, into {out}",
        ],
    )
    combinations = out / "combinations"
    table = analysis.sweep(
        spaces,
        register=documents["register"],
        language=documents["lang"],
        reducers=options,
        n_components=sizes,
        k=ks,
        clusterers=clusterers.split(","),
        sample_size=sample_size,
        n_seeds=n_seeds,
        random_state=random_state,
        out=combinations,
        show_progress=settings.shows_progress,
    )
    _write_sweep(table, out)
    print_recall(table["neighbor_recall"].min())
    maps = table[table["n_components"] == 2]
    for (space, reducer), rows in maps.groupby(["space", "reducer"], sort=False):
        combination = rows["combination"].iloc[0]
        _draw_map(
            rows[rows["combination"] == combination],
            analysis.read_combination(combinations, combination),
            documents,
            out / f"map_{slug(str(space))}_{reducer}.png",
        )
    _summarize_sweep(table, out)


def _draw_map(
    rows: "pd.DataFrame",
    stored: "tuple[dict[tuple[str, int], np.ndarray], np.ndarray | None]",
    documents: "pd.DataFrame",
    path: Path,
) -> None:
    """Draw one map by both labels and by each clusterer's tightest clusters."""
    clusters, points = stored
    labelings = {
        "language": documents["lang"].to_numpy(str),
        "register": documents["register"].to_numpy(str),
    }
    for clusterer, group in rows.groupby("clusterer", sort=False):
        if group["silhouette"].isna().all():
            continue
        best = group.iloc[int(group["silhouette"].argmax())]
        k = int(best["k"])
        heading = f"{clusterer}, k = {k} (silhouette {best['silhouette']:.2f})"
        labelings[heading] = clusters[str(clusterer), k]
    first = rows.iloc[0]
    title = f"{first['space']}: {first['reducer']}, seed {first['seed']}"
    _save(path, "plot_labeled_map", points, labelings, title)


@command
def average(
    runs: Annotated[
        list[Path],
        typer.Argument(
            help="Folders that sweep or finetune wrote: of other models, folds or seeds."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the averages and curves.")],
) -> None:
    """Average sweeps of several RUNS, with standard deviations, and draw the curves; or
    figures of trained models.
    """
    from embetter_reg.analysis import read_sweeps

    if all((run / "split.csv").is_file() for run in runs):
        stop_if_dry(None, [f"average {len(runs)} models into {out}"])
        _average_models(runs, out)
        return
    table = read_sweeps(runs)
    stop_if_dry(None, [f"average {len(runs)} sweeps into {out}"])
    _write_sweep(table, out)
    _summarize_sweep(table, out)


def _average_models(runs: list[Path], out: Path) -> None:
    from embetter_reg.finetune import average_folds, read_figures

    figures = read_figures(runs)
    out.mkdir(parents=True, exist_ok=True)
    write_csv(average_folds(figures), out / "average.csv")
    path = out / "average.csv"
    print_figures(figures, f"Means and standard deviations: {path}", path)


def _labeled(
    group: str | None, policy: str
) -> "Callable[[pd.DataFrame], pd.DataFrame]":
    """Return what selects the documents of a group and gives them one register each."""
    from embetter_reg.corpus import label_column

    def select(documents: "pd.DataFrame") -> "pd.DataFrame":
        selected = select_documents(documents, group, policy)
        return selected.assign(register=label_column(selected))

    return select


def _write_sweep(table: "pd.DataFrame", out: Path) -> None:
    """Write the tables of a sweep and draw its curves."""
    from embetter_reg.analysis import average as mean
    from embetter_reg.analysis import best_k

    out.mkdir(parents=True, exist_ok=True)
    averaged = mean(table)
    write_atomically(out / "sweep.parquet", table.to_parquet)
    write_csv(table, out / "sweep.csv")
    write_csv(averaged, out / "average.csv")
    write_csv(best_k(averaged), out / "best_k.csv")
    # The space itself has dimensions of its own in each space; they share a picture.
    is_reduced = averaged["reducer"] != "none"
    averaged["size"] = averaged["n_components"].where(is_reduced, 0)
    for (reducer, size), rows in averaged.groupby(["reducer", "size"], sort=False):
        name = f"{reducer}_{size}"
        subject = f"{reducer} to {size} dimensions"
        if reducer == "none":
            name = "none"
            subject = "the spaces themselves"
        n_runs = rows["n_runs"].max()
        title = f"{subject}; means and standard deviations of {n_runs} runs"
        _save(out / f"curves_{name}.png", "plot_sweep", rows, title)


def _save(path: Path, plot: str, *arguments: Any) -> None:
    from embetter_reg import plots

    plots.save_figure(getattr(plots, plot)(*arguments), path)


def _summarize_sweep(table: "pd.DataFrame", out: Path) -> None:
    """Print the agreement at the numbers of languages and of registers."""
    from embetter_reg.analysis import average as mean
    from embetter_reg.analysis.compare import LABELS

    averaged = mean(table)
    print_json({"out": out, "average": records(averaged)})
    printed = Table(
        title="AMI of clusters with each label, at the numbers of languages and of "
        "registers"
    )
    for name in ("space", "reducer", "clusterer"):
        printed.add_column(name)
    printed.add_column("k", justify="right")
    for name in LABELS:
        printed.add_column(name, no_wrap=True)
    printed.add_column("follows", no_wrap=True)
    marks = [averaged["n_registers"].iloc[0], averaged["n_languages"].iloc[0]]
    for row in averaged[averaged["k"].isin(marks)].to_dict("records"):
        amis = [
            f"{row[f'{label}_ami']:.2f} ± {row[f'{label}_ami_sd']:.2f}"
            for label in LABELS
        ]
        printed.add_row(
            row["space"],
            f"{row['reducer']}, {row['n_components']}",
            row["clusterer"],
            str(row["k"]),
            # One run has no deviation.
            *(text.removesuffix(" ± nan") for text in amis),
            row["explains"],
        )
    output.print(printed, soft_wrap=False)
    output.print(f"Tables, curves and maps: {out}")
