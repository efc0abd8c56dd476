"""Encoders by name, as the command line gives them."""

from typing import Any

from embetter_reg._hub import not_loaded
from embetter_reg.text._causal import CausalLMEncoder
from embetter_reg.text._lite import LiteTextEncoder
from embetter_reg.text._register import RegisterEncoder
from embetter_reg.text._sentence import SentenceEncoder
from embetter_reg.text._static import TextEncoder
from embetter_reg.text._surface import SurfaceEncoder

_KINDS: dict[str, Any] = {
    "register": RegisterEncoder,
    "sentence": SentenceEncoder,
    "causal": CausalLMEncoder,
    "static": TextEncoder,
}


def make_encoder(name: str, *, random_state=None, **options):
    """Return the encoder of a name.

    Parameters
    ----------
    name : str
        ``"lite"``, ``"surface"``, or a model's name or folder. ``"register:NAME"``,
        ``"sentence:NAME"``, ``"causal:NAME"`` and ``"static:NAME"`` say what the model
        is; without that its configuration is read: a sequence classifier becomes a
        `RegisterEncoder`, a causal model a `CausalLMEncoder`, any other a
        `SentenceEncoder`.
    random_state : int, RandomState or None
        For encoders that are random.
    options
        Parameters of the encoder; those that are None are left at its defaults.

    Raises
    ------
    ValueError
        If the encoder has no such parameter.
    OSError
        If the configuration of a model without a kind cannot be read.

    Examples
    --------
    >>> from embetter_reg.text import make_encoder
    >>> make_encoder("sentence:all-MiniLM-L6-v2", batch_size=8)
    SentenceEncoder(batch_size=8)

    """
    given = {key: value for key, value in options.items() if value is not None}
    if name == "lite":
        return _make(LiteTextEncoder, {**given, "random_state": random_state})
    if name == "surface":
        return _make(SurfaceEncoder, given)
    kind, _, model = name.partition(":")
    if kind not in _KINDS or not model:
        kind, model = _kind_of(name, given), name
    return _make(_KINDS[kind], given, model)


def _make(encoder_class, options: dict[str, Any], *model: str):
    allowed = encoder_class().get_params()
    unknown = sorted(set(options) - set(allowed))
    if unknown:
        raise ValueError(
            f"got {', '.join(unknown)} for {encoder_class.__name__}, which has no "
            "such parameter, expected some of "
            f"{sorted(allowed)}; leave it out"
        )
    return encoder_class(*model, **options)


def _kind_of(name: str, options: dict[str, Any]) -> str:
    from pathlib import Path

    from transformers import AutoConfig

    if (Path(name) / "modules.json").exists():
        return "sentence"
    hub = {
        key: options[key] for key in ("revision", "local_files_only") if key in options
    }
    try:
        config = AutoConfig.from_pretrained(name, **hub)
    except (OSError, ValueError) as error:
        raise not_loaded(name, error) from error
    (architecture, *_) = config.architectures or [""]
    if architecture.endswith("ForSequenceClassification"):
        return "register"
    return (
        "causal"
        if architecture.endswith(("ForCausalLM", "LMHeadModel"))
        else "sentence"
    )
