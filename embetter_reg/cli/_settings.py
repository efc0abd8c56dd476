"""How the command that runs was asked to run."""

from dataclasses import dataclass
from typing import Any, TextIO


@dataclass
class Settings:
    """The options that every command has."""

    jobs: int | None = None
    dry_run: bool = False
    json: bool = False
    quiet: bool = False
    verbose: bool = False
    context: Any = None  # of the command that runs, with its options
    stream: TextIO | None = None  # where JSON goes

    @property
    def shows_progress(self) -> bool:
        """Whether long work says how far it is."""
        return not self.quiet


settings = Settings()
