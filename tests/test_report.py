import json
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from embetter_reg.analysis import compare_spaces
from embetter_reg.analysis.compare._figures import FIGURES
from embetter_reg.corpus.registers import MAIN, full_name
from embetter_reg.plots import plot_map
from embetter_reg.report import write_report
from embetter_reg.report._method import FIGURE_METHODS, anchor
from embetter_reg.report._pictures import _MAP_SIZE

REPO = Path(__file__).parents[1]


def visible(page):
    """Return the text of a page without its marks and folded parts."""
    body = page[page.index("<body>") : page.index("<details>")]
    return re.sub(r"<[^>]+>", "", body)


@pytest.fixture(scope="module")
def written(planted, tmp_path_factory):
    spaces = {"original": planted["by_language"], "tuned <b>": planted["by_register"]}
    comparison = compare_spaces(
        spaces,
        register=planted["register"],
        language=planted["language"],
        k=[4],
        n_seeds=2,
        n_bootstrap=20,
        n_null=20,
        figures=["silhouette", "mixing"],
        controls=["language-centered", "LEACE", "shuffled labels"],
        hybrids=[
            [name] if n % 5 else [name, "SP"]
            for n, name in enumerate(planted["register"])
        ],
    )
    folder = tmp_path_factory.mktemp("report")
    source = tmp_path_factory.mktemp("data") / "a.tsv"
    source.write_bytes(b"abc")
    page = write_report(
        comparison,
        spaces,
        folder,
        title="A < B",
        about={"encoder": "planted"},
        fitted_on=["x"],
        compared=[str(n) for n in range(240)],
        command="embetter-reg compare a.tsv",
        inputs=[source],
    )
    return comparison, folder, page


def test_the_page_stands_alone(written):
    comparison, folder, page = written
    text = page.read_text(encoding="utf-8")
    assert page == folder / "report.html"
    # two maps a space, agreement of two clusterers wide and narrow, two of clusters
    assert text.count("data:image/png;base64,") == 10
    assert not re.search(r'(src|href)="(?!data:)', text) and "http" not in text.replace(
        "http-equiv", ""
    )
    assert "A &lt; B" in text and "tuned <b>" not in text
    assert comparison.verdict.sentence.replace("<b>", "&lt;b&gt;") in visible(text)


def test_the_first_screen_has_bars_words_and_two_maps_of_the_last_space(written):
    comparison, _, page = written
    text = page.read_text(encoding="utf-8")
    screen = visible(text)
    agreement = comparison.agreement.query("k == 4 and clusterer == 'kmeans'")
    agreement = agreement.set_index(["space", "label"])
    bars = re.findall(r'aria-label="(.*?)".*?width:([\d.]+)%', text)
    shown = iter(bars)
    for space in ("original", "tuned <b>"):
        for label in ("register", "language"):
            row = agreement.loc[(space, label)]
            words, width = next(shown)
            interval = f"{row.ami_low:.2f}, {row.ami_high:.2f}".replace("-0.00", "0.00")
            assert f"{row.ami:.2f} [{interval}]".replace("-0.00", "0.00") in words
            null = agreement.loc[space]["ami_null"].max()
            assert words.endswith(f"null {null:.2f}, floor {comparison.floor:.2f}")
            assert float(width) == pytest.approx(100 * max(row.ami, 0), abs=0.6)
    assert len(bars) == 4
    assert "AMI says how far clusters" in screen and "here 4, as many as" in screen
    captions = re.findall(r"<figcaption>(.*?)<", text[: text.index("<details>")])
    assert captions == [
        f"UMAP map of the tuned &lt;b&gt; space, colored by {label}."
        for label in ("register", "language")
    ]


def test_controls_are_one_table_that_says_which_are_beaten(written):
    comparison, folder, page = written
    text = page.read_text(encoding="utf-8")
    gains = comparison.ami_gains.query("space == 'tuned <b>' and control")
    lowest = gains.groupby("against")["register_low"].min()
    table = comparison.control_table().set_index("control")
    assert list(table.index) == [
        *("original", "language-centered", "LEACE", "shuffled labels"),
    ]
    for control, row in table.iterrows():
        assert (row["beaten"] == "yes") == (lowest[control] > 0)
    folded = text[text.index("Simple controls") :]
    folded = folded[: folded.index("</details>")]
    assert folded.count("<td>yes</td>") == (table["beaten"] == "yes").sum() == 4
    assert "beats 4 of 4 simple controls" in folded and "<th>beaten?</th>" in folded
    record = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert [row["beaten"] for row in record["control_table"]] == ["yes"] * 4


