"""Maps of documents, colored by register, by language or by any other column."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from embetter_reg._validation import check_mapping, check_same_length, check_space
from embetter_reg.corpus.registers import full_name
from embetter_reg.plots.palette import UNKNOWN, label_names, label_styles
from embetter_reg.plots.static._axes import (
    PALE,
    Style,
    axes,
    legend_below,
    legend_beside,
    literal_text,
)
from embetter_reg.plots.static._density import draw_density

_LEGEND_COLUMNS = 4
MOST_POINTS = 50_000  # of more documents, the density is drawn
_MOST_ACROSS = 3  # maps beside each other where there is a row a label
_NUMBER_BOX: Style = {
    "boxstyle": "round,pad=0.15",
    "facecolor": "w",
    "edgecolor": "none",
    "alpha": 0.75,
}


@literal_text
def plot_map(
    points: ArrayLike,
    labels: ArrayLike,
    *,
    name: str = "",
    title: str = "",
    dims: Sequence[str] | None = None,
    legend: bool | Literal["below"] = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw documents as points, colored by a label, a cluster or a number.

    Parameters
    ----------
    points : array (n_documents, 2)
    labels : array (n_documents,)
        Labels of str have a legend, a missing one is "unknown"; clusters, of int, have
        their number on their middle document; numbers, of float, have a color bar.
    name : str
        What the labels are, such as "register": the legend's heading.
    title : str
    dims : pair of str or None
        What the two dimensions are, such as ``("PC 1", "PC 2")``. None hides the
        scales, which mean nothing in a map.
    legend : bool or "below"
        Beside the map, below it, or none.
    ax : Axes or None
        Where to draw; None makes one.

    Notes
    -----
    Of more than 50,000 documents with names for labels, the density is drawn in place
    of points: each cell of a grid has the mixed colors of its documents, and each name
    stands where its documents are densest.

    Raises
    ------
    ValueError
        If the points have not two dimensions, or there are not as many labels.

    Examples
    --------
    >>> from embetter_reg.plots import plot_map
    >>> ax = plot_map([[0, 0], [1, 0], [1, 1]], ["NA", "HI", None], name="register")
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['NA narrative', 'HI how-to or instruction', 'unknown']

    """
    points = np.asarray(points)
    labels = np.asarray(labels)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(
            f"got points of shape {points.shape}, expected (n_documents, 2); reduce "
            "to two dimensions"
        )
    points = check_space("points", points)
    if labels.ndim > 1:
        raise ValueError(
            f"got labels of shape {labels.shape}, expected one a document; pass a 1-D "
            "array"
        )
    check_same_length(points=points, labels=labels)
    ax = axes(ax)
    if labels.dtype.kind == "f":
        _draw_numbers(ax, points, labels, name, legend)
    elif labels.dtype.kind in "iu":
        _draw_clusters(ax, points, labels)
    else:
        draw = _draw_groups if len(points) <= MOST_POINTS else draw_density
        draw(ax, points, label_names(labels))
        if legend:
            place = legend_below if legend == "below" else legend_beside
            place(ax, name, markerscale=_legend_scale(len(points)))
    if dims is None:
        ax.set(xticks=[], yticks=[])
    else:
        ax.set(xlabel=dims[0], ylabel=dims[1])
    ax.spines[:].set_color(PALE)
    ax.set_title(textwrap.fill(title, 48), loc="left", fontsize=11)
    return ax


def _draw_numbers(ax: Axes, points, values: np.ndarray, name: str, legend: bool | str):
    style = _point_style(len(points))
    x, y = points.T
    scatter = ax.scatter(x, y, c=values, cmap="cividis", alpha=0.8, **style)
    if legend:
        ax.figure.colorbar(scatter, ax=ax, label=name, shrink=0.8)


def _draw_clusters(ax: Axes, points: np.ndarray, clusters: np.ndarray) -> None:
    # Zeros in front, so that clusters take their colors in the order of their numbers.
    names = np.char.zfill(clusters.astype(str), 5).astype(object)
    _draw_groups(ax, points, names)
    for cluster in np.unique(clusters):
        members = points[clusters == cluster]
        from_middle = np.abs(members - np.median(members, axis=0)).sum(axis=1)
        x, y = members[from_middle.argmin()]
        style: Style = {"ha": "center", "va": "center", "fontsize": 8, "weight": "bold"}
        ax.text(x, y, str(cluster), bbox=_NUMBER_BOX, **style)


