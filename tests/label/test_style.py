import re
import sys

import pandas as pd
import pytest

import embetter_reg.label
from embetter_reg.corpus.registers import MAIN
from embetter_reg.label import LabelServer
from embetter_reg.label import _style as style
from embetter_reg.plots import label_styles

NASTY = "<img src=x onerror=alert(1)> & \"quoted\" 'single'"


def test_registers_have_their_fixed_colors_beside_any_other_label():
    drawn = style.group_styles([*MAIN, "spam", "hybrid", "not labeled"])
    fixed = label_styles(MAIN)
    assert [drawn[name][0] for name in MAIN] == [fixed[name][0] for name in MAIN]
    assert list(drawn) == [*MAIN, "spam", "hybrid", "not labeled"]
    assert len({shape for name, (_, shape) in drawn.items() if name in MAIN}) > 5


@pytest.mark.parametrize("query", ["", "img", "<", "&", "SRC="])
def test_whatever_comes_from_a_document_is_escaped(query):
    card = style.card(
        NASTY, NASTY * 20, NASTY, (NASTY,), (NASTY + "2",), 0.5, query, NASTY
    )
    shown = "".join(
        [
            card,
            style.legend([NASTY], {NASTY: 1}),
            style.notice(NASTY),
            style.progress(NASTY, 0.5, 1),
        ]
    )
    shown += style.counts_table(pd.DataFrame({NASTY: [1]}, index=[NASTY]), 1, 2)
    assert "<img" not in shown
    # The text's own direction, in its beginning and in the whole of it.
    assert len(re.findall(r"dir=.auto.", card)) == 2
    tags = set(re.findall(r"</?([a-z]+)", shown))
    assert tags <= {
        "div",
        "span",
        "p",
        "b",
        "details",
        "summary",
        "mark",
        "table",
        "tr",
        "th",
        "td",
    }
    if query:
        marked = re.findall("<mark>(.*?)</mark>", shown)
        assert {mark.lower() for mark in marked} == {
            query.lower().replace("&", "&amp;").replace("<", "&lt;")
        }


def test_a_text_whose_small_letters_are_longer_is_not_torn():
    assert style._marked("İi̇", "i") == "İi̇"


def test_a_snippet_is_one_line_of_limited_length():
    assert style.snippet("a\n\tb  c") == "a b c"
    assert len(style.snippet("word " * 1000, 50)) <= 50 and style.snippet(
        "word " * 1000, 50
    ).endswith("…")


def test_counts_leave_out_labels_that_nobody_has():
    table = style.counts_table(
        pd.DataFrame({"en": [2, 0], "fi": [1, 0]}, index=["NA", "HI"]), 3, 10
    )
    assert (
        "30.0 %" in table
        and ">NA<" in table
        and ">HI<" not in table
        and "<b>3</b>" in table
    )
    assert "<table>" not in style.counts_table(
        pd.DataFrame({"en": [0]}, index=["NA"]), 0, 10
    )


def test_a_port_that_is_taken_is_named(make_work):
    pytest.importorskip("bokeh", reason="the extra label is not installed")
    first = LabelServer(make_work(), port=0)
    with pytest.raises(OSError, match=rf"got port {first.port}, which cannot be used"):
        LabelServer(make_work(), port=first.port)
    assert first.token is None and first.address == f"http://127.0.0.1:{first.port}/"
    other = LabelServer(make_work(), port=0, address="0.0.0.0")
    assert other.token and other.address.endswith(f"/login?token={other.token}")
    for server in (first, other):
        server.server.stop(wait=False)


def test_without_bokeh_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "bokeh", None)
    with pytest.raises(
        ImportError, match=r"the labeling page needs embetter-reg\[label\]"
    ):
        embetter_reg.label.__getattr__("LabelServer")
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        embetter_reg.label.__getattr__("nothing")
