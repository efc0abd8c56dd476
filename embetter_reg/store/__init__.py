"""Embeddings on disk: Parquet shards with a manifest, and the older TSV form."""

from embetter_reg.store._embeddings import Embeddings
from embetter_reg.store._encode import check_encoding, encode_documents
from embetter_reg.store._files import (
    iter_embeddings,
    read_embeddings,
    read_probabilities,
)
from embetter_reg.store._kinds import holds_embeddings as holds_embeddings
from embetter_reg.store._predictions import predicted_labels
from embetter_reg.store._write import write_embeddings

# Names written ``X as X`` are for the commands, not for users.
__all__ = [
    "Embeddings",
    "check_encoding",
    "encode_documents",
    "iter_embeddings",
    "predicted_labels",
    "read_embeddings",
    "read_probabilities",
    "write_embeddings",
]
