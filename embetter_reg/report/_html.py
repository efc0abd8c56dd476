"""The report as one HTML page, pictures and all: a first screen, and the rest folded."""

import base64
import html
import re
from collections.abc import Sequence

import pandas as pd

from embetter_reg.analysis import Comparison
from embetter_reg.report._method import FIGURE_METHODS, anchor
from embetter_reg.report._pictures import Picture
from embetter_reg.report._sections import Section
from embetter_reg.report._style import STYLE

_INTERVAL = re.compile(r"^(\S+) (\[.*\])$")
_FOLDED_PICTURES = {
    "curves": "Agreement over the number of clusters",
    "maps": "Maps of the other spaces",
    "clusters": "What the clusters are made of",
}


def write_page(
    title: str,
    comparison: Comparison,
    sections: Sequence[Section],
    pictures: Sequence[Picture],
    method_url: str | None = None,
) -> str:
    """Return the text of report.html."""
    parts = _first_screen(title, comparison, pictures, method_url)
    parts += [_section(section, method_url) for section in sections]
    for part, heading in _FOLDED_PICTURES.items():
        chosen = [picture for picture in pictures if picture.part == part]
        if chosen:
            parts.append(_folded(heading, _figures(chosen)))
    name = html.escape(title)
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name}</title>\n<style>{STYLE}</style></head><body>\n{body}\n"
        "</body></html>\n"
    )


def _first_screen(
    title: str,
    comparison: Comparison,
    pictures: Sequence[Picture],
    method_url: str | None,
) -> list[str]:
    verdict = comparison.verdict
    claim, _, rest = verdict.sentence.partition(": ")
    screen = comparison.screen_parts()
    pieces = [
        f"<h1>{html.escape(title)}</h1>",
        f'<p class="verdict {verdict.word}"><strong>{html.escape(claim)}</strong>'
        f": {html.escape(rest)}</p>",
        '<div class="screen">',
        f"<section>{screen['bars']}{screen['words']}",
        _method_link("The verdict", method_url),
        f"{screen['steps']}</section>",
        _figures([picture for picture in pictures if picture.part == "first"]),
        "</div>",
    ]
    return pieces


def _section(section: Section, method_url: str | None) -> str:
    words = f"<p>{html.escape(section.words)}</p>" if section.words else ""
    if section.method:
        words += _method_link(section.method, method_url)
    table = _table(section.table, method_url)
    return _folded(section.heading, f'{words}<div class="wide">{table}</div>')


def _folded(heading: str, content: str) -> str:
    summary = f"<summary><h2>{html.escape(heading)}</h2></summary>"
    return f"<details>{summary}{content}</details>"


def _method_link(heading: str, method_url: str | None) -> str:
    name = html.escape(heading)
    if method_url is None:
        return (
            f'<p class="method">More on the method page (docs/method.md): {name}.</p>'
        )
    return f'<p class="method">More: {_link(name, heading, method_url)}.</p>'


def _link(text: str, heading: str, method_url: str) -> str:
    address = html.escape(f"{method_url}#{anchor(heading)}")
    return f'<a href="{address}">{text}</a>'


def _figures(pictures: Sequence[Picture]) -> str:
    figures = "".join(map(_figure, pictures))
    return f'<div class="pictures">{figures}</div>'


def _figure(picture: Picture) -> str:
    caption = html.escape(picture.caption)
    image = f'<img alt="{caption}" src="{_data(picture.png)}">'
    kind = ""
    if picture.narrow is not None:
        kind = ' class="large"'
        narrow = f'<source media="(max-width: 44rem)" srcset="{_data(picture.narrow)}">'
        image = f"<picture>{narrow}{image}</picture>"
    return f"<figure{kind}>{image}<figcaption>{caption}</figcaption></figure>"


def _data(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _table(table: pd.DataFrame, method_url: str | None) -> str:
    """Return a table whose intervals are small and whose groups, where the first cell
    is not empty, are set apart; names of figures link to the method page.
    """
    head = "".join(f"<th>{html.escape(str(name))}</th>" for name in table.columns)
    rows = []
    for row in table.astype(str).to_numpy().tolist():
        texts = [_cell(text) for text in row]
        if method_url is not None and table.columns[0] == "figure":
            heading = FIGURE_METHODS.get(row[0])
            if heading is not None:
                texts[0] = _link(texts[0], heading, method_url)
        cells = "".join(f"<td>{text}</td>" for text in texts)
        kind = ' class="first"' if row[0] else ""
        rows.append(f"<tr{kind}>{cells}</tr>")
    body = "".join(rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(text: str) -> str:
    return _INTERVAL.sub(r"<span>\1 <small>\2</small></span>", html.escape(text))
