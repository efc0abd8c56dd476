"""The help of commands: options in groups, with their full names at any width."""

from typing import Any

from typer.core import TyperCommand, TyperGroup

GROUPS = {
    "Documents": (
        "text_column labels_column lang_column id_column language skip_bad_rows group "
        "hybrids test test_size label_source keep_seen near_duplicates keep_labels "
        "scheme train_languages test_languages n_per_language folds level multi_label"
    ),
    "Encoder": (
        "encoder encoders embeddings models layers pooling prompt long max_length "
        "batch_size device dtype base_model download threshold threshold_docs"
    ),
    "Running": (
        "shard engine address workers gpus_per_worker random_state config jobs "
        "dry_run json quiet verbose debug help version"
    ),
}
_OTHERS = "Options"


class GroupedCommand(TyperCommand):
    """A command whose help shows its options by group."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments, then the options of this command, then the shared groups."""
        sections: dict[str, list[tuple[str, str]]] = {
            name: [] for name in ("Arguments", _OTHERS, *GROUPS)
        }
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                sections[_group_of(parameter)].append(record)
        for name, records in sections.items():
            if records:
                with formatter.section(name):
                    formatter.write_dl(records)


class Commands(TyperGroup):
    """All commands, whose list shows the whole of what each does."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write each command's name and description."""
        records = []
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None:
                records.append((name, " ".join((command.help or "").split())))
        with formatter.section("Commands"):
            formatter.write_dl(records)


def _group_of(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return "Arguments"
    for group, names in GROUPS.items():
        if parameter.name in names.split():
            return group
    return _OTHERS