def _draw_groups(ax: Axes, points: np.ndarray, names: np.ndarray) -> None:
    usual = _point_style(len(points))
    for label, (color, marker) in label_styles(names).items():
        text = full_name(label)
        style: Style = {"c": color, "marker": marker, "label": text, **usual}
        if label == UNKNOWN:  # small and below, so that it covers no other
            style.update(s=usual["s"] / 2, zorder=0.9)
        x, y = points[names == label].T
        ax.scatter(x, y, alpha=0.75, **style)


def _point_style(n_documents: int) -> Style:
    """Return the size of points, with a white edge where they are large."""
    size = _point_size(n_documents)
    if size > 8:
        return {"s": size, "linewidths": 0.3, "edgecolors": "w"}
    return {"s": size, "linewidths": 0}


def _point_size(n_documents: int) -> float:
    return float(np.clip(20_000 / max(n_documents, 1), 4, 40))


def _legend_scale(n_documents: int) -> float:
    if n_documents > MOST_POINTS:
        return 1.0
    return float(np.sqrt(48 / _point_size(n_documents)))


@literal_text
def plot_maps(
    maps: Mapping[str, ArrayLike],
    *,
    title: str = "",
    dims: Mapping[str, Sequence[str]] | None = None,
    **labels: ArrayLike,
) -> Figure:
    """Draw maps side by side, once for each label: spaces, layers, or reducers.

    With several labels there is a row for each of them, or, where maps are more than
    three, a row for each map. One label makes a small multiple with one legend.

    Parameters
    ----------
    maps : mapping of name to array (n_documents, 2)
    title : str
    dims : mapping of name to pair of str, or None
        What the dimensions of each map are; see `plot_map`.
    **labels
        ``register=``, ``language=`` or any other column, (n_documents,) each.

    Raises
    ------
    ValueError
        If there are no maps or no labels.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.plots import plot_maps
    >>> rng = np.random.default_rng(0)
    >>> maps = {name: rng.normal(size=(4, 2)) for name in ("original", "tuned")}
    >>> labels = {"register": ["NA", "HI"] * 2, "language": ["en", "en", "fi", "fi"]}
    >>> figure = plot_maps(maps, **labels)
    >>> [ax.get_title(loc="left") for ax in figure.axes[:3]]
    ['original, by register', 'tuned, by register', 'original, by language']

    """
    check_mapping("maps", maps)
    if not maps or not labels:
        raise ValueError(
            f"got {len(maps)} maps and {len(labels)} labels, expected at least one of "
            "each; pass some"
        )
    several = len(labels) > 1
    row_a_map = several and len(maps) > _MOST_ACROSS
    n_rows, n_columns = _grid(len(maps), len(labels))
    size = (4.3 * n_columns + 1.4, 4.1 * n_rows + 0.4 * bool(title))
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(n_rows, n_columns, squeeze=False)
    by_label = panels.T if row_a_map else panels.reshape(len(labels), -1)
    for label_panels, (name, values) in zip(by_label, labels.items(), strict=True):
        for ax in label_panels[len(maps) :]:
            ax.set_visible(False)
        for ax, (space, points) in zip(label_panels, maps.items(), strict=False):
            heading = f"{space}, by {name}" if several else space
            dimensions = None if dims is None else dims[space]
            shared: Style = {"legend": False, "dims": dimensions, "ax": ax}
            plot_map(points, values, name=name, title=heading, **shared)
        if np.asarray(values).dtype.kind == "f":
            _add_color_bar(label_panels[len(maps) - 1], name)
        elif np.asarray(values).dtype.kind not in "iu":
            scale = _legend_scale(len(np.asarray(values)))
            if row_a_map:
                _legend_above(label_panels[0], name, scale)
            elif len(maps) > _MOST_ACROSS:
                _legend_of_figure(label_panels[0], name, scale)
            else:
                legend_beside(label_panels[len(maps) - 1], name, markerscale=scale)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


