"""A comparison → report.html (one file, opens offline), report.md, report.json, and the
pictures.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from embetter_reg._files import check_folder, write_atomically
from embetter_reg._validation import check_choice, check_space, check_whole_number
from embetter_reg.analysis import Comparison, DocumentComparison
from embetter_reg.report._html import write_page
from embetter_reg.report._markdown import write_markdown
from embetter_reg.report._origin import file_digests, find_method_page, versions
from embetter_reg.report._pictures import draw_pictures
from embetter_reg.report._sections import make_sections

_TABLES = (
    "agreement",
    "margins",
    "ami_gains",
    "balanced_agreement",
    "figures",
    "figure_differences",
    "hybrids",
    "silhouettes",
)


def write_report(
    comparison: Comparison | DocumentComparison,
    spaces: Mapping[str, ArrayLike] | None = None,
    out: str | Path = "report",
    *,
    title: str = "Register or language?",
    about: Mapping[str, Any] | None = None,
    fitted_on: Sequence[str] | None = None,
    compared: Sequence[str] | None = None,
    command: str | None = None,
    inputs: Sequence[str | Path] = (),
    method_url: str | None = None,
    random_state: int = 0,
) -> Path:
    """Write the report of a comparison into the folder ``out`` and return the path of
    its HTML page.

    Parameters
    ----------
    comparison : Comparison or DocumentComparison
        What `compare_spaces` or `compare_documents` returned.
    spaces : mapping of name to array (n_documents, n_dims), or None
        The spaces that were compared, for the maps. None takes those of a
        DocumentComparison.
    out : path
        Made if it is not there. Only the report's own files in it are written over.
    title : str
    about : mapping or None
        More to record: data, encoder, head and their parameters.
    fitted_on, compared : sequences of document ids or None
        Of a DocumentComparison, they and ``about`` are known.
    command : str or None
        What repeats the comparison, for the reader.
    inputs : sequence of paths
        The files, or folders of them, that were read; their digests are recorded.
    method_url : str or None
        Address of the method page, to which every section links. None takes the
        documentation that the installed package names, if it does.
    random_state : int
        Seeds the UMAP maps.

    Raises
    ------
    TypeError
        If ``comparison`` is no comparison, or ``spaces`` no mapping.
    ValueError
        If a space was not compared, or is not of the documents that were.
    OSError
        If the folder cannot be written to.

    Examples
    --------
    >>> from embetter_reg import write_report
    >>> result = compare_documents(train, test)  # doctest: +SKIP
    >>> write_report(result, out="report")  # doctest: +SKIP
    PosixPath('report/report.html')

    """
    about = dict(about or {})
    seen: list[str] = []
    near_duplicates: list[str] = []
    if isinstance(comparison, DocumentComparison):
        result = comparison
        comparison = result.comparison
        about = {**result.about, **about}
        seen = result.seen
        near_duplicates = result.near_duplicates
        if spaces is None:
            spaces = result.spaces
        if fitted_on is None:
            fitted_on = result.train["id"].tolist()
        if compared is None:
            compared = result.test["id"].iloc[comparison.rows].tolist()
    arrays = _check(comparison, spaces)
    check_whole_number("random_state", random_state, low=0)
    out = Path(out)
    check_folder(out)
    pictures = draw_pictures(comparison, arrays, random_state)
    record = {
        **_results(comparison),
        "parameters": {**comparison.parameters, "map_random_state": random_state},
        "about": about,
        "command": command,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "inputs": file_digests(inputs),
        "versions": versions(),
        "seen": seen,
        "near_duplicates": near_duplicates,
        "fitted_on": None if fitted_on is None else list(fitted_on),
        "compared": None if compared is None else list(compared),
    }
    sections = make_sections(comparison, record)
    out.mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        write_atomically(out / picture.name, _writer(picture.png))
    texts = {
        "report.json": json.dumps(
            _plain(record), indent=1, ensure_ascii=False, allow_nan=False
        ),
        "report.md": write_markdown(title, comparison, sections, pictures),
        "report.html": write_page(
            title, comparison, sections, pictures, method_url or find_method_page()
        ),
    }
    for name, text in texts.items():
        # A text may hold half of a surrogate pair, which UTF-8 cannot.
        write_atomically(out / name, _writer(text.encode("utf-8", "replace")))
    return out / "report.html"


def _writer(content: bytes) -> Any:
    return lambda path: path.write_bytes(content)


def _check(
    comparison: Any, spaces: Mapping[str, ArrayLike] | None
) -> dict[str, np.ndarray]:
    """Return the spaces, which are of the documents that were compared."""
    if not isinstance(comparison, Comparison):
        raise TypeError(
            f"got {type(comparison).__name__} as a comparison, expected what "
            "compare_spaces or compare_documents returned; pass that"
        )
    if not isinstance(spaces, Mapping) or not spaces:
        raise TypeError(
            f"got {type(spaces).__name__} as spaces, expected a dict of the spaces "
            "that were compared; pass them"
        )
    n_documents = comparison.parameters["n_documents"]
    arrays = {}
    for name, X in spaces.items():
        check_choice("space", name, list(comparison.clusters))
        arrays[name] = check_space(name, X)
        if len(arrays[name]) != n_documents:
            raise ValueError(
                f"got {len(arrays[name])} documents in the space {name!r}, expected "
                f"the {n_documents} that were compared; pass those"
            )
        arrays[name] = arrays[name][comparison.rows]
    return arrays


def _results(comparison: Comparison) -> dict[str, Any]:
    """Return the verdicts and tables of a comparison as report.json holds them."""
    tables = {name: _records(getattr(comparison, name)) for name in _TABLES}
    cluster_tables = {
        space: _records(comparison.cluster_table(space).reset_index())
        for space in comparison.clusters
    }
    return {
        "verdict": {
            name: {"word": verdict.word, "sentence": verdict.sentence}
            for name, verdict in comparison.verdicts.items()
        },
        "floor": comparison.floor,
        "next_steps": comparison.next_steps(),
        "control_table": _records(comparison.control_table()),
        **tables,
        "skipped": comparison.skipped,
        "confounding": comparison.confounding.to_dict("index"),
        "cramers_v": comparison.cramers_v,
        "cluster_tables": cluster_tables,
    }


def _records(table: pd.DataFrame) -> list[dict[Any, Any]]:
    return table.to_dict("records")


def _plain(value: Any) -> Any:
    """Return what JSON can hold; NaN and infinity, which it cannot, become null."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if value is None or isinstance(value, str | bool | int):
        return value
    return str(value)
