"""The pretrained weights, as several commands load them."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from embetter_reg.cli._app import working
from embetter_reg.cli._settings import settings

if TYPE_CHECKING:
    from embetter_reg.text import PretrainedRegisters

BASE_MODEL = "intfloat/multilingual-e5-small"
BaseModel = Annotated[
    str,
    typer.Option(
        help="The model that the pretrained weights belong to: its name on the hub, or "
        "a folder that holds it."
    ),
]
Download = Annotated[
    bool,
    typer.Option(
        "--download/--no-download",
        help="Whether the base model may be downloaded where it is not here yet.",
    ),
]


def pretrained_registers(
    base_model: str, download: bool, **options: Any
) -> "PretrainedRegisters":
    """Return the pretrained register classifier, loaded, so that a model that cannot be
    had is told before documents are read.
    """
    from embetter_reg.text import PretrainedRegisters

    given = {name: value for name, value in options.items() if value is not None}
    classifier = PretrainedRegisters(
        base_model,
        local_files_only=not download,
        show_progress=settings.shows_progress,
        **given,
    )
    with working(f"loading {base_model}"):
        classifier.transform([])
    return classifier