def _grid(n_maps: int, n_labels: int) -> tuple[int, int]:
    """Return the numbers of rows and columns of panels."""
    if n_labels > 1 and n_maps <= _MOST_ACROSS:
        return n_labels, n_maps
    if n_labels > 1:
        return n_maps, n_labels
    n_columns = n_maps
    if n_maps > _MOST_ACROSS:  # four or three, whichever leaves fewer places empty
        n_columns = min((4, 3), key=lambda n: -n_maps % n)
    return -(-n_maps // n_columns), n_columns


def _add_color_bar(ax: Axes, name: str) -> None:
    ax.figure.colorbar(ax.collections[0], ax=ax, label=name, shrink=0.8)


def _legend_above(ax: Axes, name: str, scale: float) -> None:
    n_labels = len(ax.get_legend_handles_labels()[1])
    place: Style = {"loc": "lower left", "bbox_to_anchor": (0, 1.1)}
    spacing: Style = {"columnspacing": 1.0, "handletextpad": 0.2}
    n_columns = min(_LEGEND_COLUMNS, n_labels)
    legend_beside(ax, name, markerscale=scale, ncols=n_columns, **place, **spacing)


def _legend_of_figure(ax: Axes, name: str, scale: float) -> None:
    handles, names = ax.get_legend_handles_labels()
    place: Style = {"loc": "outside right center", "frameon": False}
    ax.figure.legend(handles, names, title=name, markerscale=scale, **place)


@literal_text
def plot_pca(
    charts: Mapping[str, ArrayLike],
    explained: Mapping[str, Sequence[float]],
    *,
    title: str = "",
    **labels: ArrayLike,
) -> Figure:
    """Draw PCA charts side by side on equal scales, such as original and tuned space.

    Parameters
    ----------
    charts : mapping of name to array (n_documents, 2)
        The first two principal components.
    explained : mapping of name to pair of float
        The share of variance that each explains (``explained_variance_ratio_``), which
        the axes name.
    title : str
    **labels
        As in `plot_maps`.

    Raises
    ------
    ValueError
        If there are no charts or no labels.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.decomposition import PCA
    >>> from embetter_reg.plots import plot_pca
    >>> pca = PCA(2)
    >>> charts = {"original": pca.fit_transform([[0, 0, 0], [1, 0, 0], [3, 1, 0]])}
    >>> shares = {"original": pca.explained_variance_ratio_}
    >>> figure = plot_pca(charts, shares, register=["NA", "NA", "HI"])
    >>> figure.axes[0].get_xlabel()
    'PC 1 (99% of variance)'

    """
    check_mapping("charts", charts)
    dims = {}
    for name in charts:
        shares = enumerate(explained[name], 1)
        dims[name] = tuple(f"PC {n} ({share:.0%} of variance)" for n, share in shares)
    figure = plot_maps(charts, title=title, dims=dims, **labels)
    for ax in figure.axes:
        ax.set_aspect("equal", adjustable="datalim")
    return figure


@literal_text
def plot_labeled_map(
    points: ArrayLike, labelings: Mapping[str, ArrayLike], title: str = ""
) -> Figure:
    """Draw one map several times, colored by each labeling.

    Parameters
    ----------
    points : array (n_documents, 2)
    labelings : mapping of a heading to labels (n_documents,)
        As in `plot_map`; a cluster's number stands on its middle point.
    title : str

    Raises
    ------
    ValueError
        If there are no labelings.

    Examples
    --------
    >>> from embetter_reg.plots import plot_labeled_map
    >>> labelings = {"register": ["NA", "HI"], "k-means, k = 2": [0, 1]}
    >>> figure = plot_labeled_map([[0, 0], [1, 0]], labelings)
    >>> [text.get_text() for text in figure.axes[1].texts]
    ['0', '1']

    """
    check_mapping("labelings", labelings)
    if not labelings:
        raise ValueError("got no labelings, expected at least one; pass some")
    n_columns = min(3, len(labelings))
    if len(labelings) == 4:
        n_columns = 2
    n_rows = -(-len(labelings) // n_columns)
    figure = Figure(figsize=(5.4 * n_columns, 4.6 * n_rows + 0.4), layout="constrained")
    panels = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for ax, (heading, labels) in zip(panels, labelings.items(), strict=False):
        plot_map(points, labels, title=heading, ax=ax)
    for ax in panels[len(labelings) :]:
        ax.set_visible(False)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure
