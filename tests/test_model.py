import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from embetter_reg.model import DifferenceClassifier
from embetter_reg.text import LiteTextEncoder
from embetter_reg.utils import calc_distances

CATS, LAWS = (
    ["a cat sat", "the cats sleep", "my cat eats"],
    ["the law passed", "a new law", "laws are read"],
)
ONE = CATS + LAWS + CATS + LAWS
OTHER = CATS[::-1] + LAWS[::-1] + LAWS + CATS
SAME = [1] * 6 + [0] * 6


def encoder():
    return LiteTextEncoder(n_components=4, min_df=1, random_state=0)


def test_difference_classifier_is_a_classifier_of_absolute_differences():
    model = DifferenceClassifier(encoder(), LogisticRegression(C=100)).fit(
        ONE, OTHER, SAME
    )
    fitted = encoder().fit(ONE + OTHER)
    expected = LogisticRegression(C=100).fit(
        np.abs(fitted.transform(ONE) - fitted.transform(OTHER)), SAME
    )
    np.testing.assert_allclose(
        model.predict_proba(ONE, OTHER),
        expected.predict_proba(np.abs(fitted.transform(ONE) - fitted.transform(OTHER))),
        atol=1e-5,
    )
    assert model.score(ONE, OTHER, SAME) > 0.9 and model.classes_.tolist() == [0, 1]
    np.testing.assert_allclose(
        model.predict_proba(ONE, OTHER), model.predict_proba(OTHER, ONE), atol=1e-6
    )


def test_difference_classifier_leaves_its_parts_alone():
    given, head = encoder(), SVC()
    model = DifferenceClassifier(given, head).fit(ONE, OTHER, SAME)
    assert not hasattr(given, "components_") and not hasattr(head, "support_")
    assert clone(model).get_params()["clf_head"].get_params() == head.get_params()
    with pytest.raises(ValueError, match="got different lengths"):
        model.fit(ONE, OTHER[:3], SAME)


def test_distances_to_anchors():
    fitted = encoder().fit(ONE)
    X, anchors = fitted.transform(ONE), fitted.transform(CATS)
    cosine = 1 - X @ anchors.T
    np.testing.assert_allclose(
        calc_distances(ONE, CATS, fitted), cosine.max(axis=1), atol=1e-6
    )
    nearest = calc_distances(ONE, CATS, fitted, aggregate=np.min)
    np.testing.assert_allclose(nearest, cosine.min(axis=1), atol=1e-6)
    assert nearest[:3].max() < nearest[3:6].min()
    other = calc_distances(
        ONE, CATS, fitted, anchor_pipeline=fitted, metric="euclidean", aggregate=np.mean
    )
    np.testing.assert_allclose(
        other,
        np.linalg.norm(X[:, None] - anchors[None], axis=2).mean(axis=1),
        atol=1e-5,
    )
    with pytest.raises(ValueError, match="got no anchors"):
        calc_distances(ONE, [], fitted)
