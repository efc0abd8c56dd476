"""A job from documents to pictures for print, as a user does it: commands, a browser,
a pipeline.
"""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from browser import CHROMIUM, DRIVER, browsing, serving
from matplotlib import image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from typer.testing import CliRunner

from embetter_reg import SurfaceEncoder, load_registers, read_documents
from embetter_reg.cli import app
from embetter_reg.store import read_embeddings
from embetter_reg.utils import dump_estimator

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed"
)
LATER = """
import sys
from embetter_reg import read_documents
from embetter_reg.utils import load_estimator
documents = read_documents([sys.argv[1]])
for label in load_estimator(sys.argv[2]).predict(documents["text"]):
    print(label)
"""


@pytest.fixture(scope="module")
def docs(tmp_path_factory):
    """600 documents, of which 150 have a label."""
    corpus = load_registers()
    halves = corpus.head(120).assign(
        id=corpus["id"].head(120) + "-half",
        text=corpus["text"].head(120).map(lambda text: text[: len(text) // 2]),
    )
    documents = pd.concat([corpus, halves], ignore_index=True)
    labeled = documents.sample(150, random_state=0).index
    codes = documents["labels"].map(" ".join)
    documents["labels"] = codes.where(documents.index.isin(labeled), "")
    path = tmp_path_factory.mktemp("job") / "docs.jsonl"
    documents[["id", "lang", "labels", "text"]].to_json(
        path, orient="records", lines=True
    )
    return path


def run(*arguments):
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def test_from_documents_to_pictures_for_print(
    docs, tmp_path, tiny_folder, quick_pictures
):
    stored = tmp_path / "embeddings"
    run("encode", docs, "--encoder", "lite", "--out", stored)
    embeddings = read_embeddings(stored)
    assert len(embeddings.documents) == 600

    log = tmp_path / "labels.jsonl"
    command = [docs, "--embeddings", stored, "--reducer", "pca", "--out", log]
    with serving(*command) as server, browsing() as browser:
        browser.open(server.address)
        left, right, bottom, top = browser.view
        middle = (left + right) / 2
        corners = [(left, bottom), (middle, bottom), (middle, top), (left, top)]
        browser.drag([*corners, (left, bottom)])
        n_selected = browser.until(lambda: max(browser.n_selected, 0), "a selection")
        browser.press("5")  # the fifth register, HI
        browser.press("\ue007")
        browser.until(lambda: browser.says().startswith("Saved:"), "it is saved")
        browser.find("a[href='export/labels.jsonl']")[0].click()
        file = browser.downloads / "labels.jsonl"
        browser.until(lambda: file.exists() and file.stat().st_size, "the export")
        exported = tmp_path / "exported.jsonl"
        exported.write_bytes(file.read_bytes())
        assert browser.errors() == []
    labeled = read_documents([exported]).set_index("id", drop=False)
    before = read_documents([docs]).set_index("id")["labels"]
    before = before[before.map(len) > 0]
    new = labeled.drop(index=before.index)
    assert 50 < len(new) < n_selected
    assert new["labels"].map(lambda codes: codes == ["HI"]).all()
    assert labeled["labels"][before.index].tolist() == before.tolist()

    report = tmp_path / "report"
    few = ["--embeddings", stored, "--head", "linear", "--controls", "none", "--k", 8]
    told = run("compare", exported, *few, "--out", report, "--json")
    assert set(json.loads(told)["verdict"]) == {"original", "tuned"}
    assert (report / "report.html").exists()

    model = tmp_path / "model"
    run(
        *("finetune", exported, "--model", tiny_folder / "bert", "--out", model),
        *("--max-steps", 2, "--max-length", 16, "--device", "cpu", "--single-label"),
    )
    figures = pd.read_csv(model / "figures.csv")
    assert figures["language"].iloc[-1] == "all"

    register = labeled["labels"].map(lambda codes: codes[0])
    search = GridSearchCV(
        make_pipeline(
            SurfaceEncoder(), StandardScaler(), LogisticRegression(max_iter=1000)
        ),
        {"logisticregression__C": [0.1, 10.0]},
        cv=2,
    ).fit(labeled["text"], register)
    best = search.best_estimator_
    dump_estimator(best, tmp_path / "best.skops")
    later = subprocess.run(
        [sys.executable, "-c", LATER, str(docs), str(tmp_path / "best.skops")],
        capture_output=True,
        text=True,
        check=True,
    )
    documents = read_documents([docs])
    predicted = later.stdout.split()
    np.testing.assert_array_equal(predicted, best.predict(documents["text"]))

    pictures = [tmp_path / "map.png", tmp_path / "map.pdf"]
    outs = [option for picture in pictures for option in ("--out", picture)]
    run("plot", stored, "--reducer", "pca", "--width", 3.5, "--dpi", 200, *outs)
    assert image.imread(pictures[0]).shape[1] == 700
    assert pictures[1].read_bytes().startswith(b"%PDF")
