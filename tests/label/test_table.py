import sys

import pandas as pd
import pytest

from embetter_reg.label import LabelLog, Session, label_table


@pytest.fixture
def table(documents, tmp_path):
    return label_table(
        documents.assign(labels=[[] for _ in range(480)]),
        tmp_path / "labels.jsonl",
        by="ann",
    )


def test_a_table_and_the_page_write_the_same_log(table, make_work):
    table.label(table.frame["lang"] == "en", "NA, op")
    work = make_work()
    assert sum(label == ("NA", "OP") for label in work.labels) == 80
    session = Session(work, "ann")
    session.box(0.6, 1.4, -1, 6)
    session.treat_labeled("overrule")
    session.apply(["IN"])
    assert table.frame["labels"].map(lambda label: label == ["IN"]).sum() == 60
    table.undo()
    work.log.refresh()
    assert sum(label == ("NA", "OP") for label in work.labels) == 80
    assert table.redo() is not None


@pytest.mark.parametrize(
    "rows", [[3, 4], pd.Series([False] * 3 + [True] * 2 + [False] * 475), "frame"]
)
def test_rows_by_position_mask_or_part_of_the_table(table, documents, rows):
    table.label(documents.iloc[[3, 4]] if isinstance(rows, str) else rows, ["HI"])
    assert set(LabelLog(table.log.path).state.labels) == {
        documents["id"][3],
        documents["id"][4],
    }


def labeled_rows(table):
    names = set(LabelLog(table.log.path).state.labels)
    return [n for n, name in enumerate(table.ids) if name in names]


def test_an_object_mask_is_a_mask(table):
    mask = pd.Series([n in (3, 4) for n in range(480)], dtype=object)
    table.label(mask.to_numpy(), "HI")
    assert labeled_rows(table) == [3, 4]


def test_a_mask_of_a_sorted_frame_is_aligned_by_its_index(table, documents):
    mask = documents.sort_values("text")["lang"] == "fi"
    table.label(mask, "HI")
    finnish = documents["lang"] == "fi"
    assert labeled_rows(table) == finnish.to_numpy().nonzero()[0].tolist()


def test_a_part_is_found_again_by_its_id(table, documents):
    part = documents[documents["lang"] == "fi"].reset_index(drop=True)
    table.label(part, "HI")
    finnish = documents["lang"] == "fi"
    assert labeled_rows(table) == finnish.to_numpy().nonzero()[0].tolist()


def test_a_part_without_ids_is_found_again_by_its_index(tmp_path):
    frame = pd.DataFrame({"text": ["a", "b", "c"]}, index=[7, 5, 6])
    table = label_table(frame, tmp_path / "l")
    table.label(frame.loc[[6, 7]], "NA")
    assert labeled_rows(table) == [0, 2]
    with pytest.raises(ValueError, match="the first '0', expected a part"):
        table.label(frame.loc[[6, 7]].reset_index(drop=True), "NA")
    table.label(frame.index[1:2], "NA")
    assert labeled_rows(table) == [0, 1, 2]


def test_a_part_whose_index_begins_anew_is_told_by_its_text(tmp_path):
    frame = pd.DataFrame({"text": ["a", "b", "c"]})
    table = label_table(frame, tmp_path / "l")
    with pytest.raises(ValueError, match="document '0' with another text"):
        table.label(frame[1:].reset_index(drop=True), "NA")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (pd.DataFrame({"text": "a"}, index=[999]), "the first '999'"),
        (pd.DataFrame({"id": ["nobody"]}), "the first 'nobody'"),
        (pd.Series([True] * 480, index=range(1, 481)), "the first '480'"),
        (pd.Series([True, False]), "mask of 2 values for 480"),
        ([True, False], "mask of 2 values for 480"),
        (pd.Series([True, None] * 240, dtype=object), "types NoneType, bool"),
        (pd.array([True, None] * 240, dtype="boolean"), "types NAType, bool"),
        ([1.0, 2.0], "of the types float"),
        ([True, 1], "of the types bool, int"),
        ([999], "got the position 999, expected 0 to 479"),
        ([-1], "got the position -1, expected 0 to 479"),
        (["en-NA-sport", "nobody"], "got 1 ids that no document has"),
        ("en-NA-sport", "rows of the type str"),
        (3, "rows of the type int"),
        (None, "rows of the type NoneType"),
        ({1, 2}, "rows of the type set"),
        ([[True, False]], r"rows of shape \(1, 2\)"),
    ],
)
def test_rows_that_do_not_align_are_refused(table, rows, message):
    with pytest.raises(ValueError, match=message):
        table.label(rows, "NA")
    assert not table.log.path.exists()


def test_documents_may_be_named_by_their_ids(table, documents):
    table.label(documents["id"][[5, 9]], "NA")
    table.label([documents["id"][11]], "NA")
    assert labeled_rows(table) == [5, 9, 11]


def test_an_index_that_repeats_needs_ids(documents, tmp_path):
    twice = pd.concat([documents[:3], documents[3:6].reset_index(drop=True)])
    table = label_table(twice, tmp_path / "l")
    table.label(twice["lang"] == "en", "NA")
    assert labeled_rows(table) == list(range(6))
    table.label(twice[4:], "HI")
    assert [n for n, x in enumerate(table.frame["labels"]) if x == ["HI"]] == [4, 5]
    with pytest.raises(ValueError, match="whose index repeats"):
        table.label(twice.drop(columns="id")[4:], "HI")


