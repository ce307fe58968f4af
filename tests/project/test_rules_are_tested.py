"""Every rule that is built has a test that names it, and no test names a rule that is not."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs
import pytest

PROJECT = Path(__file__).parents[2]
RULES = PROJECT / "docs" / "reference" / "rules.md"

RULE_LINE = re.compile(r"^- (?P<id>[A-Z]\d+) (?:\[[SDX]\] )?(?P<text>.*)$", re.MULTILINE)
NOT_YET_BUILT = "*(not yet built)*"


@attrs.frozen(kw_only=True)
class Rules:
    """The ids of a rules document."""

    built: frozenset[str]
    not_yet_built: frozenset[str]


def read_rules(document: str) -> Rules:
    """Read the ids from the text of a rules document, each of which may stand there once."""
    found = [(match["id"], match["text"].startswith(NOT_YET_BUILT)) for match in RULE_LINE.finditer(document)]
    ids = [rule for rule, _ in found]
    twice = sorted({rule for rule in ids if ids.count(rule) > 1})
    if twice:
        raise ValueError(f"These rules stand twice in the document: {', '.join(twice)}")
    return Rules(
        built=frozenset(rule for rule, later in found if not later),
        not_yet_built=frozenset(rule for rule, later in found if later),
    )


def is_rule_mark(node: ast.AST) -> bool:
    """Say whether a node is `pytest.mark.rule`."""
    return isinstance(node, ast.Attribute) and ast.unparse(node) == "pytest.mark.rule"


def named_rules(source: str) -> Iterator[str]:
    """Give the ids that the `pytest.mark.rule(…)` of a test file name."""
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and is_rule_mark(node.func)):
            continue
        if not node.args or node.keywords:
            raise ValueError(f"line {node.lineno}: the rule mark takes one or more ids")
        for argument in node.args:
            if not (isinstance(argument, ast.Constant) and isinstance(argument.value, str)):
                raise ValueError(f"line {node.lineno}: write rule ids as plain text, not {ast.unparse(argument)}")
            yield argument.value


def complaints(document: str, sources: Iterable[str]) -> list[str]:
    """List what is wrong between a rules document and the test files."""
    rules = read_rules(document)
    named = {rule for source in sources for rule in named_rules(source)}
    return [
        *(f"{rule} has no test" for rule in sorted(rules.built - named)),
        *(f"{rule} is tested but marked as not yet built" for rule in sorted(rules.not_yet_built & named)),
        *(
            f"{rule} is tested but no rule of the document"
            for rule in sorted(named - rules.built - rules.not_yet_built)
        ),
    ]


def test_every_built_rule_is_named_by_a_test() -> None:
    """The tests, those in the shipped suites included, name every rule that is built, and no other."""
    folders = (PROJECT / "tests", PROJECT / "src" / "datashare" / "testing")
    tests = [path.read_text(encoding="utf-8") for folder in folders for path in sorted(folder.rglob("*.py"))]

    assert complaints(RULES.read_text(encoding="utf-8"), tests) == []


def test_the_document_has_every_family_of_rules() -> None:
    """The pattern of a rule's line finds rules in every section, so that none falls out unseen."""
    rules = read_rules(RULES.read_text(encoding="utf-8"))

    assert set("VBLPQKRNAUTXEHO") == {rule[0] for rule in rules.built | rules.not_yet_built}


DOCUMENT = """
- V1 [S] Only linked institutions.
  A second sentence that mentions V9.
- T2 A refusal changes nothing.
- H1 [X] *(not yet built)* The past.
"""


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param('@pytest.mark.rule("V1", "T2")\ndef test(): ...', [], id="all-named"),
        pytest.param('@pytest.mark.rule("V1")\ndef test(): ...', ["T2 has no test"], id="one-missing"),
        pytest.param(
            'pytestmark = [pytest.mark.rule("V1", "T2"), pytest.mark.rule("H1")]',
            ["H1 is tested but marked as not yet built"],
            id="not-yet-built",
        ),
        pytest.param(
            'pytest.param(1, marks=pytest.mark.rule("V1", "T2", "V9"))',
            ["V9 is tested but no rule of the document"],
            id="unknown",
        ),
        pytest.param('# pytest.mark.rule("V1", "T2")', ["T2 has no test", "V1 has no test"], id="comment"),
    ],
)
def test_the_checker_complains(source: str, expected: list[str]) -> None:
    """The checker finds rules that nobody tests, unknown ones and ones that are not yet built."""
    assert expected == complaints(DOCUMENT, [source])


@pytest.mark.parametrize("arguments", ["", "RULE", 'id="V1"'])
def test_the_checker_refuses_marks_it_cannot_read(arguments: str) -> None:
    """A mark without a plain id is an error, since it would prove nothing."""
    with pytest.raises(ValueError, match="line 1"):
        list(named_rules(f"pytest.mark.rule({arguments})"))


def test_the_checker_refuses_an_id_that_stands_twice() -> None:
    """Two rules cannot share an id."""
    with pytest.raises(ValueError, match="V1"):
        read_rules("- V1 [S] One.\n- V1 [D] Another.\n")
