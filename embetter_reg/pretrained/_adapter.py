"""A LoRA adapter as peft writes it, added to the weights of a model without peft."""

import json
import math
from pathlib import Path
from typing import Any

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
_PREFIX = "base_model.model."
_DOWN = ".lora_A.weight"
_UP = ".lora_B.weight"
# Settings of peft that change how an adapter is merged, and their only value here.
_PLAIN = {
    "peft_type": "LORA",
    "use_dora": False,
    "bias": "none",
    "fan_in_fan_out": False,
    "alpha_pattern": {},
}


def merge_adapter(name: str, model: Any, folder: Path) -> list[str]:
    """Add an adapter to the weights of a model, in place, and return the names of the
    weights that it replaced.

    Each adapted weight becomes ``W + scale * B @ A`` in its own number type, where the
    scale is ``lora_alpha / r``, or ``lora_alpha / sqrt(r)`` in a rank-stabilized
    adapter (Hu et al. 2022, "LoRA"; Kalajdzievski 2023, "rsLoRA"). Modules that were
    trained whole replace the model's.

    Parameters
    ----------
    name : str
        Of the model, for the message.
    model : torch.nn.Module
        A transformer with a classification head.
    folder : path
        With ``adapter_model.safetensors`` and ``adapter_config.json``.

    Raises
    ------
    ValueError
        If the files are damaged, hold another kind of adapter, or do not fit the model.

    """
    import torch

    config, tensors = _read(folder)
    changes = {
        key.removeprefix(_PREFIX): value.float()
        for key, value in tensors.items()
        if not key.endswith((_DOWN, _UP))
    }
    replaced = list(changes)
    weights = dict(model.named_parameters())
    for key in tensors:
        if not key.endswith(_DOWN):
            continue
        module = key.removeprefix(_PREFIX).removesuffix(_DOWN)
        down = tensors[key].float()
        up = tensors[_partner(key)].float()
        change = _scale(config, len(down)) * (up @ down)
        target = f"{module}.weight"
        if target in weights and weights[target].shape == change.shape:
            change = weights[target].detach().float().cpu() + change
        changes[target] = change
    for target, value in changes.items():
        if target not in weights or weights[target].shape != value.shape:
            raise ValueError(
                f"got the model {name!r}, whose weight {target} is missing or of "
                f"another shape than {tuple(value.shape)}, expected the model that the "
                f"adapter in {folder} belongs to; pass that"
            )
    with torch.no_grad():
        for target, value in changes.items():
            weights[target].copy_(value)
    return replaced


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return settings and tensors of an adapter, checked to be one that is understood
    here.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        config = dict(json.loads((folder / CONFIG).read_text(encoding="utf-8")))
        tensors = load_file(folder / WEIGHTS)
    except (OSError, ValueError, TypeError, SafetensorError) as error:
        raise ValueError(
            f"got {folder}, whose {CONFIG} or {WEIGHTS} is missing or damaged, expected "
            "the two files that peft writes; save the adapter again"
        ) from error
    others = {
        key: config[key]
        for key, value in _PLAIN.items()
        if key in config and (config[key] or value) != value
    }
    alone = [
        key for key in tensors if key.endswith(_DOWN) and _partner(key) not in tensors
    ]
    unknown = [
        key for key in tensors if "lora_" in key and not key.endswith((_DOWN, _UP))
    ]
    if others or alone or unknown:
        raise ValueError(
            f"got the adapter in {folder} with {others or (alone + unknown)[0]}, "
            "expected a LoRA adapter of linear layers, with one alpha and no trained "
            "biases; merge it by peft and pass the merged model to RegisterEncoder"
        )
    return config, tensors


def _partner(key: str) -> str:
    return key.removesuffix(_DOWN) + _UP


def _scale(config: dict[str, Any], rank: int) -> float:
    if config.get("use_rslora"):
        return config["lora_alpha"] / math.sqrt(rank)
    return config["lora_alpha"] / rank
