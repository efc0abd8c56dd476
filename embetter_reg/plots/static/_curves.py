"""Curves: over the number of clusters, over layers, over epochs."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from embetter_reg._validation import check_table
from embetter_reg.analysis import Comparison
from embetter_reg.plots.palette import space_styles
from embetter_reg.plots.static._axes import (
    GRAY,
    PALE,
    Style,
    axes,
    legend_beside,
    literal_text,
)

LABEL_COLORS = {"register": "#0072B2", "language": "#D55E00"}
_TICKS = (2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
_MOST_TICKS = 8  # values of k that are all named
_PANELS = {
    "register_ami": "AMI with register",
    "language_ami": "AMI with language",
    "silhouette": "silhouette",
}


@literal_text
def plot_agreement(
    comparison: Comparison, clusterer: str | None = None, *, stacked: bool = False
) -> Figure:
    """Draw AMI with register and with language over k, with bootstrap intervals.

    Vertical lines mark the numbers of registers, of languages and of their product; the
    dotted horizontal line is the floor, the agreement of the two labels themselves.

    Parameters
    ----------
    comparison : Comparison
    clusterer : str or None
        None takes the first that was compared.
    stacked : bool
        Whether the second curve stands below the first, and the legend below both, for
        a narrow page.

    Raises
    ------
    ValueError
        If the comparison has no such clusterer.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import compare_spaces
    >>> from embetter_reg.plots import plot_agreement
    >>> labels = {"register": ["NA", "HI", "IN"] * 20, "language": ["en", "fi"] * 30}
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> settings = {"k": [2, 3], "figures": [], "n_seeds": 1, "n_bootstrap": 9}
    >>> comparison = compare_spaces({"original": X}, **labels, **settings, n_null=9)
    >>> figure = plot_agreement(comparison)
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['languages (2)', 'registers (3)']

    """
    _check_comparison(comparison)
    parameters = comparison.parameters
    table = _of_clusterer(comparison, clusterer)
    n_ks = table.groupby("space")["k"].transform("nunique")
    # Controls that are clustered at two k have no curve.
    table = table[n_ks == n_ks.max()]
    figure = Figure(
        figsize=(4.6, 8.0) if stacked else (11.5, 4.6), layout="constrained"
    )
    n_rows = 2 if stacked else 1
    panels = figure.subplots(n_rows, 2 // n_rows, sharey=True)
    styles = space_styles(table["space"].unique())
    n_labels = (parameters["n_registers"], parameters["n_languages"])
    thin: Style = {"color": GRAY, "linewidth": 1}
    for ax, label in zip(panels, LABEL_COLORS, strict=True):
        rows = table[table["label"] == label]
        for space, curve in rows.groupby("space", sort=False):
            interval = (curve["ami_low"], curve["ami_high"])
            _band(ax, curve["k"], curve["ami"], interval, label=space, **styles[space])
        null = rows.groupby("k")["ami_null"].max()
        ax.plot(null.index, null, "--", label="shuffled labels", **thin)
        ax.axhline(comparison.floor, linestyle=":", label="floor", **thin)
        _mark_k(ax, parameters["k"], *n_labels)
        ax.set_ylim(-0.07, 1.15)
        ax.set_title(f"clusters against {label}", loc="left")
    panels[0].set_ylabel("AMI (1 = identical, 0 = chance)")
    if stacked:
        figure.legend(
            *panels[1].get_legend_handles_labels(),
            loc="outside lower center",
            ncols=2,
            frameon=False,
        )
    else:
        legend_beside(panels[1])
    return figure


def _check_comparison(comparison: Any) -> None:
    if not isinstance(comparison, Comparison):
        raise TypeError(
            f"got {type(comparison).__name__}, expected a Comparison; pass what "
            "compare_spaces returned"
        )


def _of_clusterer(comparison: Comparison, clusterer: str | None) -> pd.DataFrame:
    """Return the agreement of one clusterer, by default the first."""
    names = comparison.parameters["clusterers"]
    clusterer = clusterer or names[0]
    if clusterer not in names:
        raise ValueError(
            f"got clusterer={clusterer!r}, expected one of {list(names)}; pick one"
        )
    return comparison.agreement[comparison.agreement["clusterer"] == clusterer]


def _band(ax: Axes, x, y, interval, *, color: str, **style) -> None:
    """Draw a curve with its intervals."""
    low, high = interval
    ax.plot(x, y, color=color, markersize=4, **style)
    shade: Style = {"color": color, "alpha": 0.2, "linewidth": 0}
    ax.fill_between(x, low.astype(float), high.astype(float), **shade)


def _mark_k(ax: Axes, ks: Sequence[int], n_registers: int, n_languages: int) -> None:
    """Scale the axis of k and mark the numbers of labels on it."""
    ax.set_xscale("log", base=2)
    ax.set_xlim(ks[0] / 1.1, ks[-1] * 1.1)
    ticks = ks
    if len(ks) > _MOST_TICKS:
        ticks = [k for k in ks if k in _TICKS]
    ax.set_xticks(ticks, [str(k) for k in ticks])
    ax.minorticks_off()
    ax.set_xlabel("number of clusters k")
    marks: dict[int, list[str]] = {}
    marks.setdefault(n_registers, []).append("registers")
    marks.setdefault(n_languages, []).append("languages")
    marks.setdefault(n_registers * n_languages, []).append("product")
    for row, (k, names) in enumerate(sorted(marks.items())):
        if not ks[0] <= k <= ks[-1]:
            continue
        ax.axvline(k, color=PALE, linewidth=1, zorder=0)
        height = 0.90 + 0.05 * (row % 2)  # two rows, so that close marks do not collide
        style: Style = {"va": "bottom", "fontsize": 8, "color": GRAY}
        ax.text(
            k,
            height,
            f"{' and '.join(names)} ({k})",
            ha=_alignment(k, ks),
            transform=ax.get_xaxis_transform(),
            **style,
        )


def _alignment(k: int, ks: Sequence[int]) -> str:
    """Return how a mark stands at its line, so that it stays inside the frame."""
    if k > 0.85 * ks[-1]:
        return "right"
    if k == ks[0]:
        return "left"
    return "center"


@literal_text
def plot_sweep(averaged: pd.DataFrame, title: str = "") -> Figure:
    """Draw a sweep over k: a row of panels a clusterer, a curve a space.

    Parameters
    ----------
    averaged : DataFrame
        From `average`, of one reducer and one number of dimensions a space. Error bars
        are one standard deviation over runs.
    title : str

    Raises
    ------
    ValueError
        If the table is empty or a space has two rows at one k.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import average, sweep
    >>> from embetter_reg.plots import plot_sweep
    >>> labels = {"register": ["NA", "HI", "IN"] * 20, "language": ["en", "fi"] * 30}
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> figure = plot_sweep(average(sweep({"original": X}, **labels, k=[2, 3, 4])))
    >>> figure.axes[2].get_title(loc="left")
    'kmeans: silhouette (euclidean)'

    """
    check_table("averaged", averaged)
    if averaged.empty:
        raise ValueError("got a sweep without a row, expected some; run sweep first")
    check_table("averaged", averaged, "space", "clusterer", "k", *_PANELS)
    twice = averaged.duplicated(["space", "clusterer", "k"])
    if twice.any():
        raise ValueError(
            f"got two rows of the space {averaged['space'][twice].iloc[0]!r} at one "
            "k, expected one; pass one reducer and number of dimensions at a time"
        )
    clusterers = list(averaged["clusterer"].unique())
    styles = space_styles(averaged["space"].unique())
    ks = sorted(averaged["k"].unique())
    n_labels = averaged[["n_registers", "n_languages"]].iloc[0]
    figure = Figure(figsize=(14.5, 3.9 * len(clusterers) + 0.5), layout="constrained")
    panels = figure.subplots(len(clusterers), len(_PANELS), squeeze=False, sharey="col")
    for column, (name, words) in enumerate(_PANELS.items()):
        low, high = _range(averaged, name)
        for row, clusterer in enumerate(clusterers):
            ax = panels[row, column]
            rows = averaged[averaged["clusterer"] == clusterer].sort_values("k")
            for space, style in styles.items():
                _draw_curve(ax, rows[rows["space"] == space], name, space, style)
            _mark_k(ax, ks, *n_labels)
            ax.set_ylim(low - 0.04, low + (high - low) * 1.22)
            heading = f"{clusterer}: {words}"
            if name == "silhouette":
                heading += f" ({rows['metric'].iloc[0]})"
            ax.set_title(heading, loc="left")
            ax.tick_params(labelleft=True)
            ax.spines[["top", "right"]].set_visible(False)
    legend_beside(panels[0, -1], "space", loc="upper left", bbox_to_anchor=(1.01, 1))
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


def _range(averaged: pd.DataFrame, name: str) -> tuple[float, float]:
    """Return the limits of a figure; AMI has 1 at the top, whatever was reached."""
    deviation = averaged[f"{name}_sd"].fillna(0)
    low = min(0.0, float((averaged[name] - deviation).min()))
    if name != "silhouette":
        return low, 1.0
    return low, float((averaged[name] + deviation).max())


def _draw_curve(ax: Axes, curve: pd.DataFrame, name: str, space: str, style) -> None:
    deviation = curve[f"{name}_sd"]
    bars = deviation if deviation.notna().any() else None
    lines: Style = {"linewidth": 1.3, "elinewidth": 1, "capsize": 2, "markersize": 3.5}
    ax.errorbar(curve["k"], curve[name], bars, label=space, **lines, **style)


@literal_text
def plot_layers(
    comparison: Comparison,
    layers: Sequence[str] | None = None,
    figures: Sequence[str] = (),
    *,
    clusterer: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw agreement with register and with language, and other figures, by layer.

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
        If a layer, a figure or the clusterer is not in the comparison.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import compare_spaces
    >>> from embetter_reg.plots import plot_layers
    >>> labels = {"register": ["NA", "HI", "IN"] * 20, "language": ["en", "fi"] * 30}
    >>> noise = np.random.default_rng(0).normal(scale=0.1, size=(60, 3))
    >>> spaces = {"first": noise, "last": noise + np.eye(3)[np.tile([0, 1, 2], 20)]}
    >>> settings = {"k": [2, 3], "n_seeds": 1, "n_bootstrap": 9, "n_null": 9}
    >>> comparison = compare_spaces(spaces, **labels, **settings, figures=["retrieval"])
    >>> ax = plot_layers(comparison, figures=["purity"])
    >>> [line.get_label() for line in ax.lines]
    ['register AMI', 'language AMI', 'purity']

    """
    _check_comparison(comparison)
    parameters = comparison.parameters
    layers = list(parameters["spaces"] if layers is None else layers)
    table = _of_clusterer(comparison, clusterer)
    table = table[table["k"] == parameters["n_registers"]]
    measured: Any = ()
    if len(comparison.figures):
        measured = comparison.figures["figure"].unique()
    _check_names("layers", layers, table["space"].unique())
    _check_names("figures", figures, measured)
    ax = axes(ax, max(5.5, 2.6 + 0.7 * len(layers)), 4.4)
    places = range(len(layers))
    for label, color in LABEL_COLORS.items():
        curve = table[table["label"] == label].set_index("space").loc[layers]
        interval = (curve["ami_low"], curve["ami_high"])
        style: Style = {"color": color, "marker": "o", "label": f"{label} AMI"}
        _band(ax, places, curve["ami"], interval, **style)
    for name, style in space_styles(figures, first=3).items():
        rows = comparison.figures[comparison.figures["figure"] == name]
        curve = rows.set_index("space").loc[layers]
        interval = (curve["low"], curve["high"])
        dashed: Style = {**style, "linestyle": "--", "label": name}
        _band(ax, places, curve["value"], interval, **dashed)
    if max(map(len, layers)) > 8:
        ax.set_xticks(places, layers, rotation=30, ha="right")
    else:
        ax.set_xticks(places, layers)
    heading = f"{table['clusterer'].iloc[0]}, k = {parameters['n_registers']}"
    ax.set_title(heading, loc="left", fontsize=11)
    ax.spines[["top", "right"]].set_visible(False)
    legend_beside(ax)
    return ax


