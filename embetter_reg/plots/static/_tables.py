"""Heat maps: what clusters are made of, and how far documents are from their centers."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from embetter_reg._validation import check_same_length
from embetter_reg.plots.palette import label_names, label_styles
from embetter_reg.plots.static._axes import axes


def plot_cluster_table(
    table: pd.DataFrame, label: str = "register", title: str = "", *, ax=None
) -> Axes:
    """Draw a cluster × label table, such as `cluster_table` returns, its clusters
    ordered by their main label.

    Examples
    --------
    >>> from embetter_reg.analysis import cluster_table
    >>> from embetter_reg.plots import plot_cluster_table
    >>> ax = plot_cluster_table(cluster_table([0, 0, 1, 1], ["NA", "HI", "HI", "HI"]))
    >>> [text.get_text() for text in ax.texts]
    ['50%', '50%', '100%']

    """
    table = table.rename(columns=str)[list(label_styles(table.columns))]
    order = table.to_numpy().argmax(axis=1).argsort(kind="stable")
    values = table.to_numpy()[order]
    ax = axes(ax, max(3.6, 1.6 + 0.62 * values.shape[1]), 1.4 + 0.42 * len(values))
    ax.imshow(values, cmap="Greys", vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(values):
        if share >= 0.005:
            color = "w" if share > 0.55 else "k"
            ax.text(
                column,
                row,
                f"{share:.0%}",
                ha="center",
                va="center",
                fontsize=8,
                color=color,
            )
    ax.set_xticks(range(values.shape[1]), table.columns)
    ax.set_yticks(range(len(values)), [str(name) for name in table.index[order]])
    ax.set(xlabel=label, ylabel="cluster")
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    ax.set_title(title, loc="left", fontsize=10)
    return ax


def plot_distances(
    distances, labels, *, name: str = "register", title: str = "", ax=None
) -> Axes:
    """Draw the distances of documents (rows, sorted by label) to cluster centers
    (columns), near ones dark.

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

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from embetter_reg.plots import plot_distances
    >>> X = [[0, 0], [0, 1], [5, 5], [5, 6]]
    >>> ax = plot_distances(KMeans(2, random_state=0).fit_transform(X), ["NA", "NA", "HI", "HI"])
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['NA', 'HI']

    """
    distances, names = np.asarray(distances), label_names(labels)
    check_same_length(distances=distances, labels=names)
    styles = label_styles(names)
    places = np.array([list(styles).index(label) for label in names])
    order = np.lexsort((distances.argmin(axis=1), places))
    ax = axes(ax, max(4.6, 2.4 + 0.32 * distances.shape[1]), 5.4)
    drawn = ax.imshow(
        distances[order], cmap="Greys_r", aspect="auto", interpolation="nearest"
    )
    counts = np.bincount(places)
    ends = counts.cumsum()
    for (color, _), first, end in zip(
        styles.values(), ends - counts, ends, strict=True
    ):
        ax.plot(
            [-0.5, -0.5],
            [first - 0.5, end - 0.5],
            color=color,
            linewidth=8,
            solid_capstyle="butt",
            clip_on=False,
        )
        ax.axhline(end - 0.5, color="w", linewidth=1.5)
    ax.set_yticks(ends - counts / 2 - 0.5, list(styles))
    ax.set_xlim(-0.5, distances.shape[1] - 0.5)
    ax.set(xlabel="cluster", ylabel=name)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0, pad=6)
    ax.figure.colorbar(drawn, ax=ax, label="distance to the center", shrink=0.8)
    ax.set_title(title, loc="left", fontsize=10)
    return ax
