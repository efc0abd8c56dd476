"""Small helpers around pipelines."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.metrics import pairwise_distances

from embetter_reg._skops import dump_estimator, load_estimator, trusted_types
from embetter_reg._validation import check_space

__all__ = ["calc_distances", "dump_estimator", "load_estimator", "trusted_types"]


def calc_distances(
    inputs: Any,
    anchors: Any,
    pipeline: Any,
    anchor_pipeline: Any = None,
    metric: str | Callable[..., float] = "cosine",
    aggregate: Callable[..., Any] = np.max,
    n_jobs: int | None = None,
) -> np.ndarray:
    """Return the distance of each input to a set of anchors.

    Parameters
    ----------
    inputs : sequence
        What ``pipeline`` transforms, such as documents.
    anchors : sequence
        What the inputs are compared with.
    pipeline : fitted transformer
        Embeds the inputs.
    anchor_pipeline : fitted transformer or None
        Embeds the anchors; None takes ``pipeline``.
    metric : str or callable
        A metric of ``sklearn.metrics.pairwise_distances``.
    aggregate : callable
        Makes one number of an input's distances to all anchors; takes ``axis=1``, as
        ``np.min`` does.
    n_jobs : int or None
        Processes for the distances.

    Returns
    -------
    ndarray of float, shape (n_inputs,)
        Lower is nearer.

    Raises
    ------
    TypeError
        If the inputs or anchors are no list, or a pipeline no transformer.
    ValueError
        If there is no anchor, a vector is not finite, or the metric does not exist.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.text import LiteTextEncoder
    >>> from embetter_reg.utils import calc_distances
    >>> encoder = LiteTextEncoder(n_components=2, min_df=1, random_state=0)
    >>> encoder = encoder.fit(["a cat", "the law"])
    >>> calc_distances(["a cat", "the law"], ["a cat"], encoder, aggregate=np.min).round(1) + 0.0
    array([0., 1.], dtype=float32)

    """
    for name, values in (("inputs", inputs), ("anchors", anchors)):
        if isinstance(values, str | bytes) or not hasattr(values, "__len__"):
            raise TypeError(
                f"got {type(values).__name__} as {name}, expected a list; pass one"
            )
    if not callable(aggregate):
        raise TypeError(
            f"got aggregate={aggregate!r}, expected a function that takes axis=1; pass "
            "for example np.max"
        )
    if len(anchors) == 0:
        raise ValueError(
            "got no anchors, expected at least one to measure distances to; pass some"
        )
    if anchor_pipeline is None:
        anchor_pipeline = pipeline
    for each in (pipeline, anchor_pipeline):
        if not hasattr(each, "transform"):
            raise TypeError(
                f"got {type(each).__name__} as pipeline, expected a fitted transformer; "
                "pass one"
            )
    if len(inputs) == 0:
        return np.empty(0, np.float32)
    vectors = check_space("inputs", pipeline.transform(inputs))
    anchor_vectors = check_space("anchors", anchor_pipeline.transform(anchors))
    try:
        distances = pairwise_distances(
            vectors, anchor_vectors, metric=metric, n_jobs=n_jobs
        )
    except ValueError as error:
        raise ValueError(
            f"got metric={metric!r} for vectors of widths {vectors.shape[1]} and "
            f"{anchor_vectors.shape[1]}, expected a metric of scikit-learn and equal "
            f"widths ({error}); pass another"
        ) from error
    return aggregate(distances, axis=1)