def _check_names(what: str, requested: Sequence[str], available) -> None:
    if not set(requested) <= set(available):
        raise ValueError(
            f"got {what}={list(requested)}, expected some of {list(available)}; pick "
            "from them"
        )


@literal_text
def plot_history(
    history: Sequence[Mapping] | Mapping[str, Sequence[Mapping]],
    *,
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw the loss over epochs, and with early stopping the best epoch.

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
    >>> losses = [(0.9, 4.5), (0.5, 1.5), (0.3, 0.5), (0.2, 1.5)]
    >>> records = [
    ...     {"epoch": n, "loss": loss, "validation_loss": held_back}
    ...     for n, (loss, held_back) in enumerate(losses, 1)
    ... ]
    >>> ax = plot_history(records)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['loss', 'held-back loss, best at 3']

    """
    histories: dict[str, Any] = {"": history}
    if isinstance(history, Mapping):
        histories = dict(history)
    for records in histories.values():
        _check_records(records)
    styles = space_styles(histories, first=1)
    ax = axes(ax, 6.4, 4.2)
    for name, records in histories.items():
        if not len(records):
            raise ValueError(
                f"got the history {name!r} without a record, expected at least one; "
                "fit the head first"
            )
        table = pd.DataFrame(list(records))
        epochs = table["epoch"]
        color = styles[name]["color"]
        ax.plot(epochs, table["loss"], color=color, label=f"{name} loss".strip())
        if "validation_loss" in table:
            losses = table["validation_loss"]
            best = losses.argmin()
            label = f"{name} held-back loss, best at {epochs[best]:g}".strip()
            marker: Style = {"markevery": [best], "markersize": 5}
            ax.plot(epochs, losses, "--o", color=color, label=label, **marker)
    ax.set(xlabel="epoch", ylabel="loss")
    ax.set_ylim(bottom=min(0, ax.get_ylim()[0]))
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_title(title, loc="left", fontsize=11)
    ax.legend(frameon=False)
    return ax


def _check_records(records: Any) -> None:
    is_list = isinstance(records, Sequence) and not isinstance(records, str)
    if not is_list or not all(
        isinstance(record, Mapping) and {"epoch", "loss"} <= set(record)
        for record in records
    ):
        raise TypeError(
            f"got the history {records!r:.60}, expected a list of dicts with epoch and "
            "loss; pass history_ of a fitted head"
        )
