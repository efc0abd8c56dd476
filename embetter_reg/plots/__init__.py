"""Plots take results and draw; they compute nothing."""

from embetter_reg.plots.interactive import plot_interactive, write_interactive
from embetter_reg.plots.palette import distinct_colors, label_styles
from embetter_reg.plots.static import (
    plot_agreement,
    plot_cluster_table,
    plot_distances,
    plot_history,
    plot_labeled_map,
    plot_layers,
    plot_map,
    plot_maps,
    plot_pca,
    plot_sweep,
    plot_texts,
    save_figure,
)

__all__ = [
    "distinct_colors",
    "label_styles",
    "plot_agreement",
    "plot_cluster_table",
    "plot_distances",
    "plot_history",
    "plot_interactive",
    "plot_labeled_map",
    "plot_layers",
    "plot_map",
    "plot_maps",
    "plot_pca",
    "plot_sweep",
    "plot_texts",
    "save_figure",
    "write_interactive",
]
