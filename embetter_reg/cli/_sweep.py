"""Commands ``sweep`` and ``average``: many clusterings, and means over runs."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from embetter_reg._files import slug
from embetter_reg.cli._app import (
    Debug,
    RandomState,
    app,
    console,
    output,
)
from embetter_reg.cli._finetune import print_figures
from embetter_reg.cli._inputs import parse_numbers, read_spaces


@app.command()
def sweep(
    embeddings: Annotated[
        list[Path],
        typer.Argument(
            help="Spaces of the same documents: folders of embeddings, a space each."
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
    k: Annotated[
        str | None, typer.Option(help="Numbers of clusters, such as 2-33,64.")
    ] = None,
    clusterers: Annotated[
        str, typer.Option(help="Some of kmeans,spherical,gaussian.")
    ] = "kmeans,spherical",
    n_seeds: Annotated[
        int, typer.Option(help="Repetitions, each with a seed of its own.")
    ] = 3,
    layers: Annotated[
        str | None, typer.Option(help="Layers to take, a space each; all by default.")
    ] = None,
    group: Annotated[
        str, typer.Option(help="Registers: 'all', 'main' or 'without_MT'.")
    ] = "without_MT",
    hybrids: Annotated[
        str,
        typer.Option(
            help="Documents of several registers: 'drop', 'keep' or 'explode'."
        ),
    ] = "drop",
    random_state: RandomState = 0,
    debug: Debug = False,
) -> None:
    """Cluster EMBEDDINGS over k and say, at each, whether register or language explains
    the clusters.
    """
    from embetter_reg import analysis

    chosen = layers.split(",") if layers else None
    spaces, documents = read_spaces(embeddings, chosen, _labeled(group, hybrids))
    found = analysis.sweep(
        spaces,
        register=documents["register"],
        language=documents["lang"],
        reducers=reducers.split(","),
        n_components=parse_numbers("--n-components", n_components),
        k=parse_numbers("--k", k) if k else None,
        clusterers=clusterers.split(","),
        n_seeds=n_seeds,
        random_state=random_state,
        out=out / "combinations",
        show_progress=True,
    )
    _write_sweep(found, out)
    for (space, reducer), rows in found[found["n_components"] == 2].groupby(
        ["space", "reducer"], sort=False
    ):
        first = rows[rows["combination"] == rows["combination"].iloc[0]]
        clusters, points = analysis.read_combination(
            out / "combinations", first["combination"].iloc[0]
        )
        labelings = {
            "language": documents["lang"].to_numpy(str),
            "register": documents["register"].to_numpy(str),
        }
        for clusterer, group_rows in first.groupby("clusterer", sort=False):
            best = group_rows.loc[group_rows["silhouette"].idxmax()]
            heading = (
                f"{clusterer}, k = {best['k']} (silhouette {best['silhouette']:.2f})"
            )
            labelings[heading] = clusters[clusterer, best["k"]]
        title = f"{space}: {reducer}, seed {first['seed'].iloc[0]}"
        _save(
            out / f"map_{slug(str(space))}_{reducer}.png",
            "plot_labeled_map",
            points,
            labelings,
            title,
        )
    _summarize_sweep(found, out)


@app.command()
def average(
    runs: Annotated[
        list[Path],
        typer.Argument(
            help="Folders that sweep or finetune wrote: of other models, folds or seeds."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the averages and curves.")],
    debug: Debug = False,
) -> None:
    """Average sweeps of several RUNS, with standard deviations, and draw the curves; or
    figures of trained models.
    """
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
    print_figures(figures, f"Means and standard deviations: {out / 'average.csv'}")


def _labeled(group: str, policy: str):
    """Return what chooses the documents of a group and gives them one register each."""
    from embetter_reg.corpus import hybrids, label_column, select_group

    def choose(documents):
        chosen = hybrids(
            select_group(documents[documents["labels"].map(len) > 0], group), policy
        )
        if chosen.empty:
            raise ValueError(
                f"got no document of the group {group!r}, expected some; check "
                "--group and --hybrids"
            )
        console.print(
            f"{len(documents):,} documents read, {len(chosen):,} kept ({group}, "
            f"{policy} hybrids)"
        )
        return chosen.assign(register=label_column(chosen))

    return choose


def _write_sweep(found, out: Path) -> None:
    """Write the tables of a sweep and draw its curves."""
    from embetter_reg.analysis import average as mean
    from embetter_reg.analysis import best_k

    out.mkdir(parents=True, exist_ok=True)
    averaged = mean(found)
    found.to_parquet(out / "sweep.parquet")
    for name, table in (
        ("sweep", found),
        ("average", averaged),
        ("best_k", best_k(averaged)),
    ):
        table.to_csv(out / f"{name}.csv", index=False)
    # The space itself has dimensions of its own in each space; they share a picture.
    averaged["shown"] = averaged["n_components"].where(averaged["reducer"] != "none", 0)
    for (reducer, size), rows in averaged.groupby(["reducer", "shown"], sort=False):
        what = (
            "the spaces themselves"
            if reducer == "none"
            else f"{reducer} to {size} dimensions"
        )
        title = f"{what}; means and standard deviations of {rows['n_runs'].max()} runs"
        name = reducer if reducer == "none" else f"{reducer}_{size}"
        _save(out / f"curves_{name}.png", "plot_sweep", rows, title)


def _save(path: Path, plot: str, *arguments) -> None:
    from embetter_reg import plots

    getattr(plots, plot)(*arguments).savefig(path, dpi=130)


def _summarize_sweep(found, out: Path) -> None:
    from embetter_reg.analysis import average as mean

    averaged = mean(found)
    table = Table(
        title="AMI of clusters with each label, at the numbers of languages and of registers"
    )
    for name in (
        "space",
        "reducer",
        "clusterer",
        "k",
        "register",
        "language",
        "explained by",
    ):
        table.add_column(
            name,
            justify="right" if name == "k" else "left",
            no_wrap=name in ("register", "language"),
        )
    marks = {averaged["n_registers"].iloc[0], averaged["n_languages"].iloc[0]}
    for row in averaged[averaged["k"].isin(marks)].to_dict("records"):
        figures = [
            f"{row[f'{label}_ami']:.2f} ± {row[f'{label}_ami_sd']:.2f}"
            for label in ("register", "language")
        ]
        reducer = f"{row['reducer']}, {row['n_components']}"
        table.add_row(
            row["space"],
            reducer,
            row["clusterer"],
            str(row["k"]),
            *(text.removesuffix(" ± nan") for text in figures),
            row["explains"],
        )
    output.print(table, soft_wrap=False)
    output.print(f"Tables, curves and maps: {out}")
