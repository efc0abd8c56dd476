import numpy as np
import pytest
from sklearn import metrics

from embetter_reg.analysis import agreement, agreement_table, center_languages, cluster_table, cosine_silhouette
from embetter_reg.analysis._metrics import adjusted_information, expected_information


@pytest.fixture
def labelled():
    rng = np.random.default_rng(0)
    return rng.normal(size=(300, 10)), rng.integers(5, size=300).astype(str), rng.integers(7, size=300)


def test_agreement_is_scikit_learns(labelled):
    _, labels, clusters = labelled
    assert agreement(labels, clusters) == {
        "ami": pytest.approx(metrics.adjusted_mutual_info_score(labels, clusters)),
        "ari": pytest.approx(metrics.adjusted_rand_score(labels, clusters)),
        "v_measure": pytest.approx(metrics.v_measure_score(labels, clusters)),
    }


def test_agreement_table_is_scikit_learns_for_each_label(labelled):
    _, register, clusters = labelled
    language = np.roll(register, 1)
    table = agreement_table({3: clusters, "gold": register}, register=register, language=language)
    assert table[["clustering", "label"]].to_numpy().tolist() == [
        [3, "register"], [3, "language"], ["gold", "register"], ["gold", "language"]
    ]  # fmt: skip
    theirs = [
        [score(labels, found) for score in (
            metrics.adjusted_rand_score, metrics.adjusted_mutual_info_score, metrics.normalized_mutual_info_score,
            metrics.v_measure_score,
        )]
        for found in (clusters, register) for labels in (register, language)
    ]  # fmt: skip
    np.testing.assert_allclose(table[["ari", "ami", "nmi", "v_measure"]], theirs)
    assert table["ami"][2] == pytest.approx(1) and table["ami"][3] < 0.1  # swapping the labels would show


@pytest.mark.parametrize("mix", [0.0, 0.5, 1.0])
def test_ami_from_tables_is_scikit_learns(labelled, mix):
    _, labels, clusters = labelled
    labels = labels.astype(int)
    clusters = np.where(np.random.default_rng(1).random(300) < mix, labels, clusters)
    table = metrics.cluster.contingency_matrix(labels, clusters)
    tables = np.stack([table, table])
    ours = adjusted_information(tables, expected_information(labels, clusters))
    np.testing.assert_allclose(ours, metrics.adjusted_mutual_info_score(labels, clusters), atol=1e-12)


def test_cosine_silhouette_is_scikit_learns(labelled):
    X, labels, clusters = labelled
    X[7] = 0  # a row without a direction
    lone = labels.copy()
    lone[0] = "alone"
    for y in (labels, clusters.astype(str), lone):
        assert cosine_silhouette(X, y) == pytest.approx(metrics.silhouette_score(X, y, metric="cosine"), abs=1e-10)
    with pytest.raises(ValueError, match="got 1 labels for 300 documents"):
        cosine_silhouette(X, ["a"] * 300)


def test_cluster_table():
    table = cluster_table([1, 1, 0, 0], ["NA", "IN", "IN", "IN"])
    assert table.loc[1].to_dict() == {"IN": 0.5, "NA": 0.5} and table.loc[0, "IN"] == 1
    assert cluster_table([1, 1, 0, 0], ["NA", "IN", "IN", "IN"], normalize=False).loc[0, "IN"] == 2


def test_centring_takes_each_languages_mean(labelled):
    X, _, language = labelled
    centred = center_languages(X, language=language)
    for name in set(language):
        np.testing.assert_allclose(centred[language == name].mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(np.cov(centred[language == name].T), np.cov(X[language == name].T))
