"""Hashes of words and runs against plain Python; Unicode's rules; places of words in the text."""

from __future__ import annotations

import re
import unicodedata

import numpy as np
import pytest

from thresher.core.word_hashes import hash_words, word_places

LETTERS = (
    *("abc XYZ_09.,-'\n\t", "éÉßﬁ½™…’“”İıſK", "中文測試かカｶﾞﾞ。、", "e\u0301\u0308a\u0323"),
    *(
        "한국어ᄒ\u1161\u11ab",
        "กขคำไทย ",
        "\u09c7\u09be\u0b47\u0b3e",
        "𝒜𝟘🙂\u200d\U00020000\U0002f800",
    ),
    "\xa0\u3000\u2028\u0958\u1e9b",
)
ALONE = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff])"
)


def words_of(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text).casefold()
    return re.findall(r"\w+", ALONE.sub(r" \1 ", re.sub(r"\W+", " ", plain)))


def random_texts(count: int, *, ascii_only: bool = False, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    texts = []
    for _ in range(count):
        pool = "".join(rng.choice(LETTERS[: 1 if ascii_only else None], 3))
        texts.append("".join(rng.choice(list(pool), rng.integers(0, 40))))
    return texts


@pytest.mark.parametrize("ascii_only", [True, False])
def test_words_have_equal_hashes_exactly_when_they_are_equal(ascii_only: bool) -> None:
    texts = random_texts(3000, ascii_only=ascii_only)
    found = hash_words(texts)
    expected = [words_of(text) for text in texts]
    assert found.counts.tolist() == [len(words) for words in expected]
    flat = [word for words in expected for word in words]
    by_word: dict[str, set[int]] = {}
    for word, value in zip(flat, found.hashes.tolist(), strict=True):
        by_word.setdefault(word, set()).add(value)
    assert all(len(values) == 1 for values in by_word.values())
    assert len({min(values) for values in by_word.values()}) == len(by_word)


def test_a_word_has_one_hash_whatever_stands_beside_it() -> None:
    texts = [
        "River bank",
        "the RIVER",
        "river",
        "…river” “x”",
        "ｒｉｖｅｒ",
        "x" * 7 + " river " + "y" * 300,
    ]
    hashes = hash_words(texts)
    first = hashes.hashes[hashes.indptr[2]]
    assert [int((hashes.hashes[a:b] == first).sum()) for a, b in
            zip(hashes.indptr[:-1], hashes.indptr[1:], strict=True)] == [1] * 6  # fmt: skip


def test_long_words_differ_wherever_they_differ() -> None:
    words = ["a" * size for size in (1, 7, 8, 9, 15, 16, 17, 127, 128, 129, 1000)]
    words += ["a" * 100 + "b" + "a" * 27, "a" * 500 + "b" + "a" * 499]
    assert len(set(hash_words(words).hashes.tolist())) == len(words)


@pytest.mark.parametrize("n", [1, 2, 5, 13])
def test_runs_are_equal_exactly_when_their_words_are(n: int) -> None:
    rng = np.random.default_rng(1)
    texts = [" ".join(rng.choice(list("ab"), rng.integers(0, 30))) for _ in range(200)]
    found = hash_words(texts)
    expected = {}
    places = []
    for text, start in zip(texts, found.indptr[:-1].tolist(), strict=True):
        words = text.split()
        for at in range(len(words) - n + 1):
            places.append(start + at)
            expected[start + at] = " ".join(words[at : at + n])
    for base in (0, 1):
        at, hashes = found.runs(n, base=base)
        assert at.tolist() == places
        pairs = {
            (expected[place], value)
            for place, value in zip(at.tolist(), hashes.tolist(), strict=True)
        }
        assert len(pairs) == len({text for text, _ in pairs}) == len({value for _, value in pairs})
    assert not set(found.runs(n)[1].tolist()) & set(found.runs(n + 1)[1].tolist())


def test_a_whole_text_has_the_hash_of_its_run() -> None:
    texts = ["one two", "before one two after", "", "three"]
    found = hash_words(texts)
    assert found.wholes(np.array([0]))[0] == found.runs(2)[1][2]
    assert found.wholes(np.array([3]))[0] == found.runs(1)[1][-1]
    assert found.runs(5)[0].tolist() == []
    assert hash_words([]).indptr.tolist() == [0]
    assert hash_words(["", "..."]).counts.tolist() == [0, 0]


def test_places_are_those_of_the_words_in_the_text() -> None:
    for text in random_texts(2000, seed=3):
        starts, ends = word_places(text)
        assert len(starts) == hash_words([text]).counts[0], repr(text)
        assert (starts < ends).all()
        assert (np.diff(starts) >= 0).all()
    starts, ends = word_places("Ein Straßenﬁlm, ½ “gut” 中文")
    text = "Ein Straßenﬁlm, ½ “gut” 中文"
    assert [text[a:b] for a, b in zip(starts, ends, strict=True)] == [
        "Ein", "Straßenﬁlm", "½", "½", "gut", "中", "文",
    ]  # fmt: skip
