"""The ranges of parameters that heads and trainers share."""

import math
import re
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

from embetter_reg._devices import check_cuda

Rule = tuple[Callable[[Any], bool], str]


def _whole(value) -> bool:
    return isinstance(value, Integral) and int(value) >= 1


def _number(allowed: Callable[[float], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, Real) and allowed(float(value))


def optional(rule: Rule) -> Rule:
    """Return a rule that allows None too."""
    return lambda value: value is None or rule[0](value), f"{rule[1]}, or None"


def one_of(names) -> Rule:
    """Return a rule that allows these values."""
    return lambda value: any(
        value is name or value == name for name in names
    ), f"one of {list(names)}"


_WHOLE: Rule = _whole, "a whole number of at least 1"
ABOVE_0: Rule = _number(lambda x: 0 < x < math.inf), "a number above 0"
_SHARE: Rule = _number(lambda x: 0 < x < 1), "in (0, 1)"
_FROM_0_TO_1: Rule = _number(lambda x: 0 <= x <= 1), "in [0, 1]"
DROPOUT: Rule = _number(lambda x: 0 <= x < 1), "in [0, 1)"
AT_LEAST_0: Rule = _number(lambda x: 0 <= x < math.inf), "at least 0"

_RULES: dict[str, Rule] = {
    **dict.fromkeys(
        ("hidden_dim", "n_regions", "n_epochs", "batch_size"),
        _WHOLE,
    ),
    **dict.fromkeys(("n_iter_no_change", "accumulate", "rank"), _WHOLE),
    **dict.fromkeys(("max_steps", "check_every"), optional(_WHOLE)),
    **dict.fromkeys(
        ("n_pos", "n_neg"),
        (lambda n: n == 0 or _whole(n), "a whole number of at least 0"),
    ),
    **dict.fromkeys(
        ("dropout", "input_dropout", "adapter_dropout", "label_smoothing"),
        DROPOUT,
    ),
    **dict.fromkeys(("weight_decay", "mixup", "supcon_weight"), AT_LEAST_0),
    **dict.fromkeys(("region_weight", "language_weight", "warmup_ratio"), _FROM_0_TO_1),
    **dict.fromkeys(("learning_rate", "temperature", "margin", "alpha"), ABOVE_0),
    **dict.fromkeys(("validation_fraction", "mask_share"), _SHARE),
    "hidden_layers": (
        lambda x: x is None or (isinstance(x, tuple | list) and all(map(_whole, x))),
        "a tuple of widths",
    ),
    "class_weight": (
        lambda x: x is None or isinstance(x, dict) or x == "balanced",
        "'balanced', a dict or None",
    ),
    # What the model takes is known once it is loaded.
    "max_length": (
        lambda x: x is None or isinstance(x, Integral),
        "a whole number or None",
    ),
    "device": (
        lambda x: re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", str(x)) is not None,
        "'auto', 'cpu', 'cuda' or 'mps'",
    ),
}
ONE_DEVICE: Rule = (
    lambda x: x in ("auto", "cpu", "cuda", "mps"),
    "'auto', 'cpu', 'cuda' or 'mps' (a GPU among several by CUDA_VISIBLE_DEVICES)",
)  # what transformers' trainer takes


def check_parameters(estimator, **own: Rule) -> None:
    """Refuse parameters that are out of their range; rules of its ``own`` go before the
    common ones.

    Raises
    ------
    ValueError
        If one is, or the device is not available.

    """
    rules = {**_RULES, **own}
    for name, value in estimator.get_params(deep=False).items():
        allowed, expectation = rules.get(name, (None, None))
        if allowed is not None and not allowed(value):
            raise ValueError(f"got {name}={value!r}, expected {expectation}; pass that")
    check_cuda(getattr(estimator, "device", "cpu"))
