"""Pictures for paper and page, with matplotlib: one picture returns its Axes, several
together their Figure.
"""

from embetter_reg.plots.static._curves import (
    plot_agreement,
    plot_history,
    plot_layers,
    plot_sweep,
)
from embetter_reg.plots.static._fonts import font_family as font_family
from embetter_reg.plots.static._maps import (
    plot_labeled_map,
    plot_map,
    plot_maps,
    plot_pca,
)
from embetter_reg.plots.static._save import save_figure
from embetter_reg.plots.static._tables import plot_cluster_table, plot_distances
from embetter_reg.plots.static._texts import plot_texts

__all__ = [
    "plot_agreement",
    "plot_cluster_table",
    "plot_distances",
    "plot_history",
    "plot_labeled_map",
    "plot_layers",
    "plot_map",
    "plot_maps",
    "plot_pca",
    "plot_sweep",
    "plot_texts",
    "save_figure",
]
