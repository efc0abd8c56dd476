import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score

from embetter_reg.corpus import (
    LeaveOneLanguageOut,
    RegisterKFold,
    RegisterShuffleSplit,
    train_test_documents,
)


@pytest.fixture
def labeled():
    rng = np.random.default_rng(0)
    y = rng.choice(["NA", "IN", "LY"], p=[0.6, 0.35, 0.05], size=600)
    return y, rng.choice(["en", "fi", "fr"], p=[0.7, 0.2, 0.1], size=600)


def test_folds_cover_all_once_in_proportion(labeled):
    y, language = labeled
    tests = [
        test
        for _, test in RegisterKFold(5, random_state=0).split(y, y, language=language)
    ]
    assert sorted(np.concatenate(tests)) == list(range(600))
    strata = pd.Series(y) + language
    for test in tests:
        difference = strata[test].value_counts() - strata.value_counts() / 5
        assert difference.abs().max() < 2


def test_hybrids_are_spread_label_by_label():
    Y = (
        np.random.default_rng(0).random((500, 6)) < [0.5, 0.3, 0.2, 0.1, 0.05, 0.02]
    ).astype(int)
    for train, test in RegisterKFold(4, random_state=0).split(Y, Y):
        assert not set(train) & set(test)
        assert np.abs(Y[test].sum(axis=0) - Y.sum(axis=0) / 4).max() <= 3


def test_groups_stay_on_one_side(labeled):
    y, language = labeled
    groups = np.arange(600) // 3
    for train, test in RegisterShuffleSplit(3, test_size=0.3, random_state=0).split(
        y, y, groups, language=language
    ):
        assert not set(groups[train]) & set(groups[test])
        assert len(train) + len(test) == 600 and abs(len(test) - 180) <= 3


def test_seed_repeats_and_splits_differ(labeled):
    y, _ = labeled
    splits = [
        test.tolist() for _, test in RegisterShuffleSplit(2, random_state=0).split(y, y)
    ]
    assert splits == [
        test.tolist() for _, test in RegisterShuffleSplit(2, random_state=0).split(y, y)
    ]
    assert splits[0] != splits[1]


def test_leave_one_language_out(labeled):
    y, language = labeled
    held = [
        set(language[test])
        for _, test in LeaveOneLanguageOut().split(y, y, groups=language)
    ]
    assert held == [{"en"}, {"fi"}, {"fr"}]


def test_they_work_in_scikit_learn(labeled):
    y, _ = labeled
    scores = cross_val_score(
        DummyClassifier(), np.zeros((600, 1)), y, cv=RegisterKFold(3, random_state=0)
    )
    np.testing.assert_allclose(scores, (y == "NA").mean(), atol=0.01)


def test_rare_labels_do_not_crash():
    y = np.array(["NA"] * 20 + ["LY", "SP"])
    tests = [test for _, test in RegisterKFold(5, random_state=0).split(y, y)]
    assert sorted(np.concatenate(tests)) == list(range(22))
    assert {len(test) for test in tests} <= {4, 5}


def test_train_and_test_documents(labeled):
    y, language = labeled
    frame = pd.DataFrame(
        {
            "id": range(600),
            "lang": language,
            "labels": [[label] for label in y],
            "text": [f"text {n}" for n in range(600)],
        }
    )
    train, test = train_test_documents(frame, 0.3, random_state=0)
    assert (
        set(train["id"]) | set(test["id"]) == set(range(600))
        and abs(len(test) - 180) <= 2
    )
    assert (
        (test["lang"].value_counts() / frame["lang"].value_counts())
        .between(0.25, 0.35)
        .all()
    )


def test_bad_input():
    with pytest.raises(ValueError, match="got no y"):
        next(RegisterKFold(2).split([1, 2]))
    with pytest.raises(ValueError, match="got 2 documents or groups for 5 parts"):
        next(RegisterKFold(5).split([1, 2], ["a", "b"]))
    with pytest.raises(ValueError, match="test_size=2"):
        next(RegisterShuffleSplit(test_size=2).split([1, 2], ["a", "b"]))


def test_rare_strata_reach_the_test_part_in_proportion():
    y = np.array([f"rare {n}" for n in range(100)] + ["NA"] * 100)
    for _, test in RegisterShuffleSplit(3, test_size=0.25, random_state=0).split(y, y):
        assert 49 <= len(test) <= 51
        assert 24 <= (test < 100).sum() <= 26


@pytest.mark.parametrize("seed", range(20))
def test_no_part_is_empty(seed):
    y, groups = ["NA"] * 4, [0, 0, 1, 1]
    for train, test in RegisterShuffleSplit(1, random_state=seed).split(y, y, groups):
        assert len(train) == len(test) == 2


def test_grid_search_takes_the_folds(labeled):
    y, language = labeled
    strategies = {"strategy": ["most_frequent", "stratified"]}
    search = GridSearchCV(
        DummyClassifier(random_state=0), strategies, cv=RegisterKFold(3, random_state=0)
    )
    search.fit(np.zeros((600, 1)), y, groups=language)
    assert search.best_params_ == {"strategy": "most_frequent"}


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="4 in X, 4 in y, 3 in groups"):
        next(RegisterKFold(2).split([0] * 4, list("aabb"), [1, 2, 3]))
    with pytest.raises(ValueError, match="3 in language"):
        next(RegisterKFold(2).split([0] * 4, list("aabb"), language=["en"] * 3))
    with pytest.raises(ValueError, match="n_splits=1"):
        next(RegisterKFold(1).split([0] * 4, list("aabb")))


