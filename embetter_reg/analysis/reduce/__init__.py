"""Reducers: vectors in, fewer dimensions out."""

from embetter_reg.analysis.reduce._among import place_among
from embetter_reg.analysis.reduce._lda import LDA
from embetter_reg.analysis.reduce._make import make_reducer
from embetter_reg.analysis.reduce._make import neighbor_recall as neighbor_recall
from embetter_reg.analysis.reduce._pacmap import PaCMAP
from embetter_reg.analysis.reduce._shared_neighbors import (
    NeighborGraph,
    SharedNeighbors,
)
from embetter_reg.analysis.reduce._supervised import CenterProjection, LabelAppended
from embetter_reg.analysis.reduce._trimap import TriMap
from embetter_reg.analysis.reduce._tsne import TSNE
from embetter_reg.analysis.reduce._umap import UMAP

# A name written ``X as X`` is for the rest of this package, not for its users.
__all__ = [
    "LDA",
    "TSNE",
    "UMAP",
    "CenterProjection",
    "LabelAppended",
    "NeighborGraph",
    "PaCMAP",
    "SharedNeighbors",
    "TriMap",
    "make_reducer",
    "place_among",
]
