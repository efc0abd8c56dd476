"""The interactive page, its models and what it does in a browser without a network."""

import io
import json
import shutil
import sys
import time

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from embetter_reg.plots import label_styles, plot_interactive, write_interactive

TEXTS = [
    "Once upon a time.",
    "Mix <b>flour</b> & water.",
    "We voted.",
    "La la la.",
    "Il était une fois.",
    "Sekoita.",
]
DOCUMENTS = pd.DataFrame(
    {
        "register": ["NA", "HI", "OP", "LY", "NA", "HI"],
        "language": ["en", "en", "en", "fr", "fr", "fi"],
        "text": TEXTS,
    }
)
POINTS = np.array([[0.0, 0], [4, 0], [4, 4], [0, 4], [2, 2], [2, 0]])
MAPS = {"original": POINTS, "tuned": POINTS[::-1]}


def test_the_layout_holds_points_texts_and_styles():
    layout = plot_interactive(MAPS, DOCUMENTS, title="Two spaces")
    figures = layout.children[-1].children
    assert [figure.title.text for figure in figures] == ["original", "tuned"]
    source = figures[0].renderers[0].data_source
    np.testing.assert_allclose(source.data["x1"], POINTS[::-1, 0])
    assert list(source.data["hover"]) == TEXTS
    assert all(
        each.data_source is source for figure in figures for each in figure.renderers
    )
    for column, (legend, shown) in {
        "register": (figures[0].left[1], True),
        "language": (figures[0].left[2], False),
    }.items():
        styles = label_styles(DOCUMENTS[column])
        texts = [item.label.value for item in legend.items]
        assert [text.split()[0] for text in texts] == list(styles)
        assert legend.visible == shown
        colors = [item.renderers[0].glyph.fill_color for item in legend.items]
        assert colors == [color for color, _ in styles.values()]


def test_unlabeled_documents_are_small_and_below_the_others():
    documents = DOCUMENTS.assign(register=["NA", None, None, "LY", None, "HI"])
    layout = plot_interactive(MAPS, documents, color=["register"])
    for plot in layout.children[-1].children:
        sizes = [renderer.glyph.size for renderer in plot.renderers]
        first = plot.renderers[0].view.filter.operands[0]
        assert first.group == "unknown"
        assert sizes[0] < min(sizes[1:])
    legend = layout.children[-1].children[0].left[-1]
    assert [item.label.value.split()[0] for item in legend.items][-1] == "unknown"


@pytest.mark.parametrize(
    ("maps", "options", "message"),
    [
        (MAPS, {"color": ["topic"]}, r"the columns \['topic'\] and 'text'"),
        (MAPS, {"hover": "body"}, "and 'body', expected"),
        ({}, {}, "got 0 maps"),
        ({"deep": np.zeros((6, 3))}, {}, r"the map 'deep' of shape \(6, 3\)"),
        ({"short": POINTS[:5]}, {}, "5 in short, 6 in documents"),
    ],
)
def test_what_does_not_fit_is_one_sentence(maps, options, message):
    with pytest.raises(ValueError, match=message):
        plot_interactive(maps, DOCUMENTS, **options)


def test_a_missing_bokeh_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "bokeh.models", None)
    with pytest.raises(
        ImportError,
        match=r'an interactive map needs .*: pip install "embetter-reg\[plots\]"',
    ):
        plot_interactive(MAPS, DOCUMENTS)


# In a browser


@pytest.fixture(scope="module")
def browser():
    """A Chromium that finds no host."""
    pytest.importorskip("selenium", reason="selenium is not installed")
    chromium, driver = (
        shutil.which("chromium") or shutil.which("google-chrome"),
        shutil.which("chromedriver"),
    )
    if not chromium or not driver:
        pytest.skip("chromium and chromedriver are not installed")
    from selenium import webdriver
    from selenium.common.exceptions import WebDriverException

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1300,900",
        "--host-resolver-rules=MAP * ~NOTFOUND",
    ):
        options.add_argument(argument)
    options.set_capability(
        "goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"}
    )
    try:
        started = webdriver.Chrome(
            options=options, service=webdriver.ChromeService(driver)
        )
    except WebDriverException as error:
        pytest.skip(f"chromium does not start here: {error.msg}")
    yield started
    started.quit()


