"""The rule reference says what the rules say."""

from pathlib import Path

from lint.reference import index, page, section, table
from lint.rules import RULES


def test_the_reference_is_fresh() -> None:
    assert Path("lint/rules/README.md").read_text() == page(), "run `make reference`"

    assert Path("lint/rule_index.py").read_text() == index(), "run `make reference`"


def test_every_parameter_is_explained() -> None:
    for rule in RULES:
        assert section(rule)


def test_the_table_has_a_line_for_each_rule() -> None:
    assert len(table().splitlines()) == len(RULES)
