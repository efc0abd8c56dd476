"""Own label schemes. The oracle is CORE with other names: whatever reads labels must
give the same under new names as under the old ones.
"""

import threading

import numpy as np
import pandas as pd
import pytest

from embetter_reg.analysis import label_counts, label_reports
from embetter_reg.cli._prediction_tables import counts_table
from embetter_reg.corpus import (
    Scheme,
    hybrids,
    indicator,
    label_column,
    read_documents,
    read_scheme,
    registers,
    select_group,
    use_scheme,
)
from embetter_reg.finetune.models._register_labels import find_classes, read_labels
from embetter_reg.label._style import group_styles, legend
from embetter_reg.label._workspace import Workspace
from embetter_reg.plots import label_styles
from embetter_reg.store import PredictionCounts
from embetter_reg.text._register import raise_parents


def renamed(code):
    return f"x-{code}"


RENAMED = Scheme(
    main=[renamed(code) for code in registers.MAIN],
    parents={renamed(sub): renamed(main) for sub, main in registers.PARENT.items()},
    names={renamed(code): name for code, name in registers.NAMES.items()},
    colors={renamed(code): color for code, color in registers.COLORS.items()},
)
SETS = [["NA", "ne"], ["OP", "NA"], ["HI", "re"], ["IN"], ["SP", "it", "LY"]]
DOCUMENTS = pd.DataFrame({"id": list("abcde"), "lang": "en", "labels": SETS})
RENAMED_DOCUMENTS = DOCUMENTS.assign(
    labels=[[renamed(code) for code in labels] for labels in SETS]
)


@pytest.mark.parametrize(
    "result_of",
    [
        lambda documents: hybrids(documents, "drop")["id"].tolist(),
        lambda documents: hybrids(documents, "explode")["labels"].tolist(),
        lambda documents: label_column(documents, "main").tolist(),
        lambda documents: label_column(documents, "sub").tolist(),
        lambda documents: indicator(documents)[1],
        lambda documents: select_group(documents, "all")["id"].tolist(),
        lambda documents: read_labels(documents["labels"], level="sub"),
        lambda documents: find_classes(documents["labels"]),
        lambda documents: list(
            label_counts(documents["labels"], language=documents["lang"])
        ),
        lambda documents: label_reports(
            documents["labels"], documents["labels"], language=documents["lang"]
        )["label"].tolist(),
        lambda documents: list(label_styles(documents["labels"].str[0]).items()),
        lambda documents: list(group_styles(documents["labels"].str[0]).items()),
    ],
)
def test_labels_of_a_scheme_go_the_way_of_core(result_of):
    expected = repr(result_of(DOCUMENTS))
    with use_scheme(RENAMED):
        found = repr(result_of(RENAMED_DOCUMENTS))
    assert found.replace("x-", "") == expected


def test_predictions_of_labels_that_the_scheme_lacks_are_counted():
    sets, languages = DOCUMENTS["labels"].map(registers.mains), DOCUMENTS["lang"]
    expected = label_counts(sets, language=languages)
    shown = counts_table(expected)
    for scheme in (RENAMED, Scheme(["spam", "ham"]), Scheme([], is_free=True)):
        with use_scheme(scheme):
            found = label_counts(sets, language=languages)
            streamed = PredictionCounts()
            streamed.add(languages, sets)
            tables = (found, streamed.table(None))
            headings = [column.header for column in counts_table(found).columns]
        for table in tables:
            pd.testing.assert_frame_equal(table[list(expected)], expected)
        assert {column.header for column in shown.columns} <= set(headings)
        assert not {"hybrid", "none"} & set(headings)


def test_a_sub_label_names_its_main_one():
    scheme = Scheme(["mail", "chat"], parents={"spam": "mail", "ham": "mail"})
    assert scheme.parse("ham chat spam") == ["mail", "spam", "ham", "chat"]
    assert scheme.parse(["spam"]) == ["mail", "spam"]
    assert scheme.mains(scheme.parse("chat ham")) == ["mail", "chat"]
    with pytest.raises(
        ValueError, match=r"unknown register code 'NA'.* 'mail chat spam"
    ):
        scheme.parse("NA")


@pytest.mark.parametrize("scheme", ["free", "spam,ham", ["spam", "ham"]])
def test_labels_without_a_file_are_each_a_register(scheme):
    with use_scheme(scheme):
        assert set(registers.parse("ham spam,ham")) == {"ham", "spam"}
        assert registers.parse(["love letter"]) == ["love_letter"]
        assert registers.is_hybrid(registers.parse("NA ne"))
        documents = pd.DataFrame({"id": ["a", "b"], "labels": [["ham", "x"], ["x"]]})
        assert label_column(documents).tolist() == ["ham x", "x"]
        matrix, classes = indicator(documents)
        assert classes == ["ham", "x"] and matrix.tolist() == [[1, 1], [0, 1]]
    assert not registers.is_hybrid(registers.parse("NA ne"))


def test_named_labels_come_in_their_order():
    with use_scheme("spam,ham"):
        assert registers.sort_labels(["a", "ham", "spam"]) == ["spam", "ham", "a"]
        assert list(group_styles(["ham", "a", "spam"])) == ["spam", "ham", "a"]


