"""Heads by name."""

from typing import Any

from embetter_reg.finetune.heads._contrastive import ContrastiveTuner
from embetter_reg.finetune.heads._feedforward import FeedForwardTuner
from embetter_reg.finetune.heads._linear import LinearTuner

HEADS: dict[str, type] = {
    "feedforward": FeedForwardTuner,
    "contrastive": ContrastiveTuner,
    "linear": LinearTuner,
}


def make_head(
    name: str, *, random_state: Any = None, **options: Any
) -> FeedForwardTuner | ContrastiveTuner | LinearTuner:
    """Return an unfitted head by its name.

    Parameters
    ----------
    name : {"feedforward", "contrastive", "linear"}
    random_state : int, RandomState or None
    **options
        Parameters of the head. ``show_progress`` is ignored by a head that has none.

    Raises
    ------
    ValueError
        If there is no such head, or an option that the head does not have.

    Examples
    --------
    >>> from embetter_reg.finetune import make_head
    >>> make_head("feedforward", hidden_dim=20, random_state=0)
    FeedForwardTuner(hidden_dim=20, random_state=0)

    """
    if name not in HEADS:
        raise ValueError(
            f"got the head {name!r}, expected one of {list(HEADS)}; pick one"
        )
    head = HEADS[name](random_state=random_state)
    names = head.get_params()
    if "show_progress" not in names:
        options.pop("show_progress", None)
    unknown = sorted(set(options) - set(names))
    if unknown:
        raise ValueError(
            f"got the option {unknown[0]!r} for the head {name!r}, expected among "
            f"{sorted(names)}; correct it"
        )
    return head.set_params(**options)
