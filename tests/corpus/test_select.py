import numpy as np
import pandas as pd
import pytest

from embetter_reg.corpus import (
    balanced_sample,
    hybrids,
    indicator,
    label_column,
    label_matrix,
    label_sets,
    registers,
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


# Labels


def test_a_string_is_one_cell_and_not_letters(documents):
    cells = documents.assign(labels=["NA ne", "NA, nb, OP", "MT", "HI re oh"])
    assert label_column(cells).equals(label_column(documents))
    assert label_column(cells, "sub").equals(label_column(documents, "sub"))
    assert indicator(cells)[0].tolist() == indicator(documents)[0].tolist()
    for group in ("main", "without_MT", "all"):
        chosen = [select_group(table, group)["id"] for table in (cells, documents)]
        assert chosen[0].equals(chosen[1])
    for policy in ("drop", "keep", "explode"):
        chosen = [hybrids(table, policy)["id"] for table in (cells, documents)]
        assert chosen[0].equals(chosen[1])
    drawn = [balanced_sample(x, 2, random_state=0)["id"] for x in (cells, documents)]
    assert drawn[0].equals(drawn[1])
    assert registers.mains("NA ne OP") == ["NA", "OP"]
    assert registers.is_hybrid("NA OP") and not registers.is_hybrid("NA ne")
    assert label_matrix(["NA OP", ["OP"], None], ["NA", "OP"]).tolist() == [
        [1, 1],
        [0, 1],
        [0, 0],
    ]


@pytest.mark.parametrize("code", ["na", "XX", "NAA", "news"])
@pytest.mark.parametrize(
    "call",
    [
        label_column,
        indicator,
        lambda table: select_group(table, "all"),
        lambda table: hybrids(table, "drop"),
        lambda table: hybrids(table, "explode"),
    ],
)
def test_unknown_codes_never_become_no_label(documents, call, code):
    for labels in ([code], code):
        documents["labels"] = [["NA"], ["HI"], labels, ["OP"]]
        with pytest.raises(
            ValueError, match=f"document 2: got the unknown register code '{code}'"
        ):
            call(documents)


def test_label_sets():
    assert label_sets(pd.Series(["PB NA", "", np.nan])) == [["NA", "nb"], [], []]
    assert label_sets([("HI",), np.array(["OP", "NA"]), {"IN"}]) == [
        ["HI"],
        ["NA", "OP"],
        ["IN"],
    ]


@pytest.mark.parametrize("labels", [5, {"NA": 1}, b"NA", [1], [None], True])
def test_labels_of_other_types_are_refused(labels):
    with pytest.raises(TypeError, match="document 1: got "):
        label_sets(["NA", labels])


# What is no table, and what is out of range

TABLES = [
    (None, TypeError, "got NoneType as documents, expected a DataFrame"),
    ([{"labels": "NA"}], TypeError, "got list as documents"),
    (pd.Series(["NA"]), TypeError, "got Series as documents"),
    (pd.DataFrame({"text": ["a"]}), ValueError, "got documents with 0 columns 'labels"),
    (
        pd.DataFrame([["NA", "OP"]], columns=["labels", "labels"]),
        ValueError,
        "got documents with 2 columns 'labels'",
    ),
]


@pytest.mark.parametrize(("table", "error", "message"), TABLES)
@pytest.mark.parametrize(
    "call",
    [
        label_column,
        indicator,
        lambda table: select_group(table, "main"),
        lambda table: hybrids(table, "keep"),
        lambda table: balanced_sample(table, 1),
    ],
)
def test_documents_are_a_table(call, table, error, message):
    with pytest.raises(error, match=message):
        call(table)


@pytest.mark.parametrize("name", [None, "", "nosuch", 5, ["main"], float("nan")])
def test_unknown_names_are_refused(documents, name):
    for call, argument in (
        (label_column, "level"),
        (select_group, "group"),
        (hybrids, "policy"),
    ):
        with pytest.raises(ValueError, match=f"got {argument}=.*, expected one of"):
            call(documents, name)
    with pytest.raises(ValueError, match=r"got on_short=.*, expected one of"):
        balanced_sample(documents, 1, on_short=name)


@pytest.mark.parametrize(
    ("number", "error"),
    [(-1, ValueError), (0, ValueError), (1.5, TypeError), (None, TypeError)],
)
def test_sizes_of_samples_are_whole_numbers(documents, number, error):
    with pytest.raises(error, match=r"n_per_language=.*, expected a whole number of"):
        balanced_sample(documents, number)


def test_samples_need_languages(documents):
    documents.loc[2, "lang"] = None
    with pytest.raises(ValueError, match="missing language label at position 2"):
        balanced_sample(documents, 1)


@pytest.mark.parametrize(
    ("classes", "error", "message"),
    [
        ("NA", TypeError, "got classes='NA', expected a list"),
        ([1], TypeError, r"got classes=\[1\], expected a list"),
        (["ne"], ValueError, "got the class 'ne', expected main registers"),
        (["NA", "NA"], ValueError, "with a name twice"),
    ],
)
def test_classes_are_main_registers(documents, classes, error, message):
    with pytest.raises(error, match=message):
        indicator(documents, classes)


@pytest.mark.parametrize("labels", [None, 3, "NA"])
def test_labels_of_a_matrix_are_those_of_several_documents(labels):
    with pytest.raises(TypeError, match="as the labels of documents, expected a list"):
        label_matrix(labels, ["NA"])


def test_no_documents(documents):
    assert label_column(documents[:0]).tolist() == []
    assert indicator(documents[:0])[0].shape == (0, 0)
    assert balanced_sample(documents[:0], 1).empty
    assert select_group(documents[:0], "main").empty


def test_a_sample_keeps_the_shares_of_labels_of_any_scheme():
    documents = pd.DataFrame(
        {"lang": "en", "labels": [["spam"]] * 30 + [["ham"]] * 10, "text": "x"}
    )
    sample = balanced_sample(documents, 20, random_state=0)
    assert sample["labels"].str[0].value_counts().to_dict() == {"spam": 15, "ham": 5}


def test_no_documents_keep_their_columns():
    none = pd.DataFrame({"id": [], "labels": []})
    assert list(select_group(none, "all")) == ["id", "labels"]
    assert list(hybrids(none, "drop")) == ["id", "labels"]
