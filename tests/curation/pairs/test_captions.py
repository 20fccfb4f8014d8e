"""What captions say, or do not."""

from __future__ import annotations

import pytest

from curation.pairs.captions import KINDS, caption_fault, caption_key, caption_language


@pytest.mark.parametrize(
    ("caption", "kind"),
    [
        ("", "empty"),
        (" … – ", "empty"),
        ("image001.jpg", "file name"),
        ("IMG_2034", "file name"),
        ("DSC-00417 (2)", "file name"),
        ("my holiday photo.jpeg", "file name"),
        ("Screenshot 2024-05-01 at 10.11.12", "file name"),
        ("product-item-4711-large", "file name"),
        ("https://example.org/a.png", "web address"),
        ("www.example.org", "web address"),
        ("example.com/shop", "web address"),
        ("<b>Sale</b> of kettles", "markup"),
        ("kettles &amp; pots", "markup"),
        ("{{ product.title }}", "markup"),
        ("300x250", "numbers"),
        ("$ 12.99", "numbers"),
        ("Click to enlarge", "boilerplate"),
        ("LOGO", "boilerplate"),
        ("image 3", "file name"),
        ("thumbnail", "boilerplate"),
        ("shoes shoes shoes shoes red shoes", "repetition"),
    ],
)
def test_captions_that_say_nothing_are_named_by_kind(caption, kind):
    assert caption_fault(caption) == kind
    assert kind in KINDS


@pytest.mark.parametrize(
    "caption",
    [
        "a photo of a red kettle",
        "Image of the day: Saturn's rings",
        "Logo design for a bakery",
        "Boeing 747-400 landing at dusk",
        "well-known state-of-the-art camera",
        "ein Wasserkessel auf dem Herd",
        "湯沸かし器",
        "Nikon D850 with lens",
        "kettle",
        "5 ways to boil water",
        "P!nk live in Berlin",
    ],
)
def test_captions_that_describe_are_left_alone(caption):
    assert caption_fault(caption) is None


def test_a_caption_that_is_the_name_of_its_file_is_one():
    assert caption_fault("red kettle", names=("https://shop.example/x/red-kettle.jpg?w=3",)) == (
        "file name"
    )
    assert caption_fault("red kettle", names=("C:\\images\\Red_Kettle.png",)) == "file name"
    assert caption_fault("red kettle", names=("blue-kettle.jpg",)) is None
    prose = "a red kettle on the stove"
    assert caption_fault(prose, names=("a-red-kettle-on-the-stove.jpg",)) is None


def test_keys_are_equal_where_the_words_are():
    assert caption_key("A red, KETTLE!") == caption_key("a red kettle")
    assert caption_key("ｋｅｔｔｌｅ") == caption_key("kettle")  # full-width letters
    assert caption_key("a red kettle") != caption_key("a red kettles")
    assert caption_key("…") is None


def test_language_is_told_by_letters_alone():
    assert caption_language("der Hund schläft auf dem Sofa und träumt") == "de"
    assert caption_language("the dog sleeps on the sofa") == "en"
    assert caption_language("12 – 34") is None
