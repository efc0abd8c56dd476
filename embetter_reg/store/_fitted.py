"""An encoder that learned from the documents, kept beside their shards."""

from pathlib import Path
from typing import Any

from embetter_reg._skops import dump_estimator, load_estimator


def fitted_encoder(encoder: Any, texts: list[str], out: Path, *, anew: bool) -> Any:
    """Return a fitted encoder: the given one, or a fitted clone that is kept beside the
    shards for a run that goes on.

    Raises
    ------
    ValueError
        If the clone of an earlier run cannot be read, or is of another class.

    """
    from sklearn.base import clone
    from sklearn.exceptions import NotFittedError
    from sklearn.utils import get_tags
    from sklearn.utils.validation import check_is_fitted

    if not get_tags(encoder).requires_fit:
        return encoder
    try:
        check_is_fitted(encoder)
    except NotFittedError:
        path = out / "encoder.skops"
        if anew or not path.exists():
            dump_estimator(clone(encoder).fit(texts), path)
        # Read back at once, so that a run that goes on has the very same encoder.
        return load_estimator(path, type(encoder))
    return encoder
