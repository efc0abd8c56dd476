"""Options of a command from a TOML file."""

import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import typer

from embetter_reg.cli._settings import settings


def read_config(ctx: typer.Context, path: Path | None) -> Path | None:
    """Take the options of a TOML file as defaults of the command.

    Options above all tables are of every command that has them; those in a table named
    as a command are of that one. What the command line gives goes before both.

    Raises
    ------
    ValueError
        If the file is no TOML, or holds an option that no command has.
    OSError
        If it cannot be read.

    """
    settings.context = ctx
    if path is None or ctx.resilient_parsing:
        return path
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(
            f"got --config {path}, which is not TOML ({error}), expected lines such as "
            'encoder = "lite"; mend the file'
        ) from None
    commands = _commands(ctx)
    own = commands[str(ctx.info_name)]
    every = {name for names in commands.values() for name in names}
    defaults: dict[str, Any] = {}
    tables = {key: value for key, value in content.items() if isinstance(value, dict)}
    for key, value in content.items():
        if key in tables:
            _check_name(path, key, set(commands), "a command")
            continue
        name = key.replace("-", "_")
        _check_name(path, name, every, "an option")
        if name in own:
            defaults[name] = value
    for command, table in tables.items():
        for key, value in table.items():
            name = key.replace("-", "_")
            _check_name(path, name, set(commands[command]), f"an option of {command}")
            if command == ctx.info_name:
                defaults[name] = value
    ctx.default_map = {
        name: _value(value, own[name]) for name, value in defaults.items()
    }
    return path


def _commands(ctx: typer.Context) -> dict[str, dict[str, Any]]:
    """Return the parameters of each command, by their names."""
    group: Any = None if ctx.parent is None else ctx.parent.command
    commands = {str(ctx.info_name): ctx.command} if group is None else group.commands
    return {
        name: {each.name: each for each in command.params if each.name != "config"}
        for name, command in commands.items()
    }


def _check_name(path: Path, name: str, names: set[str], what: str) -> None:
    if name in names:
        return
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}?" if near else "see --help"
    raise ValueError(f"got {name} in {path}, expected {what}; {hint}")


def _value(value: Any, parameter: Any) -> Any:
    """Return a value as the command line would give it."""
    takes_several = getattr(parameter, "multiple", False) or parameter.nargs != 1
    if takes_several and not isinstance(value, list):
        return [value]
    if isinstance(value, list) and not takes_several:
        return ",".join(map(str, value))
    return value
