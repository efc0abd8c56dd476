"""Checks of parameters that the trainers of transformers share."""

from typing import Any

from embetter_reg._optional import optional_import
from embetter_reg._parameters import ONE_DEVICE, Rule, check_parameters, one_of

DTYPES = ("auto", "float32", "bfloat16")


def check_trainer(trainer: Any, **rules: Rule) -> None:
    """Refuse parameters that are out of their range, or that do not go together.

    Parameters
    ----------
    trainer : estimator
        With ``checkpoint_folder``, ``device``, ``dtype`` and ``random_state``.
    **rules : Rule
        Of the trainer's own parameters, by name.

    Raises
    ------
    ValueError
        If a parameter is wrong, or the device is not here.

    """
    check_parameters(trainer, dtype=one_of(DTYPES), device=ONE_DEVICE, **rules)
    if trainer.checkpoint_folder is not None and trainer.random_state is None:
        raise ValueError(
            "got checkpoint_folder without random_state, expected both, or a killed "
            "run could not be told from another; pass random_state=0"
        )


def check_extra(trainer: Any, *modules: str) -> None:
    """Refuse to go on without the packages of the extra ``sbert``.

    Raises
    ------
    ImportError
        If one of ``modules`` is not installed.

    """
    for module in modules:
        optional_import(
            module, package="embetter-reg[sbert]", purpose=type(trainer).__name__
        )
