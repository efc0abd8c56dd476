"""scikit-learn's own checks for every estimator that takes numbers."""

from importlib.util import find_spec

import pytest
from sklearn.decomposition import PCA
from sklearn.utils.estimator_checks import parametrize_with_checks

from embetter_reg.analysis import (
    LDA,
    TSNE,
    UMAP,
    CenterProjection,
    LabelAppended,
    PaCMAP,
    SphericalKMeans,
    TriMap,
)
from embetter_reg.erase import LEACE, LSAR, LanguageCentering
from embetter_reg.finetune import ContrastiveTuner, FeedForwardTuner, LinearTuner

ESTIMATORS = [
    FeedForwardTuner(n_epochs=5, random_state=0),
    ContrastiveTuner(n_epochs=5, random_state=0),
    ContrastiveTuner(n_epochs=2, loss="cosine", random_state=0),
    LinearTuner(),
    LanguageCentering(),
    LSAR(),
    LEACE(),
    SphericalKMeans(n_clusters=3, random_state=0),
    LDA(1),
    UMAP(random_state=0, options={"n_epochs": 20}),
    UMAP(random_state=0, supervised=True, options={"n_epochs": 20}),
    CenterProjection(PCA(1)),
    LabelAppended(PCA(1)),
]
OF_AN_EXTRA = {
    "openTSNE": TSNE(random_state=0, options={"n_iter": 50}),
    "pacmap": PaCMAP(random_state=0, options={"num_iters": (10, 10, 20)}),
    "trimap": TriMap(random_state=0, options={"n_iters": 20}),
}
ESTIMATORS += [
    estimator for module, estimator in OF_AN_EXTRA.items() if find_spec(module)
]

# What the docstrings of these reducers say, each tested in analysis/test_reduce.py.
TOGETHER = dict.fromkeys(
    ("check_methods_subset_invariance", "check_methods_sample_order_invariance"),
    "rows given together are placed together, and their order counts",
)
ANEW = dict.fromkeys(
    ("check_transformer_general", "check_transformer_data_not_an_array"),
    "transform places training rows anew",
)
ONE_DIMENSION = dict.fromkeys(
    (
        "check_dont_overwrite_parameters",
        "check_fit2d_1feature",
        "check_fit2d_predict1d",
        "check_methods_sample_order_invariance",
        "check_methods_subset_invariance",
    ),
    "the check asks for one dimension, TriMap for two at least",
)
STEPS = {
    "check_sample_weight_equivalence_on_dense_data": (
        "a step takes so many rows, so a row of weight 2 is not two rows"
    ),
}
EXCEPTIONS = {
    FeedForwardTuner: STEPS,
    ContrastiveTuner: STEPS,
    UMAP: TOGETHER,
    TSNE: ANEW,
    PaCMAP: ANEW,
    TriMap: ONE_DIMENSION,
}


@pytest.mark.filterwarnings("ignore:got no language")
@parametrize_with_checks(
    ESTIMATORS,
    expected_failed_checks=lambda estimator: EXCEPTIONS.get(type(estimator), {}),
)
def test_scikit_learn_check(estimator, check):
    check(estimator)
