"""Embeddings on disk: Parquet shards with a manifest, and the older TSV form."""

from embetter_reg.store._counts import PredictionCounts as PredictionCounts
from embetter_reg.store._embeddings import Embeddings
from embetter_reg.store._embeddings import rows_in as rows_in
from embetter_reg.store._encode import check_encoding, encode_documents
from embetter_reg.store._encode_files import encode_files
from embetter_reg.store._files import (
    iter_embeddings,
    read_embeddings,
    read_probabilities,
)
from embetter_reg.store._files import joined as joined
from embetter_reg.store._fitted import is_to_fit as is_to_fit
from embetter_reg.store._kinds import holds_embeddings as holds_embeddings
from embetter_reg.store._outputs import count_predictions, iter_predictions
from embetter_reg.store._predict_files import predict_files
from embetter_reg.store._predictions import predicted_labels
from embetter_reg.store._status import folder_status
from embetter_reg.store._write import write_embeddings

# Names written ``X as X`` are for other rooms of this package, not for its users.
__all__ = [
    "Embeddings",
    "check_encoding",
    "count_predictions",
    "encode_documents",
    "encode_files",
    "folder_status",
    "iter_embeddings",
    "iter_predictions",
    "predict_files",
    "predicted_labels",
    "read_embeddings",
    "read_probabilities",
    "write_embeddings",
]
