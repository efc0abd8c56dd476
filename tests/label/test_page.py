"""The page in a real browser."""

import json
import os
import signal
import time
from importlib.util import find_spec
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest
from browser import (
    CHROMIUM,
    DRIVER,
    WITHOUT_WEBGL,
    browsing,
    serving,
    serving_here,
)

from embetter_reg.label import LabelLog, Workspace

pytestmark = [
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed"
    ),
    pytest.mark.skipif(
        find_spec("selenium") is None, reason="selenium is not installed"
    ),
    pytest.mark.skipif(
        find_spec("bokeh") is None, reason="the extra label is not installed"
    ),
]
FIRST, SECOND = (
    (-0.28, 0.5),
    (0.5, 1.5),
)  # where the islands of the first two registers lie
BOTH = (-0.28, 1.5)
TIP = "div[style*='max-width:380px'], div[style*='max-width: 380px']"


def around(x0, x1, y0=-0.28, y1=5.3):
    """Return a lasso around a part of the map."""
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]


@pytest.fixture(scope="module")
def browser():
    with browsing(flags=(WITHOUT_WEBGL,)) as browser:
        yield browser


@pytest.fixture
def start(make_work):
    """Return what serves the corpus from this process."""
    return lambda **options: serving_here(make_work(), **options)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "labels.jsonl"


def labels(out):
    return LabelLog(out).state.labels


def test_lasso_label_undo_reload_kill_and_start_again(
    embeddings, browser, out, gold, documents
):
    command = [
        embeddings / "docs.jsonl",
        "--embeddings",
        embeddings / "embeddings",
        "--keep-labels",
        "0",
        "--out",
        out,
    ]
    with serving(*command) as server:
        browser.open(server.address)
        browser.drag(around(*FIRST))
        browser.until(lambda: browser.n_selected == 60, "the first island is selected")
        browser.press("1")
        browser.press("\ue007")
        browser.wait_for("Saved: 60 documents labeled NA.")
        assert set(labels(out)) == {
            i for i, name in zip(documents["id"], gold, strict=True) if name == "NA"
        }

        browser.click("Undo")
        browser.wait_for("taken back")
        assert labels(out) == {}
        browser.click("Redo")
        browser.wait_for("brought back")

        browser.open(server.address)  # a reload
        browser.until(
            lambda: browser.find(".key", "● NA narrative 60"),
            "the legend counts the labels",
        )
        assert browser.n_selected == 0
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
    with serving(*command) as server:
        browser.open(server.address)
        browser.until(
            lambda: browser.find(".key", "● NA narrative 60"), "everything is as it was"
        )
        browser.click("Undo")
        browser.wait_for("taken back")
        assert labels(out) == {}
    assert [json.loads(line)["action"] for line in out.read_text().splitlines()] == [
        "apply",
        "undo",
        "redo",
        "undo",
    ]
    assert browser.errors() == []


def test_every_way_to_select_and_narrow(start, browser, out):
    from selenium.webdriver.common.keys import Keys

    with start() as server:
        browser.open(server.address)
        browser.drag(around(*FIRST))
        browser.until(lambda: browser.n_selected == 60, "lasso")
        browser.drag(around(*BOTH), held=Keys.SHIFT)
        browser.until(lambda: browser.n_selected == 120, "lasso with shift adds")
        browser.drag(around(*FIRST), held=Keys.CONTROL)
        browser.until(lambda: browser.n_selected == 60, "lasso with control subtracts")
        browser.click("Add")
        browser.drag(around(*FIRST))
        browser.until(lambda: browser.n_selected == 120, "the button adds")
        browser.click("Subtract")
        browser.drag(around(*BOTH, y1=2.5))
        browser.until(lambda: browser.n_selected == 60, "the button subtracts")
        browser.click("New")

        browser.find(".bk-tool-icon-box-select, [title='Box Select']")[0].click()
        browser.drag([(-0.28, -0.28), (0.5, 5.3)])
        browser.until(lambda: browser.n_selected == 60, "box")

        box = browser.find("input[type=checkbox]")[0]
        box.click()
        browser.until(
            lambda: browser.find("h2", "60 selected, 1 of them unticked"),
            "one is unticked",
        )
        browser.type("Other labels", "rv, hi")
        browser.click("Apply")
        browser.wait_for("Saved: 59 documents labeled OP, rv, HI.")
        assert (
            set(labels(out).values()) == {("OP", "rv", "HI")} and len(labels(out)) == 59
        )

        browser.type("Search the texts", "cat")
        browser.wait_for("documents found")
        browser.choose("fi")
        browser.choose("Hybrids")
        browser.until(
            lambda: browser.says().startswith("0 documents"), "all three narrow"
        )
        browser.choose("Any language")
        browser.choose("Any label")
        browser.type("Search the texts", "en-NA-food")
        browser.wait_for("1 documents found")
        browser.click("Select what was found")
        browser.until(lambda: browser.n_selected == 1, "what was found is selected")
        browser.click("Take off")
        browser.wait_for("of which none is ticked")
        browser.click("Overrule")
        browser.click("Take off")
        browser.wait_for("Saved: 1 document without a label now")
    assert browser.errors() == []


