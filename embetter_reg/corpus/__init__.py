"""Documents: the register scheme, reading, selecting, splitting, and the bundled
corpus.
"""

from embetter_reg.corpus import registers
from embetter_reg.corpus.bundled import load_examples, load_registers
from embetter_reg.corpus.read import read_documents
from embetter_reg.corpus.select import (
    balanced_sample,
    hybrids,
    indicator,
    label_column,
    label_matrix,
    select_group,
)
from embetter_reg.corpus.split import (
    LeaveOneLanguageOut,
    RegisterKFold,
    RegisterShuffleSplit,
    train_test_documents,
)

__all__ = [
    "LeaveOneLanguageOut",
    "RegisterKFold",
    "RegisterShuffleSplit",
    "balanced_sample",
    "hybrids",
    "indicator",
    "label_column",
    "label_matrix",
    "load_examples",
    "load_registers",
    "read_documents",
    "registers",
    "select_group",
    "train_test_documents",
]