def test_the_report_says_how_to_repeat_it(written):
    _, folder, _ = written
    text = (folder / "report.md").read_text(encoding="utf-8")
    record = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert "| command | embetter-reg compare a.tsv |" in text
    (digest,) = record["inputs"].values()
    # of "abc", from FIPS 180-2
    assert digest.startswith("ba7816bf8f01cfea414140de5dae2223b00361a3")
    assert digest in text and "a.tsv" in next(iter(record["inputs"]))
    age = datetime.now(UTC) - datetime.fromisoformat(record["date"])
    assert 0 <= age.total_seconds() < 3600
    assert record["versions"]["numpy"] == np.__version__


def test_registers_have_their_names_and_one_order(written):
    comparison, folder, _ = written
    assert list(comparison.confounding.index) == ["NA", "IN", "OP", "HI"]
    assert list(comparison.cluster_table("original")) == ["NA", "IN", "OP", "HI"]
    text = (folder / "report.md").read_text(encoding="utf-8")
    names = re.findall(r"^\| ((?:NA|IN|OP|HI) .*?) \|", text, flags=re.M)
    assert names == [
        *("NA narrative", "IN informational description"),
        *("OP opinion", "HI how-to or instruction"),
    ]


def test_figures_link_to_their_sections_of_the_method_page(written, planted, tmp_path):
    comparison, *_ = written
    spaces = {"tuned <b>": planted["by_register"]}
    page = write_report(comparison, spaces, tmp_path, method_url="https://site/method/")
    text = page.read_text(encoding="utf-8")
    method = (REPO / "docs" / "method.md").read_text(encoding="utf-8")
    anchors = {anchor(heading) for heading in re.findall(r"^## (.*)$", method, re.M)}
    links = re.findall(r'href="https://site/method/#(.*?)">(.*?)</a>', text)
    assert {name for _, name in links} >= set(comparison.figures["figure"])
    assert {target for target, _ in links} <= anchors
    assert set(FIGURE_METHODS) == set(FIGURES)
    assert {anchor(heading) for heading in FIGURE_METHODS.values()} <= anchors


def test_json_repeats_the_comparison(written):
    comparison, folder, _ = written
    record = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert (
        record["verdict"]["original"]["word"] == "language"
        and record["verdict"]["tuned <b>"]["word"] == "register"
    )
    pd.testing.assert_frame_equal(
        pd.DataFrame(record["agreement"]), comparison.agreement
    )
    assert record["fitted_on"] == ["x"] and len(record["compared"]) == 240
    assert record["parameters"]["seeds"] == comparison.parameters["seeds"]
    assert {"embetter_reg", "torch", "scikit-learn", "umap-learn"} <= set(
        record["versions"]
    )


def test_markdown_names_its_pictures(written):
    comparison, folder, _ = written
    text = (folder / "report.md").read_text(encoding="utf-8")
    escaped = comparison.verdict.sentence.replace("<", "&lt;").replace(">", "&gt;")
    assert escaped in text
    pictures = re.findall(r"\]\((\w+\.png)\)", text)
    assert len(pictures) == 8 and all(
        (folder / name).stat().st_size > 5000 for name in pictures
    )


