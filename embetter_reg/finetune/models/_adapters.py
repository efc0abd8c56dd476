"""What of a transformer is trained: all of it, its biases, or adapters beside its
weights.
"""

import copy
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from embetter_reg._optional import optional_import

METHODS = ("full", "bitfit", "lora", "ia3")
LEARNING_RATES = {"full": 5e-5, "bitfit": 1e-3, "lora": 5e-4, "ia3": 5e-3}

# A module that marks the family; what LoRA adapts; IA³'s keys and values; the module
# after IA³'s inner activations. Where queries, keys and values are one matrix, both
# adapt all three.
_FAMILIES = (
    (
        r"attention\.self\.query",
        r"attention\.self\.(query|value)",
        r"attention\.self\.(key|value)",
        r"layer\.\d+\.output\.dense",
    ),
    (r"attn\.c_attn", r"attn\.c_attn", r"attn\.c_attn", r"mlp\.c_proj"),
    (
        r"attention\.query_key_value",
        r"attention\.query_key_value",
        r"attention\.query_key_value",
        r"mlp\.dense_4h_to_h",
    ),
    (
        r"self_attn\.q_proj",
        r"self_attn\.(q|v)_proj",
        r"self_attn\.(k|v)_proj",
        r"mlp\.down_proj",
    ),
    (
        r"attention\.q_lin",
        r"attention\.(q|v)_lin",
        r"attention\.(k|v)_lin",
        r"ffn\.lin2",
    ),
)


def find_targets(model, method: str) -> tuple[str, str]:
    """Return patterns of the modules that ``"lora"`` or ``"ia3"`` adapts, and of IA³'s
    feed-forward ones among them.

    Raises
    ------
    ValueError
        If the model is of no known family.

    """
    names = [name for name, _ in model.named_modules()]
    for mark, lora, ia3, feedforward in _FAMILIES:
        if any(re.search(rf"{mark}$", name) for name in names):
            return (
                (rf".*{lora}", "")
                if method == "lora"
                else (rf".*({ia3}|{feedforward})", rf".*{feedforward}")
            )
    raise ValueError(
        f"got a {model.config.model_type} model, whose modules to adapt are not known "
        "here, expected one such as BERT, "
        "RoBERTa, GPT-2 or Pythia; pass target_modules"
    )


def apply_method(
    model,
    method: str,
    *,
    rank: int = 8,
    alpha: float = 16,
    dropout: float = 0.1,
    target_modules: str | Sequence[str] | None = None,
    new: Sequence[str] = (),
) -> Any:
    """Return ``model`` with only what ``method`` trains left trainable.

    ``"full"`` trains everything (Devlin et al. 2019). ``"bitfit"`` trains biases (Ben
    Zaken et al. 2022). ``"lora"`` adds products of two small matrices to chosen weights
    (Hu et al. 2022). ``"ia3"`` rescales keys, values and inner activations (Liu et al.
    2022). A classifier's head, BERT's pooler included, is always trained, and so are
    the parameters ``new``, by name, that the pretrained model did not have.

    Raises
    ------
    ValueError
        If the model has no biases, or the modules to adapt cannot be found.
    ImportError
        If ``"lora"`` or ``"ia3"`` is asked for without the extra ``adapters``.

    """
    if method == "full":
        return model.requires_grad_(True)
    is_classifier = type(model).__name__.endswith("ForSequenceClassification")
    head = _head(model, new, is_classifier)
    if method == "bitfit":
        biases = [name for name, _ in model.named_parameters() if name.endswith("bias")]
        if not any(name.startswith(model.base_model_prefix) for name in biases):
            raise ValueError(
                f"got a {model.config.model_type} model without biases for bitfit, "
                "expected one that has some; pick "
                "another method"
            )
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(
                name in biases
                or name.startswith(tuple(f"{module}." for module in head))
            )
        return model
    peft = optional_import(
        "peft", package="embetter-reg[adapters]", purpose=f"method {method!r}"
    )
    found, feedforward = (
        find_targets(model, method) if target_modules is None else (target_modules, "")
    )
    is_causal = type(model).__name__.endswith(("ForCausalLM", "LMHeadModel"))
    shared = {
        "task_type": "CAUSAL_LM"
        if is_causal
        else None,  # peft's for classifiers takes heads of one layer only
        "target_modules": found if isinstance(found, str) else list(found),
        "modules_to_save": head or None,
        "fan_in_fan_out": any(
            type(module).__name__ == "Conv1D" for module in model.modules()
        ),
    }
    if method == "lora":
        config = peft.LoraConfig(
            r=rank, lora_alpha=alpha, lora_dropout=dropout, **shared
        )
    else:
        config = peft.IA3Config(feedforward_modules=feedforward or [], **shared)
    try:
        return peft.get_peft_model(model, config)
    except ValueError as error:
        raise ValueError(
            f"got target_modules={target_modules!r}, which name no module that "
            f"{method} adapts, expected names or a "
            "pattern of linear ones; correct them"
        ) from error


def _head(model, new: Sequence[str], is_classifier: bool) -> list[str]:
    """Return the modules that are trained whatever the method is.

    BERT's pooler is one of a classifier's: it is the layer that RoBERTa has in its
    head, and in a sentence model, which averages token vectors, it was never trained
    for anything.
    """
    owners = {name.rpartition(".")[0] for name, _ in model.named_parameters()}
    leaves = {
        name
        for name, module in model.named_modules()
        if name in owners and not any(module.children())
    }
    outside = {
        name
        for name in leaves
        if name.split(".")[0] != model.base_model_prefix or "pooler" in name.split(".")
    }
    return sorted(
        (outside if is_classifier else set())
        | (leaves & {name.rpartition(".")[0] for name in new})
    )


def count_parameters(model) -> tuple[int, int]:
    """Return the numbers of trained parameters and of all: the model's own, and the
    adapters beside them.

    The frozen original that peft keeps of a trained head is not counted.
    """
    own = [
        (name, p)
        for name, p in model.named_parameters()
        if ".original_module." not in name
    ]
    return sum(p.numel() for _, p in own if p.requires_grad), sum(
        p.numel() for _, p in own
    )


def plain(model) -> Any:
    """Return the transformers model in which adapters work, whether or not there are
    any.
    """
    return model.get_base_model() if hasattr(model, "peft_config") else model


def save_model(model, folder: str | Path, *, merge: bool) -> None:
    """Save a model that transformers loads, its adapters in its weights or in files of
    their own beside them.
    """
    if not hasattr(model, "peft_config"):
        model.save_pretrained(folder)
    elif merge:
        copy.deepcopy(model).merge_and_unload().save_pretrained(folder)
    else:
        copy.deepcopy(model).unload().save_pretrained(folder)
        model.save_pretrained(folder, save_embedding_layers=False)
