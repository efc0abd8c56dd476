"""The pictures of labeling.md, taken in a headless Chromium: python
docs/tutorials/labeling_pictures.py.
"""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from PIL import Image

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "tests" / "label"))

from browser import browsing, serving_here  # noqa: E402

from embetter_reg.label import Workspace, load_corpus  # noqa: E402

OUT = HERE / "labeling"


def main() -> None:
    OUT.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder:
        corpus = load_corpus([], keep_labels=0.4)
        work = Workspace(corpus.documents, corpus.X, Path(folder) / "labels.jsonl")
        with serving_here(work) as server, browsing(1400, 1130) as browser:
            one_round(browser, server.address + "?name=ann", work)
        many_documents(Path(folder) / "many.jsonl")


def one_round(browser, address: str, work: Workspace) -> None:
    browser.open(address)
    take(browser, "start")

    spanish = work.rounds[0].places[work.language == "es"]
    low, high = spanish.min(axis=0) - 0.2, spanish.max(axis=0) + 0.2
    middle, radius = (low + high) / 2, (high - low) * 0.75
    angle = np.linspace(0, 2 * np.pi, 24)
    browser.drag(
        np.c_[
            middle[0] + radius[0] * np.cos(angle), middle[1] + radius[1] * np.sin(angle)
        ]
    )
    browser.until(
        lambda: browser.n_selected == 80, "the Spanish documents are selected"
    )
    take(browser, "lasso")

    browser.press("\ue00c")
    browser.type("Search the texts", "minutes")
    browser.wait_for("documents found")
    browser.click("Select what was found")
    browser.until(lambda: 0 < browser.n_selected < 80, "they are listed")
    time.sleep(0.5)
    # Those that are labeled already start unticked; untick one of the others, too.
    n_labeled = sum(
        bool(label) and "minutes" in text.casefold()
        for label, text in zip(work.labels, work.text, strict=True)
    )
    wait_for_title(browser, f"{n_labeled} of them unticked")
    boxes = browser.find("input[type=checkbox]")
    next(box for box in boxes if box.is_selected()).click()
    browser.press("5")
    wait_for_title(browser, f"{n_labeled + 1} of them unticked")
    take(browser, "search")
    browser.click("Apply")
    browser.wait_for("Saved")
    browser.type("Search the texts", "")
    browser.until(
        lambda: browser.says().startswith("Saved"), "the page says that they are saved"
    )
    take(browser, "saved")
    browser.click("Undo")
    browser.wait_for("taken back")

    browser.press("g")
    browser.wait_for("least sure")
    browser.choose("Predicted label")
    browser.until(
        lambda: not any("not labeled" in text for text in browser.texts(".key")),
        "the map shows predictions",
    )
    take(browser, "region")
    browser.press("\ue00c")
    browser.choose("Label")

    browser.click("Tune again")
    browser.until(
        lambda: any("drawing the map" in text for text in browser.texts("div")),
        "progress is shown",
        120,
    )
    take(browser, "tuning")
    browser.wait_for("This is the map of round 1", 300)
    take(browser, "tuned")

    browser.press("d")
    browser.wait_for("doubtful")
    take(browser, "doubtful")
    browser.press("\ue00c")
    browser.find("summary", "Keyboard")[0].click()
    browser.driver.set_window_size(500, 900)
    time.sleep(1)
    take(browser, "narrow")
    browser.until(lambda: not browser.errors(), "no error in the browser")


def wait_for_title(browser, text: str) -> None:
    browser.until(lambda: any(text in title for title in browser.texts("h2")), text)


def many_documents(log: Path) -> None:
    rng = np.random.default_rng(0)
    n = 100_000
    group = rng.integers(0, 9, n)
    places = rng.normal(size=(9, 2))[group] * 4 + rng.normal(size=(n, 2)) * rng.gamma(
        2, 0.4, (n, 1)
    )
    documents = pd.DataFrame(
        {"id": np.arange(n).astype(str), "lang": "en", "text": "One document of many."}
    )
    documents["labels"] = [
        ["NA"] if g == 0 else ["HI"] if g == 1 and i % 3 else []
        for i, g in enumerate(group)
    ]
    work = Workspace(documents, np.eye(16, dtype=np.float32)[group], log, places=places)
    with serving_here(work) as server, browsing(1400, 1130) as browser:
        browser.open(server.address)
        left, right, low, high = browser.view
        x, y = (left + right) / 2, (low + high) / 2
        browser.drag([(left, low), (x, low), (x, y), (left, y), (left, low)])
        browser.until(lambda: browser.n_selected > 100, "a part is selected")
        take(browser, "many")


def take(browser, name: str) -> None:
    """Save a picture of what the window shows, from the top of the page."""
    browser.js("window.scrollTo(0, 0)")
    time.sleep(0.7)
    path = OUT / f"{name}.png"
    browser.driver.save_screenshot(str(path))
    Image.open(path).convert("RGB").quantize(128).save(path, optimize=True)


if __name__ == "__main__":
    main()
