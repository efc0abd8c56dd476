"""The pictures of a report: maps, curves over k, and what clusters are made of."""

import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from embetter_reg._files import slug
from embetter_reg.analysis import Comparison, make_reducer
from embetter_reg.plots import plot_agreement, plot_cluster_table, plot_map

_UMAP_NEIGHBORS = 15
_DPI = 130
_MAP_SIZE = (4.0, 4.7)  # inches; a phone shows text of this picture at a size to read


@dataclass(frozen=True)
class Picture:
    """A picture by its file's name and the ``part`` of the page that it stands in:
    "first" (the first screen), "maps", "curves" or "clusters". ``narrow`` is the same
    for screens of a phone, where the wide one would be too small to read.
    """

    name: str
    caption: str
    png: bytes
    part: str
    narrow: bytes | None = None


def draw_pictures(
    comparison: Comparison, spaces: Mapping[str, np.ndarray], random_state: int
) -> list[Picture]:
    """Draw the maps, agreement over k, and the cluster tables of spaces."""
    maps = {name: _map(X, random_state) for name, X in spaces.items()}
    labels = {"register": comparison.register, "language": comparison.language}
    last = comparison.parameters["spaces"][-1]
    if last not in spaces:
        last = list(spaces)[-1]
    files = _file_names(spaces)
    pictures = []
    for space in sorted(spaces, key=lambda name: name != last):
        part = "first" if space == last else "maps"
        for label, values in labels.items():
            ax = Figure(figsize=_MAP_SIZE, layout="constrained").subplots()
            plot_map(maps[space], values, name=label, legend="below", ax=ax)
            caption = f"UMAP map of the {space} space, colored by {label}."
            name = f"map_{files[space]}_{label}.png"
            pictures.append(Picture(name, caption, _png(ax.figure), part))
    for clusterer in comparison.parameters["clusterers"]:
        caption = (
            f"Agreement of clusters ({clusterer}) with register and with language over "
            "the number of clusters; bands are bootstrap intervals by document."
        )
        wide = plot_agreement(comparison, clusterer)
        narrow = plot_agreement(comparison, clusterer, stacked=True)
        name = f"agreement_{clusterer}.png"
        pictures.append(Picture(name, caption, _png(wide), "curves", _png(narrow)))
    for space, base in files.items():
        ax = plot_cluster_table(
            comparison.cluster_table(space),
            title=f"{space} space, k = {comparison.parameters['n_registers']}",
        )
        caption = f"What the clusters of the {space} space are made of, by register."
        name = f"clusters_{base}.png"
        pictures.append(Picture(name, caption, _png(ax.figure), "clusters"))
    return pictures


def _map(X: np.ndarray, random_state: int) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        reducer = make_reducer(
            "umap",
            random_state=random_state,
            n_neighbors=min(_UMAP_NEIGHBORS, len(X) - 1),
        )
        return reducer.fit_transform(X.astype(np.float32))


def _file_names(spaces: Mapping[str, Any]) -> dict[str, str]:
    """Return a part of files' names for each space; those that become alike are
    numbered.
    """
    names: dict[str, str] = {}
    for space in spaces:
        base = slug(space)
        name = base
        number = 1
        while name in names.values():
            number += 1
            name = f"{base}-{number}"
        names[space] = name
    return names


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI)
    return buffer.getvalue()
