import re
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib import get_data_path, image, rcParams
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from embetter_reg.analysis import average, compare_spaces, sweep
from embetter_reg.corpus.registers import full_name
from embetter_reg.plots import (
    label_styles,
    plot_agreement,
    plot_cluster_table,
    plot_distances,
    plot_history,
    plot_labeled_map,
    plot_layers,
    plot_map,
    plot_maps,
    plot_pca,
    plot_sweep,
    plot_texts,
    save_figure,
)
from embetter_reg.plots.static import _fonts

NAMED = [
    "NA narrative",
    "IN informational description",
    "OP opinion",
    "HI how-to or instruction",
]


@pytest.fixture(scope="module")
def found(planted):
    return compare_spaces(
        {"original": planted["by_language"], "tuned": planted["by_register"]},
        register=planted["register"],
        language=planted["language"],
        k=[2, 8],
        n_seeds=1,
        n_bootstrap=10,
        n_null=10,
    )


def test_maps_show_every_document_in_its_color(planted):
    maps = {
        "original": planted["by_language"][:, :2],
        "tuned": planted["by_register"][:, :2],
    }
    figure = plot_maps(maps, register=planted["register"], language=planted["language"])
    assert len(figure.axes) == 4
    for ax in figure.axes:
        assert sum(len(points.get_offsets()) for points in ax.collections) == 240
    legend = [text.get_text() for text in figure.axes[1].get_legend().get_texts()]
    assert [" ".join(name.split()) for name in legend] == NAMED


def test_curves_hold_the_figures_and_the_marks(found):
    figure = plot_agreement(found, "spherical")
    line = next(line for line in figure.axes[0].lines if line.get_label() == "tuned")
    rows = found.agreement.query(
        "space == 'tuned' and clusterer == 'spherical' and label == 'register'"
    )
    np.testing.assert_allclose(line.get_ydata(), rows["ami"])
    words = {text.get_text() for text in figure.axes[0].texts}
    assert words == {"registers (4)", "languages (3)"}


def test_cluster_table_prints_its_shares(found):
    ax = plot_cluster_table(found.cluster_table("tuned"))
    assert (
        "100%" in {text.get_text() for text in ax.texts}
        and ax.get_xlabel() == "register"
    )
    names = [text.get_text() for text in ax.get_xticklabels()]
    assert [" ".join(name.split()) for name in names] == NAMED
    given = pd.DataFrame([[0.0, 1.0], [0.75, 0.25]], index=[0, 1], columns=["fi", "en"])
    np.testing.assert_allclose(
        plot_cluster_table(given, "language").images[0].get_array(),
        [[1, 0], [0.25, 0.75]],
    )


def test_a_sweep_has_its_figures_bars_and_marks(planted):
    found = sweep(
        {"tuned": planted["by_register"]},
        register=planted["register"],
        language=planted["language"],
        k=[2, 4, 6],
        n_seeds=2,
        n_init=1,
    )
    averaged = average(found)
    figure = plot_sweep(averaged)
    assert len(figure.axes) == 6
    curve = figure.axes[0].containers[0]
    rows = averaged.query("clusterer == 'kmeans'")
    np.testing.assert_allclose(
        curve.lines[0].get_ydata().astype(float), rows["register_ami"]
    )
    bars = np.array(
        [segment[:, 1] for segment in curve.lines[2][0].get_segments()], dtype=float
    )
    np.testing.assert_allclose(bars[:, 1] - bars[:, 0], 2 * rows["register_ami_sd"])
    assert {text.get_text() for text in figure.axes[0].texts} == {
        "registers (4)",
        "languages (3)",
    }
    with pytest.raises(ValueError, match="two rows of the space 'tuned'"):
        plot_sweep(average(found).loc[[0, 0]])


def test_a_labeled_map_numbers_its_clusters(planted):
    points = planted["by_register"][:, :2]
    clusters = np.arange(240) % 5
    figure = plot_labeled_map(
        points, {"language": planted["language"], "kmeans, k = 5": clusters}
    )
    languages, numbered = figure.axes
    assert [text.get_text() for text in languages.get_legend().get_texts()] == [
        "en",
        "fi",
        "fr",
    ]
    assert {text.get_text() for text in numbered.texts} == set(
        "01234"
    ) and numbered.get_legend() is None


