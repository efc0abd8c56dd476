"""Transformers loaded ready to run, and what may be asked of them."""

import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from embetter_reg._devices import pick_device, pick_dtype
from embetter_reg._hub import loading
from embetter_reg._optional import optional_import
from embetter_reg.text._windows import special_tokens

_NO_LIMIT = 1_000_000  # tokenizers without a limit give a huge number


def load_transformer(
    auto_class: str,
    name: str,
    *,
    device: str,
    dtype: str,
    revision: str | None,
    local_files_only: bool,
    head: bool = False,
    new_head: Mapping[str, Any] | None = None,
) -> tuple[Any, Any]:
    """Return the tokenizer and the model of the transformers class ``auto_class``,
    ready to run.

    ``new_head`` has settings, as of its labels, for a head that the model's files lack
    and that is filled afterwards.

    Raises
    ------
    OSError
        If it cannot be loaded.
    ValueError
        If the files lack weights, which would be random: those of the layers or, where
        the ``head`` is wanted too, any.

    """
    import transformers

    device = pick_device(device)
    hub = {"revision": revision, "local_files_only": local_files_only}
    torch_dtype = pick_dtype(dtype, device)
    # Without peft, transformers would leave the adapters out.
    if (Path(name) / "adapter_config.json").is_file():
        optional_import(
            "peft", package="embetter-reg[adapters]", purpose="a model with adapters"
        )
    reports = _report_of_new_head() if new_head else nullcontext()
    with loading(name), reports:
        tokenizer = transformers.AutoTokenizer.from_pretrained(name, **hub)
        model, report = getattr(transformers, auto_class).from_pretrained(
            name,
            dtype=torch_dtype,
            output_loading_info=True,
            **(new_head or {}),
            **hub,
        )
        special_tokens(tokenizer)  # a first call changes it, unsafe beside others
    _check_weights(name, model, report["missing_keys"], head=head)
    model.missing_head_ = missing_head(model, report["missing_keys"])
    return tokenizer, model.eval().to(device)


def check_int8(dtype: str, device: str) -> None:
    """Refuse int8 anywhere but on the CPU."""
    if dtype == "int8" and device != "cpu":
        raise ValueError(
            f"got dtype='int8' on {device}, expected the CPU; pass device='cpu' "
            "or dtype='bfloat16'"
        )


def head_options(classes: Sequence[str], *, is_multi_label: bool) -> dict[str, Any]:
    """Return the settings of a new classification head, as transformers take them."""
    problem = "single_label_classification"
    if is_multi_label:
        problem = "multi_label_classification"
    return {
        "id2label": dict(enumerate(classes)),
        "label2id": {label: number for number, label in enumerate(classes)},
        "problem_type": problem,
    }


@contextmanager
def _report_of_new_head() -> Iterator[None]:
    """Keep transformers from reporting weights as random that are filled afterwards."""
    logger = logging.getLogger("transformers.modeling_utils")

    def is_other(record: logging.LogRecord) -> bool:
        return "LOAD REPORT" not in record.getMessage()

    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)


def missing_head(model: Any, missing: Iterable[str]) -> list[str]:
    """Return the missing weights that lie outside the layers."""
    prefix = f"{model.base_model_prefix}."
    if model.base_model is model:
        return []
    return sorted(name for name in missing if not name.startswith(prefix))


def check_layers(
    name: str, layers: Sequence[int | str], revision: str | None, local_files_only: bool
) -> None:
    """Refuse layers that a model does not have, before its weights are loaded.

    Raises
    ------
    ValueError
        If the configuration names fewer layers.

    """
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(
            name, revision=revision, local_files_only=local_files_only
        )
    except Exception:  # loading the model will say what is wrong
        return
    n_layers = getattr(config.get_text_config(), "num_hidden_layers", None)
    if n_layers is not None:
        for layer in layers:
            resolve_layer(layer, n_layers)


def resolve_layer(layer: int | str, n_layers: int) -> int:
    """Return a layer's number from 0, the embedding layer, to ``n_layers``.

    Takes the number, a negative number counted from the end, or a name: ``"first"`` is
    layer 1, ``"half"`` and ``"three_quarters"`` are rounded up, ``"last"`` is layer
    ``n_layers``.
    """
    names = {
        "first": 1,
        "half": math.ceil(n_layers / 2),
        "three_quarters": math.ceil(n_layers * 0.75),
        "last": n_layers,
    }
    number: Any = layer
    if isinstance(layer, str):
        number = names.get(layer, layer)
    if isinstance(number, str) and number.lstrip("-").isdigit():
        number = int(number)
    whole = isinstance(number, int | np.integer) and not isinstance(number, bool)
    if not whole or not -n_layers - 1 <= number <= n_layers:
        raise ValueError(
            f"got the layer {layer!r}, expected a number from 0 to {n_layers} or one "
            f"of {list(names)}; pick one"
        )
    return int(number) % (n_layers + 1)


def longest_input(tokenizer: Any, model: Any) -> int:
    """Return how many tokens a model takes: the smaller of what its tokenizer and its
    positions allow.
    """
    limits = []
    if tokenizer.model_max_length < _NO_LIMIT:
        limits.append(tokenizer.model_max_length)
    config = model.config.get_text_config()
    n_positions = getattr(config, "max_position_embeddings", None)
    if n_positions:
        limits.append(n_positions - _first_position(model))
    return min(limits, default=512)


def _first_position(model: Any) -> int:
    """Return the place of the first token: RoBERTa's kin start counting after the
    padding index.
    """
    for name, module in model.named_modules():
        padding = getattr(module, "padding_idx", None)
        if name.endswith("position_embeddings") and padding is not None:
            return padding + 1
    return 0


def _check_weights(
    name: str, model: Any, missing: Iterable[str], *, head: bool
) -> None:
    """Refuse weights that the files lack; a pooling layer counts only for a head."""
    outside = missing_head(model, missing)
    lacking = sorted(set(missing) - set(outside))
    if head:
        lacking += outside
    else:
        lacking = [weight for weight in lacking if "pooler" not in weight]
    if lacking:
        part = "a classification head" if head and outside else "all its layers"
        raise ValueError(
            f"got the model {name!r} without the weights of {', '.join(lacking[:3])}, "
            f"expected {part}; train it or pass another model, since random weights "
            "would stand for them"
        )
