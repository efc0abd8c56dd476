"""RegisterTrainer: train the transformer itself, on register labels or on raw text."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.metrics import accuracy_score
from sklearn.utils.validation import check_is_fitted

from embetter_reg._optional import optional_import
from embetter_reg._parameters import ABOVE_0, DROPOUT, one_of, optional
from embetter_reg._random import draw_seed
from embetter_reg._scores import f1_by_language
from embetter_reg.corpus import registers
from embetter_reg.finetune.models._adapters import (
    LEARNING_RATES,
    METHODS,
    count_parameters,
    plain,
    save_model,
)
from embetter_reg.finetune.models._checks import check_extra, check_trainer
from embetter_reg.finetune.models._register_documents import (
    Documents,
    check_documents,
    hold_out,
)
from embetter_reg.finetune.models._register_fit import text_figures, train_on
from embetter_reg.finetune.models._register_labels import find_classes, targets
from embetter_reg.finetune.models._register_model import (
    OBJECTIVES,
    load_model,
    load_tokenizer,
)
from embetter_reg.text import CausalLMEncoder, Encoded, RegisterEncoder, layers_of

REPORTERS = ("none", "tensorboard", "wandb")


class RegisterTrainer(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClassifierMixin, BaseEstimator
):
    """Train a transformer on register labels, or adapt it to raw text, wholly or by a
    few of its parameters.

    Heads (`FeedForwardTuner` and others) re-project vectors; this changes the model
    under them, so that its layers can be compared before and after. Runs on the
    ``transformers`` trainer. Needs the extra ``sbert``, and ``adapters`` for ``"lora"``
    and ``"ia3"``.

    Parameters
    ----------
    model : str or Path
        Name on a hub, or folder, of the model to start from.
    method : {"full", "bitfit", "lora", "ia3"}
        What is trained, beside a new head: everything; biases (Ben Zaken et al. 2022);
        products of two small matrices added to attention weights (Hu et al. 2022);
        factors of keys, values and inner activations (Liu et al. 2022).
    objective : {"register", "mlm", "clm"}
        Classify registers, predict masked tokens, or predict the next token. The latter
        two need no labels.
    multi_label : bool or None
        Whether a document may have several labels; None is True where one in training
        has.
    level : {"main", "sub", "all"}
        Labels of the scheme in use: main registers; sub-registers, and main ones without
        any; or both.
    classes : sequence of str or None
        The labels, where they are not those of the scheme in use that occur.
    class_weight : {"balanced"}, dict or None
        Weight of each class in the loss; ``"balanced"`` evens classes out, one label's
        presence against its absence where there may be several.
    max_length : int or None
        Tokens of a document that are read, or of each of its windows on raw text; None
        is what the model allows.
    prompt : str
        Text in front of every document, such as ``"query: "`` for E5 models.
    batch_size, accumulate : int
        Documents at once, and batches of them whose gradients are added up to a step.
    n_epochs : float
        Passes over the documents.
    max_steps : int or None
        Steps, in place of ``n_epochs``.
    learning_rate : float or None
        Of AdamW at its highest. None is 5e-5 (full), 1e-3 (BitFit), 5e-4 (LoRA), 5e-3
        (IA³).
    weight_decay : float
    warmup_ratio : float
        Share of the steps over which the learning rate rises from zero, in [0, 1]; then
        it falls linearly to zero.
    early_stopping : bool
        Hold back ``validation_fraction`` of the documents, in proportion; keep the
        weights with their best micro F1 (on raw text, their lowest loss), and stop when
        it has not improved for ``n_iter_no_change`` checks. The threshold of several
        labels is chosen on these documents.
    validation_fraction : float
        In (0, 1).
    n_iter_no_change : int
    check_every : int or None
        Steps between checks, each with a record in the history, a look at the held-back
        documents, and a checkpoint; None is an epoch.
    rank, alpha, adapter_dropout : int, float, float
        Of LoRA: width of its matrices, scale (divided by the rank), dropout.
    target_modules : str, sequence of str or None
        Modules to adapt, as peft takes them. None finds them in BERT, RoBERTa, XLM-R,
        DistilBERT, GPT-2, GPT-NeoX, Pythia, LLaMA and their kin.
    dropout : float or None
        Of all dropout in the model, in [0, 1); None leaves the model's own. 0 halves
        the time of a step on a CPU.
    linear_probe : bool
        Fit the last layer on what the untrained model gives it before training begins,
        so that short runs start where a probe ends (Kumar et al. 2022).
    freeze_embeddings : bool
        Leave the token embeddings as they are: of a small multilingual model most of
        its parameters, and most of what the optimizer has to remember.
    supcon_weight : float
        Weight of a second loss beside that of the labels, from 0: the mean of the last
        layer over tokens should be nearer to that of other documents of the batch the
        more labels they share (Khosla et al. 2020, "Supervised Contrastive Learning").
        With ``language`` these are documents of other languages, so that the space
        follows labels across languages; 0.5 is a good start. Needs large batches, such
        as 32.
    temperature : float
        Of that loss; lower looks at near documents only.
    mask_share : float
        Share of tokens that ``"mlm"`` predicts, in (0, 1).
    checkpoint_folder : path or None
        Where checkpoints go. A `fit` that was killed goes on from the last of them when
        it is called again with the same model, documents, parameters and folder, and
        ends with the same weights; its checkpoints are removed at the end. Needs a
        ``random_state``.
    report_to : {"none", "tensorboard", "wandb"} or list of them
        Where figures go during training. Keys come from the environment, as those
        services read them.
    log_folder : path or None
        Of TensorBoard; None is ``runs``.
    dtype : {"auto", "float32", "bfloat16"}
        Type of the computation; the weights are float32. ``"auto"`` takes bfloat16 on a
        GPU that has it.
    random_state : int, RandomState or None
        Decides the new head, adapters, order, dropout, masks and what is held back.
    device : {"auto", "cpu", "cuda", "mps"}
        ``"auto"`` is the accelerator that is there, else the CPU.
    show_progress : bool
        Draw a progress bar over steps.

    Attributes
    ----------
    model_, tokenizer_
        The trained model (a peft model with adapters) and its tokenizer.
    classes_ : list of str
        The labels in the order of the probabilities; empty on raw text.
    is_multi_label_ : bool
    threshold_ : float
        With several labels, the probability from which on a label is given; 0.5 where
        nothing was held back.
    history_ : list of dict
        A record a check: ``step``, ``epoch``, ``loss``, ``validation_loss`` and, of
        registers, ``f1`` (micro), ``f1_macro`` and ``f1_LANGUAGE`` on the documents
        held back.
    validation_rows_ : ndarray of int
        Which documents were held back.
    n_trainable_, n_parameters_ : int
    seconds_ : float
        What `fit` took.

    Raises
    ------
    ValueError
        If a label is not in the scheme, the model has no tokenizer or no biases, or a
        part would be empty.
    OSError
        If the model cannot be loaded, or a checkpoint cannot be written.

    Examples
    --------
    >>> from embetter_reg.finetune import RegisterTrainer
    >>> trainer = RegisterTrainer("xlm-roberta-base", "lora", random_state=0)
    >>> texts = ["Mix the flour.", "The law passed."] * 20
    >>> labels = ["HI", "NA"] * 20
    >>> trainer.fit(texts, labels, language=["en"] * 40).save("tuned")  # doctest: +SKIP
    >>> trainer.predict(["Stir the soup."])  # doctest: +SKIP
    array(['HI'], dtype=object)

    """

    def __init__(
        self,
        model="xlm-roberta-base",
        method="full",
        *,
        objective="register",
        multi_label=None,
        level="main",
        classes=None,
        class_weight=None,
        max_length=None,
        prompt="",
        batch_size=16,
        accumulate=1,
        n_epochs=3,
        max_steps=None,
        learning_rate=None,
        weight_decay=0.01,
        warmup_ratio=0.1,
        early_stopping=True,
        validation_fraction=0.1,
        n_iter_no_change=3,
        check_every=None,
        rank=8,
        alpha=16,
        adapter_dropout=0.1,
        target_modules=None,
        dropout=None,
        linear_probe=False,
        freeze_embeddings=False,
        supcon_weight=0.0,
        temperature=0.1,
        mask_share=0.15,
        checkpoint_folder=None,
        report_to="none",
        log_folder=None,
        dtype="auto",
        random_state=None,
        device="auto",
        show_progress=False,
    ):
        self.model = model
        self.method = method
        self.objective = objective
        self.multi_label = multi_label
        self.level = level
        self.classes = classes
        self.class_weight = class_weight
        self.max_length = max_length
        self.prompt = prompt
        self.batch_size = batch_size
        self.accumulate = accumulate
        self.n_epochs = n_epochs
        self.max_steps = max_steps
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.warmup_ratio = warmup_ratio
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.check_every = check_every
        self.rank = rank
        self.alpha = alpha
        self.adapter_dropout = adapter_dropout
        self.target_modules = target_modules
        self.dropout = dropout
        self.linear_probe = linear_probe
        self.freeze_embeddings = freeze_embeddings
        self.supcon_weight = supcon_weight
        self.temperature = temperature
        self.mask_share = mask_share
        self.checkpoint_folder = checkpoint_folder
        self.report_to = report_to
        self.log_folder = log_folder
        self.dtype = dtype
        self.random_state = random_state
        self.device = device
        self.show_progress = show_progress

    def fit(
        self,
        X: ArrayLike,
        y: Any = None,
        *,
        language: ArrayLike | None = None,
    ) -> Self:
        """Train a new copy of the model.

        Parameters
        ----------
        X : sequence of str
            Documents.
        y : sequence of str or of lists, or None
            Labels of each, such as "NA ne" or a list. None on raw text.
        language : sequence of str or None
            One a document: keeps languages in proportion where documents are held back,
            gives figures by language, and pairs documents across languages in the
            contrastive loss.

        """
        return self._fit(X, y, language, keep_checkpoints=False)

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of each label, ``float32 (n_documents, n_classes)``,
        as `RegisterEncoder` does.
        """
        return self._classifier().predict_proba(X)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return a label a document, or with several labels an indicator matrix ``int8
        (n_documents, n_classes)``, at the chosen threshold.
        """
        return self.decide(self.predict_proba(X))

    def decide(self, probabilities: np.ndarray, threshold: Any = "best") -> np.ndarray:
        """Return labels for probabilities that are there already; see `predict`."""
        classifier = self._classifier()
        shape = np.shape(probabilities)
        if len(shape) != 2 or shape[1] != len(self.classes_):
            raise ValueError(
                f"got probabilities of shape {shape}, expected (n_documents, "
                f"{len(self.classes_)}); pass what predict_proba returns"
            )
        if isinstance(threshold, str) and threshold == "best":
            threshold = self.threshold_
        return classifier.decide(probabilities, threshold)

    def label_sets(self, indicator: np.ndarray) -> list[list[str]]:
        """Return the names of the labels that an indicator matrix marks, one list a
        document.
        """
        return self._classifier().label_sets(indicator)

    def score(self, X: ArrayLike, y: Any = None, sample_weight: Any = None) -> float:
        """Return how well the model does on documents; higher is better.

        Of registers the accuracy, in [0, 1]: the share of documents all of whose labels
        are right. On raw text the mean logarithm of a token's probability.
        """
        check_is_fitted(self)
        documents = check_documents(self, X, y, None)
        if documents.labels is None:
            return -float(text_figures(self, documents)["loss"].iloc[-1])
        # A label that training never saw makes its document wrong.
        gold = [frozenset(labels) for labels in documents.labels]
        predicted = map(frozenset, self._predicted_sets(documents.texts))
        is_right = [a == b for a, b in zip(gold, predicted, strict=True)]
        return float(
            accuracy_score(np.ones(len(gold)), is_right, sample_weight=sample_weight)
        )

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the mean of the last layer over tokens, ``float32 (n_documents,
        n_dims)``; `encode` gives others.
        """
        return self.encode(X, ["last"]).layers["last"]

    def encode(
        self,
        X: ArrayLike,
        layers: Sequence[int | str] = ("first", "half", "last"),
        *,
        pooling: str = "mean",
    ) -> Encoded:
        """Return layers of the trained model and, of a classifier, probabilities, in one
        pass; see `RegisterEncoder.encode`.
        """
        check_is_fitted(self)
        if self.objective == "register":
            return self._classifier(pooling=pooling).encode(X, layers)
        vectors = layers_of(
            self.tokenizer_,
            plain(self.model_),
            X,
            layers,
            pooling=pooling,
            max_length=self.max_length,
            batch_size=self.batch_size,
        )
        return Encoded(vectors)

    def encoder(self, **options: Any) -> RegisterEncoder | CausalLMEncoder:
        """Return the trained classifier as a `RegisterEncoder`, a causal language model
        as a `CausalLMEncoder`.

        ``options`` are its parameters, such as ``layers`` and ``pooling``. The model is
        shared, not loaded again.

        Raises
        ------
        ValueError
            If the model is a masked language model.

        """
        check_is_fitted(self)
        if self.objective == "mlm":
            raise ValueError(
                "got a masked language model, expected a classifier or a causal one; "
                "use encode"
            )
        kind: type[RegisterEncoder | CausalLMEncoder] = RegisterEncoder
        if self.objective == "clm":
            kind = CausalLMEncoder
        defaults = {
            "max_length": self.max_length,
            "batch_size": self.batch_size,
            "device": self.device,
        }
        encoder = kind(str(self.model), **{**defaults, **options})
        return encoder._around((self.tokenizer_, plain(self.model_)))

    def evaluate(
        self,
        X: ArrayLike,
        y: Any = None,
        *,
        language: ArrayLike | None = None,
    ) -> pd.DataFrame:
        """Return figures of documents ``X`` by language, a row each and one for
        ``"all"``.

        Of registers ``micro_f1`` and ``macro_f1`` (0 to 1, higher is better; with one
        label a document micro F1 is accuracy), several labels at the chosen threshold.
        On raw text ``loss``, nats a token, and ``perplexity``, lower is better. Labels
        that training never saw count as missed.
        """
        check_is_fitted(self)
        documents = check_documents(self, X, y, language)
        if documents.labels is None:
            return text_figures(self, documents)
        predicted = self._predicted_sets(documents.texts)
        return f1_by_language(documents.labels, predicted, documents.language_names)

    def save(
        self,
        folder: str | Path,
        *,
        merge: bool = False,
        figures: pd.DataFrame | None = None,
        about: str = "",
    ) -> None:
        """Write the trained model into a folder that `transformers` and the encoders
        load, with a model card.

        Parameters
        ----------
        folder : path
        merge : bool
            Put adapters into the weights, so that nothing needs peft any more.
            Otherwise they stand in files of their own beside the weights that they were
            trained on.
        figures : DataFrame or None
            What `evaluate` gave on test documents, for the card.
        about : str
            A sentence about the documents, for the card.

        Raises
        ------
        OSError
            If the folder cannot be written to.

        """
        from embetter_reg.finetune.models._checkpoints import explain_disk
        from embetter_reg.finetune.models._model_card import write_card
        from embetter_reg.finetune.models._run import quiet

        check_is_fitted(self)
        folder = Path(folder)
        with quiet(), explain_disk(folder):
            folder.mkdir(parents=True, exist_ok=True)
            save_model(self.model_, folder, merge=merge)
            self.tokenizer_.save_pretrained(folder)
            write_card(self, folder, figures=figures, about=about, merged=merge)

    @property
    def trainable_share_(self) -> float:
        """The share of parameters that were trained, in (0, 1]."""
        return self.n_trainable_ / self.n_parameters_

    @property
    def learning_rate_(self) -> float:
        """The learning rate at its highest, also where the parameter is None."""
        if self.learning_rate is None:
            return LEARNING_RATES[self.method]
        return self.learning_rate

    @property
    def _n_features_out(self) -> int:
        return plain(self.model_).config.get_text_config().hidden_size

    # -- what fit is made of -----------------------------------------------------------

    def _fit(self, X, y, language, *, keep_checkpoints: bool) -> Self:
        self._check_parameters()
        start = time.perf_counter()
        documents = check_documents(self, X, y, language)
        seed = draw_seed(self.random_state)
        rows = np.arange(len(documents))
        held_out = rows[:0]
        if self.early_stopping:
            rows, held_out = hold_out(documents, self.validation_fraction, seed)
        self._read_classes(documents)
        tokenizer = load_tokenizer(str(self.model), self.objective)
        model = load_model(self, tokenizer, self.classes_, self.is_multi_label_, seed)
        self.n_trainable_, self.n_parameters_ = count_parameters(model)
        self.history_ = train_on(
            self,
            model,
            tokenizer,
            documents.take(rows),
            documents.take(held_out),
            seed,
            keep_checkpoints=keep_checkpoints,
        )
        self.model_ = model.eval()
        plain(model).config.prompt = self.prompt or None
        self.tokenizer_ = tokenizer
        self.validation_rows_ = held_out
        self._choose_threshold(documents.take(held_out))
        self._count(documents)
        self.seconds_ = time.perf_counter() - start
        return self

    def _read_classes(self, documents: Documents) -> None:
        self.classes_: list[str] = []
        self.is_multi_label_ = False
        if documents.labels is None:
            return
        self.classes_ = find_classes(documents.labels)
        if self.classes is not None:
            self.classes_ = list(self.classes)
        if len(self.classes_) < 2:
            raise ValueError(
                f"got one label ({self.classes_[0]}), expected at least two to tell "
                "apart; pass documents of more"
            )
        self.is_multi_label_ = any(len(labels) > 1 for labels in documents.labels)
        if self.multi_label is not None:
            self.is_multi_label_ = bool(self.multi_label)
        # Refuses hybrids where there may be one label only, before anything is loaded.
        targets(documents.labels, self.classes_, self.is_multi_label_)

    def _choose_threshold(self, held_out: Documents) -> None:
        self.threshold_ = 0.5
        if not self.is_multi_label_:
            return
        if len(held_out):
            classifier = self._classifier()
            probabilities = classifier.predict_proba(held_out.texts)
            threshold = classifier.best_threshold(probabilities, held_out.labels)
            self.threshold_ = float(threshold)
        plain(self.model_).config.threshold = self.threshold_

    def _count(self, documents: Documents) -> None:
        """Record what the model card reports of the documents."""
        self.n_documents_ = len(documents)
        self.languages_ = documents.language_counts()
        labels = pd.Series(
            [label for labels in documents.labels or [] for label in labels], dtype=str
        )
        counts = labels.value_counts()
        self.label_counts_ = {
            label: int(counts.get(label, 0)) for label in self.classes_
        }

    def _classifier(self, **options: Any) -> RegisterEncoder:
        check_is_fitted(self)
        if self.objective != "register":
            kind = {"mlm": "masked", "clm": "causal"}[self.objective]
            raise ValueError(
                f"got a {kind} language model, expected a classifier; train one with "
                "objective='register'"
            )
        return self.encoder(**options)

    def _predicted_sets(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the labels that are given to texts, one list a document."""
        predicted = self.predict(texts)
        if self.is_multi_label_:
            return self.label_sets(predicted)
        return [[label] for label in predicted]

    def _reporters(self) -> list[str]:
        """Return the services that figures go to."""
        reporters = self.report_to
        if isinstance(reporters, str):
            reporters = [reporters]
        return [name for name in reporters if name != "none"]

    def _check_parameters(self) -> None:
        check_extra(self, "accelerate", "transformers")
        check_trainer(
            self,
            method=one_of(METHODS),
            objective=one_of(OBJECTIVES),
            level=one_of(registers.LEVELS),
            n_epochs=ABOVE_0,
            learning_rate=optional(ABOVE_0),
            dropout=optional(DROPOUT),
        )
        if not isinstance(self.prompt, str):
            raise TypeError(
                f"got prompt={self.prompt!r}, expected text; pass '' for none"
            )
        if self.prompt and self.objective != "register":
            raise ValueError(
                f"got a prompt with objective={self.objective!r}, expected 'register': "
                "raw text is read as it is; leave the prompt out"
            )
        for name in self._reporters():
            if name not in REPORTERS:
                raise ValueError(
                    f"got report_to={name!r}, expected some of {list(REPORTERS)}; "
                    "pick one"
                )
            optional_import(name, package=name, purpose=f"report_to={name!r}")

    def _cache_key(self) -> list[Any]:
        """Return what decides the vectors, for `fingerprint`."""
        check_is_fitted(self)
        return [
            self.objective,
            self.max_length,
            self.prompt,
            self.classes_,
            self.model_,
        ]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.target_tags.multi_output = True
        tags.target_tags.required = self.objective == "register"
        if self.objective != "register":
            tags.estimator_type = None
            tags.classifier_tags = None
        return tags