class Page:
    """What a visitor does and sees."""

    def __init__(self, browser, path):
        self.browser = browser
        browser.get(path.as_uri())
        self.until("return window.Bokeh?.documents?.[0]?.is_idle")

    def run(self, code):
        return self.browser.execute_script(code)

    def until(self, code, wanted=True):
        end = time.monotonic() + 20
        while (found := self.run(code)) != wanted and time.monotonic() < end:
            time.sleep(0.05)
        assert found == wanted
        return found

    def strength(self, figure, document):
        """How far from white the middle of a point is, from 0 to 1."""
        image = Image.open(io.BytesIO(self.browser.get_screenshot_as_png())).convert(
            "RGB"
        )
        x, y = self.point(figure, document)
        return 1 - min(image.getpixel((round(x), round(y)))) / 255

    def text(self):
        """All text of the page, in shadow roots too."""
        return self.run("""
            const inside = (node) => [node.shadowRoot, ...node.childNodes].map(
                (inner) => inner ? text(inner) : "").join("")
            const text = (node) => node.localName == "script" ? ""
                : node.nodeType == 3 ? node.data : inside(node)
            return text(document.body)""")

    def point(self, figure, document):
        """Where a document stands on the screen."""
        return self.run(f"""
            const view = [...Bokeh.index.query((v) => v.model.type == "Figure")][{figure}]
            const {{x, y}} = view.el.getBoundingClientRect()
            const {{data}} = view.model.renderers[0].data_source
            return [x + view.frame.x_scale.compute(data.x{figure}[{document}]),
                    y + view.frame.y_scale.compute(data.y{figure}[{document}])]""")

    def move(self, x, y, *, click=False):
        from selenium.webdriver import ActionChains

        actions = ActionChains(self.browser)
        actions.w3c_actions.pointer_action.move_to_location(int(x), int(y))
        if click:
            actions.w3c_actions.pointer_action.click()
        actions.perform()

    # Labels that are drawn, figure by figure.
    visible_now = """
        const figures = [...Bokeh.index.query((v) => v.model.type == "Figure")]
        return figures.map((v) => v.model.renderers.filter((r) => r.visible).map(
            (r) => r.view.filter.operands[0].group))"""


@pytest.fixture
def page(browser, tmp_path):
    return Page(
        browser,
        write_interactive(MAPS, DOCUMENTS, tmp_path / "map.html", title="Two spaces"),
    )


def test_the_page_opens_without_a_network(page):
    asked = [
        json.loads(entry["message"])["message"]
        for entry in page.browser.get_log("performance")
    ]
    urls = [
        each["params"]["request"]["url"]
        for each in asked
        if each["method"] == "Network.requestWillBeSent"
    ]
    assert [url for url in urls if url.startswith("http")] == []
    assert [
        entry for entry in page.browser.get_log("browser") if entry["level"] == "SEVERE"
    ] == []
    assert page.run(page.visible_now) == [["NA", "OP", "HI", "LY"]] * 2


def test_a_click_selects_in_all_maps_and_copies(page):
    page.run("navigator.clipboard.writeText = async (text) => { window.copied = text }")
    strong = [
        [page.strength(figure, document) for document in range(4)]
        for figure in range(2)
    ]
    assert np.min(strong) > 0.4
    page.move(*page.point(1, 1), click=True)
    page.until("return window.copied", TEXTS[1])
    page.until("return Bokeh.documents[0].is_idle")
    for figure in range(2):
        seen = [page.strength(figure, document) for document in range(4)]
        assert seen[1] > 0.4 and max(seen[0], *seen[2:]) < 0.2
    assert f"Copied: {TEXTS[1]}" in page.text()


def test_pointing_shows_labels_and_the_text_as_it_is(page):
    page.move(*page.point(0, 1))
    time.sleep(0.3)
    shown = page.text()
    assert "HI · en" in shown and TEXTS[1] in shown


def test_a_legend_entry_hides_in_all_maps_and_shows_again(page):
    x, y = page.run("""
        const [legend] = [...Bokeh.index.query((v) => v.model.type == "Legend")]
        const {x, y} = legend.el.getBoundingClientRect()
        return [x, y]""")
    page.move(x + 25, y + 38, click=True)
    page.until(page.visible_now, [["OP", "HI", "LY"]] * 2)
    assert page.strength(1, 0) < 0.2 < page.strength(1, 1)
    page.move(x + 25, y + 38, click=True)
    page.until(page.visible_now, [["NA", "OP", "HI", "LY"]] * 2)


def test_buttons_choose_the_column_that_colors(page):
    x, y, width = page.run("""
        const [group] = [...Bokeh.index.query(
            (v) => v.model.type == "RadioButtonGroup")]
        const box = group.el.getBoundingClientRect()
        return [box.x, box.y, box.width]""")
    page.move(x + width - 20, y + 15, click=True)
    page.until(page.visible_now, [["en", "fi", "fr"]] * 2)


