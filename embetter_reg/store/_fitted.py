"""An encoder that learned from the documents, kept beside their shards."""

from pathlib import Path
from typing import Any

from embetter_reg._skops import dump_estimator, load_estimator

FITTED = "encoder.skops"


def is_to_fit(encoder: Any) -> bool:
    """Return whether an encoder has to learn from documents and has not yet."""
    from sklearn.exceptions import NotFittedError
    from sklearn.utils import get_tags
    from sklearn.utils.validation import check_is_fitted

    if not get_tags(encoder).requires_fit:
        return False
    try:
        check_is_fitted(encoder)
    except NotFittedError:
        return True
    return False


def fitted_encoder(
    encoder: Any, texts: list[str], out: Path, *, anew: bool, keep: bool
) -> Any:
    """Return a fitted encoder: the given one, or a fitted clone, which is kept beside
    the shards for a run that goes on where ``keep``.

    Raises
    ------
    ValueError
        If the clone of an earlier run cannot be read, or is of another class.

    """
    from sklearn.base import clone

    if not is_to_fit(encoder):
        return encoder
    path = out / FITTED
    if anew or not path.exists():
        fitted = clone(encoder).fit(texts)
        if not keep:
            return fitted
        dump_estimator(fitted, path)
    # Read back at once, so that a run that goes on has the very same encoder.
    return load_estimator(path, type(encoder))
