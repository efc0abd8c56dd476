"""Bulk labeling: see the space, draw a lasso, label what is in it, tune again."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from embetter_reg._optional import optional_import
from embetter_reg.label._export import export_labels, import_labels
from embetter_reg.label._load import load_corpus
from embetter_reg.label._log import Event, LabelLog
from embetter_reg.label._map import align, draw_map, inside_polygon
from embetter_reg.label._options import check_options as check_options
from embetter_reg.label._session import Session
from embetter_reg.label._suggest import (
    doubtful_labels,
    informative_regions,
    neighbor_vote,
)
from embetter_reg.label._table import LabelTable, label_table
from embetter_reg.label._tune import held_out_agreement, tune_round
from embetter_reg.label._workspace import Workspace

if TYPE_CHECKING:
    from embetter_reg.finetune.heads import LinearTuner as LinearTuner
    from embetter_reg.label._server import LabelServer as LabelServer

__all__ = [
    "Event",
    "LabelLog",
    "LabelServer",
    "LabelTable",
    "LinearTuner",
    "Session",
    "Workspace",
    "align",
    "doubtful_labels",
    "draw_map",
    "export_labels",
    "held_out_agreement",
    "import_labels",
    "informative_regions",
    "inside_polygon",
    "label_table",
    "load_corpus",
    "neighbor_vote",
    "tune_round",
]


def __getattr__(name: str) -> Any:
    """Load what needs Bokeh, or the seconds that torch takes, where it is asked for."""
    if name == "LinearTuner":
        return import_module("embetter_reg.finetune.heads").LinearTuner
    if name != "LabelServer":
        raise AttributeError(f"module 'embetter_reg.label' has no attribute {name!r}")
    optional_import("bokeh", package="embetter-reg[label]", purpose="the labeling page")
    return import_module("embetter_reg.label._server").LabelServer
