"""Spaces compared: figures, controls, sweeps and the verdict."""

from embetter_reg.analysis.compare._compare import Comparison, compare_spaces
from embetter_reg.analysis.compare._confounding import confounding_table, cramers_v
from embetter_reg.analysis.compare._sweep import (
    average,
    best_k,
    read_combination,
    read_sweeps,
    sweep,
)

__all__ = [
    "Comparison",
    "average",
    "best_k",
    "compare_spaces",
    "confounding_table",
    "cramers_v",
    "read_combination",
    "read_sweeps",
    "sweep",
]
