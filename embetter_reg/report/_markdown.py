"""The report as Markdown; names and labels of the data stay text in it."""

import html
from collections.abc import Sequence

import pandas as pd

from embetter_reg.analysis import Comparison
from embetter_reg.report._pictures import Picture
from embetter_reg.report._sections import Section


def write_markdown(
    title: str,
    comparison: Comparison,
    sections: Sequence[Section],
    pictures: Sequence[Picture],
) -> str:
    """Return the text of report.md."""
    sentence = escape(comparison.verdict.sentence)
    lines = [f"# {escape(title)}", "", f"**{sentence}**", ""]
    for name, words in comparison.plain_words().items():
        lines += [f"**{name}** {escape(words)}", ""]
    steps = comparison.next_steps()
    if steps:
        lines += ["What to do next:", "", *(f"- {escape(step)}" for step in steps), ""]
    for picture in pictures:
        caption = escape(picture.caption)
        lines += ["", f"![{caption}]({picture.name})", "", f"*{caption}*"]
    for section in sections:
        lines += ["", f"## {escape(section.heading)}", "", escape(section.words), ""]
        if section.method:
            lines += [
                f"More on the method page (docs/method.md): {section.method}.",
                "",
            ]
        lines += _table(section.table)
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Return a text on one line, without HTML and links; Markdown shows it as it was.

    Brackets are escaped only where a link could begin, since intervals have them.
    """
    text = html.escape(" ".join(str(text).split()), quote=False)
    return text.replace("](", "]\\(").replace("][", "]\\[").replace("]:", "]\\:")


def _table(table: pd.DataFrame) -> list[str]:
    rows = [
        [str(name) for name in table.columns],
        ["---"] * table.shape[1],
        *table.astype(str).to_numpy().tolist(),
    ]
    return [f"| {' | '.join(map(_cell, row))} |" for row in rows]


def _cell(text: str) -> str:
    return escape(text).replace("|", "\\|")
