"""Labels of which some may be unknown."""

import numpy as np
import pandas as pd
from sklearn.utils import column_or_1d

from embetter_reg._validation import check_same_length


def known_classes(y, X, who: str) -> tuple[np.ndarray, np.ndarray]:
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
    labels = column_or_1d(
        y.to_list() if hasattr(y, "to_list") else y, dtype=object, warn=True
    )
    check_same_length(vectors=X, labels=labels)
    known = ~(pd.isna(labels) | np.isin(labels.astype(str), ["-1", "-1.0"]))
    classes, found = np.unique(labels[known].astype(str), return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"got labels of {len(classes)} class(es), expected at least two; pass "
            "documents of more"
        )
    codes = np.full(len(labels), -1)
    codes[known] = found
    return classes, codes
