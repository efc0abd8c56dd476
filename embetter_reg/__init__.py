"""Embeddings organized by text register rather than by language.

Public names load on first use, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "load_registers": "corpus",
    "read_documents": "corpus",
    "iter_documents": "corpus",
    "encode_documents": "store",
    "encode_files": "store",
    "predict_files": "store",
    "read_embeddings": "store",
    "LiteTextEncoder": "text",
    "SurfaceEncoder": "text",
    "SentenceEncoder": "text",
    "PretrainedRegisters": "text",
    "RegisterEncoder": "text",
    "CausalLMEncoder": "text",
    "CachedEncoder": "text",
    "FeedForwardTuner": "finetune",
    "RegisterTrainer": "finetune",
    "SbertLearner": "finetune",
    "SbertTuner": "finetune",
    "SphericalKMeans": "analysis",
    "compare_documents": "analysis",
    "compare_spaces": "analysis",
    "write_report": "report",
    "dump_estimator": "utils",
    "load_estimator": "utils",
    "trusted_types": "utils",
}
__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'embetter_reg' has no attribute {name!r}")
    return getattr(import_module(f"embetter_reg.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
