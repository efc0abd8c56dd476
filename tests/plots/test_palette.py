import numpy as np
import pytest

from embetter_reg.corpus.registers import COLORS, MAIN
from embetter_reg.plots import distinct_colors, label_styles
from embetter_reg.plots._vision import EYES, cielab, color_difference
from embetter_reg.plots.palette import space_styles

# Another simulation than the one that chose the colors: Vienot, Brettel & Mollon 1999.
TO_LMS = np.array(
    [
        [17.8824, 43.5161, 4.11935],
        [3.45565, 27.1554, 3.86714],
        [0.0299566, 0.184309, 1.46709],
    ]
)
VIENOT = {
    "protanopia": np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]]),
    "deuteranopia": np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]]),
}


def rgb(colors):
    return (
        np.array([[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in colors])
        / 255
    )


def smallest_gap(lab):
    first, second = np.triu_indices(len(lab), 1)
    return color_difference(lab[first], lab[second]).min()


@pytest.mark.parametrize(
    ("first", "second", "difference"),
    [  # Sharma, Wu & Dalal 2005, table 1
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((63.0109, -31.0961, -5.8663), (62.8187, -29.7946, -4.0864), 1.2630),
        ((22.7233, 20.0904, -46.694), (23.0331, 14.973, -42.5619), 2.0373),
        ((90.9257, -0.5406, -0.9208), (88.6381, -0.8985, -0.7239), 1.5381),
        ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_color_difference_is_the_published_one(first, second, difference):
    assert color_difference(first, second) == pytest.approx(difference, abs=5e-5)
    assert color_difference(second, first) == pytest.approx(difference, abs=5e-5)


def test_white_and_black_and_gray_have_no_hue():
    lab = cielab([[1, 1, 1], [0, 0, 0], [0.5, 0.5, 0.5]])
    np.testing.assert_allclose(lab[:2, 0], [100, 0], atol=1e-3)
    np.testing.assert_allclose(lab[:, 1:], 0, atol=0.01)
    for eye in EYES:  # who lacks a cone sees gray as gray
        np.testing.assert_allclose(cielab([[0.5, 0.5, 0.5]], eye)[:, 1:], 0, atol=0.1)


@pytest.mark.parametrize("eye", EYES)
def test_register_colors_are_far_apart_to_every_eye(eye):
    lab = cielab(rgb(COLORS.values()), eye)
    assert smallest_gap(lab) > 20
    assert color_difference(lab, [100, 0, 0]).min() > 15  # on white paper


@pytest.mark.parametrize("eye", VIENOT)
def test_another_simulation_agrees(eye):
    linear = rgb(COLORS.values()) ** 2.2
    seen = np.clip(linear @ (np.linalg.inv(TO_LMS) @ VIENOT[eye] @ TO_LMS).T, 0, 1) ** (
        1 / 2.2
    )
    assert smallest_gap(cielab(seen)) > 10


@pytest.mark.parametrize(("n", "gap"), [(6, 20), (12, 13), (24, 7.5)])
def test_generated_colors_are_far_apart_to_every_eye(n, gap):
    colors = distinct_colors(n)
    assert min(smallest_gap(cielab(rgb(colors), eye)) for eye in EYES) > gap
    assert colors == distinct_colors(200)[:n]


def test_any_number_of_clusters_has_colors():
    assert len(set(distinct_colors(500))) == 500
    assert len(distinct_colors(2_000)) == 2_000


def test_markers_tell_labels_apart_in_gray():
    styles = label_styles(MAIN).values()
    assert (
        len({color for color, _ in styles})
        == len({marker for _, marker in styles})
        == 9
    )
    many = label_styles(f"language {n:02}" for n in range(60))
    assert len(set(many.values())) == 60
    assert (
        len(
            {
                marker
                for _, marker in label_styles(
                    ["en", "fi", "fr", "sv", "es", "tr"]
                ).values()
            }
        )
        == 6
    )


def test_a_label_looks_the_same_in_every_picture():
    assert (
        label_styles(["IN", "NA"])["NA"]
        == label_styles(MAIN)["NA"]
        == label_styles(["NA OP", "NA"])["NA"]
    )
    assert label_styles(["fi", "xx"])["fi"] == label_styles(["en", "fi", "tr"])["fi"]
    assert (
        label_styles(["NA OP", "HI IP", "NA"])["NA OP"][0]
        == label_styles(["hybrid"])["hybrid"][0]
    )


def test_missing_labels_are_unknown_and_last():
    assert list(label_styles([None, "HI", float("nan"), "NA"])) == [
        "NA",
        "HI",
        "unknown",
    ]
    assert list(label_styles([None])) == ["unknown"]


def test_curves_differ():
    styles = space_styles(f"space {n}" for n in range(40))
    assert len({tuple(style.values()) for style in styles.values()}) == 40
