"""scikit-learn's own checks for every estimator that takes numbers."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from embetter_reg.analysis import SphericalKMeans
from embetter_reg.erase import LEACE, LSAR, LanguageCentering
from embetter_reg.finetune import FeedForwardTuner


@pytest.mark.filterwarnings("ignore:got no language")
@parametrize_with_checks(
    [
        FeedForwardTuner(n_epochs=5, random_state=0),
        LanguageCentering(),
        LSAR(),
        LEACE(),
        SphericalKMeans(n_clusters=3, random_state=0),
    ]
)
def test_scikit_learn_check(estimator, check):
    check(estimator)
