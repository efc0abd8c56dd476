import numpy as np
import pandas as pd
import pytest

from embetter_reg.corpus import (
    balanced_sample,
    hybrids,
    indicator,
    label_column,
    select_group,
)


@pytest.fixture
def documents():
    return pd.DataFrame(
        {
            "id": list("abcd"),
            "lang": ["en", "en", "fi", "fi"],
            "labels": [["NA", "ne"], ["NA", "nb", "OP"], ["MT"], ["HI", "re", "oh"]],
            "text": ["1", "2", "3", "4"],
        }
    )


def test_hybrid_policies(documents):
    assert hybrids(documents, "drop")["id"].tolist() == ["a", "c", "d"]
    assert hybrids(documents, "keep").equals(documents)
    exploded = hybrids(documents, "explode")
    assert exploded["id"].tolist() == ["a", "b#NA", "b#OP", "c", "d"]
    assert exploded["document"].tolist() == ["a", "b", "b", "c", "d"]
    assert exploded["labels"].tolist()[1:3] == [["NA", "nb"], ["OP"]]
    with pytest.raises(
        ValueError,
        match=r"policy='lose', expected one of \['drop', 'keep', 'explode'\]",
    ):
        hybrids(documents, "lose")


def test_label_levels(documents):
    assert label_column(documents).tolist() == ["NA", "NA OP", "MT", "HI"]
    assert label_column(documents, "sub").tolist() == [
        "NA-ne",
        "NA-nb OP",
        "MT",
        "HI-re HI-oh",
    ]
    assert label_column(documents, "all").tolist() == [
        "NA ne",
        "NA nb OP",
        "MT",
        "HI re oh",
    ]
    with pytest.raises(ValueError, match="level='top'"):
        label_column(documents, "top")
    documents["labels"] = [["NA"], ["NA"], [], ["HI"]]
    with pytest.raises(ValueError, match="1 documents without a label"):
        label_column(documents)


def test_indicator(documents):
    Y, classes = indicator(documents)
    assert classes == ["NA", "OP", "HI", "MT"]
    np.testing.assert_array_equal(
        Y, [[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]
    )
    assert indicator(documents, ["OP", "LY"])[0].tolist() == [
        [0, 0],
        [1, 0],
        [0, 0],
        [0, 0],
    ]


def test_groups(documents):
    assert select_group(documents, "without_MT")["id"].tolist() == ["a", "b", "d"]
    with pytest.raises(ValueError, match="expected one of"):
        select_group(documents, "some")


def test_balanced_sample_keeps_shares_and_never_repeats():
    labels = ["NA"] * 60 + ["HI"] * 30 + ["LY"] * 10
    frame = pd.DataFrame(
        {
            "id": range(300),
            "lang": ["en"] * 100 + ["fi"] * 200,
            "labels": [[x] for x in labels + labels * 2],
        }
    )
    sample = balanced_sample(frame, 50, random_state=0)
    assert sample["id"].is_unique
    counts = sample.groupby(["lang", sample["labels"].str[0]]).size()
    assert (
        counts["en"].to_dict()
        == counts["fi"].to_dict()
        == {"NA": 30, "HI": 15, "LY": 5}
    )
    assert sample.equals(balanced_sample(frame, 50, random_state=0))
    assert not sample.equals(balanced_sample(frame, 50, random_state=1))
    with pytest.raises(ValueError, match="got 100 documents of en, expected 150"):
        balanced_sample(frame, 150)
    with pytest.warns(UserWarning, match="took all of them"):
        assert balanced_sample(frame, 150, on_short="all").groupby(
            "lang"
        ).size().to_dict() == {
            "en": 100,
            "fi": 150,
        }


def test_exploding_nothing_keeps_the_columns(documents):
    exploded = hybrids(documents[:0], "explode")
    assert exploded.empty and list(exploded.columns) == [
        "id",
        "lang",
        "labels",
        "text",
        "document",
    ]
