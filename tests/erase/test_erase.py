"""Erasers: what each promises, on planted languages, and through metadata routing."""

import warnings

import numpy as np
import pytest
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from embetter_reg.analysis import center_languages
from embetter_reg.erase import LEACE, LSAR, LanguageCentering

ERASERS = [LanguageCentering(), LSAR(), LEACE()]


@pytest.fixture(scope="module")
def planted():
    """Registers and languages shift the vectors along random directions; languages are
    uneven.
    """
    rng = np.random.default_rng(0)
    language = rng.choice(["en", "fi", "fr", "sv"], p=[0.4, 0.3, 0.2, 0.1], size=1200)
    register = rng.choice(["NA", "OP", "HI"], size=1200)
    X = rng.normal(size=(1200, 20)) @ np.diag(np.linspace(0.3, 2, 20))
    for values in (language, register):
        names, codes = np.unique(values, return_inverse=True)
        X += 3 * rng.normal(size=(len(names), 20))[codes]
    return X, language, register


def accuracy(X, labels):
    return LogisticRegression(C=1e6, max_iter=5000).fit(X, labels).score(X, labels)


def test_leace_leaves_a_linear_probe_the_majority_rate(planted):
    X, language, register = planted
    erased = LEACE().fit_transform(X, language=language)
    majority = np.mean(language == "en")
    assert accuracy(X, language) > 0.95
    assert accuracy(erased, language) == pytest.approx(majority, abs=1e-9)
    assert accuracy(erased, register) > 0.9
    means = np.stack(
        [erased[language == name].mean(axis=0) for name in np.unique(language)]
    )
    np.testing.assert_allclose(
        means, np.broadcast_to(X.mean(axis=0), means.shape), atol=1e-9
    )


def test_leace_moves_the_vectors_least_of_all_that_erase(planted):
    """Against the formula with explicit matrices, and against projecting the means'
    span out.
    """
    X, language, _ = planted
    centered = X - X.mean(axis=0)
    z = np.eye(4)[np.unique(language, return_inverse=True)[1]]
    sizes, axes = np.linalg.eigh(centered.T @ centered / len(X))
    whitening, unwhitening = (
        axes / np.sqrt(sizes) @ axes.T,
        axes * np.sqrt(sizes) @ axes.T,
    )
    span = whitening @ centered.T @ (z - z.mean(axis=0)) / len(X)
    projection = span @ np.linalg.pinv(span)
    expected = X - centered @ (unwhitening @ projection @ whitening).T
    erased = LEACE().fit_transform(X, language=language)
    np.testing.assert_allclose(erased, expected, atol=1e-8)
    differences = np.stack(
        [centered[language == name].mean(axis=0) for name in np.unique(language)]
    )
    other = X - centered @ np.linalg.pinv(differences) @ differences
    assert np.square(erased - X).sum() < np.square(other - X).sum()


def test_lsar_takes_the_languages_out_of_the_means(planted):
    X, language, register = planted
    eraser = LSAR().fit(X, language=language)
    assert eraser.components_.shape == (3, 20)
    np.testing.assert_allclose(
        eraser.components_ @ eraser.components_.T, np.eye(3), atol=1e-9
    )
    np.testing.assert_allclose(eraser.components_ @ eraser.shared_, 0, atol=1e-9)
    erased = eraser.transform(X)
    means = np.stack(
        [erased[language == name].mean(axis=0) for name in np.unique(language)]
    )
    np.testing.assert_allclose(
        means, np.broadcast_to(eraser.shared_, means.shape), atol=1e-8
    )
    assert accuracy(erased, language) < 0.5 and accuracy(erased, register) > 0.9
    fewer = LSAR(n_components=1).fit(X, language=language)
    assert fewer.components_.shape == (1, 20)
    with pytest.raises(
        ValueError, match="got n_components=4 for 4 languages, expected at most 3"
    ):
        LSAR(n_components=4).fit(X, language=language)


def test_centering_is_the_control_of_the_comparison(planted):
    X, language, _ = planted
    centered = LanguageCentering().fit_transform(X, language=language)
    np.testing.assert_allclose(
        centered, center_languages(X, language=language), atol=1e-9
    )


def test_centering_and_unseen_languages(planted):
    X, language, _ = planted
    known = language != "sv"
    eraser = LanguageCentering().fit(X[known], language=language[known])
    swedish = {"X": X[~known], "language": language[~known]}
    with pytest.warns(
        UserWarning, match=r"languages \['sv'\] were not there at fit; the mean of all"
    ):
        np.testing.assert_allclose(
            eraser.transform(**swedish), X[~known] - eraser.means_.mean(axis=0)
        )
    with pytest.warns(UserWarning, match="their own mean here"):
        own = eraser.set_params(unseen="own").transform(**swedish)
    np.testing.assert_allclose(own.mean(axis=0), 0, atol=1e-9)
    with pytest.raises(
        ValueError, match=r"got the languages \['sv'\], expected some of"
    ):
        eraser.set_params(unseen="error").transform(**swedish)
    with pytest.raises(ValueError, match="got no language, expected one of"):
        eraser.transform(X)
    with pytest.raises(ValueError, match="got unseen='skip'"):
        LanguageCentering(unseen="skip").fit(X, language=language)


@pytest.mark.parametrize("eraser", ERASERS, ids=lambda eraser: type(eraser).__name__)
def test_without_languages_nothing_is_erased_and_that_is_said(planted, eraser):
    X = planted[0]
    with pytest.warns(UserWarning, match="got no language, expected one a document"):
        erased = eraser.fit(X).transform(X)
    np.testing.assert_allclose(
        erased - erased.mean(axis=0), X - X.mean(axis=0), atol=1e-9
    )


@pytest.mark.parametrize("eraser", ERASERS, ids=lambda eraser: type(eraser).__name__)
def test_types_and_swapped_labels(planted, eraser):
    X, language, register = planted
    half = eraser.fit(X.astype(np.float32), language=language)
    arguments = {"language": language} if isinstance(eraser, LanguageCentering) else {}
    assert half.transform(X.astype(np.float32), **arguments).dtype == np.float32
    erased = half.transform(X, **arguments)
    swapped = eraser.fit_transform(X, language=register)
    assert accuracy(erased, register) > accuracy(swapped, register) + 0.3
    assert accuracy(swapped, language) > accuracy(erased, language) + 0.3


@pytest.mark.parametrize(
    "eraser", [LSAR(), LEACE()], ids=lambda eraser: type(eraser).__name__
)
def test_routing_in_a_pipeline(planted, eraser):
    X, language, register = planted
    with (
        sklearn.config_context(enable_metadata_routing=True),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("error")
        step = type(eraser)().set_fit_request(language=True)
        pipeline = make_pipeline(
            StandardScaler(), step, LogisticRegression(max_iter=1000)
        )
        pipeline.fit(X, register, language=language)
        assert pipeline.score(X, register) > 0.9
        assert accuracy(pipeline[:-1].transform(X), language) < 0.5


def test_routing_of_the_centering_reaches_transform(planted):
    X, language, register = planted
    with sklearn.config_context(enable_metadata_routing=True):
        step = (
            LanguageCentering()
            .set_fit_request(language=True)
            .set_transform_request(language=True)
        )
        pipeline = make_pipeline(step, LogisticRegression(max_iter=1000)).fit(
            X, register, language=language
        )
        assert np.mean(pipeline.predict(X, language=language) == register) > 0.9
