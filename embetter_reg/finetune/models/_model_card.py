"""The model card of a trained transformer, and a record of the same for programs."""

import json
import math
from pathlib import Path

import pandas as pd

from embetter_reg.corpus.registers import NAMES

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
_NOT_TOLD = {
    "model",
    "checkpoint_folder",
    "log_folder",
    "report_to",
    "show_progress",
    "device",
}


def write_card(
    trainer, folder: Path, *, figures: pd.DataFrame | None, about: str, merged: bool
) -> None:
    """Write ``README.md`` and ``training.json`` for a fitted `RegisterTrainer`."""
    base = Path(str(trainer.model))
    base_name = base.name if base.is_dir() else str(trainer.model)
    record = {
        "base_model": base_name,
        "objective": trainer.objective,
        "method": trainer.method,
        "adapters": "none"
        if trainer.method in ("full", "bitfit")
        else "merged"
        if merged
        else "beside the weights",
        "trained_parameters": trainer.n_trainable_,
        "parameters": trainer.n_parameters_,
        "settings": {
            name: value
            if isinstance(value, str | int | float | bool | list | dict | None)
            else str(value)
            for name, value in trainer.get_params().items()
            if name not in _NOT_TOLD
        },
        "learning_rate": trainer.learning_rate_,
        "documents": {
            "number": trainer.n_documents_,
            "held_back": len(trainer.validation_rows_),
            "languages": trainer.languages_,
            "labels": getattr(trainer, "label_counts_", {}),
        },
        "threshold": trainer.threshold_ if trainer.is_multi_label_ else None,
        "seconds": round(trainer.seconds_, 1),
        "history": trainer.history_,
        "figures": [] if figures is None else figures.to_dict("records"),
    }
    (folder / RECORD).write_text(
        json.dumps(record, indent=1, ensure_ascii=False), encoding="utf-8"
    )
    (folder / "README.md").write_text(_card(record, about), encoding="utf-8")


def _card(record: dict, about: str) -> str:
    documents, registers = record["documents"], record["objective"] == "register"
    share = record["trained_parameters"] / record["parameters"]
    steps = record["history"][-1]["step"] if record["history"] else 0
    chosen = " and the threshold" if record["threshold"] is not None else ""
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
        f"the best weights{chosen}. {about}".strip(),
    ]
    if documents["languages"]:
        parts.append(
            _table(
                [
                    {"language": name, "documents": n}
                    for name, n in documents["languages"].items()
                ]
            )
        )
    if registers:
        named = [
            {"label": label, "name": NAMES.get(label, ""), "documents": n}
            for label, n in documents["labels"].items()
        ]
        parts.append(_table(named))
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
    known = [
        name
        for name in record["documents"]["languages"]
        if len(name) in (2, 3) and name != "und"
    ]
    if known:
        lines += ["language:", *(f"- {json.dumps(name)}" for name in known)]
    return "\n".join([*lines, "tags:", "- register", "- embetter_reg", "---"])


def _use(record: dict) -> str:
    kind = "CausalLMEncoder" if record["objective"] == "clm" else "RegisterEncoder"
    length = (
        ""
        if record["settings"]["max_length"] is None
        else f", max_length={record['settings']['max_length']}"
    )
    lines = ["```python", f"from embetter_reg.text import {kind}", ""]
    lines.append(f'encoder = {kind}("this folder", layer="half"{length})')
    lines += ['texts = ["Mix the flour with milk."]', "X = encoder.transform(texts)"]
    if record["objective"] == "register":
        best = "" if record["threshold"] is None else ', "best"'
        lines.append(f"labels = encoder.predict(texts{best})")
    return "\n".join([*lines, "```"])


def _table(rows: list[dict]) -> str:
    names = list(rows[0])
    lines = [
        "| " + " | ".join(name.replace("_", " ") for name in names) + " |",
        "|---" * len(names) + "|",
    ]
    return "\n".join(
        lines
        + ["| " + " | ".join(_cell(row[name]) for name in names) + " |" for row in rows]
    )


def _cell(value) -> str:
    if isinstance(value, float):
        return (
            f"{value:.3f}"
            if math.isfinite(value) and (value == 0 or abs(value) >= 0.01)
            else f"{value:g}"
        )
    return (
        f"{value:,}"
        if isinstance(value, int) and not isinstance(value, bool)
        else str(value)
    )
