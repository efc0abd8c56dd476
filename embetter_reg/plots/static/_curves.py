"""Curves: over the number of clusters, over layers, over epochs."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from embetter_reg.analysis import Comparison
from embetter_reg.plots.palette import space_styles
from embetter_reg.plots.static._axes import GRAY, PALE, axes, legend_beside

LABEL_COLORS = {"register": "#0072B2", "language": "#D55E00"}


def plot_agreement(comparison: Comparison, clusterer: str | None = None) -> Figure:
    """Draw AMI with register and with language over k, one panel a label, with
    bootstrap intervals.

    Vertical lines mark the numbers of registers, of languages and of their product; the
    dotted horizontal line is the floor, the agreement of the two labels themselves.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import compare_spaces
    >>> from embetter_reg.plots import plot_agreement
    >>> register, language = ["NA", "HI", "IN"] * 20, np.repeat(["en", "fi"], 30)
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> how = {"k": [2, 3], "figures": [], "n_seeds": 1, "n_bootstrap": 9, "n_null": 9}
    >>> figure = plot_agreement(compare_spaces({"original": X}, register=register, language=language, **how))
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['languages (2)', 'registers (3)']

    """
    parameters = comparison.parameters
    clusterer = clusterer or parameters["clusterers"][0]
    table = comparison.agreement[comparison.agreement["clusterer"] == clusterer]
    n_ks = table.groupby("space")["k"].transform("nunique")
    table = table[
        n_ks == n_ks.max()
    ]  # controls that are clustered at two k have no curve
    figure = Figure(figsize=(11.5, 4.6), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    styles = space_styles(table["space"].unique())
    for ax, label in zip(panels, LABEL_COLORS, strict=True):
        rows = table[table["label"] == label]
        for space, curve in rows.groupby("space", sort=False):
            _band(
                ax,
                curve["k"],
                curve["ami"],
                curve["ami_low"],
                curve["ami_high"],
                label=space,
                **styles[space],
            )
        null = rows.groupby("k")["ami_null"].max()
        ax.plot(
            null.index, null, "--", color=GRAY, linewidth=1, label="shuffled labels"
        )
        ax.axhline(
            comparison.floor, color=GRAY, linewidth=1, linestyle=":", label="floor"
        )
        _mark_k(
            ax, parameters["k"], parameters["n_registers"], parameters["n_languages"]
        )
        ax.set_ylim(-0.07, 1.15)
        ax.set_title(f"clusters against {label}", loc="left")
    panels[0].set_ylabel("AMI (1 = identical, 0 = chance)")
    legend_beside(panels[1])
    return figure


def _band(ax: Axes, x, y, low, high, *, color: str, **style) -> None:
    """Draw a curve with its intervals."""
    ax.plot(x, y, color=color, markersize=4, **style)
    ax.fill_between(
        x, low.astype(float), high.astype(float), color=color, alpha=0.2, linewidth=0
    )


def _mark_k(ax: Axes, ks: list[int], registers: int, languages: int) -> None:
    """Scale the axis of k and mark the numbers of labels on it."""
    marks: dict[int, str] = {}
    for k, name in (
        (registers, "registers"),
        (languages, "languages"),
        (registers * languages, "product"),
    ):
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
            ax.axvline(k, color=PALE, linewidth=1, zorder=0)
            align = "right" if k > 0.85 * ks[-1] else "left" if k == ks[0] else "center"
            height = 0.90 + 0.05 * (
                row % 2
            )  # two rows, so that close marks do not collide
            ax.text(
                k,
                height,
                f"{name} ({k})",
                ha=align,
                va="bottom",
                fontsize=8,
                color=GRAY,
                transform=ax.get_xaxis_transform(),
            )


_PANELS = {
    "register_ami": "AMI with register",
    "language_ami": "AMI with language",
    "silhouette": "silhouette",
}


def plot_sweep(averaged: pd.DataFrame, title: str = "") -> Figure:
    """Draw a sweep over k: a row of panels a clusterer, a curve a space, error bars of
    one standard deviation.

    Parameters
    ----------
    averaged : DataFrame
        From `average`, of one reducer and one number of dimensions a space.
    title : str

    Raises
    ------
    ValueError
        If a space has two rows at one k.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import average, sweep
    >>> from embetter_reg.plots import plot_sweep
    >>> register, language = ["NA", "HI", "IN"] * 20, np.repeat(["en", "fi"], 30)
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> found = sweep({"original": X}, register=register, language=language, k=[2, 3, 4], n_seeds=2)
    >>> figure = plot_sweep(average(found))
    >>> figure.axes[2].get_title(loc="left")
    'kmeans: silhouette (euclidean)'

    """
    twice = averaged.duplicated(["space", "clusterer", "k"])
    if twice.any():
        raise ValueError(
            f"got two rows of the space {averaged['space'][twice].iloc[0]!r} at one "
            "k, expected one; pass one reducer "
            "and number of dimensions at a time"
        )
    clusterers, spaces = (
        list(averaged["clusterer"].unique()),
        list(averaged["space"].unique()),
    )
    figure = Figure(figsize=(14.5, 3.9 * len(clusterers) + 0.5), layout="constrained")
    panels = figure.subplots(len(clusterers), len(_PANELS), squeeze=False, sharey="col")
    styles = space_styles(spaces)
    marks = (
        sorted(averaged["k"].unique()),
        averaged["n_registers"].iloc[0],
        averaged["n_languages"].iloc[0],
    )
    for column, (name, words) in enumerate(_PANELS.items()):
        low = min(0.0, float((averaged[name] - averaged[f"{name}_sd"].fillna(0)).min()))
        high = (
            float((averaged[name] + averaged[f"{name}_sd"].fillna(0)).max())
            if name == "silhouette"
            else 1.0
        )
        for row, clusterer in enumerate(clusterers):
            ax = panels[row, column]
            for space in spaces:
                curve = averaged[
                    (averaged["space"] == space) & (averaged["clusterer"] == clusterer)
                ].sort_values("k")
                spread = (
                    curve[f"{name}_sd"] if curve[f"{name}_sd"].notna().any() else None
                )
                ax.errorbar(
                    curve["k"],
                    curve[name],
                    spread,
                    label=space,
                    markersize=3.5,
                    linewidth=1.3,
                    elinewidth=1,
                    capsize=2,
                    **styles[space],
                )
            _mark_k(ax, *marks)
            ax.set_ylim(low - 0.04, low + (high - low) * 1.22)
            metric = averaged.loc[averaged["clusterer"] == clusterer, "metric"].iloc[0]
            ax.set_title(
                f"{clusterer}: {words}"
                + (f" ({metric})" if name == "silhouette" else ""),
                loc="left",
            )
            ax.tick_params(labelleft=True)
            ax.spines[["top", "right"]].set_visible(False)
    legend_beside(panels[0, -1], "space", loc="upper left", bbox_to_anchor=(1.01, 1))
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


def plot_layers(
    comparison: Comparison,
    layers: Sequence[str] | None = None,
    figures: Sequence[str] = (),
    *,
    clusterer=None,
    ax=None,
) -> Axes:
    """Draw, layer by layer, the agreement of clusters with register and with language,
    and other figures beside it.

    Parameters
    ----------
    comparison : Comparison
        Of spaces that are layers of one model, from the first to the last.
    layers : sequence of str or None
        The spaces to draw, in order; None takes those that were compared, without
        controls.
    figures : sequence of str
        Other figures of the comparison, such as ``"purity"`` or ``"BRAS"``.
    clusterer : str or None
        None takes the first; agreement is at as many clusters as there are registers.
    ax : Axes or None

    Raises
    ------
    ValueError
        If a layer or a figure is not in the comparison.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import compare_spaces
    >>> from embetter_reg.plots import plot_layers
    >>> register, language = ["NA", "HI", "IN"] * 20, np.repeat(["en", "fi"], 30)
    >>> noise = np.random.default_rng(0).normal(scale=0.1, size=(60, 3))
    >>> spaces = {"first": noise, "last": noise + np.eye(3)[np.tile([0, 1, 2], 20)]}
    >>> how = {"k": [2, 3], "figures": ["retrieval"], "n_seeds": 1, "n_bootstrap": 9, "n_null": 9}
    >>> found = compare_spaces(spaces, register=register, language=language, **how)
    >>> ax = plot_layers(found, figures=["purity"])
    >>> [line.get_label() for line in ax.lines]
    ['register AMI', 'language AMI', 'purity']

    """
    parameters = comparison.parameters
    layers = list(parameters["spaces"] if layers is None else layers)
    clusterer, k = clusterer or parameters["clusterers"][0], parameters["n_registers"]
    rows = comparison.agreement.query("clusterer == @clusterer and k == @k")
    for what, asked, known in (
        ("layers", layers, rows["space"].unique()),
        (
            "figures",
            figures,
            comparison.figures["figure"].unique() if len(comparison.figures) else (),
        ),
    ):
        if not set(asked) <= set(known):
            raise ValueError(
                f"got {what}={list(asked)}, expected some of {list(known)}; pick from "
                "them"
            )
    ax = axes(ax, max(5.5, 2.6 + 0.7 * len(layers)), 4.4)
    places = range(len(layers))
    for label, color in LABEL_COLORS.items():
        curve = rows[rows["label"] == label].set_index("space").loc[layers]
        _band(
            ax,
            places,
            *(curve[f"ami{part}"] for part in ("", "_low", "_high")),
            color=color,
            label=f"{label} AMI",
            marker="o",
        )
    others = space_styles(figures, first=3)
    for name in figures:
        curve = (
            comparison.figures.query("figure == @name").set_index("space").loc[layers]
        )
        _band(
            ax,
            places,
            curve["value"],
            curve["low"],
            curve["high"],
            label=name,
            **{**others[name], "linestyle": "--"},
        )
    long = max(map(len, layers)) > 8
    ax.set_xticks(
        places, layers, rotation=30 if long else 0, ha="right" if long else "center"
    )
    ax.set_title(f"{clusterer}, k = {k}", loc="left", fontsize=11)
    ax.spines[["top", "right"]].set_visible(False)
    legend_beside(ax)
    return ax


def plot_history(
    history: Sequence[Mapping] | Mapping[str, Sequence[Mapping]],
    *,
    title: str = "",
    ax=None,
) -> Axes:
    """Draw the loss over epochs, and with early stopping the loss of held-back
    documents with its best epoch marked.

    Parameters
    ----------
    history : list of dict, or mapping of name to such lists
        ``history_`` of a head, or of several to compare.
    title : str
    ax : Axes or None

    Raises
    ------
    ValueError
        If a history is empty.

    Examples
    --------
    >>> from embetter_reg.plots import plot_history
    >>> records = [{"epoch": n, "loss": 1 / n, "validation_loss": 0.5 + (n - 3) ** 2} for n in range(1, 6)]
    >>> ax = plot_history(records)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['loss', 'held-back loss, best at 3']

    """
    histories = dict(history) if isinstance(history, Mapping) else {"": history}
    styles = space_styles(histories, first=1)
    ax = axes(ax, 6.4, 4.2)
    for name, records in histories.items():
        if not len(records):
            raise ValueError(
                f"got the history {name!r} without a record, expected at least one; "
                "fit the head first"
            )
        table = pd.DataFrame(list(records))
        color = styles[name]["color"]
        ax.plot(
            table["epoch"], table["loss"], color=color, label=f"{name} loss".strip()
        )
        if "validation_loss" in table:
            held, at = table["validation_loss"], table["validation_loss"].argmin()
            label = f"{name} held-back loss, best at {table['epoch'][at]:g}".strip()
            ax.plot(
                table["epoch"],
                held,
                "--o",
                color=color,
                label=label,
                markevery=[at],
                markersize=5,
            )
    ax.set(xlabel="epoch", ylabel="loss")
    ax.set_ylim(bottom=min(0, ax.get_ylim()[0]))
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_title(title, loc="left", fontsize=11)
    ax.legend(frameon=False)
    return ax
