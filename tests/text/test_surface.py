"""SurfaceEncoder: counts checked by hand, in several scripts, and what they tell about
registers.
"""

import pickle
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from embetter_reg.text._surface import SurfaceEncoder, count_surface

LANGUAGES = {
    "en": 'The cat, which was old, slept. "Why?" asked Ann! It was 12:30 on 3.5.2020.',
    "fi": "Kissa , joka oli vanha , nukkui . ”Miksi ?” kysyi Anna ! Kello oli 12:30.",
    "zh": "那只老猫，睡着了。“为什么？”安娜问！那是2020年5月3日。",
    "ja": "ねこは、ねていた。「なぜ？」とアンナはいった！",
    "ar": "نام القط، وكان عجوزا؛ لماذا؟ سألت آنا!",
    "el": "Η γάτα, που ήταν γριά, κοιμόταν. Γιατί; ρώτησε η Άννα!",
    "hi": "बिल्ली, जो बूढ़ी थी, सो गई। क्यों? आना ने पूछा!",
    "th": "แมวแก่นอนหลับอยู่ ทำไม? แอนนาถาม!",
    "am": "ድመቷ፣ ተኛች። ለምን፧ ጠየቀች!",
}


def measured(text, *names):
    counts = count_surface(text)
    return [pytest.approx(counts[name]) for name in names]


def test_names():
    names = SurfaceEncoder().get_feature_names_out()
    assert len(names) == len(set(names)) == 58
    assert all(name == name.lower() and name.isidentifier() for name in names)


def test_words_by_hand():
    # 10 words, 7 of them different; "a" stands beside itself; 5 words (b c d e f) are used once
    text = "a a x b x c d e f a"
    names = (
        "type_token_ratio",
        "words_used_once",
        "top_ten_words",
        "doubled_words",
        "word_length_variation",
    )
    assert measured(text, *names) == [7 / 10, 5 / 10, 1, 100, 0]
    assert measured(
        "ab abcd ab abcd", "word_length_variation", "longest_word", "long_words"
    ) == [1 / 3, 4 / 3, 0]
    assert measured("I saw NASA and the EU", "capital_words", "single_capitals") == [
        2000 / 6,
        1000 / 6,
    ]
    assert measured(
        "don't l’eau co-op", "type_token_ratio", "apostrophes", "dashes"
    ) == [1, 2000 / 15, 0]


def test_type_token_ratio_does_not_fall_with_length():
    words = " ".join(f"word{n % 40}" for n in range(1000))
    assert (
        measured(words, "type_token_ratio")
        == measured(words[: len(words) // 4], "type_token_ratio")
        == [40 / 50]
    )


def test_sentences_by_hand():
    text = "Who are you? me. I am Ann!\nI know"  # of 3, 1, 3 and 2 words
    names = (
        "question_sentences",
        "exclamation_sentences",
        "lower_case_starts",
        "open_sentences",
        "repeated_starts",
    )
    assert measured(text, *names) == [1 / 4, 1 / 4, 1 / 4, 1 / 4, 1 / 4]
    assert measured(text, "longest_sentence") == [3 / (9 / 4)]
    assert measured(text, "sentence_length_variation") == [
        np.std([3, 1, 3, 2]) / (9 / 4)
    ]
    assert measured("It was 3.5 m, i.e. long.", "lower_case_starts") == [1 / 2]


def test_signs_by_hand():
    text = "AB, cd; (e) – f/g | h: 5 % & 6 € #i @j + k…"
    n = len(text.replace(" ", ""))
    once = [
        "commas",
        "semicolons",
        "dashes",
        "slashes",
        "bars",
        "colons",
        "percent_signs",
        "currency_signs",
    ]
    for name in [
        *once,
        "ampersands",
        "hash_signs",
        "at_signs",
        "math_signs",
        "ellipses",
    ]:
        assert measured(text, name) == [1000 / n], name
    assert measured(text, "brackets", "digits", "capitals") == [
        2000 / n,
        2000 / n,
        2 / 11,
    ]
    assert measured(
        "Oh?! No... ¿Ya? ¡Ya!", "repeated_marks", "ellipses", "full_stops"
    ) == [1000 / 15, 1000 / 15, 0]
    assert measured('He said "no way" twice', "quoted_share", "quotes") == [
        8 / 22,
        2000 / 18,
    ]


def test_numbers_and_marks_of_the_web_by_hand():
    text = "Open 12:30 on 12.5.2020 and 2021-03-04, in 1999 for 15 € or $20"
    n = 12
    names = ("times", "dates", "prices", "years")
    assert measured(text, *names) == [1000 / n, 2000 / n, 2000 / n, 3000 / n]
    text = "See https://a.example/b?c=1,2 and www.d.example or me@e.example :) 😀 <3"
    assert measured(text, "urls", "emails", "emoticons", "commas", "numbers") == [
        500,
        250,
        750,
        0,
        250,
    ]


def test_figures_are_told_apart():
    assert measured(
        "1939-1945 and 12:00-13:30", "years", "times", "dates", "numbers"
    ) == [2000 / 3] * 2 + [0, 2000]
    assert measured("version 1.2.3 of 5000", "dates", "years") == [0, 0]
    assert measured("那是2020年5月3日", "dates") == measured(
        "那是05/03/2020年月日", "dates"
    )


def test_lines_by_hand():
    text = "1. eggs\n2. milk\n\n- flour\n- flour\na) mix b) bake"
    assert measured(text, "list_marks") == [6000 / 10]
    names = ("log_lines", "blank_lines", "repeated_lines", "short_lines")
    assert measured(text, *names) == [np.log(6), 1 / 6, 1 / 5, 1]
    assert measured(text, "log_line_length") == [np.log(1 + (7 + 7 + 7 + 7 + 14) / 5)]
    repeated, varied = "the same again. " * 50, " ".join(str(n**5) for n in range(130))
    assert (
        count_surface(repeated)["compressed_size"]
        < 0.1
        < count_surface(varied)["compressed_size"]
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_signs_of_every_script(language):
    counts = count_surface(LANGUAGES[language])
    assert np.isfinite(list(counts.values())).all()
    assert counts["question_marks"] > 0 and counts["exclamation_marks"] > 0
    assert 0 < counts["question_sentences"] < 1 and counts["exclamation_sentences"] > 0
    assert (counts["commas"] > 0) == (language != "th")
    assert counts["other_signs"] == 0


def test_words_of_every_script():
    assert measured("हिन्दी भाषा", "longest_word") == [
        6 / 5
    ]  # vowel signs belong to the word
    assert measured("我我在", "doubled_words", "type_token_ratio") == [1000 / 3, 2 / 3]
    assert measured(
        "２０２０年、１５％", "years", "percent_signs", "commas"
    ) == measured("2020年,15%", "years", "percent_signs", "commas")


@pytest.mark.parametrize(
    "text",
    ["", " ", "\n\n", ".", "?!", "7", "\ud800", "\x00", "https://a.example", "é" * 9],
)
def test_next_to_nothing_is_finite(text):
    assert np.isfinite(SurfaceEncoder(scale=False).transform([text])).all()
    assert np.isfinite(SurfaceEncoder().fit_transform([text, text])).all()
    assert np.isfinite(
        SurfaceEncoder().fit(["Some words, here."]).transform([text])
    ).all()


@pytest.mark.parametrize(
    "run", ["!", "a", "a-", "1.", "1:", '"', "a.b@", "का", "的", "\n", "? ", ":-"]
)
def test_a_long_run_is_read_in_linear_time(run):
    start = time.perf_counter()
    count_surface(run * 20_000 + "x @")
    assert (
        time.perf_counter() - start < 2
    )  # the square of its length would take 10 seconds


def test_one_document_at_a_time_is_the_same():
    texts = list(LANGUAGES.values())
    encoder = SurfaceEncoder().fit(texts)
    X = encoder.transform(texts)
    assert X.dtype == np.float32 and X.shape == (len(texts), 58)
    np.testing.assert_array_equal(
        np.vstack([encoder.transform([text]) for text in texts[::-1]])[::-1], X
    )
    np.testing.assert_array_equal(encoder.fit_transform(texts), X)
    np.testing.assert_array_equal(clone(encoder).fit(texts).transform(texts), X)
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(encoder)).transform(texts), X
    )


def test_scale():
    texts = list(LANGUAGES.values())
    counts = SurfaceEncoder(scale=False).transform(texts)
    scaled = SurfaceEncoder(normalize=False).fit_transform(texts)
    assert np.abs(scaled).max() <= 5
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-5)
    varies = counts.std(axis=0) > 0
    assert not varies.all()
    np.testing.assert_allclose(scaled.std(axis=0), varies, atol=1e-5)
    np.testing.assert_allclose(
        np.linalg.norm(SurfaceEncoder().fit_transform(texts), axis=1), 1, atol=1e-5
    )
    far = SurfaceEncoder(normalize=False).fit(texts).transform(["?!" * 1000])
    assert np.abs(far).max() == 5


