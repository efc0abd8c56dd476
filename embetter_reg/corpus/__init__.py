"""Documents: the register scheme, reading, selecting, splitting, and the bundled
corpus.
"""

from embetter_reg.corpus import registers
from embetter_reg.corpus._counting import estimate_documents as estimate_documents
from embetter_reg.corpus._identity import (
    check_same_texts,
    document_id,
    document_ids,
    id_strings,
    text_digest,
)
from embetter_reg.corpus._labels import label_matrix, label_sets, split_labels
from embetter_reg.corpus._paths import find_files as find_files
from embetter_reg.corpus._paths import language_of_name
from embetter_reg.corpus._seen import StreamIds as StreamIds
from embetter_reg.corpus.bundled import load_examples, load_registers
from embetter_reg.corpus.duplicates import near_duplicates
from embetter_reg.corpus.read import read_documents
from embetter_reg.corpus.registers import use_scheme
from embetter_reg.corpus.scheme import Scheme, read_scheme
from embetter_reg.corpus.select import (
    balanced_sample,
    hybrids,
    indicator,
    label_column,
    select_group,
    stratified_sample,
)
from embetter_reg.corpus.split import (
    LeaveOneLanguageOut,
    RegisterKFold,
    RegisterShuffleSplit,
    train_test_documents,
)
from embetter_reg.corpus.stream import iter_documents
from embetter_reg.corpus.stream import iter_input as iter_input
from embetter_reg.corpus.stream import unreadable as unreadable

# Names written ``X as X`` are for other parts of the package, not for users.
__all__ = [
    "LeaveOneLanguageOut",
    "RegisterKFold",
    "RegisterShuffleSplit",
    "Scheme",
    "balanced_sample",
    "check_same_texts",
    "document_id",
    "document_ids",
    "hybrids",
    "id_strings",
    "indicator",
    "iter_documents",
    "label_column",
    "label_matrix",
    "label_sets",
    "language_of_name",
    "load_examples",
    "load_registers",
    "near_duplicates",
    "read_documents",
    "read_scheme",
    "registers",
    "select_group",
    "split_labels",
    "stratified_sample",
    "text_digest",
    "train_test_documents",
    "use_scheme",
]
