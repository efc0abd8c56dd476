"""What `compare_spaces` and `compare_documents` return."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from embetter_reg._validation import check_choice
from embetter_reg.analysis.compare._beaten import tabulate_controls
from embetter_reg.analysis.compare._checks import LABELS
from embetter_reg.analysis.compare._next_steps import next_steps
from embetter_reg.analysis.compare._screen import (
    draw_bars,
    draw_screen,
    draw_steps,
    draw_words,
    plain_words,
    tabulate_bars,
)
from embetter_reg.analysis.compare._verdict import Verdict
from embetter_reg.analysis.metrics import cluster_table
from embetter_reg.corpus.registers import sort_labels


@dataclass(frozen=True)
class Comparison:
    """Spaces compared. All tables are tidy; intervals are bootstrap intervals by
    document.

    Attributes
    ----------
    agreement : DataFrame
        One row a space, clusterer, k and label: mean ``ami``, ``ari`` and ``v_measure``
        over seeds, ``ami_sd`` over seeds, ``ami_low`` and ``ami_high``, and
        ``ami_null``, the upper end of what shuffled labels reach.
    margins : DataFrame
        One row a space, clusterer and k: register AMI minus language AMI as
        ``difference`` with ``low`` and ``high``, and which label ``explains`` the
        clusters.
    ami_gains : DataFrame
        One row a given space, what it stands ``against`` (each given space before it
        and each control) and clusterer, at ``k = n_registers``: what it gains in AMI,
        paired by document, for either label. ``control`` is True for the first space
        and the controls.
    figures : DataFrame
        One row a space and figure of `FIGURES`: ``value`` with ``low`` and ``high``
        (NaN where there is no interval), ``beside`` (chance, or the share of the most
        frequent label), and the figure's own ``smallest`` and ``largest`` value, which
        way is ``better`` for a space by register, and ``words``.
    figure_differences : DataFrame
        One row a pair as in ``ami_gains`` and figure: ``difference`` with ``low`` and
        ``high``, paired by document.
    skipped : dict of str to str
        Figures that these documents do not allow, and why.
    silhouettes : DataFrame
        Cosine silhouette of the gold labels, one row a space.
    confounding : DataFrame
        Documents of each register (rows) in each language.
    cramers_v : float
        How far register and language go together, in [0, 1]; see `cramers_v`.
    balanced_agreement : DataFrame
        One row a space, clusterer and k (the numbers of registers and of languages):
        mean ``register`` and ``language`` AMI of the same clusters over samples with
        equally many documents of each register in each language, their ``difference``,
        and the range ``low`` to ``high`` of it over samples. Empty where fewer than two
        registers have five documents in every language.
    hybrids : DataFrame
        Where hybrids were passed: agreement of the same clusters with and without them,
        one row a space, clusterer, k and ``documents``.
    verdicts : dict of str to Verdict
    floor : float
        AMI of register with language themselves. A space by register alone still agrees
        this much with language.
    clusters : dict of str to ndarray
        Cluster of each document at ``k = n_registers`` (first clusterer, first seed).
    register, language : ndarray
        The labels.
    parameters : dict
    rows : ndarray of int64
        The documents that ``register``, ``language``, ``clusters`` and all tables are
        of: a sample where there were more than ``sample_size``.

    """

    agreement: pd.DataFrame
    margins: pd.DataFrame
    ami_gains: pd.DataFrame
    figures: pd.DataFrame
    figure_differences: pd.DataFrame
    skipped: dict[str, str]
    silhouettes: pd.DataFrame
    confounding: pd.DataFrame
    cramers_v: float
    balanced_agreement: pd.DataFrame
    hybrids: pd.DataFrame
    verdicts: dict[str, Verdict]
    floor: float
    clusters: dict[str, np.ndarray]
    register: np.ndarray
    language: np.ndarray
    parameters: dict[str, Any]
    rows: np.ndarray

    @property
    def verdict(self) -> Verdict:
        """The verdict on the last space that was passed, by convention the tuned one."""
        return self.verdicts[self.parameters["spaces"][-1]]

    def cluster_table(self, space: str, label: str = "register") -> pd.DataFrame:
        """Return the cluster × label table of a space at ``k = n_registers``, rows
        adding up to 1.

        Parameters
        ----------
        space : str
            A space or control of this comparison.
        label : {"register", "language"}

        Raises
        ------
        ValueError
            If there is no such space or label.

        """
        check_choice("space", space, list(self.clusters))
        check_choice("label", label, LABELS)
        table = cluster_table(self.clusters[space], getattr(self, label))
        return table[sort_labels(table.columns)]

    def control_table(self) -> pd.DataFrame:
        """Return the simple controls beside the last space, a row each.

        ``register`` and ``language`` are the control's AMI at ``k = n_registers`` (first
        clusterer), ``gain`` what the last space gains over it in register AMI, all with
        ``_low`` and ``_high``. ``beaten`` is "yes" where that gain is above 0 with every
        clusterer, "no: better" where it is below, else "no: as good".
        """
        tables = {"agreement": self.agreement, "ami_gains": self.ami_gains}
        return tabulate_controls(tables, self.parameters)

    def bars(self) -> pd.DataFrame:
        """Return what the bars show, a row a given space at ``k = n_registers``: both AMI
        with ``_low`` and ``_high``, the ``null`` of shuffled labels and the ``floor``.
        """
        return tabulate_bars(self.agreement, self.floor, self.parameters)

    def next_steps(self) -> list[str]:
        """Return what to do next, a sentence each: where the verdict is "undecided", how
        many documents would decide, which registers are too few, what depends on k; and
        which simple controls are as good.
        """
        return next_steps(
            {"agreement": self.agreement, "margins": self.margins},
            self.control_table(),
            word=self.verdict.word,
            floor=self.floor,
            register=self.register,
            parameters=self.parameters,
        )

    def plain_words(self) -> dict[str, str]:
        """Return a plain sentence on AMI, on k, and on what the bars show."""
        return plain_words(self.parameters)

    def screen_parts(self) -> dict[str, str]:
        """Return the HTML of the first screen by part: bars, words and steps."""
        return {
            "bars": draw_bars(self.bars()),
            "words": draw_words(self.plain_words()),
            "steps": draw_steps(self.next_steps()),
        }

    def _repr_html_(self) -> str:
        return draw_screen(
            self.verdict.sentence,
            self.verdict.word,
            self.bars(),
            self.next_steps(),
            self.plain_words(),
        )


@dataclass(frozen=True)
class DocumentComparison:
    """What `compare_documents` returns.

    Attributes
    ----------
    comparison : Comparison
        Tables and verdicts, as `compare_spaces` returns them.
    spaces : dict of str to ndarray
        The spaces compared, ``(n_documents, n_dims)`` each.
    train, test : DataFrame
        The documents that spaces were fitted on, and those compared: without documents
        that trained a space or a model, with the labels that were compared.
    about : dict of str to str
        Encoders, head and models, for the report.
    seen : list of str
        Ids of the given documents that pretrained weights were trained on.
    near_duplicates : list of str
        Ids of the given test documents that are near-duplicates of training ones.

    """

    comparison: Comparison
    spaces: dict[str, np.ndarray]
    train: pd.DataFrame
    test: pd.DataFrame
    about: dict[str, str]
    seen: list[str] = field(default_factory=list)
    near_duplicates: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        """The verdict on the last space."""
        return self.comparison.verdict

    def _repr_html_(self) -> str:
        return self.comparison._repr_html_()
