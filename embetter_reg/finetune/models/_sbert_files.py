"""Tuned sentence models on disk: the model's own files, and a record beside them."""

import json
from pathlib import Path
from typing import Any

from sklearn.base import BaseEstimator

from embetter_reg._files import write_atomically

RECORD = "training.json"
# What belongs to the machine or the run, not to the model.
_NOT_SAVED = ("model", "checkpoint_folder", "device", "show_progress")


def save_model(
    model: Any,
    folder: str | Path,
    parameters: dict[str, Any],
    history: list[dict[str, float]],
) -> None:
    """Write a SentenceTransformer, its estimator's parameters and its history.

    Raises
    ------
    OSError
        If the folder cannot be written to.

    """
    from embetter_reg.finetune.models._checkpoints import explain_disk

    folder = Path(folder)
    saved = {
        name: value
        for name, value in parameters.items()
        if name not in _NOT_SAVED and isinstance(value, str | int | float | None)
    }
    record = {"parameters": saved, "history": history}
    text = json.dumps(record, indent=1)
    with explain_disk(folder):
        model.save_pretrained(str(folder), create_model_card=False)
        write_atomically(
            folder / RECORD, lambda draft: draft.write_text(text, encoding="utf-8")
        )


def load_model(
    folder: str | Path, estimator: type[BaseEstimator]
) -> tuple[dict[str, Any], list[dict[str, float]]]:
    """Return an estimator's parameters, whose ``model`` is the folder, and its history.

    Raises
    ------
    ValueError
        If the folder has no record that `save_model` wrote.

    """
    path = Path(folder) / RECORD
    message = (
        f"got {folder} without a {RECORD} of {estimator.__name__}, expected a folder "
        "that save wrote; pass that, or another model's folder as model"
    )
    if not path.is_file():
        raise ValueError(message)
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        parameters = dict(record["parameters"])
        history = [dict(entry) for entry in record["history"]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(message) from error
    names = estimator._get_param_names()
    parameters = {name: value for name, value in parameters.items() if name in names}
    return {**parameters, "model": str(folder)}, history