def test_labels_that_are_there_are_kept_overruled_or_added_to(
    start, browser, out, documents, gold
):
    island = [i for i, name in zip(documents["id"], gold, strict=True) if name == "NA"]
    log = LabelLog(out)
    log.apply(island[:6], ["IN", "dtp"], by="bo")
    log.apply(island[6:10], ["IN"], by="bo")
    with start() as server:
        browser.open(server.address)
        browser.drag(around(*FIRST))
        browser.until(
            lambda: browser.find("h2", "60 selected, 10 of them unticked"),
            "labeled documents start unticked",
        )
        browser.until(
            lambda: (
                "10 of the 60 listed are labeled already:" in browser.texts(".asks")
            ),
            "the page says how many are labeled",
        )
        browser.press("2")
        browser.until(
            lambda: any("6 of them not IN" in text for text in browser.texts(".asks")),
            "the page says how many differ",
        )
        browser.click("Apply")
        browser.wait_for(
            "Saved: 50 documents labeled IN. 10 labeled before and unticked stay as "
            "they were."
        )
        assert labels(out)[island[0]] == ("IN", "dtp")

        browser.drag(around(*FIRST))
        browser.until(lambda: browser.find("h2", "60 selected, 60"), "all are labeled")
        browser.press("p", "1", "\ue007")
        browser.wait_for("Saved: 60 documents also labeled NA.")
        assert labels(out)[island[0]] == ("NA", "IN", "dtp")
        browser.click("Undo")
        browser.wait_for("taken back")
        assert labels(out)[island[0]] == ("IN", "dtp")

        browser.drag(around(*FIRST))
        browser.until(lambda: browser.find("h2", "60 selected, 60"), "all are labeled")
        browser.click("Overrule")
        browser.until(
            lambda: browser.find("h2", "60 selected") and browser.n_selected == 60,
            "all are ticked",
        )
        browser.press("1")
        browser.click("Apply")
        browser.wait_for("Saved: 60 documents labeled NA.")
        assert {labels(out)[name] for name in island} == {("NA",)}
    assert browser.errors() == []


def test_documents_that_a_search_hides_get_no_label(start, browser, out):
    with start() as server:
        browser.open(server.address)
        browser.drag(around(*FIRST))
        browser.until(lambda: browser.n_selected == 60, "an island is selected")
        browser.choose("fi")
        browser.wait_for("50 selected before are hidden by the search")
        browser.until(
            lambda: browser.find("h2", "60 selected, 50 hidden by the search"),
            "the list counts them",
        )
        browser.press("1", "\ue007")
        browser.wait_for("Saved: 10 documents labeled NA. 50 hidden by the search")
        assert len(labels(out)) == 10
        browser.choose("Any language")
        browser.until(
            lambda: browser.find("h2", "50 selected") and browser.n_selected == 50,
            "they are selected still",
        )
    assert browser.errors() == []


def test_a_file_that_cannot_be_imported_is_one_sentence(
    start, browser, out, tmp_path, documents
):
    name = documents["id"][0]
    contents = {
        "nan.jsonl": f'{{"id": "{name}", "label": NaN}}',
        "number.jsonl": f'{{"id": "{name}", "label": 3}}',
        "deep.jsonl": "[" * 100_000,
        "quote.csv": 'id,label\na,"NA',
    }
    with start() as server:
        browser.open(server.address)
        for file, content in contents.items():
            (tmp_path / file).write_text(content, encoding="utf-8")
            box = browser.find("input[type=file]")[0]
            box.send_keys(str(tmp_path / file))
            browser.wait_for(f"{file}:")
            assert "expected" in browser.says()
        assert not out.exists()
    assert browser.errors() == []


