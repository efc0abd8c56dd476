"""Heat maps: what clusters are made of, and how far documents are from their centers."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from embetter_reg._validation import check_same_length, check_space, check_table
from embetter_reg.corpus.registers import full_name
from embetter_reg.plots.palette import label_names, label_styles
from embetter_reg.plots.static._axes import (
    Style,
    axes,
    literal_text,
)

_SMALLEST_SHARE = 0.005  # a smaller one would print as 0%
_LONGEST_LEVEL = 4  # a longer name would run into the next one
_WIDEST_NAME = 18
_DARK_SHARE = 0.55  # from which the cell is too dark for black figures


@literal_text
def plot_cluster_table(
    table: pd.DataFrame,
    label: str = "register",
    title: str = "",
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw a table of clusters × labels, its clusters ordered by their main label.

    Parameters
    ----------
    table : DataFrame (n_clusters, n_labels)
        Shares in [0, 1], such as `cluster_table` returns.
    label : str
        What the columns are.
    title : str
    ax : Axes or None

    Raises
    ------
    ValueError
        If the table is empty.

    Examples
    --------
    >>> from embetter_reg.analysis import cluster_table
    >>> from embetter_reg.plots import plot_cluster_table
    >>> ax = plot_cluster_table(cluster_table([0, 0, 1, 1], ["NA", "HI", "HI", "HI"]))
    >>> [text.get_text() for text in ax.texts]
    ['50%', '50%', '100%']

    """
    check_table("table", table)
    if table.empty:
        raise ValueError(
            f"got a table of shape {table.shape}, expected clusters × labels; pass one "
            "that cluster_table returned"
        )
    table = table.rename(columns=str)[list(label_styles(table.columns))]
    order = table.to_numpy().argmax(axis=1).argsort(kind="stable")
    table = table.iloc[order]
    n_clusters, n_labels = table.shape
    ax = axes(ax, max(3.6, 1.6 + 0.62 * n_labels), 1.4 + 0.42 * n_clusters)
    ax.imshow(table, cmap="Greys", vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(table.to_numpy()):
        if share < _SMALLEST_SHARE:
            continue
        color = "w" if share > _DARK_SHARE else "k"
        centered: Style = {"ha": "center", "va": "center"}
        ax.text(column, row, f"{share:.0%}", fontsize=8, color=color, **centered)
    names = [textwrap.fill(full_name(label), _WIDEST_NAME) for label in table.columns]
    is_long = max(map(len, names)) > _LONGEST_LEVEL
    slanted: Style = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
    ax.set_xticks(range(n_labels), names, **(slanted if is_long else {}))
    ax.set_yticks(range(n_clusters), table.index.map(str))
    ax.set(xlabel=label, ylabel="cluster")
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    ax.set_title(title, loc="left", fontsize=10)
    return ax


@literal_text
def plot_distances(
    distances: ArrayLike,
    labels: ArrayLike,
    *,
    name: str = "register",
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw distances of documents (rows, by label) to centers (columns), near ones dark.

    A space by this label has dark blocks: documents of a label share their near
    centers.

    Parameters
    ----------
    distances : array (n_documents, n_clusters)
        From ``KMeans.transform`` or ``SphericalKMeans.transform``. For two centers
        against each other, draw two of its columns with `plot_map`.
    labels : array of str (n_documents,)
    name, title : str
    ax : Axes or None

    Raises
    ------
    ValueError
        If the distances are no table, or there are not as many labels.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from embetter_reg.plots import plot_distances
    >>> X = [[0, 0], [0, 1], [5, 5], [5, 6]]
    >>> distances = KMeans(2, random_state=0).fit_transform(X)
    >>> ax = plot_distances(distances, ["NA", "NA", "LY", "LY"])
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['NA narrative', 'LY lyrical']

    """
    distances = np.asarray(distances)
    if distances.ndim != 2 or 0 in distances.shape:
        raise ValueError(
            f"got distances of shape {distances.shape}, expected "
            "(n_documents, n_clusters); pass what transform returned"
        )
    distances = check_space("distances", distances)
    names = label_names(np.asarray(labels, dtype=object))
    check_same_length(distances=distances, labels=names)
    styles = label_styles(names)
    codes = np.array([list(styles).index(label) for label in names])
    order = np.lexsort((distances.argmin(axis=1), codes))
    n_clusters = distances.shape[1]
    ax = axes(ax, max(4.6, 2.4 + 0.32 * n_clusters), 5.4)
    image = ax.imshow(
        distances[order], cmap="Greys_r", aspect="auto", interpolation="nearest"
    )
    ends = np.bincount(codes).cumsum()
    starts = ends - np.bincount(codes)
    for (color, _), start, end in zip(styles.values(), starts, ends, strict=True):
        bar: Style = {"linewidth": 8, "solid_capstyle": "butt", "clip_on": False}
        ax.plot([-0.5, -0.5], [start - 0.5, end - 0.5], color=color, **bar)
        ax.axhline(end - 0.5, color="w", linewidth=1.5)
    full_names = [textwrap.fill(full_name(label), _WIDEST_NAME) for label in styles]
    ax.set_yticks((starts + ends) / 2 - 0.5, full_names)
    ax.set_xlim(-0.5, n_clusters - 0.5)
    ax.set(xlabel="cluster", ylabel=name)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0, pad=6)
    ax.figure.colorbar(image, ax=ax, label="distance to the center", shrink=0.8)
    ax.set_title(title, loc="left", fontsize=10)
    return ax
