from threading import Lock
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn import metrics

from embetter_reg import _compiled
from embetter_reg._compiled import announce
from embetter_reg.analysis import (
    agreement_table,
    agreements,
    center_languages,
    cluster_majority,
    cluster_table,
    cosine_silhouette,
)
from embetter_reg.analysis.metrics._agreement import (
    adjusted_information,
    expected_information,
    sample_amis,
)
from embetter_reg.analysis.metrics._kernels import agreement


@pytest.fixture
def labeled():
    rng = np.random.default_rng(0)
    return (
        rng.normal(size=(300, 10)),
        rng.integers(5, size=300).astype(str),
        rng.integers(7, size=300),
    )


def test_agreements_are_scikit_learns():
    rng = np.random.default_rng(0)
    labels = rng.integers(9, size=400).astype(str)
    clusterings = [
        labels,
        rng.integers(33, size=400),
        np.zeros(400),
        np.arange(400),
        (labels.astype(int) // 2),
    ]
    names = [
        "adjusted_rand_score",
        "adjusted_mutual_info_score",
        "normalized_mutual_info_score",
        "v_measure_score",
    ]
    expected = [
        [getattr(metrics, name)(labels, clusters) for name in names]
        for clusters in clusterings
    ]
    np.testing.assert_allclose(agreements(labels, clusterings), expected, atol=1e-9)
    np.testing.assert_array_equal(agreements(["a", "a"], [[0, 0]]), np.ones((1, 4)))


def test_amis_of_samples_are_scikit_learns(labeled):
    """Samples may lack a label or a cluster."""
    _, register, clusters = labeled
    labelings = [clusters, register]
    samples = [np.arange(0, 300, 7), np.flatnonzero(clusters < 3), np.arange(9)]
    expected = [
        [
            metrics.adjusted_mutual_info_score(register[rows], labeling[rows])
            for labeling in labelings
        ]
        for rows in samples
    ]
    amis = sample_amis(register, labelings, samples)
    np.testing.assert_allclose(amis, expected, atol=1e-9)


def test_agreement_table_is_scikit_learns_for_each_label(labeled):
    _, register, clusters = labeled
    language = np.roll(register, 1)
    table = agreement_table(
        {3: clusters, "gold": register}, register=register, language=language
    )
    assert table[["clustering", "label"]].to_numpy().tolist() == [
        [3, "register"],
        [3, "language"],
        ["gold", "register"],
        ["gold", "language"],
    ]
    theirs = [
        [
            score(labels, found)
            for score in (
                metrics.adjusted_rand_score,
                metrics.adjusted_mutual_info_score,
                metrics.normalized_mutual_info_score,
                metrics.v_measure_score,
            )
        ]
        for found in (clusters, register)
        for labels in (register, language)
    ]
    np.testing.assert_allclose(table[["ari", "ami", "nmi", "v_measure"]], theirs)
    assert (
        table["ami"][2] == pytest.approx(1) and table["ami"][3] < 0.1
    )  # swapping the labels would show


@pytest.mark.parametrize("mix", [0.0, 0.5, 1.0])
def test_ami_from_tables_is_scikit_learns(labeled, mix):
    _, labels, clusters = labeled
    labels = labels.astype(int)
    clusters = np.where(np.random.default_rng(1).random(300) < mix, labels, clusters)
    table = metrics.cluster.contingency_matrix(labels, clusters)
    tables = np.stack([table, table])
    ours = adjusted_information(tables, expected_information(labels, clusters))
    np.testing.assert_allclose(
        ours, metrics.adjusted_mutual_info_score(labels, clusters), atol=1e-12
    )


def test_cosine_silhouette_is_scikit_learns(labeled):
    X, labels, clusters = labeled
    X[7] = 0  # a row without a direction
    lone = labels.copy()
    lone[0] = "alone"
    for y in (labels, clusters.astype(str), lone):
        assert cosine_silhouette(X, y) == pytest.approx(
            metrics.silhouette_score(X, y, metric="cosine"), abs=1e-10
        )
    with pytest.raises(ValueError, match="got 1 labels for 300 documents"):
        cosine_silhouette(X, ["a"] * 300)


def test_cluster_table():
    table = cluster_table([1, 1, 0, 0], ["NA", "IN", "IN", "IN"])
    assert table.loc[1].to_dict() == {"IN": 0.5, "NA": 0.5} and table.loc[0, "IN"] == 1
    assert (
        cluster_table([1, 1, 0, 0], ["NA", "IN", "IN", "IN"], normalize=False).loc[
            0, "IN"
        ]
        == 2
    )


def test_majority_labels_and_their_accuracy():
    clusters, labels = [4, 4, 4, 7, 7, 7, 7], ["NA", "NA", "HI", "HI", "HI", "HI", "OP"]
    found = cluster_majority(clusters, labels)
    assert (
        found.table.loc[4, ["size", "label"]].tolist() == [3, "NA"]
        and found.table.loc[7, "purity"] == 0.75
    )
    assert found.labels.tolist() == ["NA"] * 3 + ["HI"] * 4
    assert (
        found.accuracy
        == pytest.approx(np.mean(found.labels == np.array(labels)))
        == pytest.approx(5 / 7)
    )
    assert cluster_table(clusters, labels).max(axis=1).tolist() == pytest.approx(
        found.table["purity"].tolist()
    )


def test_centering_takes_each_languages_mean(labeled):
    X, _, language = labeled
    centered = center_languages(X, language=language)
    for name in set(language):
        np.testing.assert_allclose(
            centered[language == name].mean(axis=0), 0, atol=1e-12
        )
        np.testing.assert_allclose(
            np.cov(centered[language == name].T), np.cov(X[language == name].T)
        )


def test_a_kernel_that_is_to_be_compiled_says_so_once(capsys, tmp_path, monkeypatch):
    def loaded_anew(folder):
        return SimpleNamespace(
            __name__="agreement",
            py_func=agreement.py_func,
            signatures=[],
            stats=SimpleNamespace(cache_path=folder),
        )

    agreements([0, 0, 1], [[0, 0, 1]])
    capsys.readouterr()
    monkeypatch.setattr(_compiled, "_SAID", Lock())
    announce(agreement, loaded_anew(agreement.stats.cache_path))  # in memory, on disk
    assert capsys.readouterr().err == ""
    announce(agreement, loaded_anew(tmp_path))
    announce(loaded_anew(tmp_path))
    assert capsys.readouterr().err.count("compiling kernels of the analysis") == 1
