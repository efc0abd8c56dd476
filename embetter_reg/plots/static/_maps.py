"""Maps of documents, colored by register, by language or by any other column."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from embetter_reg._validation import check_same_length
from embetter_reg.plots.palette import label_names, label_styles
from embetter_reg.plots.static._axes import PALE, axes, legend_beside

_MOST_ACROSS = 3  # maps beside each other where there is a row a label


def plot_map(
    points,
    labels,
    *,
    name: str = "",
    title: str = "",
    dims=None,
    legend: bool = True,
    ax=None,
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
    legend : bool
    ax : Axes or None
        Where to draw; None makes one.

    Raises
    ------
    ValueError
        If the points have not two dimensions, or there are not as many labels.

    Examples
    --------
    >>> from embetter_reg.plots import plot_map
    >>> ax = plot_map([[0, 0], [1, 0], [1, 1]], ["NA", "HI", None], name="register")
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['NA', 'HI', 'unknown']

    """
    points, labels = np.asarray(points), np.asarray(labels)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(
            f"got points of shape {points.shape}, expected (n_documents, 2); reduce "
            "to two dimensions"
        )
    check_same_length(points=points, labels=labels)
    ax = axes(ax)
    size = _size(len(points))
    edge = {"linewidths": 0.3, "edgecolors": "w"} if size > 8 else {"linewidths": 0}
    if labels.dtype.kind == "f":
        drawn = ax.scatter(
            *points.T, s=size, c=labels, cmap="cividis", alpha=0.8, **edge
        )
        if legend:
            ax.figure.colorbar(drawn, ax=ax, label=name, shrink=0.8)
    else:
        is_cluster = labels.dtype.kind in "iu"
        names = (
            np.char.zfill(labels.astype(str), 5).astype(object)
            if is_cluster
            else label_names(labels)
        )
        for label, (color, marker) in label_styles(names).items():
            own = points[names == label]
            ax.scatter(
                *own.T, s=size, c=color, marker=marker, label=label, alpha=0.75, **edge
            )
            if is_cluster:
                _number(ax, own, str(int(label)))
        if legend and not is_cluster:
            legend_beside(ax, name, markerscale=_legend_scale(len(points)))
    if dims is None:
        ax.set(xticks=[], yticks=[])
    else:
        ax.set(xlabel=dims[0], ylabel=dims[1])
    ax.spines[:].set_color(PALE)
    ax.set_title(textwrap.fill(title, 48), loc="left", fontsize=11)
    return ax


def _size(n_documents: int) -> float:
    return float(np.clip(20_000 / max(n_documents, 1), 4, 40))


def _legend_scale(n_documents: int) -> float:
    return float(np.sqrt(48 / _size(n_documents)))


def _number(ax: Axes, own: np.ndarray, number: str) -> None:
    x, y = own[np.abs(own - np.median(own, axis=0)).sum(axis=1).argmin()]
    box = {
        "boxstyle": "round,pad=0.15",
        "facecolor": "w",
        "edgecolor": "none",
        "alpha": 0.75,
    }
    ax.text(x, y, number, ha="center", va="center", fontsize=8, weight="bold", bbox=box)


