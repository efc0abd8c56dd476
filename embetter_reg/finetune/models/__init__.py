"""Trainers of whole transformers and of their adapters."""

from embetter_reg.finetune.models._experiment import (
    average_folds,
    finetune_documents,
    read_figures,
    trained_on,
)
from embetter_reg.finetune.models._register_trainer import RegisterTrainer
from embetter_reg.finetune.models._sbert import SbertLearner, SbertTuner

__all__ = [
    "RegisterTrainer",
    "SbertLearner",
    "SbertTuner",
    "average_folds",
    "finetune_documents",
    "read_figures",
    "trained_on",
]
