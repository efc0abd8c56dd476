"""Registers in many languages by weights that come with the package."""

import warnings
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from embetter_reg._devices import pick_device, pick_dtype
from embetter_reg._fingerprint import file_stamps, parameters_that_matter
from embetter_reg._hub import loading
from embetter_reg._parameters import Rule, one_of
from embetter_reg._validation import check_texts
from embetter_reg.pretrained import (
    Card,
    check_probe,
    merge_adapter,
    pretrained_folder,
    read_card,
    seen,
    weights_digest,
)
from embetter_reg.text._loading import check_int8, head_options, load_transformer
from embetter_reg.text._register import GRID, RegisterEncoder, Threshold
from embetter_reg.text._rules import DTYPES, POOLINGS
from embetter_reg.text._sentence import SentenceEncoder


class PretrainedRegisters(RegisterEncoder):
    """Embed and classify documents by register without labels, in many languages.

    The model reads about a hundred languages; the weights learned registers in a few of
    them, and the `card` says in which, and what they reach there and in another.

    An adapter that comes with the package is added to the weights of the multilingual
    model that it was trained on. `transform` gives its register space, `predict_proba`
    the nine main registers of the CORE scheme, and documents of several registers are
    told by a threshold. The model itself is downloaded once from a hub, or read from a
    folder; nothing is loaded when the encoder is made.

    Parameters
    ----------
    name : str
        The base model: its name on a hub, or a folder.
    adapter : str
        The weights of `embetter_reg.pretrained.PRETRAINED` that are added to it, or a
        folder of others with a card.
    layers : int, str or sequence of them
        As in `RegisterEncoder`; the last is the register space.
    prompt, max_length, pooling : str, int, str, or None
        As in `RegisterEncoder`; None takes what the weights were trained with.
    dtype : {"auto", "float32", "bfloat16", "float16", "int8"}
        As in `RegisterEncoder`; ``"int8"`` quantizes the linear layers on the CPU.
    long, overlap, batch_size, device, revision, local_files_only, show_progress
        As in `RegisterEncoder`.

    Attributes
    ----------
    n_truncated_ : int
        Documents of the last call that were longer than ``max_length``.
    threshold_ : float or ndarray, shape (n_classes,)
        What `fit_threshold` chose; without it, ``"best"`` is the card's.

    Raises
    ------
    OSError
        In use, if the base model cannot be loaded.
    ValueError
        In use, if the model is another one than the weights belong to.

    Examples
    --------
    >>> from embetter_reg.text import PretrainedRegisters
    >>> registers = PretrainedRegisters()
    >>> registers.classes_[:3]
    ['NA', 'IN', 'OP']
    >>> texts = ["Mix the flour with milk.", "Ministeri erosi eilen."]
    >>> registers.label_sets(registers.predict(texts))  # doctest: +SKIP
    [['HI'], ['NA']]

    """

    _model_parameters = (
        "name",
        "adapter",
        "device",
        "dtype",
        "revision",
        "local_files_only",
    )
    _rules: ClassVar[dict[str, Rule]] = {
        "pooling": one_of((None, *POOLINGS)),
        "dtype": one_of((*DTYPES, "int8")),
    }

    def __init__(
        self,
        name="intfloat/multilingual-e5-small",
        *,
        adapter="multilingual-e5-small",
        layers="last",
        pooling=None,
        prompt=None,
        long="head",
        overlap=64,
        max_length=None,
        batch_size=32,
        device="auto",
        dtype="auto",
        revision=None,
        local_files_only=False,
        show_progress=False,
    ):
        super().__init__(
            name,
            layers=layers,
            pooling=pooling,
            prompt=prompt,
            long=long,
            overlap=overlap,
            max_length=max_length,
            multi_label=True,
            batch_size=batch_size,
            device=device,
            dtype=dtype,
            revision=revision,
            local_files_only=local_files_only,
            show_progress=show_progress,
        )
        self.adapter = adapter

    @property
    def card(self) -> Card:
        """What the weights belong to, learned from, and reach; read without the model."""
        return read_card(self.adapter)

    @property
    def classes_(self) -> list[str]:
        """The labels, from the card."""
        return list(self.card.classes)

    def seen(self, X: Any) -> np.ndarray:
        """Return, for each document of ``X``, whether the weights were trained on it:
        bool ``(n_documents,)``. A figure on such a document is too good.
        """
        return seen(self.adapter, check_texts(X))

    def untuned(self) -> SentenceEncoder:
        """Return an encoder that reads the base model as it is, without the weights, in
        the same way: the space to compare the register space with.
        """
        return SentenceEncoder(
            self.name,
            layers=self.layers,
            **self._reading(),
            long=self.long,
            overlap=self.overlap,
            batch_size=self.batch_size,
            device=self.device,
            dtype=self.dtype,
            revision=self.revision,
            local_files_only=self.local_files_only,
            show_progress=self.show_progress,
        )

    def predict(self, X: Any, threshold: Threshold = "best") -> np.ndarray:
        """Return the registers of documents ``X``; see `RegisterEncoder.predict`.

        ``"best"`` is the card's threshold, or what `fit_threshold` chose.
        """
        return super().predict(X, threshold)

    def decide(
        self, probabilities: ArrayLike, threshold: Threshold = "best"
    ) -> np.ndarray:
        """Return registers for probabilities computed before; see `predict`."""
        return super().decide(probabilities, threshold)

    def fit_threshold(
        self,
        X: Any,
        y: Any,
        *,
        grid: Sequence[float] = GRID,
        per_label: bool = False,
    ) -> Self:
        """Choose a threshold on documents with gold labels; see
        `RegisterEncoder.fit_threshold`.

        A warning says so where the weights were trained on some of them.
        """
        trained = self.seen(X)
        if trained.any():
            warnings.warn(
                f"{trained.sum():,} of {len(trained):,} documents to choose a threshold "
                "on trained the pretrained weights, which are surer of them than of "
                "others; pass documents of your own",
                stacklevel=2,
            )
        return super().fit_threshold(X, y, grid=grid, per_label=per_label)

    def _reading(self) -> dict[str, Any]:
        card = self.card
        reading = {
            "prompt": self.prompt,
            "max_length": self.max_length,
            "pooling": self.pooling,
        }
        for name, value in reading.items():
            if value is None:
                reading[name] = getattr(card, name)
        return reading

    def _temperature(self) -> float:
        return self.card.temperature

    @property
    def best_threshold_(self) -> np.ndarray | float:
        """Return the threshold of `predict`: what `fit_threshold` chose, or the card's."""
        if hasattr(self, "threshold_"):
            return self.threshold_
        return np.asarray(self.card.threshold, dtype=float)

    def _best(self, threshold: str) -> np.ndarray | float:
        if threshold == "best":
            return self.best_threshold_
        return super()._best(threshold)

    def _load_model(self) -> tuple[Any, Any]:
        folder = pretrained_folder(self.adapter)
        card = read_card(folder)
        device = pick_device(self.device)
        check_int8(self.dtype, device)
        tokenizer, model = self._load_base(card)
        check_probe(self.name, model.get_input_embeddings().weight, card)
        replaced = merge_adapter(self.name, model, folder)
        random = sorted(set(model.missing_head_) - set(replaced))
        if random:
            raise ValueError(
                f"got the adapter in {folder} without {random[0]}, expected a "
                "classification head in it; save it with its modules_to_save"
            )
        if self.dtype == "int8":
            from embetter_reg.text._int8 import quantize

            return tokenizer, quantize(model)
        return tokenizer, model.to(pick_dtype(self.dtype, device)).to(device)

    def _load_base(self, card: Card) -> tuple[Any, Any]:
        """Return the base model in float32, with a head for the card's labels that is
        not filled yet.
        """
        from transformers import AutoConfig

        hub = {"revision": self.revision, "local_files_only": self.local_files_only}
        try:
            with loading(self.name):
                config = AutoConfig.from_pretrained(self.name, **hub)
            (architecture, *_) = config.architectures or [""]
            if architecture.endswith("ForSequenceClassification"):
                raise ValueError(
                    f"got the model {self.name!r}, which is a classifier already, "
                    f"expected {card.base_model}, which the pretrained weights belong "
                    "to; pass that, or use RegisterEncoder"
                )
            return load_transformer(
                "AutoModelForSequenceClassification",
                self.name,
                device="cpu",
                dtype="float32",
                new_head=head_options(card.classes, is_multi_label=True),
                **hub,
            )
        except OSError as error:
            raise _no_base(self.name, error) from error

    def _model_files(self) -> tuple[bytes, ...]:
        folder = str(pretrained_folder(self.adapter))
        return (*super()._model_files(), *file_stamps(folder))

    def _cache_key(self) -> dict[str, Any]:
        # An adapter that is trained anew gives other vectors under the same name.
        parameters = parameters_that_matter(self)
        return {**parameters, "adapter": weights_digest(self.adapter)}


def _no_base(name: str, error: OSError) -> OSError:
    """Return one sentence about a base model that cannot be loaded."""
    reason = str(error.__cause__ or error).strip().splitlines()[0][:200]
    return OSError(
        f"got the model {name!r}, which could not be loaded ({reason}), expected it on "
        "a reachable hub, downloaded before, or in a folder; pass such a folder as "
        "name (--base-model), or the encoder 'lite', which needs no model but labels "
        "of some documents"
    )