def test_a_name_keeps_its_letters(start, browser, out, documents):
    with start() as server:
        for name in ("Åsa", "李", "Jo; <b>Ann</b>"):
            browser.open(f"{server.address}?name={quote(name)}")
            browser.until(
                lambda name=name: browser.find(
                    "h1 .dim", f"labels.jsonl · you are {name}"
                ),
                "the page shows the name",
            )
            browser.tap(documents.loc[100, ["x", "y"]])
            browser.until(lambda: browser.n_selected == 1, "a document is selected")
            browser.press("o", "1", "\ue007")
            browser.wait_for("Saved: 1 document")
    by = [json.loads(line)["by"] for line in out.read_text("utf-8").splitlines()]
    assert by == ["Åsa", "李", "Jo; <b>Ann</b>"]


MATH = r"$$\href{javascript:document.title='run'}{\text{click}}$$ and \(x^2\)"
PRICE = "it cost $$5 and $$6"


def test_nothing_in_data_is_mathematics(browser, out, space, documents):
    changed = documents.assign(
        text=[MATH, PRICE, *documents["text"][2:]],
        id=[MATH + " 0", PRICE + " 1", *documents["id"][2:]],
        lang=[MATH, MATH, *documents["lang"][2:]],
        labels=[[] for _ in range(480)],
    )
    places = documents[["x", "y"]].to_numpy()
    work = Workspace(changed, space, out, reducer="pca", places=places)
    with serving_here(work) as server:
        browser.open(f"{server.address}?name={quote(PRICE)}")
        browser.choose("$$")
        browser.wait_for("2 documents found")
        browser.click("Select what was found")
        browser.until(lambda: len(browser.find(".card")) == 2, "both are listed")
        browser.type("Other labels", MATH)
        browser.click("Apply")
        browser.wait_for(f"Saved: 2 documents labeled {MATH}.")
        browser.click("Select what was found")
        browser.until(
            lambda: any("2 of the 2 listed" in text for text in browser.texts(".asks")),
            "both are labeled",
        )
        browser.choose("Language")
        browser.until(
            lambda: any(text.startswith("● $$") for text in browser.texts(".key")),
            "the legend shows the language",
        )
        hover(browser, documents.loc[1, ["x", "y"]])
        browser.until(
            lambda: any(PRICE in text for text in browser.texts(TIP)),
            "the tooltip shows the text",
        )
        time.sleep(1)  # for MathJax, were it asked for
        cards = " ".join(browser.texts(".card"))
        assert PRICE in cards and MATH in cards
        assert browser.texts("h1")[0].endswith(f"you are {PRICE}")
        assert any(MATH in text for text in browser.texts("td"))
        assert browser.find("mjx-container, a[href^='javascript']") == []
        assert browser.driver.title != "run"
    assert browser.errors() == []


def hover(browser, point) -> None:
    """Hold the pointer over a point of the map."""
    from selenium.webdriver import ActionChains

    x, y = browser.places([point])[0]
    chain = ActionChains(browser.driver)
    chain.w3c_actions.pointer_action.move_to_location(x - 3, y).move_to_location(x, y)
    chain.perform()


