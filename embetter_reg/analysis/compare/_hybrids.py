"""Agreement with and without documents of several registers."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from embetter_reg._validation import check_same_length
from embetter_reg.analysis.compare._resample import Resampler, interval
from embetter_reg.analysis.metrics import agreements
from embetter_reg.corpus.registers import PARENT


@dataclass(frozen=True, eq=False)
class Hybrids:
    """One entry a document and register: ``documents`` and ``registers`` are as long; a
    hybrid has several entries.
    """

    documents: np.ndarray
    registers: np.ndarray

    @classmethod
    def read(cls, hybrids, n_documents: int) -> "Hybrids":
        """Read an indicator matrix, or a list of label lists of which sub-registers
        beside their main do not count.

        Raises
        ------
        ValueError
            If there are not as many rows as documents, or a document has no register.

        """
        if hasattr(hybrids, "ndim") and hybrids.ndim == 2:
            names = np.array(
                getattr(hybrids, "columns", range(hybrids.shape[1])), dtype=str
            )
            sets = [
                names[np.asarray(row, dtype=bool)].tolist()
                for row in np.asarray(hybrids)
            ]
        else:
            sets = [
                [code for code in found if PARENT.get(code) not in found]
                for found in hybrids
            ]
        check_same_length(documents=range(n_documents), hybrids=sets)
        sizes = np.array([len(found) for found in sets])
        if not sizes.all():
            raise ValueError(
                f"got no register of document {int(sizes.argmin())} in hybrids, "
                "expected at least one; drop it"
            )
        return cls(
            np.repeat(np.arange(n_documents), sizes),
            np.array([name for found in sets for name in found]),
        )

    def agreement(
        self, runs, gold, resampler: Resampler, confidence: float
    ) -> Iterator[dict]:
        """Yield AMI with both labels and its interval, with hybrids (each register
        counts) and without.
        """
        single = (np.bincount(self.documents) == 1)[self.documents]
        for which, kept in (
            ("with hybrids", np.ones(len(single), bool)),
            ("without hybrids", single),
        ):
            documents = self.documents[kept]
            row: dict = {"documents": which, "n_documents": len(np.unique(documents))}
            for label, values in (
                ("register", self.registers[kept]),
                ("language", gold["language"][documents]),
            ):
                codes = np.unique(values, return_inverse=True)[1]
                ami = float(
                    agreements(values, [run[documents] for run in runs])["ami"].mean()
                )
                boot = np.mean(
                    [
                        resampler.bootstrap_ami(codes, run[documents], documents)
                        for run in runs
                    ],
                    axis=0,
                )
                low, high = interval(ami, boot, confidence)
                row |= {label: ami, f"{label}_low": low, f"{label}_high": high}
            yield row
