"""What ``compare`` and ``demo`` write and print of a comparison."""

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from embetter_reg.cli._app import output, working
from embetter_reg.cli._common import print_json
from embetter_reg.cli._settings import settings

if TYPE_CHECKING:
    from embetter_reg.analysis import Comparison, DocumentComparison


def report_on(
    result: "DocumentComparison",
    out: Path,
    title: str,
    random_state: int,
    *,
    everything: bool,
    inputs: Sequence[Path] = (),
    about: dict[str, str] | None = None,
) -> None:
    """Write the report and print what it says in short: the verdict first, then a table
    of the spaces that were asked for, with ``everything`` also of all others.
    """
    from embetter_reg.report import write_report

    with working("drawing maps and writing the report"):
        page = write_report(
            result,
            out=out,
            title=title,
            about=about,
            command=command_line(),
            inputs=inputs,
            random_state=random_state,
        )
    if settings.json:
        record = json.loads((out / "report.json").read_text(encoding="utf-8"))
        print_json({"out": page, **record})
    _summarize(result.comparison, page, everything, held_out=len(result.train) > 0)


def command_line() -> str:
    """Return the command that runs, with the options that were given to it."""
    context = settings.context
    words = ["embetter-reg", context.info_name or ""]
    arguments: list[str] = []
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        value = context.params.get(parameter.name or "")
        is_given = source is not None and source.name not in ("DEFAULT", "UNSET")
        if not is_given or value is None or parameter.name in ("config", "json"):
            continue
        if parameter.param_type_name == "argument":
            arguments += _texts(value)
        elif isinstance(value, bool):
            names = parameter.opts if value else parameter.secondary_opts
            words += names[:1]
        elif parameter.nargs != 1:
            words += [parameter.opts[0], *_texts(value)]
        else:
            for text in _texts(value):
                words += [parameter.opts[0], text]
    return shlex.join([*words[:2], *arguments, *words[2:]])


def _texts(value: Any) -> list[str]:
    if isinstance(value, list | tuple):
        return [str(each) for each in value]
    return [str(value)]


def _summarize(
    comparison: "Comparison", page: Path, everything: bool, *, held_out: bool
) -> None:
    output.print(f"{comparison.verdict.sentence}\n", style="bold")
    output.print(_spaces_table(comparison, held_out=held_out), soft_wrap=False)
    if everything:
        if comparison.parameters["controls"]:
            output.print(_controls_table(comparison), soft_wrap=False)
        output.print(_agreement_table(comparison), soft_wrap=False)
    steps = comparison.next_steps()
    if steps:
        output.print("\nWhat to do next:")
        for step in steps:
            output.print(f"- {step}")
    output.print(f"\nReport: {page}")


def _spaces_table(comparison: "Comparison", *, held_out: bool) -> Table:
    parameters = comparison.parameters
    kind = "held-out documents" if held_out else "documents"
    title = (
        f"AMI at k = {parameters['n_registers']}, {parameters['n_documents']:,} {kind}"
    )
    if parameters["sample_size"] < parameters["n_documents"]:
        title += f", measured on a sample of {parameters['sample_size']:,}"
    table = _table(title, ["space"], ["register", "language", "null", "floor"])
    for row in comparison.bars().to_dict("records"):
        table.add_row(
            row["space"],
            _interval(row, "register"),
            _interval(row, "language"),
            _number(row["null"]),
            _number(row["floor"]),
        )
    return table


def _controls_table(comparison: "Comparison") -> Table:
    table = _table(
        "Simple controls", ["control"], ["register", "language", "gain over it"]
    )
    table.add_column("beaten?")
    for row in comparison.control_table().to_dict("records"):
        amis = [_number(row[label]) for label in ("register", "language")]
        table.add_row(row["control"], *amis, _interval(row, "gain"), row["beaten"])
    return table


def _agreement_table(comparison: "Comparison") -> Table:
    table = _table(
        "AMI of every clustering", ["space", "clusterer"], ["k", "register", "language"]
    )
    key = ["space", "clusterer", "k"]
    amis = comparison.agreement.set_index([*key, "label"])["ami"]
    rows = comparison.agreement[key].drop_duplicates().to_numpy().tolist()
    for space, clusterer, k in rows:
        figures = [
            amis[space, clusterer, k, label] for label in ("register", "language")
        ]
        table.add_row(space, clusterer, str(k), *map(_number, figures))
    return table


def _table(title: str, names: list[str], numbers: list[str]) -> Table:
    table = Table(title=title)
    for name in names:
        table.add_column(name, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right")
    return table


def _interval(row: Mapping[Any, Any], name: str) -> str:
    value, low, high = (_number(row[f"{name}{end}"]) for end in ("", "_low", "_high"))
    return f"{value} [{low}, {high}]"


def _number(value: float) -> str:
    # Adding 0 turns -0.00 into 0.00.
    return f"{round(value, 2) + 0.0:.2f}"
