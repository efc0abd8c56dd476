"""One spelling for one concept in the whole public API and on the command line."""

import importlib
import inspect
import pkgutil
from collections import defaultdict

import pytest
from typer.main import get_command

import embetter_reg
from embetter_reg.cli import app

# Spellings that mean what another name means; the key never stands in a signature.
SECOND_SPELLINGS = {
    "epochs": "n_epochs",
    "num_epochs": "n_epochs",
    "shape_out": "hidden_dim",
    "hidden_size": "hidden_dim",
    "warmup": "warmup_ratio",
    "patience": "n_iter_no_change",
    "validation_size": "validation_fraction",
    "lr": "learning_rate",
    "seed": "random_state",
    "seeds": "n_seeds",
    "n_before": "n_first",
    "pca": "first",
    "control": "controls",
    "langs": "languages",
    "train_langs": "train_languages",
    "test_langs": "test_languages",
    "per_language": "n_per_language",
    "report": "callback",
    "max_len": "max_length",
}
# Names that differ only by a plural, and mean one thing and several of it.
SINGULAR_AND_PLURAL = {
    "clusterer": "one clusterer, several",
    "color": "one color; a scheme's, one a label",
    "digest": "a text's, those of several",
    "document": "one document, several",
    "encoder": "one encoder, several",
    "figure": "one figure, several",
    "group": "a group of registers, the groups of scikit-learn's splitters",
    "id": "an event's document, documents",
    "label": "one label, one of each document",
    "language": "one of each document, a choice of them",
    "layer": "the one of a table of tokens; one or several of documents",
    "map": "one map, several",
    "model": "one model, several",
    "name": "one name; a scheme's, one a label",
    "neighbor": "never one",
    "part": "never one",
    "path": "one path, several",
    "probe": "one probe, several",
    "reducer": "one reducer, several",
    "run": "one run, several",
    "margin": "of a loss; of the verdict, a table",
    "page": "of a list; steps to turn",
    "row": "never one",
    "score": "one score, several",
    "space": "never one; it is X",
    "folder": "one folder, several",
    "token": "a secret; pieces of text",
    "x": "a coordinate; X is vectors",
    "x1": "a coordinate; X1 is one side of pairs",
    "text": "one text, several",
}
# Options that no Python function has, since they are about the command itself.
COMMAND_ONLY = {
    "allow_origin": "Bokeh's name of it",
    "config": "options from a file",
    "debug": "shows a traceback",
    "download": "local_files_only of encoders, turned round",
    "dry_run": "ends before the work",
    "docs": "the argument; paths or a table in Python",
    "embeddings": "the argument; read_embeddings reads it",
    "help": "is of every command",
    "jobs": "threads and processes of all that runs",
    "json": "the result on standard output",
    "k": "is a range as text",
    "kept": "a file that maps are kept in",
    "language": "of documents without one",
    "predict": "a classifier for load_corpus",
    "quiet": "no notes",
    "show_all": "prints more",
    "runs": "the argument; folders of sweeps",
    "sample": "DataFrame.sample of pandas",
    "skip_bad_rows": "on_error='skip' of read_documents",
    "test": "held-out documents",
    "threshold_docs": "what fit_threshold is given",
    "verbose": "options, versions and times",
}


def public_callables():
    for info in pkgutil.iter_modules(embetter_reg.__path__, "embetter_reg."):
        short = info.name.rpartition(".")[2]
        if short.startswith("_") or short == "cli":
            continue
        module = importlib.import_module(info.name)
        defined = [
            name
            for name, value in vars(module).items()
            if getattr(value, "__module__", "") == module.__name__ and name[0] != "_"
        ]
        for name in getattr(module, "__all__", defined):
            value = getattr(module, name)
            if not callable(value):
                continue
            yield f"{short}.{name}", value
            if inspect.isclass(value):
                for method, function in inspect.getmembers(value, inspect.isroutine):
                    if method[0] != "_" and is_ours(function):
                        yield f"{short}.{name}.{method}", function


def is_ours(function):
    return (getattr(function, "__module__", None) or "").startswith("embetter_reg")


def parameters():
    """Yield the place, name and default of every parameter of the public API."""
    for place, value in public_callables():
        try:
            signature = inspect.signature(value)
        except ValueError:  # an exception class and the like
            continue
        for parameter in signature.parameters.values():
            yield place, parameter.name, parameter.default


def options():
    for name, command in get_command(app).commands.items():
        for parameter in command.params:
            yield f"embetter-reg {name}", parameter.name, parameter.default


EVERYTHING = [*parameters(), *options()]


def test_no_parameter_has_a_second_spelling():
    second = {
        f"{place}({name})": SECOND_SPELLINGS[name]
        for place, name, _ in EVERYTHING
        if name in SECOND_SPELLINGS
    }
    assert second == {}, "rename these parameters"


def test_options_are_parameters_of_the_library():
    names = {name for _, name, _ in parameters()}
    unknown = {
        f"{place} --{name.replace('_', '-')}"
        for place, name, _ in options()
        if name not in names and name not in COMMAND_ONLY
    }
    assert unknown == set(), "no function has such a parameter; use its name"


def test_names_that_differ_by_an_s_or_an_underscore_are_listed():
    spellings = defaultdict(set)
    for _, name, _ in EVERYTHING:
        spellings[name.replace("_", "").removesuffix("s").lower()].add(name)
    double = {key: names for key, names in spellings.items() if len(names) > 1}
    assert {key for key in double if key not in SINGULAR_AND_PLURAL} == set(), double


@pytest.mark.parametrize("name", ["device", "dtype"])
def test_what_is_chosen_by_the_library_is_auto(name):
    defaults = {place: default for place, each, default in parameters() if each == name}
    assert set(defaults.values()) == {"auto"}, defaults


def test_no_default_is_a_second_spelling_of_auto():
    assert [place for place, _, default in EVERYTHING if default == "any"] == []


def test_objects_are_saved_and_loaded_under_one_name():
    methods = {place.rpartition(".")[2] for place, _ in public_callables()}
    assert {"save", "load"} <= methods
    assert methods & {"to_disk", "from_disk", "dump", "to_file", "save_model"} == set()