def plot_maps(
    maps: Mapping[str, np.ndarray], *, title: str = "", dims=None, **labels
) -> Figure:
    """Draw maps side by side: original and tuned, layers, or a reducer each; once for
    each label.

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
    >>> maps = {name: np.random.default_rng(0).normal(size=(4, 2)) for name in ("original", "tuned")}
    >>> figure = plot_maps(maps, register=["NA", "HI"] * 2, language=["en", "en", "fi", "fi"])
    >>> [ax.get_title(loc="left") for ax in figure.axes]
    ['original, by register', 'tuned, by register', 'original, by language', 'tuned, by language']

    """
    if not maps or not labels:
        raise ValueError(
            f"got {len(maps)} maps and {len(labels)} labels, expected at least one of "
            "each; pass some"
        )
    several, across = len(labels) > 1, len(maps) <= _MOST_ACROSS
    if several:
        shape = (len(labels), len(maps)) if across else (len(maps), len(labels))
    else:
        n_columns = len(maps) if across else min((4, 3), key=lambda n: -len(maps) % n)
        shape = (-(-len(maps) // n_columns), n_columns)
    figure = Figure(
        figsize=(4.3 * shape[1] + 1.4, 4.1 * shape[0] + 0.4 * bool(title)),
        layout="constrained",
    )
    places = figure.subplots(*shape, squeeze=False)
    places = places.T if several and not across else places.reshape(len(labels), -1)
    for row, (name, values) in zip(places, labels.items(), strict=True):
        for ax in row[len(maps) :]:
            ax.set_visible(False)
        for ax, (space, points) in zip(row, maps.items(), strict=False):
            heading = f"{space}, by {name}" if several else space
            plot_map(
                points,
                values,
                name=name,
                title=heading,
                legend=False,
                ax=ax,
                dims=dims and dims[space],
            )
        _share_legend(
            row[0] if several and not across else row[: len(maps)][-1],
            name,
            values,
            not across,
            several,
        )
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


def _share_legend(ax: Axes, name: str, values, above: bool, several: bool) -> None:
    """Give the maps of one label one legend: beside the last of a row, above a column,
    or beside a small multiple.
    """
    if np.asarray(values).dtype.kind == "f":
        ax.figure.colorbar(ax.collections[0], ax=ax, label=name, shrink=0.8)
    elif np.asarray(values).dtype.kind not in "iu":
        scale = {"markerscale": _legend_scale(len(np.asarray(values)))}
        if above and several:
            n_columns = min(6, len(ax.get_legend_handles_labels()[1]))
            where = {
                "loc": "lower left",
                "bbox_to_anchor": (0, 1.1),
                "columnspacing": 1.0,
                "handletextpad": 0.2,
            }
            legend_beside(ax, name, **scale, **where, ncols=n_columns)
        elif above:
            handles, names = ax.get_legend_handles_labels()
            ax.figure.legend(
                handles,
                names,
                title=name,
                loc="outside right center",
                frameon=False,
                **scale,
            )
        else:
            legend_beside(ax, name, **scale)


def plot_pca(
    charts: Mapping[str, np.ndarray],
    explained: Mapping[str, Sequence[float]],
    *,
    title: str = "",
    **labels,
) -> Figure:
    """Draw PCA charts side by side, such as of the original and the tuned space, on
    equal scales.

    Parameters
    ----------
    charts : mapping of name to array (n_documents, 2)
        The first two principal components.
    explained : mapping of name to pair of float
        The share of variance that each explains (``explained_variance_ratio_``), which
        the axes tell.
    title : str
    **labels
        As in `plot_maps`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.decomposition import PCA
    >>> from embetter_reg.plots import plot_pca
    >>> pca = PCA(2)
    >>> chart = pca.fit_transform([[0, 0, 0], [1, 0, 0], [3, 1, 0]])
    >>> figure = plot_pca({"original": chart}, {"original": pca.explained_variance_ratio_}, register=["NA", "NA", "HI"])
    >>> figure.axes[0].get_xlabel()
    'PC 1 (99% of variance)'

    """
    dims = {
        name: tuple(
            f"PC {n} ({share:.0%} of variance)"
            for n, share in enumerate(explained[name], 1)
        )
        for name in charts
    }
    figure = plot_maps(charts, title=title, dims=dims, **labels)
    for ax in figure.axes:
        ax.set_aspect("equal", adjustable="datalim")
    return figure


def plot_labeled_map(
    points: np.ndarray, labelings: Mapping[str, np.ndarray], title: str = ""
) -> Figure:
    """Draw one map several times, colored by each labeling; a cluster's number stands
    on its middle point.

    Parameters
    ----------
    points : array (n_documents, 2)
    labelings : mapping of a heading to labels (n_documents,)
        As in `plot_map`.
    title : str

    Examples
    --------
    >>> from embetter_reg.plots import plot_labeled_map
    >>> figure = plot_labeled_map([[0, 0], [1, 0]], {"register": ["NA", "HI"], "k-means, k = 2": [0, 1]})
    >>> [text.get_text() for text in figure.axes[1].texts]
    ['0', '1']

    """
    n_columns = 2 if len(labelings) in (2, 4) else min(3, len(labelings))
    n_rows = -(-len(labelings) // n_columns)
    figure = Figure(figsize=(5.4 * n_columns, 4.6 * n_rows + 0.4), layout="constrained")
    places = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for ax, (heading, labels) in zip(places, labelings.items(), strict=False):
        plot_map(points, labels, title=heading, ax=ax)
    for ax in places[len(labelings) :]:
        ax.set_visible(False)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure
