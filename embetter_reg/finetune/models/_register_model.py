"""The model that a RegisterTrainer starts from: loaded, with its new head, and only
what its method trains left trainable.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from embetter_reg._devices import pick_device
from embetter_reg._hub import loading, not_loaded
from embetter_reg._random import seeded_torch
from embetter_reg.finetune.models._adapters import apply_method
from embetter_reg.text import head_options

if TYPE_CHECKING:
    from embetter_reg.finetune.models._register_trainer import RegisterTrainer

OBJECTIVES = {
    "register": "AutoModelForSequenceClassification",
    "mlm": "AutoModelForMaskedLM",
    "clm": "AutoModelForCausalLM",
}


def load_tokenizer(name: str, objective: str) -> Any:
    """Return the tokenizer of a model, with a padding token.

    Raises
    ------
    ValueError
        If the model's folder has none, or one without a mask for ``"mlm"``.
    OSError
        If it cannot be loaded.

    """
    from transformers import AutoTokenizer

    missing = ValueError(
        f"got the model {name!r} without a tokenizer, expected one beside it; save the "
        "model's tokenizer there"
    )
    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
    except Exception as error:  # each kind of tokenizer raises its own
        if Path(name).is_dir():
            raise missing from error
        raise not_loaded(name, error) from error
    # transformers makes an empty one up where there is none.
    if len(tokenizer) <= len(tokenizer.all_special_ids):
        raise missing
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    if objective == "mlm" and tokenizer.mask_token_id is None:
        raise ValueError(
            f"got the model {name!r}, whose tokenizer has no mask, expected a masked "
            "language model; pick clm"
        )
    return tokenizer


def load_model(
    trainer: "RegisterTrainer",
    tokenizer: Any,
    classes: Sequence[str],
    is_multi_label: bool,
    seed: int,
) -> Any:
    """Return the model to train on its device, with a new head and new adapters drawn
    from the seed.

    Raises
    ------
    ValueError
        If it has adapters in files of their own, or the method does not fit it.
    OSError
        If it cannot be loaded.

    """
    import transformers

    from embetter_reg.finetune.models._run import quiet

    name = str(trainer.model)
    auto_class = getattr(transformers, OBJECTIVES[trainer.objective])
    options: dict[str, Any] = {}
    if trainer.objective == "register":
        options = {
            **head_options(classes, is_multi_label=is_multi_label),
            "ignore_mismatched_sizes": True,
        }
    device = pick_device(trainer.device)
    with quiet(), seeded_torch(seed):
        with loading(name):
            model, report = auto_class.from_pretrained(
                name, dtype=torch.float32, output_loading_info=True, **options
            )
        if getattr(model, "_hf_peft_config_loaded", False):
            raise ValueError(
                f"got the model {name!r} with adapters in files of their own, expected "
                "one model; save it with merge (--merge) first"
            )
        if model.config.pad_token_id is None:
            model.config.pad_token_id = tokenizer.pad_token_id
        if trainer.dropout is not None:
            _set_dropout(model, trainer.dropout)
        adapted = apply_method(
            model,
            trainer.method,
            rank=trainer.rank,
            alpha=trainer.alpha,
            dropout=trainer.adapter_dropout,
            target_modules=trainer.target_modules,
            new=[
                *report["missing_keys"],
                *(key for key, *_ in report["mismatched_keys"]),
            ],
        )
        if trainer.freeze_embeddings:
            adapted.get_input_embeddings().requires_grad_(False)
    return adapted.to(device)


def _set_dropout(model: Any, share: float) -> None:
    """Set all dropout of a model; attention of some families holds it as a number."""
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = share
        for name in ("attention_dropout", "dropout"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, share)