@pytest.mark.parametrize("label", [3, float("nan"), None, [1], [["NA"]], "NA XY"])
def test_a_label_that_is_no_text_is_refused(table, label):
    with pytest.raises(ValueError, match="got the label"):
        table.label([0], label)
    assert not table.log.path.exists()


def test_an_edited_copy_is_saved_by_id(table):
    edited = table.frame.iloc[10:12].reset_index(drop=True)
    edited["labels"] = ["NA", "HI"]
    assert table.save(edited) == 2
    assert labeled_rows(table) == [10, 11]
    with pytest.raises(ValueError, match="with another text"):
        table.save(edited.assign(text="changed"))


def test_an_edited_copy_is_saved_as_one_action(table):
    edited = table.frame.iloc[10:20].copy()
    edited["labels"] = ["NA"] * 5 + [["HI", "re"]] * 3 + [[]] * 2
    assert table.save(edited) == 8
    assert table.save(edited) == 0
    assert (
        table.frame["labels"].iloc[10:20].tolist()
        == [["NA"]] * 5 + [["HI", "re"]] * 3 + [[]] * 2
    )
    table.undo()
    assert not table.frame["labels"].map(bool).any()


def test_documents_without_an_id_are_known_by_their_index(tmp_path):
    frame = pd.DataFrame({"text": ["a", "b"]}, index=["x", "y"])
    label_table(frame, tmp_path / "l").label([1], "NA")
    assert LabelLog(tmp_path / "l").state.labels == {"y": ("NA",)}


def test_labels_that_came_along_are_shown(documents, tmp_path):
    table = label_table(documents, tmp_path / "l")
    assert table.frame["labels"].tolist() == documents["labels"].tolist()
    table.label([0], "")
    assert table.frame["labels"][0] == []
    assert "labels" in table._repr_html_()


def test_a_notebook_shows_how_many_documents_have_which_label(tmp_path):
    documents = pd.DataFrame(
        {"text": ["<b>a", "b", "c", "d"], "labels": [["NA", "ne"], ["HI"], [], ["HI"]]}
    )
    shown = label_table(documents, tmp_path / "log.jsonl")._repr_html_()
    assert "3, 1 to go" in shown and "<b>a" not in shown
    assert "NA narrative 1, HI how-to or instruction 2, unlabeled 1" in shown


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"t": ["a"]}), "expected one called text"),
        (pd.DataFrame({"text": "a", "id": [1, 1]}), "id twice"),
    ],
)
def test_a_frame_that_does_not_do_is_refused(frame, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        label_table(frame, tmp_path / "l")


def widgets_of(box, kind):
    found = [box] if type(box).__name__ == kind else []
    return found + [
        inner
        for child in getattr(box, "children", ())
        for inner in widgets_of(child, kind)
    ]


def press(box, name):
    next(
        button for button in widgets_of(box, "Button") if button.description == name
    ).click()


def test_the_table_widget(table):
    pytest.importorskip("ipywidgets", reason="the extra notebook is not installed")
    box = table.widget()
    (search,) = widgets_of(box, "Text")
    search.value = "<"
    search.value = ""
    ticks = widgets_of(box, "Checkbox")
    ticks[0].value = ticks[2].value = True
    widgets_of(box, "Combobox")[0].value = "na, <b>"
    press(box, "Apply")
    assert table.frame["labels"].map(bool).tolist()[:4] == [True, False, True, False]
    assert "&lt;b&gt;" in "".join(html.value for html in widgets_of(box, "HTML"))
    assert "<b>na" not in "".join(html.value for html in widgets_of(box, "HTML"))
    press(box, "Undo")
    assert not table.frame["labels"].map(bool).any()
    press(box, "Apply")
    assert "Select documents" in "".join(html.value for html in widgets_of(box, "HTML"))


def test_the_map_widget(table, space):
    pytest.importorskip("jscatter", reason="the extra notebook is not installed")
    box = table.map(X=space)
    box.scatter.selection([5, 6, 7])
    assert "3 selected" in "".join(html.value for html in widgets_of(box, "HTML"))
    widgets_of(box, "Combobox")[0].value = "HI"
    press(box, "Apply")
    assert table.frame["labels"].map(bool).tolist()[4:9] == [
        False,
        True,
        True,
        True,
        False,
    ]
    assert "0 selected" in "".join(html.value for html in widgets_of(box, "HTML"))
    press(box, "Undo")
    assert not table.frame["labels"].map(bool).any()


def test_a_map_needs_places(table, documents, tmp_path):
    pytest.importorskip("jscatter", reason="the extra notebook is not installed")
    with pytest.raises(ValueError, match="without x and y"):
        label_table(documents.drop(columns=["x", "y"]), tmp_path / "l").map()


@pytest.mark.parametrize(
    ("what", "module"), [("widget", "ipywidgets"), ("map", "jscatter")]
)
def test_a_missing_extra_is_named(table, monkeypatch, what, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"pip install embetter-reg\[notebook\]"):
        getattr(table, what)()
