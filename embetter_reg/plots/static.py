"""Matplotlib pictures of a comparison. Each function draws on axes that it is given or makes."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from embetter_reg.analysis import Comparison
from embetter_reg.plots.palette import SPACE_COLORS, label_styles

_GREY = "#555555"


def plot_maps(maps: Mapping[str, np.ndarray], *, register, language) -> Figure:
    """Draw each space's map twice: coloured by register above, by language below.

    Parameters
    ----------
    maps : mapping of name to array (n_documents, 2)
    register, language : arrays of labels (n_documents,)

    """
    figure = Figure(figsize=(4.6 * len(maps) + 1.4, 9.0), layout="constrained")
    axes = figure.subplots(2, len(maps), squeeze=False)
    for row, (title, labels) in enumerate([("register", register), ("language", language)]):
        for column, (space, points) in enumerate(maps.items()):
            last = column == len(maps) - 1
            _scatter(axes[row, column], points, np.asarray(labels), legend_title=title if last else None)
            axes[row, column].set_title(f"{space} space, by {title}", loc="left", fontsize=11)
    return figure


def _scatter(ax: Axes, points: np.ndarray, labels: np.ndarray, legend_title: str | None) -> None:
    size = float(np.clip(20_000 / len(points), 8, 40))
    for name, (color, marker) in label_styles(labels).items():
        rows = labels == name
        ax.scatter(
            points[rows, 0],
            points[rows, 1],
            s=size,
            c=color,
            marker=marker,
            label=name,
            alpha=0.75,
            linewidths=0.3,
            edgecolors="w",
        )
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_color("#CCCCCC")
    if legend_title:
        ax.legend(
            title=legend_title,
            loc="center left",
            bbox_to_anchor=(1.01, 0.5),
            frameon=False,
            markerscale=np.sqrt(48 / size),
        )


def plot_agreement(comparison: Comparison, clusterer: str | None = None) -> Figure:
    """Draw AMI with register and with language over k, one panel a label, with bootstrap intervals.

    Vertical lines mark the numbers of registers, of languages and of their product; the dotted
    horizontal line is the floor, the agreement of the two labels themselves.
    """
    parameters = comparison.parameters
    clusterer = clusterer or parameters["clusterers"][0]
    table = comparison.agreement[comparison.agreement["clusterer"] == clusterer]
    n_ks = table.groupby("space")["k"].transform("nunique")
    table = table[n_ks == n_ks.max()]  # controls that are clustered at two k have no curve
    figure = Figure(figsize=(11.5, 4.6), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for ax, label in zip(axes, ("register", "language"), strict=True):
        rows = table[table["label"] == label]
        for (space, curve), color in zip(rows.groupby("space", sort=False), SPACE_COLORS * 9, strict=False):
            ax.plot(curve["k"], curve["ami"], "o-", color=color, label=space, markersize=4)
            ax.fill_between(curve["k"], curve["ami_low"], curve["ami_high"], color=color, alpha=0.2, linewidth=0)
        null = rows.groupby("k")["ami_null"].max()
        ax.plot(null.index, null, "--", color=_GREY, linewidth=1, label="shuffled labels")
        ax.axhline(comparison.floor, color=_GREY, linewidth=1, linestyle=":", label="floor")
        _mark_k(ax, parameters["k"], parameters["n_registers"], parameters["n_languages"])
        ax.set_ylim(-0.07, 1.15)
        ax.set_title(f"clusters against {label}", loc="left")
    axes[0].set_ylabel("AMI (1 = identical, 0 = chance)")
    axes[1].legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    return figure


def _mark_k(ax: Axes, ks: list[int], registers: int, languages: int) -> None:
    """Scale the axis of k and mark the numbers of labels on it."""
    marks: dict[int, str] = {}
    for k, name in ((registers, "registers"), (languages, "languages"), (registers * languages, "product")):
        marks[k] = f"{marks[k]} and {name}" if k in marks else name
    ax.set_xscale("log", base=2)
    ax.set_xlim(ks[0] / 1.1, ks[-1] * 1.1)
    usual = (2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
    shown = [k for k in ks if k in usual] if len(ks) > 8 else ks
    ax.set_xticks(shown, [str(k) for k in shown])
    ax.minorticks_off()
    ax.set_xlabel("number of clusters k")
    for row, (k, name) in enumerate(sorted(marks.items())):
        if ks[0] <= k <= ks[-1]:
            ax.axvline(k, color="#CCCCCC", linewidth=1, zorder=0)
            align = "right" if k > 0.85 * ks[-1] else "left" if k == ks[0] else "center"
            height = 0.90 + 0.05 * (row % 2)  # two rows, so that close marks do not collide
            ax.text(
                k, height, f"{name} ({k})", ha=align, va="bottom", fontsize=8, color=_GREY,
                transform=ax.get_xaxis_transform(),
            )  # fmt: skip


_PANELS = {
    "register_ami": "AMI with register",
    "language_ami": "AMI with language",
    "silhouette": "silhouette",
}


def plot_sweep(averaged: pd.DataFrame, title: str = "") -> Figure:
    """Draw a sweep over k: a row of panels a clusterer, a curve a space, error bars of one standard deviation.

    Parameters
    ----------
    averaged : DataFrame
        From `average`, of one reducer and one number of dimensions a space.
    title : str

    Raises
    ------
    ValueError
        If a space has two rows at one k.

    """
    twice = averaged.duplicated(["space", "clusterer", "k"])
    if twice.any():
        raise ValueError(
            f"got two rows of the space {averaged['space'][twice].iloc[0]!r} at one k, expected one; pass one reducer "
            "and number of dimensions at a time"
        )
    clusterers, spaces = list(averaged["clusterer"].unique()), list(averaged["space"].unique())
    figure = Figure(figsize=(14.5, 3.9 * len(clusterers) + 0.5), layout="constrained")
    axes = figure.subplots(len(clusterers), len(_PANELS), squeeze=False, sharey="col")
    marks = sorted(averaged["k"].unique()), averaged["n_registers"].iloc[0], averaged["n_languages"].iloc[0]
    for column, (name, words) in enumerate(_PANELS.items()):
        low = min(0.0, float((averaged[name] - averaged[f"{name}_sd"].fillna(0)).min()))
        high = float((averaged[name] + averaged[f"{name}_sd"].fillna(0)).max()) if name == "silhouette" else 1.0
        for row, clusterer in enumerate(clusterers):
            ax = axes[row, column]
            for space, color in zip(spaces, SPACE_COLORS * 9, strict=False):
                curve = averaged[(averaged["space"] == space) & (averaged["clusterer"] == clusterer)].sort_values("k")
                spread = curve[f"{name}_sd"] if curve[f"{name}_sd"].notna().any() else None
                ax.errorbar(
                    curve["k"], curve[name], spread, fmt="o-", color=color, label=space, markersize=3.5, linewidth=1.3,
                    elinewidth=1, capsize=2,
                )  # fmt: skip
            _mark_k(ax, *marks)
            ax.set_ylim(low - 0.04, low + (high - low) * 1.22)
            metric = averaged.loc[averaged["clusterer"] == clusterer, "metric"].iloc[0]
            ax.set_title(f"{clusterer}: {words}" + (f" ({metric})" if name == "silhouette" else ""), loc="left")
            ax.tick_params(labelleft=True)
            ax.spines[["top", "right"]].set_visible(False)
    axes[0, -1].legend(title="space", loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


def plot_labelled_map(points: np.ndarray, labelings: Mapping[str, np.ndarray], title: str = "") -> Figure:
    """Draw one map several times, coloured by each labelling; a cluster's number stands on its middle point.

    Parameters
    ----------
    points : array (n_documents, 2)
    labelings : mapping of a heading to labels (n_documents,)
        Labels of str have a legend; clusters, of int, have their number.
    title : str

    """
    n_columns = 2 if len(labelings) in (2, 4) else min(3, len(labelings))
    n_rows = -(-len(labelings) // n_columns)
    figure = Figure(figsize=(5.4 * n_columns, 4.6 * n_rows + 0.4), layout="constrained")
    axes = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for ax, (heading, labels) in zip(axes, labelings.items(), strict=False):
        labels = np.asarray(labels)
        if labels.dtype.kind in "iu":
            names = [f"{label:04}" for label in labels]
            _scatter(ax, points, np.array(names), legend_title=None)
            for label in np.unique(labels):
                own = points[labels == label]
                x, y = own[np.abs(own - np.median(own, axis=0)).sum(axis=1).argmin()]
                ax.text(
                    x, y, str(label), ha="center", va="center", fontsize=8, weight="bold",
                    bbox={"boxstyle": "round,pad=0.15", "facecolor": "w", "edgecolor": "none", "alpha": 0.75},
                )  # fmt: skip
        else:
            _scatter(ax, points, labels, legend_title=heading)
        ax.set_title(heading, loc="left", fontsize=11)
    for ax in axes[len(labelings) :]:
        ax.set_visible(False)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


def plot_cluster_table(table: pd.DataFrame, label: str = "register", title: str = "") -> Figure:
    """Draw a cluster × label table whose rows add up to 1, clusters ordered by their main label."""
    order = table.to_numpy().argmax(axis=1).argsort(kind="stable")
    values = table.to_numpy()[order]
    figure = Figure(figsize=(1.6 + 0.62 * values.shape[1], 1.4 + 0.42 * len(values)), layout="constrained")
    ax = figure.subplots()
    ax.imshow(values, cmap="Greys", vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(values):
        if share >= 0.005:
            ax.text(
                column,
                row,
                f"{share:.0%}",
                ha="center",
                va="center",
                fontsize=8,
                color="w" if share > 0.55 else "k",
            )
    ax.set_xticks(range(values.shape[1]), table.columns)
    ax.set_yticks(range(len(values)), [str(name) for name in table.index[order]])
    ax.set(xlabel=label, ylabel="cluster")
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    ax.set_title(title, loc="left", fontsize=10)
    return figure
