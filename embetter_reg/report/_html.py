"""The report as one HTML page, pictures and all."""

import base64
import html
import re
from collections.abc import Sequence

import pandas as pd

from embetter_reg.analysis import Comparison
from embetter_reg.report._pictures import Picture
from embetter_reg.report._sections import Section, other_verdicts

_INTERVAL = re.compile(r"^(\S+) (\[.*\])$")


def write_page(
    title: str,
    comparison: Comparison,
    sections: Sequence[Section],
    pictures: Sequence[Picture],
) -> str:
    """Return the text of report.html."""
    verdict = comparison.verdict
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        f'<p class="verdict {verdict.word}">{html.escape(verdict.sentence)}</p>',
    ]
    for heading, sentences in other_verdicts(comparison).items():
        items = "".join(f"<li>{html.escape(text)}</li>" for text in sentences)
        parts.append(f"<p>{heading}</p><ul>{items}</ul>")
    parts.append('<div class="pictures">')
    parts += [_figure(picture) for picture in pictures]
    parts.append("</div>")
    for section in sections:
        parts.append(f"<h2>{html.escape(section.heading)}</h2>")
        parts.append(f"<p>{html.escape(section.words)}</p>")
        parts.append(f'<div class="wide">{_table(section.table)}</div>')
    return _TEMPLATE.format(title=html.escape(title), body="\n".join(parts))


def _figure(picture: Picture) -> str:
    data = base64.b64encode(picture.png).decode()
    caption = html.escape(picture.caption)
    kind = "large" if picture.wide else "small"
    return (
        f'<figure class="{kind}"><div class="wide">'
        f'<img alt="{caption}" src="data:image/png;base64,{data}"></div>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _table(table: pd.DataFrame) -> str:
    """Return a table whose intervals are small and whose groups, where the first cell
    is not empty, are set apart.
    """
    head = "".join(f"<th>{html.escape(str(name))}</th>" for name in table.columns)
    rows = []
    for row in table.astype(str).to_numpy().tolist():
        cells = "".join(f"<td>{_cell(text)}</td>" for text in row)
        kind = ' class="first"' if row[0] else ""
        rows.append(f"<tr{kind}>{cells}</tr>")
    body = "".join(rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(text: str) -> str:
    return _INTERVAL.sub(r"<span>\1 <small>\2</small></span>", html.escape(text))


_TEMPLATE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff;
       max-width: 62rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere }}
.verdict {{ font-size: 1.15rem; padding: .8rem 1rem; background: #f5f5f5;
            border-left: .4rem solid #8c8c8c }}
.verdict.register {{ border-color: #0072b2 }}
.verdict.language {{ border-color: #d55e00 }}
.pictures {{ display: grid; gap: 1.5rem;
             grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)) }}
figure {{ margin: 0; min-width: 0 }}
figure.large {{ grid-column: 1 / -1 }}
figcaption {{ color: #555; font-size: .9rem }}
img {{ max-width: 100%; height: auto }}
.large img {{ max-width: max(100%, 40rem) }}
.wide {{ overflow-x: auto }}
table {{ border-collapse: collapse; font-size: .88rem;
         font-variant-numeric: tabular-nums }}
th, td {{ text-align: left; padding: .2rem .8rem .2rem 0; vertical-align: top }}
th {{ border-bottom: 1px solid #999; font-weight: 600 }}
tr.first td {{ border-top: 1px solid #ddd }}
td span {{ white-space: nowrap }}
td, th {{ overflow-wrap: normal }}
td:first-child {{ min-width: 7rem }}
td:last-child {{ overflow-wrap: anywhere }}
small {{ color: #666 }}
</style></head><body>
{body}
</body></html>
"""
