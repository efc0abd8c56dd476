"""The model card of a trained transformer, and a record of the same for programs."""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from embetter_reg.corpus.registers import current_scheme

if TYPE_CHECKING:
    from embetter_reg.finetune.models._register_trainer import RegisterTrainer

RECORD = "training.json"
_METHODS = {
    "full": "full fine-tuning",
    "bitfit": "BitFit",
    "lora": "LoRA",
    "ia3": "IA³",
}
_OBJECTIVES = {
    "register": "a register classifier",
    "mlm": "a masked language model",
    "clm": "a causal language model",
}
_NOT_SHOWN = {
    "model",
    "checkpoint_folder",
    "log_folder",
    "report_to",
    "show_progress",
    "device",
}


def write_card(
    trainer: "RegisterTrainer",
    folder: Path,
    *,
    figures: pd.DataFrame | None,
    about: str,
    merged: bool,
) -> None:
    """Write ``README.md`` and ``training.json`` for a fitted `RegisterTrainer`."""
    record = _record(trainer, figures, merged)
    # JSON has no NaN, which the loss of a run that diverged is.
    text = json.dumps(_finite(record), indent=1, ensure_ascii=False)
    (folder / RECORD).write_text(text, encoding="utf-8")
    (folder / "README.md").write_text(_card(record, about), encoding="utf-8")


def _name_of_folder(folder: Path) -> str:
    """Return the name of a model in a folder, whose path is nobody's business.

    Folders that `finetune_documents` writes are all called "model": one has the name of
    the run before it.
    """
    folder = folder.resolve()
    if folder.name in ("model", "models") and folder.parent.name:
        return f"{folder.parent.name}/{folder.name}"
    return folder.name


def _record(
    trainer: "RegisterTrainer", figures: pd.DataFrame | None, merged: bool
) -> dict[str, Any]:
    base_model = str(trainer.model)
    if Path(base_model).is_dir():
        base_model = _name_of_folder(Path(base_model))
    adapters = "beside the weights"
    if trainer.method in ("full", "bitfit"):
        adapters = "none"
    elif merged:
        adapters = "merged"
    threshold = None
    if trainer.is_multi_label_:
        threshold = trainer.threshold_
    rows = []
    if figures is not None:
        rows = figures.to_dict("records")
    return {
        "base_model": base_model,
        "objective": trainer.objective,
        "method": trainer.method,
        "adapters": adapters,
        "trained_parameters": trainer.n_trainable_,
        "parameters": trainer.n_parameters_,
        "settings": _settings(trainer),
        "learning_rate": trainer.learning_rate_,
        "documents": {
            "number": trainer.n_documents_,
            "held_back": len(trainer.validation_rows_),
            "languages": trainer.languages_,
            "labels": trainer.label_counts_,
        },
        "threshold": threshold,
        "seconds": round(trainer.seconds_, 1),
        "history": trainer.history_,
        "figures": rows,
    }


def _settings(trainer: "RegisterTrainer") -> dict[str, Any]:
    settings = {}
    for name, value in trainer.get_params().items():
        if name in _NOT_SHOWN:
            continue
        if not isinstance(value, str | int | float | bool | list | dict | None):
            value = str(value)
        settings[name] = value
    return settings


def _finite(value: Any) -> Any:
    """Return a record with None in place of NaN and infinity."""
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _card(record: dict, about: str) -> str:
    documents = record["documents"]
    share = record["trained_parameters"] / record["parameters"]
    steps = 0
    if record["history"]:
        steps = record["history"][-1]["step"]
    chosen = "the best weights"
    if record["threshold"] is not None:
        chosen = "the best weights and the threshold"
    parts = [
        _front_matter(record),
        f"# {record['base_model']}, trained as {_OBJECTIVES[record['objective']]}",
        "Made with `embetter_reg.finetune.RegisterTrainer` from "
        f"`{record['base_model']}` by "
        f"{_METHODS[record['method']]}: {record['trained_parameters']:,} of "
        f"{record['parameters']:,} parameters were "
        f"trained ({share:.2%}), in {steps:,} steps and {record['seconds']:,.0f} "
        "seconds, at a learning rate of "
        f"{record['learning_rate']:g}. Adapters: {record['adapters']}.",
        "## Data",
        f"Trained on {documents['number']:,} documents, of which "
        f"{documents['held_back']:,} were held back to choose "
        f"{chosen}. {about}".strip(),
    ]
    if documents["languages"]:
        rows = [
            {"language": name, "documents": n}
            for name, n in documents["languages"].items()
        ]
        parts.append(_table(rows))
    if documents["labels"]:
        names = current_scheme().names
        rows = [
            {"label": label, "name": names.get(label, ""), "documents": n}
            for label, n in documents["labels"].items()
        ]
        parts.append(_table(rows))
    if record["figures"]:
        parts += [
            "## Figures",
            "On test documents, which nothing was trained or chosen on.",
            _table(record["figures"]),
        ]
    if record["threshold"] is not None:
        parts += [
            "## Threshold",
            f"A label is given from a probability of {record['threshold']:.2f}, "
            "chosen by micro F1 on the documents "
            'held back. `RegisterEncoder.predict(texts, "best")` uses it.',
        ]
    parts += [
        "## Use",
        _use(record),
        "## Settings",
        _table([{"setting": k, "value": v} for k, v in record["settings"].items()]),
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(record: dict) -> str:
    task = {
        "register": "text-classification",
        "mlm": "fill-mask",
        "clm": "text-generation",
    }[record["objective"]]
    lines = [
        "---",
        "library_name: transformers",
        f"pipeline_tag: {task}",
        f"base_model: {json.dumps(record['base_model'])}",
    ]
    codes = [
        name
        for name in record["documents"]["languages"]
        if len(name) in (2, 3) and name != "und"
    ]
    if codes:
        lines += ["language:", *(f"- {json.dumps(code)}" for code in codes)]
    return "\n".join([*lines, "tags:", "- register", "- embetter_reg", "---"])


def _use(record: dict) -> str:
    kind = "RegisterEncoder"
    if record["objective"] == "clm":
        kind = "CausalLMEncoder"
    options = 'layers="half"'
    if record["settings"]["max_length"] is not None:
        options += f", max_length={record['settings']['max_length']}"
    lines = [
        "```python",
        f"from embetter_reg.text import {kind}",
        "",
        f'encoder = {kind}("this folder", {options})',
        'texts = ["Mix the flour with milk."]',
        "X = encoder.transform(texts)",
    ]
    if record["threshold"] is not None:
        lines.append('labels = encoder.predict(texts, "best")')
    elif record["objective"] == "register":
        lines.append("labels = encoder.predict(texts)")
    return "\n".join([*lines, "```"])


def _table(rows: list[dict]) -> str:
    names = list(rows[0])
    lines = [_row(name.replace("_", " ") for name in names), "|---" * len(names) + "|"]
    lines += [_row(_cell(row[name]) for name in names) for row in rows]
    return "\n".join(lines)


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cell(value: Any) -> str:
    """Return a value as a cell shows it, with no sign that would end the cell."""
    if isinstance(value, float):
        if math.isfinite(value) and (value == 0 or abs(value) >= 0.01):
            return f"{value:.3f}"
        return f"{value:g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
