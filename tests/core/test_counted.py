import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from thresher.core.counted import counted, percent

ROOT = Path(__file__).parents[2]
PACKAGES = ("active_learning", "augment", "curation", "lifecycle", "thresher", "training")
# What messages count most: after a number in braces such a word needs `counted`.
COUNTED = re.compile(
    r" (?:[a-z-]+ )?(?:answers|batches|boxes|bytes|cells|classes|columns|embeddings|epochs|"
    r"features|files|folders|groups|images|issues|items|labels|layers|lines|models|"
    r"names(?! the)|numbers|pairs|parts|people|points|predictions|questions|records|rounds|"
    r"rows|seeds|shards|steps|texts|tokens|values|vectors|views|words)\b"
)
# A text that is filled in later.
TEMPLATE = re.compile(r"\{\w*:[^{}]*%\}")
# An expression that can only be a number, however it is written.
NUMBER = re.compile(r"^(?:int|len|sum)\(|\.(?:sum|max|min)\(\)$|\.shape\[\d\]$|\.size$")


def test_one_is_not_many():
    assert [counted(n, "row") for n in (0, 1, 2, 1200)] == [
        "0 rows",
        "1 row",
        "2 rows",
        "1,200 rows",
    ]
    assert counted(1, "class is", "classes are") == "1 class is"


def test_a_share_has_a_space_before_its_sign():
    assert percent(0.8) == "80 %"
    assert percent(0.1234, digits=1) == "12.3 %"


def uncounted(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and words of texts that put a number before several things, or a bare ``%``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and TEMPLATE.search(str(node.value)):
            yield node.lineno, str(node.value)[:60]
        if not isinstance(node, ast.JoinedStr):
            continue
        for value, after in zip(node.values, [*node.values[1:], None], strict=True):
            if not isinstance(value, ast.FormattedValue):
                continue
            spec = "" if value.format_spec is None else ast.unparse(value.format_spec)[2:-1]
            words = after.value if isinstance(after, ast.Constant) else ""
            said = ast.unparse(value.value)
            number = spec in (",", ",d", "d") or (spec == "" and NUMBER.search(said))
            if spec.endswith("%") or (number and not said.isupper() and COUNTED.match(words)):
                yield node.lineno, f"{{{said}:{spec}}}{words[:30]}"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_text_says_one_row_and_80_percent_the_same_way(package):
    found = [
        f"{path.relative_to(ROOT)}:{line}: {words}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for line, words in uncounted(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_the_check_of_texts_finds_what_it_is_for():
    bad = [
        'f"{len(x)} rows"',
        'f"{n:,} wrong labels"',
        'f"{share:.0%} of"',
        'f"{m.shape[0]} classes"',
        '"by {share:.0%}".format(share=share)',
    ]
    assert [len(list(uncounted(source))) for source in bad] == [1, 1, 1, 1, 1]
    good = ["f\"{counted(n, 'row')}\"", 'f"{MOST:,} rows"', 'f"{x:.1f} points"', 'f"{name} values"']
    assert [list(uncounted(source)) for source in good] == [[], [], [], []]
