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
        _mark_k(ax, parameters)
        ax.set_title(f"clusters against {label}", loc="left")
    axes[0].set_ylabel("AMI (1 = identical, 0 = chance)")
    axes[1].legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    return figure


def _mark_k(ax: Axes, parameters: dict) -> None:
    registers, languages = parameters["n_registers"], parameters["n_languages"]
    marks: dict[int, str] = {}
    for k, name in ((registers, "registers"), (languages, "languages"), (registers * languages, "product")):
        marks[k] = f"{marks[k]} and {name}" if k in marks else name
    ax.set_xscale("log", base=2)
    ks = parameters["k"]
    ax.set_xlim(ks[0] / 1.1, ks[-1] * 1.1)
    ax.set_ylim(-0.07, 1.15)
    shown = [k for k in ks if k not in (3, 10, 12, 24)] if len(ks) > 8 else ks
    ax.set_xticks(shown, [str(k) for k in shown])
    ax.minorticks_off()
    ax.set_xlabel("number of clusters k")
    for row, (k, name) in enumerate(sorted(marks.items())):
        if ks[0] <= k <= ks[-1]:
            ax.axvline(k, color="#CCCCCC", linewidth=1, zorder=0)
            align = "right" if k == ks[-1] else "left" if k == ks[0] else "center"
            height = 1.02 + 0.06 * (row % 2)  # two rows, so that close marks do not collide
            ax.text(k, height, f"{name} ({k})", ha=align, va="bottom", fontsize=8, color=_GREY)


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