def test_fields_keep_some_labels_only(page):
    page.run("""
        const fields = [...Bokeh.index.query((v) => v.model.type == "MultiChoice")].map(
            (v) => v.model)
        const places = (field, names) => field.options.filter(
            ([, name]) => names.includes(name)).map(([place]) => place)
        fields[0].value = places(fields[0], ["NA", "LY"])
        fields[1].value = places(fields[1], ["fr"])""")
    time.sleep(0.3)
    for figure in range(2):
        seen = [page.strength(figure, document) > 0.2 for document in range(6)]
        assert seen == [False, False, False, True, True, False]


def test_points_over_each_other_have_one_tooltip(browser, tmp_path):
    same = {"tuned": np.zeros((6, 2))}
    page = Page(browser, write_interactive(same, DOCUMENTS, tmp_path / "map.html"))
    page.move(*page.point(0, 0))
    tooltips = "[...document.querySelectorAll('body > .bk-Tooltip')]"
    page.until(f"return {tooltips}.length", 4)  # one a register
    page.until(
        f"return {tooltips}.filter((tooltip) => getComputedStyle(tooltip).display != "
        "'none').length",
        1,
    )


def test_a_click_copies_the_text_of_the_tooltip(browser, tmp_path):
    same = {"tuned": np.zeros((6, 2))}
    page = Page(browser, write_interactive(same, DOCUMENTS, tmp_path / "map.html"))
    page.run(
        """navigator.clipboard.writeText = async (text) => { window.copied = text }"""
    )
    page.move(*page.point(0, 0))
    tooltips = "[...document.querySelectorAll('body > .bk-Tooltip')]"
    page.until(f"return {tooltips}.length", 4)
    shown = page.run(f"""
        const inside = (node) => [node.shadowRoot, ...node.childNodes].map(
            (inner) => inner ? text(inner) : "").join("")
        const text = (node) => node.nodeType == 3 ? node.data : inside(node)
        return {tooltips}.filter(
            (each) => getComputedStyle(each).display != "none").map(text)[0]""")
    page.move(*page.point(0, 0), click=True)
    page.until("return typeof window.copied", "string")
    copied = page.run("return window.copied")
    assert copied == "La la la." and copied in shown  # of the label drawn last


def test_without_a_clipboard_the_page_says_so(browser, tmp_path):
    page = Page(browser, write_interactive(MAPS, DOCUMENTS, tmp_path / "map.html"))
    page.run("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.move(*page.point(1, 1), click=True)
    page.until("return Bokeh.documents[0].is_idle")
    time.sleep(0.2)
    assert f"may not use the clipboard; select the text here: {TEXTS[1]}" in page.text()


MARKUP = '<img src=x onerror="window.attacked = true">'
FORMULA = r"$$\href{javascript:window.attacked = true}{\text{click}}$$"


def test_nothing_from_data_is_markup_or_a_formula(browser, tmp_path):
    documents = pd.DataFrame(
        {
            "register": [f"NA{MARKUP}", FORMULA, "it cost $$5 and $$6", "LY"],
            "language": [f"en{MARKUP}", "fi", FORMULA, "fr"],
            "text": [MARKUP, FORMULA, "it cost $$5 and $$6", "La"],
        }
    )
    maps = {f"space {MARKUP}": POINTS[:4], FORMULA: POINTS[:4]}
    out = tmp_path / "map.html"
    page = Page(
        browser, write_interactive(maps, documents, out, title=FORMULA + MARKUP)
    )
    page.run("""
        for (const view of Bokeh.index.query((v) => v.model.type == "MultiChoice")) {
            view.model.value = view.model.options.map(([place]) => place)
            view.choice_el.showDropdown()
        }""")
    page.run("window.scrollTo(0, 300)")
    for document in range(4):
        page.move(*page.point(0, document))
        time.sleep(0.2)
        page.move(*page.point(0, document), click=True)
    time.sleep(0.5)
    assert page.run("return window.attacked ?? null") is None
    everywhere = """
        const all = (root) => [...root.querySelectorAll("*")].flatMap(
            (each) => [each, ...(each.shadowRoot ? all(each.shadowRoot) : [])])
        return all(document).filter((each) => each.matches(
            "img[src=x], a[href^=javascript], mjx-container")).length"""
    assert page.run(everywhere) == 0
    assert "MathJax" not in out.read_text(encoding="utf-8")[-20_000:]
    assert MARKUP in page.text() and FORMULA in page.text()
