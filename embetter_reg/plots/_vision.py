"""How colors look to usual and to color-blind eyes, and how far apart two look."""

import numpy as np

# Linear RGB as an eye without one kind of cone sees it (Machado, Oliveira & Fernandes 2009, "A Physiologically-based
# Model for Simulation of Color Vision Deficiency", severity 1).
EYES = {
    "usual": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
}
_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)


def cielab(rgb, eye: str = "usual") -> np.ndarray:
    """Return sRGB colors ``(..., 3)`` in [0, 1] as CIELAB (D65): lightness in [0,
    100], red-green, yellow-blue.

    Examples
    --------
    >>> from embetter_reg.plots._vision import cielab
    >>> abs(cielab([1.0, 0.0, 0.0]).round(1)).tolist()
    [53.2, 80.1, 67.2]

    """
    rgb = np.asarray(rgb, dtype=np.float64)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ EYES[eye].T, 0, 1) @ _TO_XYZ.T / _TO_XYZ.sum(axis=1)
    x, y, z = np.moveaxis(
        np.where(
            seen > (6 / 29) ** 3, np.cbrt(seen), seen * (29 / 6) ** 2 / 3 + 4 / 29
        ),
        -1,
        0,
    )
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def color_difference(first, second) -> np.ndarray:
    """Return CIEDE2000 differences of CIELAB colors ``(..., 3)``, at least 0; 1 is
    just seen, 10 plain at a glance.

    Sharma, Wu & Dalal (2005), "The CIEDE2000 Color-Difference Formula".

    Examples
    --------
    >>> from embetter_reg.plots._vision import color_difference
    >>> color_difference([50.0, 2.6772, -79.7751], [50.0, 0.0, -82.7485]).round(4).item()
    2.0425

    """
    (l1, a1, b1), (l2, a2, b2) = (
        np.moveaxis(np.asarray(lab, dtype=np.float64), -1, 0) for lab in (first, second)
    )
    flat = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    stretch = 1 + 0.5 * (1 - np.sqrt(flat**7 / (flat**7 + 25.0**7)))
    c1, c2 = np.hypot(a1 * stretch, b1), np.hypot(a2 * stretch, b2)
    h1, h2 = (
        np.degrees(np.arctan2(b, a * stretch)) % 360 for a, b in ((a1, b1), (a2, b2))
    )
    gray = c1 * c2 == 0
    turn = np.where(gray, 0, (h2 - h1 + 180) % 360 - 180)
    hue = np.radians(np.where(gray, h1 + h2, h1 + turn / 2))
    chroma, light = (c1 + c2) / 2, ((l1 + l2) / 2 - 50) ** 2
    t = 1 - 0.17 * np.cos(hue - np.pi / 6) + 0.24 * np.cos(2 * hue)
    t += 0.32 * np.cos(3 * hue + np.radians(6)) - 0.2 * np.cos(4 * hue - np.radians(63))
    lightness = (l2 - l1) / (1 + 0.015 * light / np.sqrt(20 + light))
    saturation = (c2 - c1) / (1 + 0.045 * chroma)
    shift = (
        2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn) / 2) / (1 + 0.015 * chroma * t)
    )
    blue = 60 * np.exp(-((((np.degrees(hue) - 275 + 180) % 360 - 180) / 25) ** 2))
    rotation = (
        -2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7)) * np.sin(np.radians(blue))
    )
    return np.sqrt(
        np.maximum(
            lightness**2 + saturation**2 + shift**2 + rotation * saturation * shift, 0
        )
    )
