"""Spaces compared: figures, controls, sweeps and the verdict."""

from embetter_reg.analysis.compare._averages import average, best_k, read_sweeps
from embetter_reg.analysis.compare._checks import LABELS
from embetter_reg.analysis.compare._combination import read_combination
from embetter_reg.analysis.compare._compare import compare_spaces
from embetter_reg.analysis.compare._comparison import Comparison
from embetter_reg.analysis.compare._confounding import confounding_table, cramers_v
from embetter_reg.analysis.compare._documents import (
    DocumentComparison,
    compare_documents,
)
from embetter_reg.analysis.compare._sweep import sweep

__all__ = [
    "LABELS",
    "Comparison",
    "DocumentComparison",
    "average",
    "best_k",
    "compare_documents",
    "compare_spaces",
    "confounding_table",
    "cramers_v",
    "read_combination",
    "read_sweeps",
    "sweep",
]
