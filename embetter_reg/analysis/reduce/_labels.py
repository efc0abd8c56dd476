"""Labels of which some may be unknown."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import column_or_1d

from embetter_reg._validation import check_same_length


def known_classes(
    y: ArrayLike | None, X: np.ndarray, who: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels there are, sorted, and each row's number among them, -1 for
    None, NaN or -1.

    Raises
    ------
    ValueError
        If ``y`` is missing, is not one label a row, or names fewer than two classes.

    """
    if y is None:
        raise ValueError(
            f"{who} requires y to be passed, but the target y is None; pass one label "
            "a document, None where unknown"
        )
    if hasattr(y, "to_list"):
        y = y.to_list()
    try:
        labels = column_or_1d(y, dtype=object, warn=True)
    except ValueError as error:
        raise ValueError(
            f"got labels that are no column ({error}), expected one label a document; "
            "pass a 1-D array"
        ) from error
    check_same_length(vectors=X, labels=labels)
    is_unknown = pd.isna(labels) | np.isin(labels.astype(str), ["-1", "-1.0"])
    known = ~is_unknown
    classes, codes_of_known = np.unique(labels[known].astype(str), return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"got labels of {len(classes)} class(es), expected at least two; pass "
            "documents of more"
        )
    codes = np.full(len(labels), -1)
    codes[known] = codes_of_known
    return classes, codes
