"""Encoders by name, as the command line gives them."""

from difflib import get_close_matches
from pathlib import Path
from typing import Any

from embetter_reg._hub import loading
from embetter_reg.text._causal import CausalLMEncoder
from embetter_reg.text._lite import LiteTextEncoder
from embetter_reg.text._pretrained_registers import PretrainedRegisters
from embetter_reg.text._register import RegisterEncoder
from embetter_reg.text._sentence import SentenceEncoder
from embetter_reg.text._static import TextEncoder
from embetter_reg.text._surface import SurfaceEncoder

_ALONE = ("lite", "surface", "registers")
_KINDS: dict[str, Any] = {
    "registers": PretrainedRegisters,
    "register": RegisterEncoder,
    "sentence": SentenceEncoder,
    "causal": CausalLMEncoder,
    "static": TextEncoder,
}


def make_encoder(name: str, *, random_state: Any = None, **options: Any) -> Any:
    """Return the encoder of a name.

    Parameters
    ----------
    name : str
        ``"lite"``, ``"surface"``, ``"registers"`` for `PretrainedRegisters`
        (``"registers:FOLDER"`` with its base model in a folder), or a model's name or
        folder. ``"register:NAME"``, ``"sentence:NAME"``, ``"causal:NAME"`` and
        ``"static:NAME"`` say what the model is; without that its configuration is read:
        a sequence classifier becomes a `RegisterEncoder`, a causal model a
        `CausalLMEncoder`, any other a `SentenceEncoder`.
    random_state : int, RandomState or None
        For encoders that are random.
    options
        Parameters of the encoder; those that are None are left at its defaults.

    Raises
    ------
    ValueError
        If the encoder has no such parameter, or the name is nearly one of the above.
    OSError
        If the configuration of a model without a kind cannot be read.

    Examples
    --------
    >>> from embetter_reg.text import make_encoder
    >>> make_encoder("sentence:all-MiniLM-L6-v2", batch_size=8)
    SentenceEncoder(batch_size=8)

    """
    if not isinstance(name, str) or not name.strip():
        raise ValueError(
            f"got the encoder {name!r}, expected 'lite', 'surface', 'registers', or a "
            "model's name or folder; pass one"
        )
    parameters = {key: value for key, value in options.items() if value is not None}
    if name == "lite":
        return _make(LiteTextEncoder, {**parameters, "random_state": random_state})
    if name == "surface":
        return _make(SurfaceEncoder, parameters)
    if name == "registers":
        return _make(PretrainedRegisters, parameters)
    kind, _, model = name.partition(":")
    if kind not in _KINDS or not model:
        _refuse_near_miss(name)
        kind = _kind_of(name, parameters)
        model = name
    return _make(_KINDS[kind], parameters, model)


def _make(encoder_class: Any, parameters: dict[str, Any], *model: str) -> Any:
    allowed = encoder_class().get_params()
    unknown = sorted(set(parameters) - set(allowed))
    if unknown:
        raise ValueError(
            f"got {', '.join(unknown)} for {encoder_class.__name__}, which has no such "
            f"parameter, expected some of {sorted(allowed)}; leave it out"
        )
    return encoder_class(*model, **parameters)


def _refuse_near_miss(name: str) -> None:
    """Refuse a name that is nearly that of an encoder or a kind, before it is looked
    for on a hub.
    """
    kind, colon, model = name.partition(":")
    choices = list(_KINDS) if colon else list(_ALONE)
    near = get_close_matches(kind.lower(), choices, n=1, cutoff=0.75)
    if near and "/" not in kind and not Path(name).exists():
        raise ValueError(
            f"got the encoder {name!r}, expected 'lite', 'surface', 'registers', or a "
            f"model's name or folder; did you mean {near[0] + colon + model!r}?"
        )


def _kind_of(name: str, parameters: dict[str, Any]) -> str:
    from transformers import AutoConfig

    if (Path(name) / "modules.json").exists():
        return "sentence"
    hub = {
        key: parameters[key]
        for key in ("revision", "local_files_only")
        if key in parameters
    }
    with loading(name):
        config = AutoConfig.from_pretrained(name, **hub)
    (architecture, *_) = config.architectures or [""]
    if architecture.endswith("ForSequenceClassification"):
        return "register"
    if architecture.endswith(("ForCausalLM", "LMHeadModel")):
        return "causal"
    return "sentence"
