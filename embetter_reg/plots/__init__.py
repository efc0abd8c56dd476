"""Plots take results and draw; they compute nothing."""

from embetter_reg.plots.palette import label_styles
from embetter_reg.plots.static import plot_agreement, plot_cluster_table, plot_labelled_map, plot_maps, plot_sweep

__all__ = ["label_styles", "plot_agreement", "plot_cluster_table", "plot_labelled_map", "plot_maps", "plot_sweep"]
