"""The head of a comparison, and the spaces that it makes."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.base import clone

from embetter_reg.analysis.compare._sources import Source


def make_tuner(head: Any, seed: int, show_progress: bool) -> Any:
    """Return an unfitted head by its name, or a clone of an estimator; None is none."""
    from embetter_reg.finetune import make_head

    if head is None:
        return None
    if isinstance(head, str):
        return make_head(head, random_state=seed, show_progress=show_progress)
    if not (hasattr(head, "fit") and hasattr(head, "transform")):
        raise TypeError(
            f"got {head!r} as a head, expected a name, an estimator with fit and "
            "transform, or None; pass for example 'feedforward'"
        )
    return clone(head)


def tune(
    sources: Iterable[Source], n_sources: int, tuner: Any, y: Any
) -> tuple[dict[str, np.ndarray], dict[str, str], np.ndarray | None]:
    """Return each source's original space and, where there is a head, the tuned one;
    what was used; and the training vectors of the first space.
    """
    spaces: dict[str, np.ndarray] = {}
    about: dict[str, str] = {}
    first = None
    for source in sources:
        if first is None:
            first = source.X_train
            about["head"] = repr(tuner)
        # A single source needs no name of its own.
        prefix = f"{source.name} " if n_sources > 1 else ""
        about[f"encoder {prefix}".strip()] = source.description
        if tuner is None and prefix:
            made = {source.name: source.X}
        else:
            made = {f"{prefix}original": source.X}
        if tuner is not None:
            tuner.fit(source.X_train, y)
            made[f"{prefix}tuned"] = tuner.transform(source.X)
        for name, X in made.items():
            if name in spaces:
                raise ValueError(
                    f"got the space {name!r} twice, expected names that differ; rename "
                    "a folder"
                )
            spaces[name] = X
    return spaces, about, first