def test_a_space_that_was_not_compared_is_refused(written, planted, tmp_path):
    comparison, *_ = written
    with pytest.raises(ValueError, match="got space='other'"):
        write_report(comparison, {"other": planted["by_register"]}, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_every_table_stands_in_each_form(written):
    comparison, folder, page = written
    text, marked = (
        page.read_text(encoding="utf-8"),
        (folder / "report.md").read_text(encoding="utf-8"),
    )
    record = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    for heading in (
        "Every figure",
        "Every figure of the controls",
        "Hybrids in and out",
        "What a space gains",
    ):
        assert f"<summary><h2>{heading}" in text and f"## {heading}" in marked
    row = comparison.figures.query("space == 'tuned <b>' and figure == 'CiLISI'").iloc[
        0
    ]
    assert f"{row['value']:.2f} [{row['low']:.2f}, {row['high']:.2f}]" in marked
    assert (
        f"<span>{row['value']:.2f} <small>[{row['low']:.2f}, "
        f"{row['high']:.2f}]</small></span>" in text
    )
    for name in ("figures", "figure_differences", "hybrids", "balanced_agreement"):
        table = pd.DataFrame(record[name])
        assert len(table) == len(getattr(comparison, name)) and set(table) == set(
            getattr(comparison, name)
        )
    assert record["cramers_v"] == comparison.cramers_v and record["confounding"][
        "NA"
    ] == {"en": 20, "fi": 20, "fr": 20}
    assert "NaN" not in (folder / "report.json").read_text(encoding="utf-8")
    assert (
        "Erasers fitted on the compared documents" in marked and "gold labels" in marked
    )


def test_predicted_registers_are_printed(planted, tmp_path):
    spaces = {"X": planted["by_register"]}
    comparison = compare_spaces(
        spaces,
        register=planted["register"],
        language=planted["language"],
        label_source="predicted",
        k=[4],
        n_seeds=1,
        n_bootstrap=5,
        n_null=5,
        figures=[],
        controls=(),
    )
    text = write_report(comparison, spaces, tmp_path).read_text(encoding="utf-8")
    assert (
        "a classifier&#x27;s predictions, not gold labels" in text
        and "PREDICTED by a classifier" in text
    )


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A report whose names and labels are markup, formulas and links."""
    rng = np.random.default_rng(0)
    register = np.repeat(["$x^$", "<script>alert(1)</script>", "a|b"], 20)
    language = np.tile(["en](javascript:alert(1))", "🎉"], 30)
    X = np.eye(3)[np.repeat([0, 1, 2], 20)] + rng.normal(scale=0.1, size=(60, 3))
    spaces = {"$\\frac{$": X, "a b": X, "a_b": X, "better": X}
    comparison = compare_spaces(
        spaces,
        register=register,
        language=language,
        k=[3],
        n_seeds=1,
        n_bootstrap=5,
        n_null=5,
        figures=["silhouette", "extras"],
    )
    folder = tmp_path_factory.mktemp("hostile")
    about = {"![x](http://e.vil)": "<img src=x onerror=alert(1)>", "nan": float("nan")}
    write_report(comparison, spaces, folder, title="[t](x) <b>", about=about)
    return folder


def test_markdown_holds_no_markup_of_the_data(hostile):
    text = (hostile / "report.md").read_text(encoding="utf-8")
    pictures = re.findall(r"\]\((\w[\w.-]*\.png)\)", text)
    assert len(pictures) == text.count("](") == 14
    assert not re.search(r"<[a-z/!]", text)
    assert "a\\|b" in text


def test_spaces_whose_files_would_have_one_name_have_a_picture_each(hostile):
    names = {path.name for path in hostile.glob("clusters_*.png")}
    assert {"clusters_a_b.png", "clusters_a_b-2.png"} <= names and len(names) == 4


def test_json_has_null_for_nan(hostile):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    text = (hostile / "report.json").read_text(encoding="utf-8")
    record = json.loads(text, parse_constant=refuse)
    assert record["about"]["nan"] is None
    lows = [row["low"] for row in record["figures"] if row["figure"] == "kBET"]
    assert lows and set(lows) == {None}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"comparison": None}, "got NoneType as a comparison"),
        ({"comparison": {}}, "got dict as a comparison"),
        ({"spaces": None}, "got NoneType as spaces"),
        ({"spaces": {}}, "got dict as spaces"),
        ({"spaces": np.ones((240, 2))}, "got ndarray as spaces"),
        ({"spaces": {"original": None}}, "got the space 'original' of shape"),
        ({"spaces": {"original": np.full((240, 2), np.nan)}}, "got NaN or infinity"),
        ({"spaces": {"original": np.ones((3, 2))}}, "got 3 documents in the space"),
        ({"spaces": {"origina": np.ones((240, 2))}}, "did you mean 'original'?"),
        ({"random_state": None}, "got random_state=None, expected a whole number"),
        ({"random_state": -1}, "got random_state=-1"),
    ],
)
def test_bad_input(written, tmp_path, change, message):
    comparison, *_ = written
    arguments = {
        "comparison": comparison,
        "spaces": {"original": np.eye(240)},
        "out": tmp_path / "new",
        **change,
    }
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        write_report(**arguments)
    assert not (tmp_path / "new").exists()


def test_a_folder_that_is_a_file_is_refused(written, tmp_path):
    comparison, *_ = written
    (tmp_path / "out").write_text("mine")
    with pytest.raises(OSError, match="is not a folder"):
        write_report(comparison, {"original": np.eye(240)}, tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


def test_no_legend_of_the_first_screen_is_cut(tmp_path):
    """All nine registers, whose names are long, stay inside the picture."""
    ax = Figure(figsize=_MAP_SIZE, layout="constrained").subplots()
    points = np.random.default_rng(0).normal(size=(9, 2))
    plot_map(points, list(MAIN), name="register", legend="below", ax=ax)
    ax.figure.draw_without_rendering()
    legend = ax.get_legend().get_window_extent()
    page = ax.figure.bbox
    assert page.x0 <= legend.x0 and legend.x1 <= page.x1
    assert page.y0 <= legend.y0
    texts = [
        text.get_text().replace("-\n", "-") for text in ax.get_legend().get_texts()
    ]
    names = {" ".join(text.split()) for text in texts}
    assert names == set(map(full_name, MAIN))
