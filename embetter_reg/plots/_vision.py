"""How colors look to usual and to color-blind eyes, and how far apart two look."""

import numpy as np
from numpy.typing import ArrayLike

# Linear RGB as an eye without one kind of cone sees it: Machado, Oliveira & Fernandes
# (2009), "A Physiologically-based Model for Simulation of Color Vision Deficiency",
# severity 1.
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


def cielab(rgb: ArrayLike, eye: str = "usual") -> np.ndarray:
    """Return sRGB colors ``(..., 3)`` in [0, 1] as CIELAB (D65).

    The columns are lightness in [0, 100], red against green, and yellow against blue.

    Examples
    --------
    >>> from embetter_reg.plots._vision import cielab
    >>> abs(cielab([1.0, 0.0, 0.0]).round(1)).tolist()
    [53.2, 80.1, 67.2]

    """
    rgb = np.asarray(rgb, dtype=np.float64)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    visible = np.clip(linear @ EYES[eye].T, 0, 1)
    xyz = visible @ _TO_XYZ.T / _TO_XYZ.sum(axis=1)
    near_black = xyz * (29 / 6) ** 2 / 3 + 4 / 29
    scaled = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), near_black)
    x, y, z = np.moveaxis(scaled, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def color_difference(first: ArrayLike, second: ArrayLike) -> np.ndarray:
    """Return CIEDE2000 differences of CIELAB colors ``(..., 3)``, at least 0.

    A difference of 1 is just noticeable, one of 10 plain at a glance. Symbols are those
    of Sharma, Wu & Dalal (2005), "The CIEDE2000 Color-Difference Formula".

    Examples
    --------
    >>> from embetter_reg.plots._vision import color_difference
    >>> blue, other = [50.0, 2.6772, -79.7751], [50.0, 0.0, -82.7485]
    >>> color_difference(blue, other).round(4).item()
    2.0425

    """
    L1, a1, b1 = np.moveaxis(np.asarray(first, dtype=np.float64), -1, 0)
    L2, a2, b2 = np.moveaxis(np.asarray(second, dtype=np.float64), -1, 0)
    G = 0.5 * (1 - _chroma_weight((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2))
    a1 = a1 * (1 + G)
    a2 = a2 * (1 + G)
    C1 = np.hypot(a1, b1)
    C2 = np.hypot(a2, b2)
    h1 = np.degrees(np.arctan2(b1, a1)) % 360
    h2 = np.degrees(np.arctan2(b2, a2)) % 360
    is_gray = C1 * C2 == 0  # a gray has no hue
    dh = np.where(is_gray, 0, (h2 - h1 + 180) % 360 - 180)
    h = np.where(is_gray, h1 + h2, h1 + dh / 2)
    C = (C1 + C2) / 2
    light = ((L1 + L2) / 2 - 50) ** 2
    hue = np.radians(h)
    T = 1 - 0.17 * np.cos(hue - np.pi / 6) + 0.24 * np.cos(2 * hue)
    T += 0.32 * np.cos(3 * hue + np.radians(6)) - 0.2 * np.cos(4 * hue - np.radians(63))
    dL = (L2 - L1) / (1 + 0.015 * light / np.sqrt(20 + light))
    dC = (C2 - C1) / (1 + 0.045 * C)
    dH = 2 * np.sqrt(C1 * C2) * np.sin(np.radians(dh) / 2) / (1 + 0.015 * C * T)
    from_blue = (h - 275 + 180) % 360 - 180
    turn = 60 * np.exp(-((from_blue / 25) ** 2))
    R = -2 * _chroma_weight(C) * np.sin(np.radians(turn))
    return np.sqrt(np.maximum(dL**2 + dC**2 + dH**2 + R * dC * dH, 0))


def _chroma_weight(C: np.ndarray) -> np.ndarray:
    return np.sqrt(C**7 / (C**7 + 25.0**7))