def test_a_map_has_the_colors_of_its_labels(planted):
    points, register = planted["by_register"][:, :2], planted["register"].astype(object)
    register[:7] = None
    ax = plot_map(points, register, name="register")
    drawn = {group.get_label(): group for group in ax.collections}
    assert list(drawn) == [*NAMED, "unknown"]
    for name, (color, _) in label_styles(register).items():
        np.testing.assert_allclose(
            drawn[full_name(name)].get_offsets(),
            points[register == (None if name == "unknown" else name)],
        )
        expected = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        shown = drawn[full_name(name)].get_facecolor()[0, :3]
        np.testing.assert_allclose(shown, expected)
    below = drawn["unknown"]
    assert below.get_zorder() < min(drawn[name].get_zorder() for name in NAMED)
    assert below.get_sizes()[0] < drawn["NA narrative"].get_sizes()[0]
    with pytest.raises(ValueError, match=r"got points of shape \(240, 12\)"):
        plot_map(planted["by_register"], register)
    with pytest.raises(ValueError, match="240 in points, 3 in labels"):
        plot_map(points, ["NA"] * 3)


def test_a_map_of_numbers_has_a_color_bar(planted):
    lengths = np.arange(240.0)
    ax = plot_map(planted["by_register"][:, :2], lengths, name="letters")
    np.testing.assert_allclose(ax.collections[0].get_array(), lengths)
    assert [each.get_ylabel() for each in ax.figure.axes[1:]] == ["letters"]


@pytest.mark.parametrize(("n_maps", "shape"), [(1, (2, 1)), (3, (2, 3)), (5, (5, 2))])
def test_several_labels_are_rows_or_columns(planted, n_maps, shape):
    maps = {f"map {n}": planted["by_register"][:, :2] for n in range(n_maps)}
    figure = plot_maps(maps, register=planted["register"], language=planted["language"])
    assert figure.axes[0].get_gridspec().get_geometry() == shape
    headings = {ax.get_title(loc="left") for ax in figure.axes}
    assert headings == {
        f"{name}, by {label}" for name in maps for label in ("register", "language")
    }
    for ax in figure.axes:
        names = {group.get_label() for group in ax.collections}
        by_register = "register" in ax.get_title(loc="left")
        assert names == (set(NAMED) if by_register else {"en", "fi", "fr"})
    assert sum(ax.get_legend() is not None for ax in figure.axes) == 2


def test_a_small_multiple_has_one_legend(planted):
    maps = {f"reducer {n}": planted["by_register"][:, :2] for n in range(7)}
    figure = plot_maps(maps, register=planted["register"])
    assert figure.axes[0].get_gridspec().get_geometry() == (2, 4)
    assert [ax.get_title(loc="left") for ax in figure.axes if ax.get_visible()] == list(
        maps
    )
    assert [text.get_text() for text in figure.legends[0].get_texts()] == NAMED
    with pytest.raises(ValueError, match="got 0 maps and 1 labels"):
        plot_maps({}, register=planted["register"])


def test_swapping_register_and_language_swaps_the_pictures(planted):
    maps = {"tuned": planted["by_register"][:, :2]}
    right, wrong = (
        plot_maps(maps, register=register, language=language)
        for register, language in (
            (planted["register"], planted["language"]),
            (planted["language"], planted["register"]),
        )
    )
    assert len(right.axes[0].collections) == len(wrong.axes[1].collections) == 4
    assert len(wrong.axes[0].collections) == 3


def test_pca_charts_tell_what_they_explain(planted):
    fitted = {
        name: PCA(2, random_state=0).fit(planted[name])
        for name in ("by_language", "by_register")
    }
    charts = {name: pca.transform(planted[name]) for name, pca in fitted.items()}
    shares = {name: pca.explained_variance_ratio_ for name, pca in fitted.items()}
    figure = plot_pca(charts, shares, register=planted["register"])
    for ax, share in zip(figure.axes, shares.values(), strict=True):
        assert (
            ax.get_xlabel() == f"PC 1 ({share[0]:.0%} of variance)"
            and ax.get_aspect() == 1
        )
    assert (
        figure.axes[1].get_ylabel()
        == f"PC 2 ({shares['by_register'][1]:.0%} of variance)"
    )