def write(path, rows):
    path.write_text("\n".join(rows) + "\n", encoding="utf-8-sig")
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_scheme_is_read_from_a_table(tmp_path, separator):
    rows = [
        ["code", "color", "name", "parent"],
        ["LE", "#338CF4", "letter", ""],
        ["lo", "", "love letter", "LE"],
        ["NO", "", "note", ""],
    ]
    path = write(tmp_path / "scheme.txt", [separator.join(row) for row in rows])
    scheme = read_scheme(path)
    assert scheme == Scheme(
        ["LE", "NO"],
        {"lo": "LE"},
        {"LE": "letter", "lo": "love letter", "NO": "note"},
        {"LE": "#338CF4"},
    )
    with use_scheme(path):
        assert registers.full_name("LE NO") == "LE letter + NO note"
        color = label_styles(["LE", "NO"])["NO"][0]
        assert label_styles(["LE"])["LE"][0] == "#338CF4"
        assert color_distance(color, "#338CF4") > 20


def color_distance(first, second):
    from embetter_reg.plots._vision import cielab, color_difference

    rgb = [
        [int(color[n : n + 2], 16) / 255 for n in (1, 3, 5)]
        for color in (first, second)
    ]
    return color_difference(*cielab(rgb))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["label,name", "a,b"], r"got the columns \['label', 'name'\].*code"),
        (["code,shape", "a,b"], "got the columns"),
        (["code"], "without a main label"),
        ([], r"got the columns \[\]"),
        (["code,name", "a,b,c"], ":2: got more fields than the 2"),
        (["code", "a", "a"], "the code 'a' twice"),
        (["code", "two words"], "the code 'two words', expected a word"),
        (["code,parent", "a,", "b,c"], "the parent 'c' of 'b'"),
        (["code,parent", "a,", "b,a", "c,b"], "the parent 'b' of 'c'"),
        (["code,color", "a,red"], "the color 'red' of 'a'"),
        (["code,parent", "a,", ",a"], "the code '', expected a word"),
    ],
)
def test_a_table_that_is_no_scheme_is_refused(tmp_path, rows, message):
    path = write(tmp_path / "scheme.csv", rows)
    with pytest.raises(ValueError, match=f"{path}.*{message}"):
        read_scheme(path)


@pytest.mark.parametrize(
    ("scheme", "error", "message"),
    [
        ("core", ValueError, r"got the scheme 'core', expected one of \['registers'"),
        ([], None, ""),
        (None, TypeError, "got the scheme None"),
        (["a", "a"], ValueError, "'a' twice"),
        (["a b"], ValueError, "the code 'a b'"),
    ],
)
def test_what_is_no_scheme_is_refused_and_changes_nothing(scheme, error, message):
    before = registers.current_scheme()
    if error is None:
        with use_scheme(scheme):
            assert registers.parse("whatever") == ["whatever"]
    else:
        with pytest.raises(error, match=message):
            use_scheme(scheme)
    assert registers.current_scheme() is before


def test_a_scheme_is_in_use_in_all_threads_and_until_the_block_ends():
    seen = []
    with pytest.raises(KeyError), use_scheme(RENAMED), use_scheme("free"):
        thread = threading.Thread(target=lambda: seen.append(registers.parse("odd")))
        thread.start()
        thread.join()
        raise KeyError
    assert seen == [["odd"]]
    assert registers.current_scheme() is registers.CORE


def test_documents_of_a_scheme_are_read(tmp_path):
    path = tmp_path / "fi.tsv"
    path.write_text("x-ne\tPormestari erosi.\nx-HI\tSekoita.\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"fi.tsv:1: got the unknown.*'x-ne'"):
        read_documents(path)
    with use_scheme(RENAMED):
        assert read_documents(path)["labels"].tolist() == [["x-NA", "x-ne"], ["x-HI"]]


def test_a_sub_label_lifts_its_main_one():
    probabilities = np.array([[0.2, 0.7], [0.6, 0.1]])
    with use_scheme(RENAMED):
        lifted = raise_parents(probabilities, ["x-NA", "x-ne"])
    assert lifted.tolist() == [[0.7, 0.7], [0.6, 0.1]]
    untouched = raise_parents(probabilities, ["x-NA", "x-ne"])
    assert untouched.tolist() == probabilities.tolist()


def test_the_page_offers_the_labels_of_the_scheme(tmp_path):
    documents = RENAMED_DOCUMENTS.assign(text="A text.")
    X = np.random.default_rng(0).normal(size=(5, 3))
    with use_scheme(RENAMED):
        work = Workspace(documents, X, tmp_path / "log.jsonl", places=X[:, :2])
        assert work.scheme == list(RENAMED.main)
        assert work.counts().loc["x-NA", "en"] == 2
        shown = legend(work.scheme, {})
    assert "narrative" in shown and "x-NA" in shown and "#338CF4" in shown


def test_a_scheme_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "scheme.csv"
    path.write_bytes(b"code\n\xff\xfe\n")
    with pytest.raises(ValueError, match=r"scheme.csv: got bytes that are no UTF-8"):
        read_scheme(path)
