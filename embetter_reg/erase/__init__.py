"""Language erasers: transformers that take out of vectors what tells their language."""

from embetter_reg.erase._centering import LanguageCentering
from embetter_reg.erase._leace import LEACE
from embetter_reg.erase._lsar import LSAR

__all__ = ["LEACE", "LSAR", "LanguageCentering"]