def test_a_narrow_page_does_not_scroll_sideways(start, browser):
    size = {"width": 400, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    widths = "const page = document.documentElement; return [page.clientWidth, "
    widths += "page.scrollWidth]"
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        with start() as server:
            browser.open(server.address)
            browser.type("Search the texts", "minutes")
            browser.wait_for("documents found")
            browser.click("Select what was found")
            browser.until(lambda: browser.find(".card"), "documents are listed")
            browser.press("1")
            browser.click("Apply")
            browser.wait_for("Saved")
            browser.find("summary", "Keyboard")[0].click()
            browser.until(lambda: browser.find("kbd", "Esc"), "the keys are shown")
            time.sleep(0.5)
            shown, full = browser.js(widths)
            assert 350 < shown <= 400
            assert full == shown
    finally:
        browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_tap_selects_a_document(start, browser, documents):
    with start() as server:
        browser.open(server.address)
        browser.tap(documents.loc[100, ["x", "y"]])
        browser.until(
            lambda: browser.n_selected == 1,
            "the document under the pointer is selected",
        )
        assert browser.find(".card")[0].text.find(documents["id"][100]) > 0
        browser.press("\ue00c")
        browser.until(lambda: browser.n_selected == 0, "Escape selects nothing")


def test_colors_suggestions_export_and_import(start, browser, out, tmp_path, documents):
    with start() as server:
        browser.open(server.address)
        for key, island in (("1", FIRST), ("2", SECOND)):
            browser.drag(around(*island))
            browser.until(lambda: browser.n_selected == 60, "an island is selected")
            browser.press(key, "\ue007")
            browser.wait_for(
                "Saved: 60 documents labeled " + ("NA" if key == "1" else "IN")
            )
        for option, key in (
            ("Predicted label", "NA"),
            ("Language", "en"),
            ("Cluster", "cluster 1"),
            ("Label", "NA"),
        ):
            browser.choose(option)
            browser.until(
                lambda key=key: any(key in text for text in browser.texts(".key")),
                f"{option} is shown",
            )
        browser.press("g")
        browser.wait_for("predictions are least sure")
        assert browser.n_selected > 0
        browser.press("d")
        browser.wait_for("doubtful")

        browser.click("Undo")
        browser.wait_for("taken back")
        for name in ("labels.jsonl", "labels.csv", "bulk.csv"):
            browser.find(f"a[href='export/{name}']")[0].click()
            file = browser.downloads / name
            browser.until(
                lambda file=file: file.exists() and file.stat().st_size,
                f"{name} is there",
            )
        lines = [
            json.loads(line)
            for line in (browser.downloads / "labels.jsonl").read_text().split("\n")
            if line
        ]
        assert {line["label"][0] for line in lines} == {"NA"} and len(lines) == 60
        assert len(pd.read_csv(browser.downloads / "bulk.csv")) == 480

        imported = tmp_path / "prodigy.jsonl"
        rows = [
            {"text": documents["text"][100 + n], "accept": ["LY"], "answer": "accept"}
            for n in range(3)
        ]
        imported.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        browser.find("input[type=file]")[0].send_keys(str(imported))
        browser.wait_for("Saved: 3 documents labeled by the import")
        assert sum(label == ("LY",) for label in labels(out).values()) == 3
    assert browser.errors() == []


def test_two_people_have_selections_of_their_own_and_see_each_others_labels(
    start, browser, out
):
    with start() as server, browsing() as other:
        browser.open(server.address + "?name=ann")
        other.open(server.address + "?name=bo")
        browser.drag(around(*FIRST))
        browser.until(lambda: browser.n_selected == 60, "ann has a selection")
        other.drag(around(*BOTH))
        other.until(lambda: other.n_selected == 120, "bo has another")
        assert browser.n_selected == 60
        browser.press("1", "\ue007")
        browser.wait_for("Saved: 60 documents")
        other.until(lambda: other.find(".key", "● NA narrative 60"), "bo sees them")
        other.press("2", "\ue007")
        other.wait_for("60 had been labeled by somebody else in the meantime")
        assert other.errors() == []
        assert sorted(set(labels(out).values())) == [("IN",), ("NA",)]
        browser.click("Undo")
        browser.wait_for("taken back")
        assert set(labels(out).values()) == {("IN",)}
        assert {json.loads(line)["by"] for line in out.read_text().splitlines()} == {
            "ann",
            "bo",
        }


def test_tune_again(start, browser, out, documents, gold):
    log = LabelLog(out)
    for name in sorted(set(gold)):
        log.apply(
            [i for i, g in zip(documents["id"], gold, strict=True) if g == name][::2],
            [name],
            by="ann",
        )
    with start() as server:
        browser.open(server.address + "?name=ann")
        browser.click("Tune again")
        browser.until(lambda: browser.find(".busy"), "progress is shown")
        browser.wait_for("This is the map of round 1. Held-out agreement rose", 90)
        browser.until(
            lambda: browser.find("option", "1 · tuned: agreement"),
            "the round can be picked",
        )
        browser.drag(around(*browser.view))
        browser.until(lambda: browser.n_selected == 480, "the new map is labeled on")
        browser.choose("0 · original space")
        browser.until(lambda: browser.view[1] > 7, "the old map is drawn")
        browser.drag(around(*FIRST))
        browser.until(lambda: browser.n_selected == 60, "and so is the old one")
    log.refresh()
    assert log.state.tunings[0].selection["agreement"]["after"] > 0.5
    assert browser.errors() == []


def test_markup_in_a_document_is_shown_and_not_run(browser, out, space, documents):
    mean = (
        "<script>document.title='run'</script><img src=x onerror=\"document.title='run'\">"
        "</details></div><b>bold</b> & {{x}} @name &lt;i&gt; javascript:alert(1) " * 4
    )
    changed = documents.assign(
        text=[mean, *documents["text"][1:]], lang=["<b>xx</b>", *documents["lang"][1:]]
    )
    changed["id"] = [
        "<img src=y onerror=\"document.title='run'\">",
        *documents["id"][1:],
    ]
    changed["labels"] = [[] for _ in range(480)]
    with serving_here(Workspace(changed, space, out, reducer="pca")) as server:
        browser.open(server.address)
        browser.type("Search the texts", "<script>document")
        browser.wait_for("1 documents found")
        browser.click("Select what was found")
        browser.until(lambda: browser.find(".card"), "it is listed")
        browser.type("Other labels", "<i onclick=x>")
        browser.click("Apply")
        browser.wait_for("Saved: 1 document labeled <i onclick=x>")
        browser.click("Select what was found")
        browser.until(lambda: browser.find(".card"), "it is listed again")
        canvas = browser.find("canvas")[0]
        from selenium.webdriver import ActionChains

        for dx in range(-300, 300, 60):
            ActionChains(browser.driver).move_to_element_with_offset(
                canvas, dx, 0
            ).perform()
        browser.find("summary", "whole text")[0].click()
        time.sleep(0.3)
        card = browser.find(".card")[0]
        assert (
            "<script>document.title='run'</script>" in card.text
            and "<b>bold</b>" in card.text
        )
        assert (
            browser.find(".card script, .card img, .card b, .key i, .legend img") == []
        )
        assert browser.find("[style*=overflow-wrap] img, option img, .legend img") == []
        assert browser.driver.title != "run"
    assert browser.errors() == []


def test_many_documents_are_thinned_out_over_a_density_and_still_selected(browser, out):
    n = 20_000
    language = np.where(np.arange(n) % 100 == 0, "fi", "en")
    documents = pd.DataFrame(
        {"id": np.arange(n).astype(str), "lang": language, "text": "a document"}
    )
    X = np.random.default_rng(0).normal(size=(n, 4))
    with serving_here(
        Workspace(documents.assign(labels=[[]] * n), X, out, reducer="pca")
    ) as server:
        browser.open(server.address)
        browser.until(
            lambda: browser.find(".dim", "10,000 of 20,000 documents are drawn"),
            "a sample is drawn",
        )
        browser.drag(around(*browser.view))
        browser.until(lambda: browser.n_selected > 19_500, "all documents are selected")
        n_selected = browser.n_selected
        browser.press("3", "\ue007")
        browser.wait_for(f"Saved: {n_selected:,} documents labeled OP.")
        assert len(labels(out)) == n_selected


def test_other_addresses_ask_for_the_token(start, browser):
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    with start(address="0.0.0.0", token="secret-token") as server:
        assert server.address.endswith(f":{server.port}/login?token=secret-token")
        root = f"http://127.0.0.1:{server.port}/"
        for path in ("", "export/labels.jsonl"):
            browser.driver.get(root + path)
            assert browser.find("input[name=token]") and not browser.find("canvas")
        browser.find("input[name=token]")[0].send_keys("wrong\n")
        browser.until(
            lambda: "not the token" in browser.driver.page_source,
            "a wrong token is refused",
        )
        browser.find("input[name=token]")[0].send_keys("secret-token\n")
        browser.until(lambda: browser.find("canvas"), "the right one opens the page")
        browser.wait_for("480 documents")
        with pytest.raises(HTTPError, match="403"):
            urlopen(Request(root, headers={"Host": "elsewhere.example"}))
