"""RegisterTrainer: train the transformer itself, on register labels or on raw text."""

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from embetter_reg._devices import pick_device, pick_dtype
from embetter_reg._hub import not_loaded
from embetter_reg._optional import optional_import
from embetter_reg._parameters import (
    ABOVE_0,
    ONE_DEVICE,
    check_parameters,
    one_of,
    optional,
)
from embetter_reg._random import draw_seed, seeded_torch
from embetter_reg._validation import check_labels, check_same_length, check_texts
from embetter_reg.corpus import registers
from embetter_reg.corpus.split import RegisterShuffleSplit
from embetter_reg.finetune.models._adapters import (
    LEARNING_RATES,
    METHODS,
    apply_method,
    count_parameters,
    plain,
    save_model,
)
from embetter_reg.finetune.models._register_labels import (
    find_classes,
    language_f1,
    read_labels,
    targets,
    weigh_classes,
)
from embetter_reg.text import (
    GRID,
    CausalLMEncoder,
    RegisterEncoder,
    Splitter,
    layers_of,
    longest_input,
    raise_parents,
)

OBJECTIVES = {
    "register": "AutoModelForSequenceClassification",
    "mlm": "AutoModelForMaskedLM",
    "clm": "AutoModelForCausalLM",
}
REPORTERS = ("none", "tensorboard", "wandb")
DTYPES = (None, "float32", "bfloat16")


