"""Run the code of the site's pages: their pictures and printed output are what the
pages show.

``python docs/make_pictures.py [PAGE…]`` runs every block of every page, or of some, in
one folder and namespace a page. What a block prints goes into the ``text`` block below
it; pictures that it saves go to ``docs/pictures``. On another machine a pixel, or the
last digit of a figure, may differ.

Blocks that need multilingual-e5-small say so in their title. They run where the
environment variable ``BASE_MODEL`` names a folder that holds it; elsewhere they stay as
they are.
"""

import io
import os
import re
import sys
import tempfile
import textwrap
from contextlib import chdir, redirect_stdout
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "agg")
DOCS = Path(__file__).parent
BLOCK = re.compile(
    r"```python(?P<title>[^\n]*)\n(?P<code>.*?)```\n(?:\n```text\n(?P<shown>.*?)```\n)?",
    re.DOTALL,
)
NEEDS_MODEL = "needs multilingual-e5-small"
HUB_NAME = "intfloat/multilingual-e5-small"
WIDEST, LARGEST = 100, 150_000  # characters a line, bytes a picture


def pages() -> list[Path]:
    """Return the pages that have Python in them."""
    return [
        path
        for path in sorted(DOCS.rglob("*.md"))
        if BLOCK.search(path.read_text(encoding="utf-8"))
    ]


def can_run(block: re.Match) -> bool:
    """Return whether a block needs no model, or the model is at hand.

    A folder of the model's name in the working folder stands for the hub.
    """
    if NEEDS_MODEL not in block["title"]:
        return True
    folder = os.environ.get("BASE_MODEL")
    if not folder:
        return False
    link = Path(HUB_NAME)
    if not link.exists():
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(Path(folder).resolve())
    return True


def run(block: re.Match, names: dict, label: str) -> str:
    """Run one block of a page and return what it printed."""
    with redirect_stdout(io.StringIO()) as printed:
        exec(compile(block["code"], label, "exec"), names)
    return printed.getvalue()


def refresh(page: Path) -> None:
    """Run a page, and write its output into it and its pictures beside it."""
    names: dict = {}

    def renew(block: re.Match) -> str:
        if not can_run(block):
            return block[0]
        printed = run(block, names, page.name)
        lines = [part for line in printed.splitlines() for part in wrapped(line)]
        text = (
            f"\n```text\n{chr(10).join(line.rstrip() for line in lines)}\n```\n"
            if printed
            else ""
        )
        return f"```python{block['title']}\n{block['code']}```\n{text}"

    source = page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        renewed = BLOCK.sub(renew, source)
        for picture in sorted(Path().glob("*.png")):
            if f"pictures/{picture.name})" in source:
                save_small(picture, DOCS / "pictures" / picture.name)
    page.write_text(renewed, encoding="utf-8")


def wrapped(line: str) -> list[str]:
    """Return a line as it is if it fits, else broken between words."""
    return [line] if len(line) <= WIDEST else textwrap.wrap(line, WIDEST)


def save_small(picture: Path, place: Path) -> None:
    """Save a picture in 256 colors, and tell where it is still too large."""
    from PIL import Image

    with Image.open(picture) as image:
        image.convert("RGB").quantize(
            256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
        ).save(place, optimize=True)
    if place.stat().st_size > LARGEST:
        print(f"{place.name}: {place.stat().st_size:,} bytes, more than {LARGEST:,}")


if __name__ == "__main__":
    for page in [Path(name).resolve() for name in sys.argv[1:]] or pages():
        print(page.name)
        refresh(page)
