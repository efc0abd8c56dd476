"""Embeddings on disk: Parquet shards with a manifest, and the older TSV form."""

from embetter_reg.store._encode import encode_documents
from embetter_reg.store._files import (
    Embeddings,
    iter_embeddings,
    read_embeddings,
    write_embeddings,
)

__all__ = [
    "Embeddings",
    "encode_documents",
    "iter_embeddings",
    "read_embeddings",
    "write_embeddings",
]
