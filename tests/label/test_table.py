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
    box = table.map(space=space)
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
