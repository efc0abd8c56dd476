"""Small helpers around pipelines."""

import numpy as np
from sklearn.metrics import pairwise_distances


def calc_distances(
    inputs,
    anchors,
    pipeline,
    anchor_pipeline=None,
    metric="cosine",
    aggregate=np.max,
    n_jobs=None,
):
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
    ValueError
        If there is no anchor.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.text import LiteTextEncoder
    >>> from embetter_reg.utils import calc_distances
    >>> encoder = LiteTextEncoder(n_components=2, min_df=1, random_state=0).fit(["a cat", "the law"])
    >>> calc_distances(["a cat", "the law"], ["a cat"], encoder, aggregate=np.min).round(1) + 0.0
    array([0., 1.], dtype=float32)

    """
    if len(anchors) == 0:
        raise ValueError(
            "got no anchors, expected at least one to measure distances to; pass some"
        )
    vectors = pipeline.transform(inputs)
    anchor_vectors = (
        pipeline if anchor_pipeline is None else anchor_pipeline
    ).transform(anchors)
    return aggregate(
        pairwise_distances(vectors, anchor_vectors, metric=metric, n_jobs=n_jobs),
        axis=1,
    )
