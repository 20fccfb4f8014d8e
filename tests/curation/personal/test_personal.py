"""Personal data by form and check digits, against stored verdicts of python-stdnum and by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curation import find_personal_data
from curation.personal.check_digits import luhn, mod_11_2, mod_11_10, verhoeff
from curation.personal.lands import LANDS
from thresher.core.errors import InputError

# {land: {"right": […], "wrong": […]}}, drawn at random and judged by python-stdnum 2.1.
JUDGED = json.loads(Path(__file__).with_name("stdnum.json").read_text(encoding="utf-8"))
WORD_OF = {
    "German tax number": "Steuer-ID",
    "Spanish identity number": "DNI",
    "Dutch citizen number": "BSN",
    "Polish PESEL": "PESEL",
    "Danish CPR number": "CPR",
    "Austrian insurance number": "SVNR",
    "Indian Aadhaar number": "Aadhaar",
    "Canadian social insurance number": "SIN",
    "South African identity number": "ID",
    "British NHS number": "NHS",
    "Turkish identity number": "TCKN",
}


@pytest.mark.parametrize("name", sorted(JUDGED))
def test_numbers_of_each_land_as_stdnum_judges_them(name: str) -> None:
    word = WORD_OF.get(name, "")
    for right in JUDGED[name]["right"]:
        found = find_personal_data([f"{word} {right} is theirs"], kinds=("id",))
        assert [piece.name for piece in found.pieces[0]] == [name], right
        assert found.masked() == [f"{word} [ID] is theirs"]
    for wrong in JUDGED[name]["wrong"]:
        found = find_personal_data([f"{word} {wrong} is theirs"], kinds=("id",))
        assert name not in [piece.name for piece in found.pieces[0]], wrong


def test_numbers_that_others_look_like_need_a_word() -> None:
    for land in LANDS:
        assert (land.words is not None) == (land.name in WORD_OF), land.name
        if land.words is not None and land.name in JUDGED:
            alone = [f"part {number} of it" for number in JUDGED[land.name]["right"]]
            found = find_personal_data(alone, kinds=("id",))
            assert land.name not in [piece.name for row in found.pieces for piece in row]


def test_a_danish_number_is_a_date_and_four_digits_behind_its_word() -> None:
    found = find_personal_data(["CPR 010190-1234", "010190-1234", "CPR 310290-1234"], kinds=("id",))
    assert found.flagged.tolist() == [True, False, False]


def test_check_digits_by_published_examples() -> None:
    assert luhn([7, 9, 9, 2, 7, 3, 9, 8, 7, 1, 3])
    assert not luhn([7, 9, 9, 2, 7, 3, 9, 8, 7, 1, 0])
    assert verhoeff([2, 3, 6, 3])
    assert not verhoeff([2, 3, 6, 4])
    assert mod_11_10([0, 7, 9, 4, 5])  # ISO 7064's own example
    assert not mod_11_10([0, 7, 9, 4, 6])
    assert mod_11_2("07940")
    assert not mod_11_2("0794X")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Write to ann.lee+x@mail.example.org.", "Write to [EMAIL]."),
        ("IBAN GB82 WEST 1234 5698 7654 32 is ours.", "IBAN [IBAN] is ours."),
        ("IBAN GB82WEST12345698765433 is wrong.", "IBAN GB82WEST12345698765433 is wrong."),
        ("Card 4111-1111-1111-1111, exp. 12/27", "Card [CARD], exp. 12/27"),
        ("Card 4111-1111-1111-1112, exp. 12/27", "Card 4111-1111-1111-1112, exp. 12/27"),
        ("From 84.23.190.7 to 192.168.0.1", "From [IP] to 192.168.0.1"),
        ("At 2a00:1450:4001:81b::200e now", "At [IP] now"),
        ("It is 12:30:45 in std::vector<a::b>", "It is 12:30:45 in std::vector<a::b>"),
        ("Call +49 30 901820 or (212) 555-0143.", "Call [PHONE] or [PHONE]."),
        ("My SSN is 291-41-7776.", "My SSN is [ID]."),
        ("Order 2024-01-15, ISBN 978-3-16-148410-0", "Order 2024-01-15, ISBN 978-3-16-148410-0"),
        ("a@b.example and c@d.example", "[EMAIL] and [EMAIL]"),
        ("", ""),
    ],
)
def test_masking_keeps_everything_else(text: str, masked: str) -> None:
    assert find_personal_data([text]).masked() == [masked]


def test_kinds_masks_and_findings() -> None:
    texts = ["Ask ann@example.org or +49 30 901820", None, "Nothing"]
    found = find_personal_data(texts)
    assert found.counts() == {"email": 1, "phone": 1}
    assert found.flagged.tolist() == [True, False, False]
    assert found.masked("***")[0] == "Ask *** or ***"
    (issue,) = found.to_issues()
    assert issue.detail is not None
    assert issue.detail.startswith("personal data: e-mail address 'an•@")
    assert issue.detail.endswith("at character 5, and 1 more")
    assert "ann@example" not in issue.detail
    assert (
        find_personal_data(texts, kinds=("phone",)).masked()[0] == "Ask ann@example.org or [PHONE]"
    )
    with pytest.raises(InputError, match="Did you mean 'email'"):
        find_personal_data(texts, kinds=("mail",))
    with pytest.raises(InputError, match="names none"):
        find_personal_data(texts, kinds=())
