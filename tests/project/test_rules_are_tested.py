"""Every rule has a test that names it, and no test names a rule that is not in the specification."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from datashare import RefusalCode

PROJECT = Path(__file__).parents[2]
RULES = PROJECT / "docs" / "reference" / "rules.md"
RULE_LINE = re.compile(r"^- ([A-Z]\d+) ", re.MULTILINE)


def rules_in(document: str) -> set[str]:
    """Return the ids of a rules document, each of which may stand there once."""
    ids = RULE_LINE.findall(document)
    duplicates = sorted({rule for rule in ids if ids.count(rule) > 1})
    if duplicates:
        raise ValueError(f"These rules stand twice in the document: {', '.join(duplicates)}")
    return set(ids)


def named_rules(source: str) -> Iterator[str]:
    """Yield the ids that the `pytest.mark.rule(…)` of a test file name."""
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.rule"):
            continue
        for argument in node.args:
            if not (isinstance(argument, ast.Constant) and isinstance(argument.value, str)):
                raise ValueError(f"line {node.lineno}: write rule ids as plain text, not {ast.unparse(argument)}")
            yield argument.value


def complaints(document: str, sources: Iterable[str]) -> list[str]:
    """List what differs between a rules document and the test files."""
    rules = rules_in(document)
    named = {rule for source in sources for rule in named_rules(source)}
    return [
        *(f"{rule} has no test" for rule in sorted(rules - named)),
        *(f"{rule} is tested but not in the document" for rule in sorted(named - rules)),
    ]


def test_every_rule_is_named_by_a_test() -> None:
    """The tests, those of the shipped contracts included, name every rule and no other."""
    folders = (PROJECT / "tests", PROJECT / "src" / "datashare" / "testing")
    tests = [path.read_text(encoding="utf-8") for folder in folders for path in sorted(folder.rglob("*.py"))]
    document = RULES.read_text(encoding="utf-8")

    assert complaints(document, tests) == []
    assert set("VBLPQKRNAUTXEHO") == {rule[0] for rule in rules_in(document)}


@pytest.mark.rule("R1", "R2")
def test_the_rules_name_every_refusal() -> None:
    """The specification names each code that the library can refuse with."""
    document = RULES.read_text(encoding="utf-8")

    assert [] == [code.name for code in RefusalCode if f"`{code.name}`" not in document]


def test_the_checker_complains() -> None:
    """The checker finds rules that nobody tests, unknown ones, and ids that it cannot read or that stand twice."""
    document = "- V1 [S] Linked.\n  A second sentence that mentions V9.\n- T2 A refusal changes nothing.\n"

    assert [] == complaints(document, ['@pytest.mark.rule("V1", "T2")\ndef test(): ...'])
    assert ["T2 has no test", "V9 is tested but not in the document"] == complaints(
        document, ['pytestmark = [pytest.mark.rule("V1"), pytest.mark.rule("V9")]', '# pytest.mark.rule("T2")']
    )
    with pytest.raises(ValueError, match="line 1"):
        list(named_rules("pytest.mark.rule(RULE)"))
    with pytest.raises(ValueError, match="V1"):
        rules_in("- V1 [S] One.\n- V1 [D] Another.\n")
