"""The pictures of a report: maps, curves over k, and what clusters are made of."""

import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from embetter_reg._files import slug
from embetter_reg.analysis import Comparison, make_reducer
from embetter_reg.plots import plot_agreement, plot_cluster_table, plot_maps

_UMAP_NEIGHBORS = 15
_DPI = 130


@dataclass(frozen=True)
class Picture:
    """A picture by its file's name; a ``wide`` one takes a row of the page."""

    name: str
    caption: str
    png: bytes
    wide: bool


def draw_pictures(
    comparison: Comparison, spaces: Mapping[str, np.ndarray], random_state: int
) -> list[Picture]:
    """Draw the maps, agreement over k, and the cluster tables of spaces."""
    maps = {name: _map(X, random_state) for name, X in spaces.items()}
    figure = plot_maps(maps, register=comparison.register, language=comparison.language)
    caption = (
        "UMAP maps of the held-out documents, colored by register and by language."
    )
    pictures = [Picture("maps.png", caption, _png(figure), wide=True)]
    for clusterer in comparison.parameters["clusterers"]:
        figure = plot_agreement(comparison, clusterer)
        caption = (
            f"Agreement of clusters ({clusterer}) with register and with language over "
            "the number of clusters; bands are bootstrap intervals by document."
        )
        name = f"agreement_{clusterer}.png"
        pictures.append(Picture(name, caption, _png(figure), wide=True))
    for space, name in _file_names(spaces).items():
        ax = plot_cluster_table(
            comparison.cluster_table(space),
            title=f"{space} space, k = {comparison.parameters['n_registers']}",
        )
        caption = f"What the clusters of the {space} space are made of, by register."
        pictures.append(Picture(name, caption, _png(ax.figure), wide=False))
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
    """Return a file's name for each space; names that become alike are numbered."""
    names: dict[str, str] = {}
    for space in spaces:
        base = f"clusters_{slug(space)}"
        name = f"{base}.png"
        number = 1
        while name in names.values():
            number += 1
            name = f"{base}-{number}.png"
        names[space] = name
    return names


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI)
    return buffer.getvalue()