def test_distances_are_sorted_by_label(planted):
    distances = KMeans(4, n_init=1, random_state=0).fit_transform(
        planted["by_register"]
    )
    shuffled = np.random.default_rng(0).permutation(240)
    ax = plot_distances(distances[shuffled], planted["register"][shuffled])
    drawn = np.asarray(ax.images[0].get_array())
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert [" ".join(name.split()) for name in names] == NAMED
    for block, label in zip(np.split(drawn, 4), ("NA", "IN", "OP", "HI"), strict=True):
        own = distances[planted["register"] == label]
        np.testing.assert_allclose(np.sort(block, axis=0), np.sort(own, axis=0))


def test_layers_hold_the_figures_in_the_order_asked_for(found):
    ax = plot_layers(found, ["tuned", "original"], ["BRAS"], clusterer="spherical")
    lines = {line.get_label(): line.get_ydata() for line in ax.lines}
    rows = found.agreement.query("clusterer == 'spherical' and k == 4").set_index(
        ["label", "space"]
    )["ami"]
    np.testing.assert_allclose(
        lines["language AMI"], rows["language"][["tuned", "original"]]
    )
    bras = found.figures.query("figure == 'BRAS'").set_index("space")["value"]
    np.testing.assert_allclose(lines["BRAS"], bras[["tuned", "original"]])
    assert [text.get_text() for text in ax.get_xticklabels()] == ["tuned", "original"]
    with pytest.raises(ValueError, match=r"got layers=\['layer 9'\]"):
        plot_layers(found, ["layer 9"])
    with pytest.raises(ValueError, match=r"got figures=\['beauty'\]"):
        plot_layers(found, figures=["beauty"])
    without = replace(found, figures=pd.DataFrame())
    assert [line.get_label() for line in plot_layers(without).lines] == [
        "register AMI",
        "language AMI",
    ]


def boxes(ax):
    """Where texts stand once drawn, without their lines, in pixels."""
    ax.figure.draw_without_rendering()
    return [super(type(text), text).get_window_extent() for text in ax.texts]


def test_texts_do_not_overlap_and_stay_inside():
    rng = np.random.default_rng(0)
    points = rng.normal(scale=0.2, size=(18, 2)) + np.repeat(
        [[0, 0], [2, 1]], 9, axis=0
    )
    texts = [f"document {n} has this much to say" for n in range(18)]
    ax = plot_texts(points, texts)
    placed = boxes(ax)
    assert [text.get_text().replace("\n", " ") for text in ax.texts] == texts
    assert not any(a.overlaps(b) for n, a in enumerate(placed) for b in placed[:n])
    frame = ax.get_window_extent()
    assert all(
        frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0
        for box in placed
    )
    at = ax.transData.transform(points)
    assert not any(box.contains(*dot) for box in placed for dot in at)


def test_texts_without_room_are_left_out_and_told():
    with pytest.warns(UserWarning, match="there is no room for"):
        ax = plot_texts(
            np.zeros((80, 2)), ["a long text that takes up quite some room " * 2] * 80
        )
    placed = boxes(ax)
    assert 10 < len(placed) < 80 and not any(
        a.overlaps(b) for n, a in enumerate(placed) for b in placed[:n]
    )


def test_a_sentence_is_a_path(planted):
    points = np.array([[0.0, 0], [1, 0], [1, 1]])
    ax = plot_texts(points, ["Mix", "the", "flour"], path=True)
    np.testing.assert_allclose(ax.lines[0].get_xydata(), points)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        on_map = plot_map(planted["by_register"][:, :2], planted["register"])
        assert (
            plot_texts(planted["by_register"][:2, :2], ["one", "two"], ax=on_map)
            is on_map
        )


def test_history_holds_losses_and_marks_the_best_epoch():
    held = [3.0, 1.0, 2.0, 2.5]
    records = [
        {"epoch": n + 1, "loss": 1 / (n + 1), "validation_loss": loss}
        for n, loss in enumerate(held)
    ]
    ax = plot_history({"one": records, "two": [{"epoch": 1, "loss": 4.0}]})
    lines = {line.get_label(): line for line in ax.lines}
    best = lines["one held-back loss, best at 2"]
    np.testing.assert_allclose(best.get_ydata(), held)
    assert best.get_markevery() == [1]
    assert lines["two loss"].get_ydata().tolist() == [4.0]
    with pytest.raises(ValueError, match="got the history '' without a record"):
        plot_history([])


