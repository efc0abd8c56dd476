"""The report of a comparison: a page, Markdown, JSON and pictures."""

from embetter_reg.report._write import write_report

__all__ = ["write_report"]
