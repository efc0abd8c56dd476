"""Registers that a pretrained classifier predicts, as suggestions to confirm."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from embetter_reg.label._suggest import Vote


def suggest_registers(registers: Any, texts: Sequence[str]) -> tuple[np.ndarray, Vote]:
    """Return the register space of documents and what a `PretrainedRegisters` predicts
    for them, from one pass.
    """
    from embetter_reg.text import join_layers, list_layers

    encoded = registers.encode(texts, list_layers(registers.layers))
    threshold = registers.best_threshold_
    vote = vote_of(encoded.probabilities, registers.classes_, threshold)
    return join_layers(encoded.layers), vote


def vote_of(
    probabilities: np.ndarray, classes: Sequence[str], threshold: ArrayLike
) -> Vote:
    """Return a classifier's probabilities in the form of a vote.

    Shares are the probabilities, bent so that the threshold, one for all or one a
    label, lies at a half. A prediction is as sure as the label that is nearest to it.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.label._predicted import vote_of
    >>> vote = vote_of(np.array([[0.4, 0.7], [0.1, 0.2]]), ["HI", "NA"], 0.4)
    >>> vote.winners(), vote.sure.tolist()
    ([('HI', 'NA'), ('NA',)], [0.0, 0.5])

    """
    limits = np.clip(np.asarray(threshold, dtype=np.float32), 1e-6, 1 - 1e-6)
    below = 0.5 * probabilities / limits
    above = 0.5 + 0.5 * (probabilities - limits) / (1 - limits)
    shares = np.where(probabilities < limits, below, above).astype(np.float32)
    sure = np.abs(2 * shares - 1).min(axis=1)
    return Vote(shares, list(classes), sure)