def test_every_picture_prints(tmp_path, found, planted):
    """A picture that is drawn here may still fail when it is laid out."""
    drawn = [
        plot_agreement(found),
        plot_layers(found),
        plot_cluster_table(found.cluster_table("tuned")),
        plot_maps(
            {str(n): planted["by_register"][:, :2] for n in range(4)},
            language=planted["language"],
            title="all",
        ),
    ]
    for number, each in enumerate(drawn):
        for kind in ("png", "svg", "pdf"):
            each.figure.savefig(tmp_path / f"{number}.{kind}")
            assert (tmp_path / f"{number}.{kind}").stat().st_size > 3_000


def test_a_picture_for_print_has_its_size_and_its_text(planted, tmp_path):
    points = planted["by_register"][:, :2]
    figure = plot_map(points, planted["register"], title="from $5 to $6").figure
    size = figure.get_size_inches().tolist()
    png = save_figure(figure, tmp_path / "map.png", dpi=100, width=3.5)
    assert image.imread(png).shape[:2] == (round(350 * size[1] / size[0]), 350)
    svg = save_figure(figure, tmp_path / "map.svg", font_size=20).read_text("utf-8")
    assert "from $5 to $6</text>" in svg and "NA narrative</text>" in svg
    assert re.search(r"font-size: 22px[^>]*>from", svg)  # of a title of 11 points
    pdf = save_figure(figure, tmp_path / "map.pdf").read_bytes()
    assert b"/Type0" in pdf and b"/Type3" not in pdf  # TrueType
    assert figure.get_size_inches().tolist() == size
    font = Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSerif.ttf"
    svg = save_figure(figure, tmp_path / "map.svg", font=font).read_text("utf-8")
    assert "font-family: 'DejaVu Serif'" in svg
    with pytest.raises(ValueError, match="got the font 'Nowhere', expected the name"):
        save_figure(figure, tmp_path / "map.png", font="Nowhere")
    with pytest.raises(ValueError, match=r"got .*map\.gif, expected a name that ends"):
        save_figure(figure, tmp_path / "map.gif")
    with pytest.raises(ValueError, match="got width=0, expected a number above 0"):
        save_figure(figure, tmp_path / "map.png", width=0)


def test_points_follow_the_width_of_the_picture(planted, tmp_path, monkeypatch):
    figure = plot_map(planted["by_register"][:, :2], planted["register"]).figure
    drawn = figure.axes[0].collections[0]
    usual = drawn.get_sizes().tolist()
    areas = []
    save = figure.savefig

    def savefig(*args, **options):
        areas.append(drawn.get_sizes().tolist())
        save(*args, **options)

    monkeypatch.setattr(figure, "savefig", savefig)
    for times in (None, 0.5, 2):
        width = None if times is None else times * figure.get_figwidth()
        save_figure(figure, tmp_path / "map.png", width=width)
    assert areas == [usual, [usual[0] / 4], usual]
    assert drawn.get_sizes().tolist() == usual


def test_a_font_of_one_weight_is_taken_without_a_word(tmp_path, caplog):
    figure = plot_map([[0, 0], [1, 1]], ["NA", "HI"]).figure
    figure.text(0.5, 0.5, "x", weight="bold")
    save_figure(figure, tmp_path / "map.png", font="cmr10")
    assert "font weight" not in caplog.text


def test_letters_that_no_font_has_are_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(_fonts, "_FALLBACKS", ())
    figure = plot_map([[0, 0], [1, 1]], ["समाचार", "NA"]).figure
    with pytest.warns(UserWarning, match=r"got 4 letters .* \(devanagari\)") as caught:
        save_figure(figure, tmp_path / "map.png")
    assert len(caught) == 1 and (tmp_path / "map.png").exists()


def test_letters_are_taken_from_another_font(monkeypatch):
    monkeypatch.setattr(_fonts, "_FALLBACKS", ("DejaVu Serif", "Nowhere"))
    assert _fonts.font_family() == [*rcParams["font.family"], "DejaVu Serif"]
    assert _fonts.font_family("DejaVu Sans Mono")[0] == "DejaVu Sans Mono"