def test_unfitted_and_no_documents():
    with pytest.raises(NotFittedError):
        SurfaceEncoder().transform(["a"])
    with pytest.raises(
        ValueError, match="got no documents, expected some to learn the scale from"
    ):
        SurfaceEncoder().fit([])
    assert (
        SurfaceEncoder(scale=False).transform([]).shape
        == SurfaceEncoder().fit(["a"]).transform([]).shape
        == (0, 58)
    )
    with pytest.raises(ValueError, match="missing document at position 1"):
        SurfaceEncoder().fit(["a", None])


def test_max_chars():
    np.testing.assert_array_equal(
        SurfaceEncoder(max_chars=4, scale=False).transform(["Why? Because!"]),
        SurfaceEncoder(scale=False).transform(["Why?"]),
    )


def test_columns_have_the_names():
    encoder = SurfaceEncoder().set_output(transform="pandas")
    frame = encoder.fit_transform(pd.Series(["One, two.", "Three?"], name="text"))
    assert (
        list(frame.columns) == list(encoder.get_feature_names_out()) and len(frame) == 2
    )
    assert frame["question_marks"].idxmax() == 1 and frame["commas"].idxmax() == 0


def test_a_probe_of_one_language_reads_another():
    rng = np.random.default_rng(0)
    vocabulary = {
        "en": ["tea", "cat", "garden", "walk", "quiet"],
        "fi": ["talo", "kissa", "puutarha", "kävellä"],
    }

    def document(language, register):
        sentences = []
        for _ in range(rng.integers(4, 9)):
            words = list(rng.choice(vocabulary[language], rng.integers(3, 9)))
            asked = rng.random() < (0.6 if register == "asks" else 0.1)
            if rng.random() < (0.1 if register == "asks" else 0.7):
                words.insert(1, str(rng.integers(2, 3000)))
            sentences.append(" ".join(words).capitalize() + ("?" if asked else "."))
        return " ".join(sentences)

    registers = ["asks", "counts"] * 40
    english, finnish = (
        [document(language, register) for register in registers]
        for language in ("en", "fi")
    )
    probe = make_pipeline(SurfaceEncoder(), LogisticRegression(C=10)).fit(
        english, registers
    )
    assert probe.score(finnish, registers) > 0.9
    shuffled = make_pipeline(SurfaceEncoder(), LogisticRegression(C=10)).fit(
        english, rng.permutation(registers)
    )
    assert shuffled.score(finnish, registers) < 0.75