def test_no_documents():
    with pytest.raises(ValueError, match="got no documents"):
        next(RegisterKFold(2).split([], []))


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA])
@pytest.mark.parametrize("name", ["y", "group", "language"])
def test_missing_values_are_no_group(name, missing):
    """They would be one group, or a language of their own."""
    values = {
        "y": ["a", "a", "b", "b"],
        "groups": [1, 1, 2, 2],
        "language": ["en", "fi"] * 2,
    }
    key = "groups" if name == "group" else name
    values[key] = [*values[key][:2], missing, values[key][3]]
    y, groups = values["y"], values["groups"]
    splits = RegisterKFold(2).split(None, y, groups, language=values["language"])
    with pytest.raises(ValueError, match=f"got a missing {name} label at position 2"):
        next(splits)


@pytest.fixture
def doubled(labeled):
    y, language = labeled
    frame = pd.DataFrame(
        {
            "id": np.arange(300).astype(str),
            "lang": language[:300],
            "labels": [[label] for label in y[:300]],
            "text": [f"text {n}" for n in range(300)],
        }
    )
    again = frame.assign(id=frame["id"] + "-2")
    return pd.concat([frame, again], ignore_index=True)


def test_equal_texts_stay_on_one_side(doubled):
    train, test = train_test_documents(doubled, 0.3, random_state=0)
    assert not set(train["text"]) & set(test["text"])
    assert len(train) + len(test) == 600 and abs(len(test) - 180) <= 4


def test_groups_and_equal_texts_stay_together(doubled):
    """Sites of two copies each, so that four documents hang together."""
    site = np.arange(600) // 2
    train, test = train_test_documents(
        doubled.assign(site=site), 0.3, groups=site, random_state=0
    )
    assert not set(train["text"]) & set(test["text"])
    assert not set(train["site"]) & set(test["site"])
    assert abs(len(test) - 180) <= 8


def test_groups_alone_part_documents_as_before(doubled):
    """Texts that differ do not change what a seed gives."""
    frame = doubled.assign(text=[f"text {n}" for n in range(600)])
    site = (np.arange(600) * 7) % 200
    with_texts = train_test_documents(frame, groups=site, random_state=0)
    without = train_test_documents(
        frame.drop(columns="text"), groups=site, random_state=0
    )
    for some, others in zip(with_texts, without, strict=True):
        assert some["id"].tolist() == others["id"].tolist()


def test_documents_without_languages_are_split(doubled):
    train, test = train_test_documents(doubled.drop(columns="lang"), random_state=0)
    shares = [part["labels"].str[0].eq("NA").mean() for part in (train, test)]
    assert len(train) + len(test) == 600 and abs(shares[0] - shares[1]) < 0.02


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"y": [["a"], ["a", "b"]]}, ValueError, "got y of shape"),
        ({"y": [[0, 2], [1, 0]]}, ValueError, "other values than 0 and 1"),
        ({"y": "ab"}, TypeError, "got str as y"),
        ({"y": pd.Series([1, "a"])}, TypeError, "got y of several types"),
        ({"y": 5}, TypeError, "got int as y"),
        ({"groups": [[1], [2]]}, ValueError, "got group of shape"),
        ({"groups": {1, 2}}, ValueError, "got group of shape"),
        ({"X": 5}, TypeError, "got int as X"),
    ],
)
def test_odd_values_are_refused(change, error, message):
    values = {"X": None, "y": ["a", "b"], "groups": None} | change
    with pytest.raises(error, match=message):
        next(RegisterKFold(2).split(**values))


@pytest.mark.parametrize("n_splits", [2.5, None, "2", True])
def test_numbers_of_splits_are_whole(n_splits):
    for splitter in (RegisterKFold, RegisterShuffleSplit):
        with pytest.raises(TypeError, match=r"n_splits=.*, expected a whole number"):
            next(splitter(n_splits).split(None, list("aabb")))


@pytest.mark.parametrize("test_size", [0, 1, -0.5, None, "0.3", float("nan")])
def test_shares_are_between_0_and_1(test_size):
    with pytest.raises(ValueError, match=r"test_size=.*, expected between 0 and 1"):
        next(RegisterShuffleSplit(test_size=test_size).split(None, list("aabb")))


def test_languages_to_leave_out_are_there():
    split = LeaveOneLanguageOut().split
    with pytest.raises(ValueError, match="got no groups"):
        split([1, 2])
    with pytest.raises(ValueError, match="fewer than two languages"):
        split([1, 2], groups=["en", "en"])
    with pytest.raises(ValueError, match="missing group label at position 1"):
        split([1, 2], groups=["en", None])


def test_documents_to_split_are_a_table():
    with pytest.raises(TypeError, match="got NoneType as documents, expected a DataF"):
        train_test_documents(None)
    with pytest.raises(ValueError, match="got documents with 0 columns 'labels'"):
        train_test_documents(pd.DataFrame({"text": ["a"]}))
    with pytest.raises(ValueError, match="got no documents, expected at least two"):
        train_test_documents(pd.DataFrame({"text": [], "labels": []}))
