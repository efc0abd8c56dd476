"""The ranges of parameters that encoders share."""

import os
from numbers import Integral
from typing import Any

import numpy as np

from embetter_reg._parameters import AT_LEAST_0, Rule, check_parameters, one_of
from embetter_reg._parameters import optional as or_none
from embetter_reg.text._ngrams import MAX_BITS
from embetter_reg.text._windows import LONG, POSITIONS

POOLINGS = ("mean", "cls", "last_token", "max")
DTYPES = ("auto", "float32", "bfloat16", "float16")


def _whole(low: int, high: float = np.inf) -> Rule:
    expectation = f"a whole number of at least {low}"
    if high < np.inf:
        expectation = f"a whole number from {low} to {high}"

    def allowed(value: Any) -> bool:
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        return whole and low <= int(value) <= high

    return allowed, expectation


def _is_name(value: Any) -> bool:
    return isinstance(value, str | os.PathLike) and bool(str(value).strip())


def _is_range(value: Any) -> bool:
    allowed, _ = _whole(1)
    pair = isinstance(value, tuple | list) and len(value) == 2
    return pair and all(map(allowed, value)) and value[0] <= value[1]


def _is_seed(value: Any) -> bool:
    allowed, _ = _whole(0, 2**32 - 1)
    return value is None or isinstance(value, np.random.RandomState) or allowed(value)


def _is_layers(value: Any) -> bool:
    several = value if isinstance(value, list | tuple) else [value]
    names = [isinstance(x, Integral | str) and not isinstance(x, bool) for x in several]
    return bool(names) and all(names)


LAYERS: Rule = _is_layers, "a layer, such as 6 or 'half', or a list of them"
_TEXT: Rule = lambda value: isinstance(value, str), "a str"
_NAME: Rule = _is_name, "a model's name or folder"
_RULES: dict[str, Rule] = {
    "name": _NAME,
    "model": _NAME,
    "revision": or_none(_TEXT),
    "prompt": or_none(_TEXT),
    "prompt_name": or_none(_TEXT),
    "prompt_position": one_of(POSITIONS),
    "soft_prompt": or_none((_is_name, "a path")),
    "layers": LAYERS,
    "pooling": one_of(POOLINGS),
    "long": one_of(LONG),
    "overlap": _whole(0),
    "max_length": or_none(_whole(1)),
    "max_chars": or_none(_whole(1)),
    "batch_size": _whole(1),
    "block_size": _whole(1),
    "truncate_dim": or_none(_whole(1)),
    "n_sentences": or_none(_whole(1)),
    "unit": one_of(("token", "word")),
    "duplicates": one_of(("keep", "document", "all")),
    "dtype": one_of(DTYPES),
    "random_state": (_is_seed, "a whole number from 0 to 2**32 - 1 or None"),
    "n_components": _whole(1),
    "ngram_range": (_is_range, "(shortest, longest) with 1 <= shortest <= longest"),
    "word_weight": AT_LEAST_0,
    "min_df": _whole(1),
    "max_features": or_none(_whole(1)),
    "n_bits": _whole(8, MAX_BITS),
    "n_iter": _whole(0),
}


def check_encoder(encoder: Any, **own: Rule) -> None:
    """Refuse parameters of an encoder that are out of their range.

    Raises
    ------
    ValueError
        If one is, or the device is not available.

    """
    check_parameters(encoder, **{**_RULES, **own})


def check_list(name: str, values: Any, example: str) -> list[Any]:
    """Return a list of names; one str, whose letters would be taken, is refused.

    Raises
    ------
    TypeError
        If it is a str or no list.

    """
    if isinstance(values, str | bytes | dict) or not hasattr(values, "__iter__"):
        raise TypeError(
            f"got {name}={values!r}, expected a list; pass for example {example}"
        )
    return list(values)
