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
        If the model is of another family.

    """
    names = [name for name, _ in model.named_modules()]
    for mark, lora, ia3, feedforward in _FAMILIES:
        if any(re.search(rf"{mark}$", name) for name in names):
            if method == "lora":
                return rf".*{lora}", ""
            return rf".*({ia3}|{feedforward})", rf".*{feedforward}"
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
        If the method is ``"lora"`` or ``"ia3"`` and the extra ``adapters`` is missing.

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
                "expected one that has some; pick another method"
            )
        prefixes = tuple(f"{module}." for module in head)
        for name, weights in model.named_parameters():
            weights.requires_grad_(name in biases or name.startswith(prefixes))
        return model
    peft = optional_import(
        "peft", package="embetter-reg[adapters]", purpose=f"method {method!r}"
    )
    targets = target_modules
    feedforward = ""
    if targets is None:
        targets, feedforward = find_targets(model, method)
    elif not isinstance(targets, str):
        targets = list(targets)
    # That of classifiers takes heads of one layer only.
    task_type = None
    if type(model).__name__.endswith(("ForCausalLM", "LMHeadModel")):
        task_type = "CAUSAL_LM"
    shared = {
        "task_type": task_type,
        "target_modules": targets,
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
    head = leaves & {name.rpartition(".")[0] for name in new}
    if is_classifier:
        head |= outside
    return sorted(head)


def count_parameters(model) -> tuple[int, int]:
    """Return the numbers of trained parameters and of all: the model's own, and the
    adapters beside them.

    The frozen original that peft keeps of a trained head is not counted.
    """
    parameters = [
        weights
        for name, weights in model.named_parameters()
        if ".original_module." not in name
    ]
    n_trainable = sum(w.numel() for w in parameters if w.requires_grad)
    return n_trainable, sum(w.numel() for w in parameters)


def plain(model) -> Any:
    """Return the transformers model in which adapters work, whether or not there are
    any.
    """
    if hasattr(model, "peft_config"):
        return model.get_base_model()
    return model


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