class RegisterTrainer(BaseEstimator):
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
        Classify registers, tell masked tokens, or tell the next token. The latter two
        need no labels.
    multi_label : bool or None
        Whether a document may have several labels; None says so where one in training
        does.
    level : {"main", "sub", "all"}
        Of the CORE scheme: main registers; sub-registers, and main ones where there is
        no sub-register; or both together.
    classes : sequence of str or None
        The labels, where they are not those of CORE that occur.
    class_weight : {"balanced"}, dict or None
        Weight of each class in the loss; ``"balanced"`` evens classes out.
    max_length : int or None
        Tokens of a document that are read, or of each of its windows on raw text; None
        is what the model allows.
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
        nothing got better for ``n_iter_no_change`` checks. The threshold of several
        labels is chosen on these documents.
    check_every : int or None
        Steps between checks, each with a record in the history, a look at the held-back
        documents, and a checkpoint; None is an epoch.
    rank, alpha, adapter_dropout : int, float, float
        Of LoRA: width of its matrices, scale (divided by the rank), dropout.
    target_modules : str, sequence of str or None
        Modules to adapt, as peft takes them. None finds them in BERT, RoBERTa, XLM-R,
        DistilBERT, GPT-2, GPT-NeoX, Pythia, LLaMA and their kin.
    mask_share : float
        Share of tokens to be told by ``"mlm"``, in (0, 1).
    checkpoint_folder : path or None
        Where checkpoints go; removed when `fit` ends. Needs a ``random_state``.
    resume : bool
        Go on from the checkpoints of a `fit` that was killed, with everything else as
        it was.
    report_to : {"none", "tensorboard", "wandb"} or list of them
        Where figures go during training. Keys come from the environment, as those
        services read them.
    log_folder : path or None
        Of TensorBoard; None is ``runs``.
    dtype : {"float32", "bfloat16"} or None
        Type of the computation; the weights are float32. None takes bfloat16 on a GPU
        that has it.
    random_state : int, RandomState or None
        Decides the new head, adapters, order, dropout, masks and what is held back.
    device : str
        ``"auto"`` is the accelerator that is there, else the CPU.
    show_progress : bool

    Attributes
    ----------
    model_, tokenizer_
        The trained model (a peft model with adapters) and its tokenizer.
    classes_ : list of str
    multi_label_ : bool
    threshold_ : float
        Smallest probability of a label that is given, with several labels; 0.5 where
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
        If a label is not in the scheme, the model has no tokenizer or no biases, a part
        would be empty, or checkpoints are of another run.
    OSError
        If the model cannot be loaded.

    Examples
    --------
    >>> from embetter_reg.finetune import RegisterTrainer
    >>> trainer = RegisterTrainer("xlm-roberta-base", "lora", max_length=256, random_state=0)
    >>> texts, labels = ["Mix the flour.", "The law passed."] * 20, ["HI", "NA"] * 20
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
        mask_share=0.15,
        checkpoint_folder=None,
        resume=False,
        report_to="none",
        log_folder=None,
        dtype=None,
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
        self.mask_share = mask_share
        self.checkpoint_folder = checkpoint_folder
        self.resume = resume
        self.report_to = report_to
        self.log_folder = log_folder
        self.dtype = dtype
        self.random_state = random_state
        self.device = device
        self.show_progress = show_progress

    def fit(self, X, y=None, *, language=None):
        """Train a new copy of the model.

        Parameters
        ----------
        X : sequence of str
            Documents.
        y : sequence of str or of lists, or None
            Labels of each, such as "NA ne" or a list. None on raw text.
        language : sequence of str or None
            One a document: keeps languages in proportion where documents are held back,
            and gives figures by language.

        """
        return self._fit(X, y, language, keep_checkpoints=False)

    def _fit(self, X, y, language, *, keep_checkpoints: bool):
        self._check_parameters()
        start = time.perf_counter()
        texts, labels, spoken = self._check_documents(X, y, language)
        seed = draw_seed(self.random_state)
        rows, held = self._split(texts, labels, spoken, seed)
        tokenizer = self._load_tokenizer()
        model = self._start(labels, seed)
        self.tokenizer_ = tokenizer
        self.model_ = model
        self.history_ = self._train(
            texts, labels, spoken, rows, held, seed, keep_checkpoints
        )
        model.eval()
        self.validation_rows_ = held
        self.threshold_ = 0.5
        if labels is not None and self.multi_label_ and len(held):
            encoder = self.encoder()
            found = encoder.predict_proba([texts[row] for row in held])
            self.threshold_ = encoder.best_threshold(
                found, [labels[row] for row in held]
            )
        self._describe(len(texts), labels, spoken)
        self.seconds_ = time.perf_counter() - start
        return self

    def predict_proba(self, X):
        """Return the probability of each label, ``float32 (n_documents, n_classes)``,
        as `RegisterEncoder` does.
        """
        return self.encoder().predict_proba(X)

    def predict(self, X):
        """Return a label a document, or with several labels an indicator matrix, at the
        chosen threshold.
        """
        return self.encoder().predict(X, "best")

    def transform(self, X):
        """Return the mean of the last layer over tokens, ``float32 (n_documents,
        n_dims)``; `encode` gives others.
        """
        return self.encode(X, ["last"])["last"]

    def encode(
        self,
        X,
        layers: Sequence[int | str] = ("first", "half", "last"),
        *,
        pooling: str = "mean",
    ):
        """Return layers of the trained model as a dict of ``float32 (n_documents,
        n_dims)``; see `encode_layers`.
        """
        check_is_fitted(self)
        options = {
            "pooling": pooling,
            "max_length": self.max_length,
            "batch_size": self.batch_size,
        }
        return layers_of(self.tokenizer_, plain(self.model_), X, layers, **options)

    def encoder(self, **options):
        """Return the trained classifier as a `RegisterEncoder`, a causal language model
        as a `CausalLMEncoder`.

        ``options`` are its parameters, such as ``layer`` and ``pooling``. Nothing is
        loaded anew.
        """
        check_is_fitted(self)
        if self.objective == "mlm":
            raise ValueError(
                "got a masked language model, expected a classifier or a causal one; "
                "use encode"
            )
        kind = CausalLMEncoder if self.objective == "clm" else RegisterEncoder
        given = {
            "max_length": self.max_length,
            "batch_size": self.batch_size,
            "device": self.device,
        }
        return kind(str(self.model), **{**given, **options})._around(
            (self.tokenizer_, plain(self.model_))
        )

    def evaluate(self, X, y=None, *, language=None) -> pd.DataFrame:
        """Return figures of documents ``X`` by language, a row each and one for
        ``"all"``.

        Of registers ``micro_f1`` and ``macro_f1`` (0 to 1, higher is better; with one
        label a document micro F1 is accuracy), several labels at the chosen threshold.
        On raw text ``loss``, nats a token, and ``perplexity``, lower is better. Labels
        that training never saw count as missed.
        """
        check_is_fitted(self)
        texts, labels, spoken = self._check_documents(X, y, language)
        spoken = np.full(len(texts), "und") if spoken is None else spoken
        if labels is not None:
            return language_f1(
                labels, self._label_sets(self.predict_proba(texts)), spoken
            )
        return self._text_figures(texts, spoken)

    def save(
        self,
        folder,
        *,
        merge: bool = False,
        figures: pd.DataFrame | None = None,
        about: str = "",
    ) -> None:
        """Save the trained model in a folder that `transformers` and the encoders load,
        with a model card.

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

        """
        from embetter_reg.finetune.models._checkpoints import quiet
        from embetter_reg.finetune.models._model_card import write_card

        check_is_fitted(self)
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with quiet():
            save_model(self.model_, folder, merge=merge)
        self.tokenizer_.save_pretrained(folder)
        write_card(self, folder, figures=figures, about=about, merged=merge)

    @property
    def trainable_share_(self) -> float:
        """The share of parameters that were trained, in (0, 1]."""
        return self.n_trainable_ / self.n_parameters_

    # -- what fit is made of ------------------------------------------------------------------------

    def _check_documents(
        self, X, y, language
    ) -> tuple[list[str], list[list[str]] | None, np.ndarray | None]:
        """Return texts, and labels and languages where there are any."""
        texts = check_texts(X)
        if not texts:
            raise ValueError(
                "got no documents, expected some; check what was read or selected"
            )
        spoken = (
            None if language is None else check_labels("language", language, len(texts))
        )
        if self.objective != "register":
            return texts, None, spoken
        if y is None:
            raise ValueError(
                "got no y, expected the labels of each document; pass them, or "
                "objective='mlm' or 'clm'"
            )
        check_same_length(X=texts, y=y)
        return texts, read_labels(y, classes=self.classes, level=self.level), spoken

    def _split(self, texts, labels, spoken, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows to train on and the rows held back; a text that fell on both
        sides is trained on.
        """
        n = len(texts)
        if not self.early_stopping:
            return np.arange(n), np.arange(0)
        if min(self.validation_fraction, 1 - self.validation_fraction) * n < 1:
            raise ValueError(
                f"got {n} documents with early_stopping, expected enough to hold "
                f"{self.validation_fraction:.0%} back; "
                "pass more, or early_stopping=False"
            )
        y = (
            np.zeros(n)
            if labels is None
            else targets(labels, sorted({x for own in labels for x in own}), True)
        )
        splitter = RegisterShuffleSplit(
            1, test_size=self.validation_fraction, random_state=seed
        )
        fitted, held = next(splitter.split(y, y, language=spoken))
        trained = {texts[row] for row in fitted}
        both = np.array([texts[row] in trained for row in held], dtype=bool)
        return np.union1d(fitted, held[both]), held[~both]

    def _load_tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        name = str(self.model)
        missing = f"got the model {name!r} without a tokenizer, expected one beside it; save the model's tokenizer there"
        try:
            tokenizer = AutoTokenizer.from_pretrained(name)
        except (
            OSError,
            ValueError,
            KeyError,
            ImportError,
            TypeError,
            AttributeError,
        ) as error:
            raise (
                ValueError(missing) if Path(name).is_dir() else not_loaded(name, error)
            ) from error
        if len(tokenizer) <= len(
            tokenizer.all_special_ids
        ):  # transformers makes an empty one up
            raise ValueError(missing)
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
        if self.objective == "mlm" and tokenizer.mask_token_id is None:
            raise ValueError(
                f"got the model {name!r}, whose tokenizer has no mask, expected a "
                "masked language model; pick clm"
            )
        return tokenizer

    def _start(self, labels, seed: int) -> Any:
        """Load the model and apply the method, with the new head and adapters drawn
        from the seed.
        """
        import transformers

        from embetter_reg.finetune.models._checkpoints import quiet

        name, options = str(self.model), {}
        if labels is not None:
            self.classes_ = (
                list(self.classes) if self.classes is not None else find_classes(labels)
            )
            if len(self.classes_) < 2:
                raise ValueError(
                    f"got one label ({self.classes_[0]}), expected at least two to "
                    "tell apart; pass documents of more"
                )
            several = any(len(own) > 1 for own in labels)
            self.multi_label_ = (
                several if self.multi_label is None else bool(self.multi_label)
            )
            options = {
                "num_labels": len(self.classes_),
                "id2label": dict(enumerate(self.classes_)),
                "label2id": {
                    label: number for number, label in enumerate(self.classes_)
                },
                "problem_type": f"{'multi' if self.multi_label_ else 'single'}_label_classification",
                "ignore_mismatched_sizes": True,
            }
        device = pick_device(self.device)
        with quiet(), seeded_torch(seed):
            try:
                model, told = getattr(
                    transformers, OBJECTIVES[self.objective]
                ).from_pretrained(
                    name, dtype=torch.float32, output_loading_info=True, **options
                )
            except (OSError, ValueError, KeyError, ImportError) as error:
                raise not_loaded(name, error) from error
            if getattr(model, "_hf_peft_config_loaded", False):
                raise ValueError(
                    f"got the model {name!r} with adapters in files of their own, "
                    "expected one model; save it with "
                    "merge (--merge) first"
                )
            adapted = apply_method(
                model,
                self.method,
                rank=self.rank,
                alpha=self.alpha,
                dropout=self.adapter_dropout,
                target_modules=self.target_modules,
                new=[
                    *told["missing_keys"],
                    *(name for name, *_ in told["mismatched_keys"]),
                ],
            )
        self.n_trainable_, self.n_parameters_ = count_parameters(adapted)
        return adapted.to(device)

    def _examples(self, texts: Sequence[str], y) -> Any:
        from embetter_reg.finetune.models._register_run import Examples

        model = plain(self.model_)
        longest = longest_input(self.tokenizer_, model)
        limit = longest if self.max_length is None else self.max_length
        if not 2 < limit <= longest:
            raise ValueError(
                f"got max_length={self.max_length}, expected 3 to {longest} for this "
                "model; pass that"
            )
        if model.config.pad_token_id is None:
            model.config.pad_token_id = self.tokenizer_.pad_token_id
        long = "head" if self.objective == "register" else "chunks"
        windows, _ = Splitter(self.tokenizer_, limit).windows(
            texts, long=long, overlap=0
        )
        if self.objective != "register":  # a window with nothing to tell has no loss
            windows = [
                window
                for window in windows
                if len(window.positions) > (self.objective == "clm")
            ]
            if not windows:
                raise ValueError(
                    "got documents without words, expected some to train or score on; "
                    "check their texts"
                )
        return Examples(windows, y, np.arange(len(windows)))

    def _train(
        self, texts, labels, spoken, rows, held, seed: int, keep_checkpoints: bool
    ) -> list[dict[str, float]]:
        from embetter_reg.finetune.models._register_run import Examples, train

        y = (
            None
            if labels is None
            else targets(labels, self.classes_, self.multi_label_)
        )

        def part(chosen):
            return self._examples(
                [texts[row] for row in chosen], None if y is None else y[chosen]
            )

        examples = part(rows)
        recipe = self._recipe(len(examples), None if y is None else y[rows], seed)
        n_places = recipe.n_steps * recipe.batch_size * recipe.accumulate
        rng = np.random.default_rng(seed)
        passes = [
            rng.permutation(len(examples))
            for _ in range(math.ceil(n_places / len(examples)))
        ]
        reporters = (
            [self.report_to]
            if isinstance(self.report_to, str)
            else list(self.report_to)
        )
        return train(
            self.model_,
            self.tokenizer_,
            Examples(
                examples.windows, examples.targets, np.concatenate(passes)[:n_places]
            ),
            part(held) if len(held) else None,
            recipe,
            measure=self._measure([labels[row] for row in held], spoken, held)
            if labels is not None and len(held)
            else None,
            checkpoint_folder=self.checkpoint_folder,
            resume=self.resume,
            keep_checkpoints=keep_checkpoints,
            report_to=[name for name in reporters if name != "none"],
            log_folder=self.log_folder,
            show_progress=self.show_progress,
        )

    def _recipe(self, n_windows: int, y, seed: int):
        from embetter_reg.finetune.models._register_run import Recipe

        steps_per_epoch = n_windows / (self.batch_size * self.accumulate)
        n_steps = self.max_steps or max(1, math.ceil(self.n_epochs * steps_per_epoch))
        weights = (
            None if y is None else weigh_classes(self.class_weight, y, self.classes_)
        )
        return Recipe(
            objective=self.objective,
            batch_size=self.batch_size,
            accumulate=self.accumulate,
            n_steps=n_steps,
            steps_per_epoch=steps_per_epoch,
            learning_rate=self.learning_rate_,
            weight_decay=self.weight_decay,
            warmup_ratio=self.warmup_ratio,
            bfloat16=pick_dtype(self.dtype, next(self.model_.parameters()).device.type)
            == torch.bfloat16,
            seed=seed,
            check_every=min(self.check_every or math.ceil(steps_per_epoch), n_steps),
            patience=self.n_iter_no_change,
            mask_share=self.mask_share,
            class_weights=None if weights is None else tuple(weights.tolist()),
        )

    @property
    def learning_rate_(self) -> float:
        """The learning rate at its highest, also where the parameter is None."""
        return (
            LEARNING_RATES[self.method]
            if self.learning_rate is None
            else self.learning_rate
        )

    def _measure(self, gold, spoken, held):
        """Return what turns held-out logits into F1, several labels at the threshold
        that is best for them all.
        """
        language = np.full(len(gold), "und") if spoken is None else spoken[held]

        def measure(logits: np.ndarray) -> dict[str, float]:
            if not self.multi_label_:
                best = language_f1(
                    gold, [[self.classes_[i]] for i in logits.argmax(axis=1)], language
                )
            else:
                found = raise_parents(
                    torch.as_tensor(logits, dtype=torch.float32).sigmoid().numpy(),
                    self.classes_,
                )
                tables = [
                    language_f1(gold, self._sets(found >= threshold), language)
                    for threshold in GRID
                ]
                best = max(tables, key=lambda table: table["micro_f1"].iloc[-1])
            micro = best.set_index("language")["micro_f1"]
            everything = {"f1": micro.pop("all"), "f1_macro": best["macro_f1"].iloc[-1]}
            return everything | {
                f"f1_{name}": value
                for name, value in micro.items()
                if spoken is not None
            }

        return measure

    def _sets(self, indicator) -> list[list[str]]:
        return [
            [self.classes_[column] for column in np.flatnonzero(row)]
            for row in indicator
        ]

    def _label_sets(self, probabilities) -> list[list[str]]:
        if self.multi_label_:
            return self._sets(probabilities >= self.threshold_)
        return [[self.classes_[column]] for column in probabilities.argmax(axis=1)]

    def _text_figures(self, texts: Sequence[str], spoken: np.ndarray) -> pd.DataFrame:
        from embetter_reg.finetune.models._register_run import held_loss

        rows = []
        for name in [*sorted(set(spoken)), "all"]:
            chosen = [
                text
                for text, own in zip(texts, spoken, strict=True)
                if name in (own, "all")
            ]
            examples = self._examples(chosen, None)
            loss = held_loss(
                self.model_,
                self.tokenizer_,
                examples,
                self._recipe(len(examples), None, 0),
            )
            rows.append(
                {
                    "language": name,
                    "n_documents": len(chosen),
                    "loss": loss,
                    "perplexity": math.exp(loss),
                }
            )
        return pd.DataFrame(rows)

    def _describe(self, n: int, labels, spoken) -> None:
        """Keep what the model card tells of the documents, and write the threshold into
        the configuration.
        """
        self.n_documents_ = n
        self.languages_ = (
            {}
            if spoken is None
            else pd.Series(spoken).value_counts().sort_index().to_dict()
        )
        if labels is not None:
            counts = pd.Series(
                [label for own in labels for label in own]
            ).value_counts()
            self.label_counts_ = {
                label: int(counts.get(label, 0)) for label in self.classes_
            }
            if self.multi_label_:
                plain(self.model_).config.threshold = float(self.threshold_)

    def _check_parameters(self) -> None:
        for module in ("accelerate", "transformers"):
            optional_import(
                module, package="embetter-reg[sbert]", purpose=type(self).__name__
            )
        known = {
            "method": METHODS,
            "objective": OBJECTIVES,
            "level": registers.LEVELS,
            "dtype": DTYPES,
        }
        check_parameters(
            self,
            **{name: one_of(values) for name, values in known.items()},
            n_epochs=ABOVE_0,
            learning_rate=optional(ABOVE_0),
            device=ONE_DEVICE,
        )
        reporters = (
            [self.report_to]
            if isinstance(self.report_to, str)
            else list(self.report_to)
        )
        for name in reporters:
            if name not in REPORTERS:
                raise ValueError(
                    f"got report_to={name!r}, expected some of {list(REPORTERS)}; "
                    "pick one"
                )
            if name != "none":
                optional_import(name, package=name, purpose=f"report_to={name!r}")
        if self.resume and self.checkpoint_folder is None:
            raise ValueError(
                "got resume without checkpoint_folder, expected both; pass the folder "
                "of the killed run"
            )
        if self.checkpoint_folder is not None and self.random_state is None:
            raise ValueError(
                "got checkpoint_folder without random_state, expected both, or a "
                "killed run could not be told from "
                "another; pass random_state=0"
            )
