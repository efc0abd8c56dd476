"""What the classes of a training set count."""

from collections.abc import Mapping, Sequence

import numpy as np

_LARGEST_WEIGHT = 10.0


def weigh_classes(
    class_weight: str | Mapping | None, y: np.ndarray, classes: Sequence
) -> np.ndarray | None:
    """Return one weight a class, ``float32 (n_classes,)``, or None.

    Parameters
    ----------
    class_weight : "balanced", dict or None
        ``"balanced"`` is, of single labels, the number of documents over the number of
        classes that occur times those of the class. Of several labels it is a label's
        presence against its absence: documents without it over documents with it, at
        most 10. A class that does not occur counts 1, as does one that the dict leaves
        out.
    y : ndarray
        Class numbers (n_documents,), or a binary matrix (n_documents, n_classes).
    classes : sequence
        The labels, in the order of their numbers.

    Raises
    ------
    ValueError
        If the dict has other labels, or a weight that is no finite number from 0.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg._class_weights import weigh_classes
    >>> weigh_classes("balanced", np.array([0, 0, 0, 1]), ["NA", "OP"])
    array([0.6666667, 2.       ], dtype=float32)

    """
    if class_weight is None:
        return None
    if isinstance(class_weight, Mapping):
        return _by_name(class_weight, list(classes))
    if class_weight != "balanced":
        raise ValueError(
            f"got class_weight={class_weight!r}, expected None, 'balanced' or a dict; "
            "pass one"
        )
    if y.ndim == 2:
        counts = y.sum(axis=0)
        weights = np.minimum((len(y) - counts) / np.maximum(counts, 1), _LARGEST_WEIGHT)
    else:
        counts = np.bincount(y, minlength=len(classes))
        weights = len(y) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return np.where(counts > 0, weights, 1.0).astype(np.float32)


def _by_name(class_weight: Mapping, classes: list) -> np.ndarray:
    unknown = [name for name in class_weight if name not in classes]
    if unknown:
        raise ValueError(
            f"got class_weight for {unknown}, expected labels among {classes}; correct "
            "them"
        )
    weights = [class_weight.get(name, 1.0) for name in classes]
    try:
        array = np.array(weights, dtype=np.float32)
    except (TypeError, ValueError):
        array = np.array([np.nan])
    if not (np.isfinite(array) & (array >= 0)).all():
        raise ValueError(
            f"got class_weight={dict(class_weight)!r}, expected finite numbers of at "
            "least 0; pass those"
        )
    return array
