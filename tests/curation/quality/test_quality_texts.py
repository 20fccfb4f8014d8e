"""Checks of texts: each kind of damage is named with its place, what only looks like it is not."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from curation.quality import find_quality_issues
from curation.quality.texts.finding import CHECKS
from curation.quality.texts.markup import CHECKS as MARKUP
from curation.quality.texts.pairs import pair_log_probs
from curation.quality.texts.table import CAPITAL, DIGIT, LETTER, SPACE, TextTable, blocks
from curation.quality.texts.words import END, PRIOR, START, Associations, Words

SENTENCES = [
    f"{who} {what} the {thing} {when}."
    for who in ("She", "My brother", "The old teacher", "Nobody")
    for what in ("bought", "has seen", "would never sell", "asked about")
    for thing in ("house by the river", "green bicycle", "letter", "broken clock")
    for when in ("yesterday", "in the morning", "before the war", "on the way home")
]
ROW = len(SENTENCES)


def issues(text, others=SENTENCES):
    found = find_quality_issues([*others, text], kind="text")
    return {
        finding.kind: finding.details[finding.positions.tolist().index(len(others))]
        for finding in found.findings
        if len(others) in finding.positions
    }


DAMAGE = [
    ("damaged encoding", "She saw the caf√© in the morning.", "UTF-8 read as mac_roman"),
    ("damaged encoding", "She saw the caf├⌐ in the morning.", "UTF-8 read as cp437"),
    ("damaged encoding", "Она РџСЂРёРІРµС‚ сказала в ответ.", "UTF-8 read as cp1251"),
    ("damaged encoding", "She saw it \x96 in the morning.", "control character '\\x96'"),
    ("damaged encoding", "She s?w the riv?r in the m?rning.", "question mark for a letter"),
    ("damaged encoding", "She saw the \uf0b7 river.", "'\\uf0b7'"),
    ("damaged encoding", "She saw the caf\\u00e9 in the morning.", "\\u00e9"),
    ("damaged encoding", "She saw half an \ud83d in the morning.", "'\\ud83d'"),
    ("invisible characters", "She saw the ri\u200bver.", "zero-width space"),
    ("invisible characters", "\ufeffShe saw it.", "byte order mark '\\ufeff' at character 1"),
    ("invisible characters", "She saw the ri\u00adver.", "soft hyphen"),
    ("invisible characters", "She saw \u202ethe\u202c river.", "invisible character '\\u202e'"),
    ("mixed letters", "She saw the gr\u0435en river.", "Latin and Cyrillic"),
    ("markup", "She saw <b>the</b> river.", "HTML '<b>' at character 9"),
    ("markup", "She saw the river &amp; the house.", "HTML entity &amp; at character 19"),
    ("markup", "She saw function x() { return 1; } the river.", "script or style sheet"),
    ("markup", ".nav { color: #333; margin: 0 } She saw it.", "script or style sheet"),
    ("markup", "She saw [[File:River.jpg|thumb]] the river.", "wiki, Markdown or forum"),
    ("markup", "She saw [the river](http://a.org/b) there.", "wiki, Markdown or forum"),
    ("markup", '{"text": "She saw the river", "lang": "e', "damaged or cut off"),
    ("markup", '{"text": "She saw the river", "lang": "en"}', "JSON instead of a text"),
    ("markup", "She%20saw%20the%20river%2C%20then", "percent encoding"),
    ("markup", "She saw data:image/png;base64,iVBORw0KGgo", "embedded data"),
    ("boilerplate", "This website uses cookies to improve your visit.", "notice about cookies"),
    ("boilerplate", "Wir verwenden Cookies. Akzeptieren", "notice about cookies"),
    ("boilerplate", "© 2019 Example Ltd. All rights reserved.", "notice of a page"),
    ("boilerplate", "Home | About us | Contact\nShe saw the river", "entries of a menu"),
    ("boilerplate", "Lorem ipsum dolor sit amet", "filler text"),
    ("boilerplate", "As an AI language model, I cannot see rivers.", "language model"),
    ("error page", "404 Not Found. The page is gone.", "error page or trace '404 Not Found'"),
    ("error page", "Traceback (most recent call last): KeyError", "error page or trace"),
    ("placeholder", " N/A ", "placeholder 'N/A'"),
    ("placeholder", "[deleted]", "placeholder"),
    ("repetition", "She saw ================================== it", "'=' 34 times"),
    ("repetition", "She saw sea sea sea sea sea sea sea sea there", "8 times in a row"),
    ("repetition", "She saw the river and went home. " * 4, "of the word triples repeat"),
    ("repetition", "She saw the river and went home " * 2, "the whole text stands twice"),
    ("repetition", "a line of words\nanother\n" + "the same old line here\n" * 5, "repeat"),
    ("gibberish", ".revir eht yb esuoh eht dethguob rehtorb yM", "reads better backwards"),
    ("gibberish", "She s4w the r1ver in the m0rning bef0re the w4r.", "digits or signs"),
    ("capitals", "SHE SAW THE HOUSE BY THE RIVER.", "capitals throughout"),
    ("spacing", "Shesawthehousebytheriverinthemorning.", "no space in"),
    ("spacing", "S h e   s a w   t h e   r i v e r .", "spaces between the letters"),
    ("personal data", "Call +49 30 901820 55 in the morning.", "phone number '+4• •• •••••• 55'"),
    ("personal data", "Call +39 06 698 1234 in the morning.", "phone number"),
    ("personal data", "Call (020) 7946 0123 in the morning.", "phone number"),
    ("personal data", "Call 06 12 34 56 78 in the morning.", "phone number"),
    ("personal data", "Call 415-555-0132 in the morning.", "phone number"),
    ("personal data", "She paid with 3782-822463-10005 in the morning.", "payment card number"),
    ("personal data", "Pay to DE89 3704 0044 0532 0130 00 today.", "bank account number"),
    ("personal data", "Pay to NL91ABNA0417164300 today.", "bank account number"),
    ("personal data", "She lives at 12 Elm Street by the river.", "postal address"),
    ("personal data", "She lives in Lindenweg 1a, 80469 München now.", "postal address"),
    ("personal data", "She lives at 12 rue de Rivoli by the river.", "postal address"),
    ("personal data", "Write to P.O. Box 1234 in the morning.", "postal address"),
    ("personal data", "She came from 85.214.132.117 yesterday.", "IP address"),
    ("personal data", "Her number is 219-09-9999 since then.", "social security number"),
    ("secret", "The key is AKIAIOSFODNN7EXAMPLE for her.", "key of a service 'AK"),
    ("secret", "password: hunter22 for the house", "password or key"),
    ("secret", "See postgres://admin:s3cretword@db.example.org/x", "password in an address"),
    ("secret", "-----BEGIN RSA PRIVATE KEY-----", "private key"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "words"), DAMAGE)
def test_each_kind_is_named_with_its_place(kind, text, words):
    found = issues(text)
    assert kind in found
    assert words in found[kind]


def test_the_place_is_where_the_piece_begins():
    for kind, text, _ in DAMAGE:
        if kind in ("markup", "secret", "personal data", "invisible characters"):
            place = int(re.search(r"at character ([\d,]+)$", issues(text)[kind]).group(1)) - 1
            assert 0 <= place < len(text)
            assert not text[place].isspace()


@pytest.mark.parametrize(
    "text",
    [
        "http://video.example.com/watch/410000000000000123456",
        "http://video.example.com/watch/4111111111111111",
        "ISBN 978-3-16-148410-0",
        "doi 10.1000/182.2020.15 4111",
        "on 2024-03-15 12:30:45",
        "on 01.02.2003 and 03-04-2005",
        "1,250,000.50 or 1 250 000 50",
        "between 10 000 000 and 20 000 000",
        "section 2.10.4.1 of version 2.113.41.75",
        "the network 192.168.1.255",
        "1999-2004, pages 112-119",
        "part 010-10702-00 of the clock",
        "320 GB Hard Drive",
        "the code 02110-1301",
        "the clause 252.227-7013",
        "<joe at example.eus>, <a at example.eus>",
        "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        "3.14159265358979",
        "AT&T and R&D; x < y > z",
        "USA, NATO and UNESCO",
        "naïve café, Straße, São NÃO",
        "CAFÉ… and \u201cCAFÉ\u201d",
        "C++ and C# [1] {2}",
        "the cookie recipe with cookies",
        "her password was lost and the token too",
        "an error in the privacy law",
        "not found in 404 pages",
        "two days ago?Really",
        "2nd, 3rd and 10th, 50kg, 3pm, 4x",
        "he typed m4 and b2 once",
        "ha ha ha ha",
        "The Thai \u0e01\u0e32\u200b\u0e23 and \u05d0\u05d1\u200f here",
        "sorry, but I cannot come home",
        "-----",
        "the mid\u2011term caf\u00e9",
    ],
)
def test_what_only_looks_like_damage_is_left_alone(text):
    found = issues(f"She saw {text} in the morning.")
    assert not set(found) - {"gibberish", "other language", "word order"}


def test_private_pieces_are_hidden():
    for kind, text, _ in DAMAGE:
        if kind in ("personal data", "secret"):
            shown = re.search(r"'(.+)'", issues(text)[kind])
            assert shown is None or shown.group(1) not in text


def test_what_many_rows_have_is_said_once():
    texts = [f"<p>{text}</p>" for text in SENTENCES]
    texts[3] = "<p>She saw the river &amp; the house.</p>"
    found = find_quality_issues(texts, kind="text")
    assert any("HTML tags in 100 % of the texts" in note for note in found.notes)
    assert found.counts()["markup"] == 1
    assert "entity" in found.findings[0].details[0]


def test_a_corpus_of_code_is_not_full_of_markup():
    code = [f"def f{i}(x, y):\n    return x[{i}] + g({{'a': y}}, '\\n<b>')" for i in range(200)]
    found = find_quality_issues([*code[:100], *SENTENCES[:20]], kind="text")
    assert "markup" not in found.counts()
    assert "markup" in issues(code[0])


def test_shuffled_words_are_found_where_order_is_known():
    rng = np.random.default_rng(0)
    pairs = rng.integers(ROW, size=(400, 2))
    texts = [f"{SENTENCES[a][:-1]}, and then {SENTENCES[b].lower()}" for a, b in pairs]
    rows = rng.permutation(400)[:12]
    for row in rows:
        words = texts[row].split()
        texts[row] = " ".join(words[place] for place in rng.permutation(len(words)))
    found = find_quality_issues(texts, kind="text")
    named = {f.kind: set(f.positions.tolist()) for f in found.findings}.get("word order", set())
    assert len(named & set(rows.tolist())) >= 9
    assert not named - set(rows.tolist())


def test_a_list_without_an_order_has_no_word_out_of_order():
    rng = np.random.default_rng(0)
    words = [word.lower().strip(".,") for sentence in SENTENCES for word in sentence.split()]
    texts = [
        " ".join(words[place] for place in rng.permutation(len(words))[:12]) for _ in range(300)
    ]
    assert "word order" not in find_quality_issues(texts, kind="text").counts()


def test_cut_texts_are_found_where_texts_end_with_a_stop():
    texts = list(SENTENCES)
    texts[7], texts[9] = texts[7][:24], texts[9][:-12]
    found = find_quality_issues(texts, kind="text")
    finding = next(f for f in found.findings if f.kind == "cut off")
    assert finding.positions.tolist() == [7, 9]
    bare = [text.rstrip(".") for text in SENTENCES]
    assert "cut off" not in find_quality_issues(bare, kind="text").counts()


def test_many_languages_are_a_habit():
    few = ["Wie kann ich meine Karte sperren lassen?", "Je voudrais changer mon code secret"]
    assert "other language" in find_quality_issues([*SENTENCES, *few], kind="text").counts()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.what)
def test_rows_that_are_looked_at_leave_none_out(check):
    texts = [text for _, text, _ in DAMAGE] + SENTENCES[:5] + ["", " "]
    table = TextTable(texts)
    looked_at = set(check.rows(table).tolist())
    assert looked_at <= set(range(len(texts)))
    for row, text in enumerate(texts):
        if row not in looked_at:
            assert check.find(text) is None, text


def test_a_table_counts_as_python_does():
    texts = ["Größe 12 m", "", "ΑΒΓ abc ١٢", "x\ny\tz", "日本 ABC"]
    table = TextTable(texts)
    for bits, test in (
        (LETTER, str.isalpha), (DIGIT, str.isdigit), (CAPITAL, str.isupper), (SPACE, str.isspace)
    ):  # fmt: skip
        assert table.count(bits).tolist() == [sum(map(test, text)) for text in texts]
    assert table.having("12y").tolist() == [0, 3]
    assert table.beyond_ascii().tolist() == [0, 2, 4]
    assert table.naming(["abc", "ö"]).tolist() == [0, 2, 4]
    assert table.lengths.tolist() == [len(text) for text in texts]


def test_blocks_hold_all_texts_once(monkeypatch):
    monkeypatch.setattr("curation.quality.texts.table.BLOCK", 10)
    texts = ["abc", "", "d" * 30, "efgh", "ijklmnopqrst", "u"]
    parts = list(blocks(texts))
    assert [text for _, table in parts for text in table.texts] == texts
    assert [first for first, _ in parts] == [0, 2, 3, 4, 5]
    assert find_quality_issues([*SENTENCES, "She <b>saw"], kind="text").flagged[-1]


def test_pair_probabilities_equal_counting():
    texts = ["abcab", "bcabcc", "cabba", "aabbcc"]
    forwards, backwards = pair_log_probs(texts)
    signs = len(set("".join(texts))) + 1
    for row, text in enumerate(texts):
        others = Counter(pair for i, t in enumerate(texts) if i != row for pair in pairwise(t))
        heads = Counter()
        for (a, _), count in others.items():
            heads[a] += count

        def mean(pairs, others=others, heads=heads):
            values = [np.log((others[p] + 0.01) / (heads[p[0]] + 0.01 * signs)) for p in pairs]
            return np.mean(values)

        pairs = list(pairwise(text))
        assert forwards[row] == pytest.approx(mean(pairs))
        assert backwards[row] == pytest.approx(mean([(b, a) for a, b in pairs]))


def test_associations_equal_counting():
    words = Words.of(["a b a c", "a b", "b a", "c a b"] * 5)
    associations = Associations(words)
    tokens = words.tokens.tolist()
    pairs = Counter((a, b) for a, b in pairwise(tokens) if a != END)
    first, second = tokens[1], tokens[2]
    total = sum(count for (a, _), count in pairs.items() if a == first)
    seconds = Counter(b for (_, b), count in pairs.items() for _ in range(count))
    kinds = max(tokens) + 1
    share = (seconds[second] + 0.5) / (sum(seconds.values()) + 0.5 * kinds)
    expected = np.log(((pairs[first, second] - 1) / share + PRIOR) / (total - 1 + PRIOR))
    value = associations.of(np.array([first]), np.array([second]))
    assert value == pytest.approx([expected])
    assert tokens[0] == START


def test_json_is_not_parsed_where_no_json_stands():
    check = next(check for check in MARKUP if check.what == "JSON")
    assert check.find('[ " safe conduct " ] is a long movie') is None
    assert check.find(json.dumps({"a": [1, 2]})) == (0, "JSON instead of a text,")
    assert check.find('{"a": ' + "[" * 200_000 + ', "b"')[1].startswith("JSON")


@pytest.mark.parametrize("piece", ["a.", "_", "1.2.3.", "eyJaaaa."])
def test_a_long_row_of_signs_costs_no_square(piece):
    check = next(check for check in CHECKS if check.what == "e-mail addresses")
    start = time.process_time()
    assert check.find("@" + piece * 20_000) is None
    assert time.process_time() - start < 2
