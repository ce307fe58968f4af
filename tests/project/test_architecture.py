"""The tree shows the architecture: what may import what, where the clock is read, how long functions are."""

import ast
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import attrs
import pytest

SRC = Path(__file__).parents[2] / "src"

LONGEST_FUNCTION = 60
EMPTY_NAMES = {"found", "made", "one", "told"}
CLOCK_MODULES = {"datashare.domain.instants", "datashare.clock"}
CLOCK = re.compile(
    r"(datetime\.(datetime\.(now|utcnow|today)|date\.today)"
    r"|pendulum(\.\w+)*\.(now|utcnow|today|tomorrow|yesterday)"
    r"|time\.(time|time_ns|localtime|gmtime))"
)

DOMAIN = "datashare.domain"
ERRORS = "datashare.errors"
PORTS = "datashare.ports"
CODEC = "datashare.codec"
ROWS = "datashare.rows"
CLOCK_MODULE = "datashare.clock"
PLUGIN = "_datashare_pytestplugin"
TESTING = "datashare.testing"
DATABASES = "datashare.adapters._databases"
"""What the adapters to SQL databases have in common."""

# What each part may import of `datashare`, besides itself. The first prefix that fits counts.
MAY_IMPORT = {
    DOMAIN: {ERRORS},
    ERRORS: set(),
    PORTS: {DOMAIN, ERRORS},
    CODEC: {DOMAIN, ERRORS, PORTS},
    ROWS: {DOMAIN, ERRORS, PORTS, CODEC},
    CLOCK_MODULE: {DOMAIN, ERRORS, PORTS},
    "datashare.service": {DOMAIN, ERRORS, PORTS, CODEC, CLOCK_MODULE},
    "datashare.delivery": {DOMAIN, ERRORS, PORTS, CODEC, CLOCK_MODULE},
    "datashare.web": {DOMAIN, ERRORS},
    DATABASES: {ERRORS},
}
ADAPTERS_MAY_IMPORT = {DOMAIN, ERRORS, PORTS, CODEC, ROWS, CLOCK_MODULE}
OVER_DATABASES = {"datashare.adapters.sql", "datashare.adapters.django"}
DJANGO_COMMANDS = "datashare.adapters.django.management"
# What an adapter to a web framework offers to people and programs: it brings the service and other adapters together.
ENTRY_POINTS = {DJANGO_COMMANDS, "datashare.adapters.django.transactions"}
PURE = {DOMAIN, DATABASES}
"""What imports no package but these."""
PURE_ROOTS = {*sys.stdlib_module_names, "attrs", "pendulum"}

# The layers of the domain: a module imports only modules of the lines above its own.
LAYERS = """
text validation
instants
levels register
people search
policy
visibility eligibility
agreements.ids
agreements.commands
agreements.events
agreements.state
agreements.lifecycle agreements.refusals agreements.context
agreements.authorise agreements.decide
agreements
access notices browsing chain reconciliation.facts
coverage timeline_text verification reconciliation.plan
timeline
reconciliation.successors
reconciliation.reconcile
reconciliation
"""
LAYER_OF = {
    f"{DOMAIN}.{name}": number for number, names in enumerate(LAYERS.strip().splitlines()) for name in names.split()
}


@attrs.frozen(kw_only=True)
class Module:
    """One source file, parsed."""

    name: str
    tree: ast.Module
    is_package: bool = False

    @classmethod
    def read(cls, path: Path) -> "Module":
        """Read a module from its file."""
        parts = path.relative_to(SRC).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        return cls(name=name, tree=tree, is_package=parts[-1] == "__init__")

    @classmethod
    def made_up(cls, name: str, source: str) -> "Module":
        """Build a module for a test of the checks themselves."""
        return cls(name=name, tree=ast.parse(source))


MODULES = [Module.read(path) for path in sorted(SRC.rglob("*.py"))]
KNOWN = {module.name for module in MODULES}


def within(name: str, package: str) -> bool:
    """Return whether a dotted name is a package or lies within it."""
    return name == package or name.startswith(f"{package}.")


def absolute(module: Module, node: ast.ImportFrom) -> str:
    """Return the full name of what `from … import` imports from, with leading dots resolved."""
    if not node.level:
        return node.module or ""
    parents = module.name.split(".")
    kept = len(parents) - node.level + module.is_package
    return ".".join([*parents[:kept], *([node.module] if node.module else [])])


def imported(module: Module) -> Iterator[str]:
    """Yield the dotted name of everything that a module imports, for type checkers only included."""
    for node in ast.walk(module.tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(names=names):
                source = absolute(module, node)
                submodules = [f"{source}.{alias.name}" for alias in names if f"{source}.{alias.name}" in KNOWN]
                yield from submodules
                if len(submodules) < len(names):
                    yield source
            case _:
                pass


def wrong_layers(module: Module) -> list[str]:
    """List what a module of the domain imports from its own layer or a higher one."""
    own = LAYER_OF.get(module.name)
    names = sorted(set(imported(module)) & LAYER_OF.keys())
    return [] if own is None else [name for name in names if LAYER_OF[name] >= own]


def adapter_of(name: str) -> str | None:
    """Return the adapter that a module belongs to, such as `datashare.adapters.gias`."""
    match = re.match(r"datashare\.adapters\.\w+", name)
    return match[0] if match else None


def own_part(name: str) -> tuple[str, set[str]] | None:
    """Return the part that a module belongs to, and what that part may import; `None` where it may import anything."""
    adapter = adapter_of(name)
    if any(within(name, entry) for entry in ENTRY_POINTS):
        return None
    if adapter and adapter != DATABASES:
        return adapter, ADAPTERS_MAY_IMPORT | ({DATABASES} if adapter in OVER_DATABASES else set())
    return next(((part, allowed) for part, allowed in MAY_IMPORT.items() if within(name, part)), None)


def forbidden_imports(module: Module) -> list[str]:
    """List the imports that a module may not have."""
    part = own_part(module.name)
    return [name for name in imported(module) if not may_import(module.name, part, name)]


def may_import(importer: str, part: tuple[str, set[str]] | None, name: str) -> bool:
    """Return whether a module of a part may import a name."""
    root = name.split(".", 1)[0]
    if root != "datashare":
        return root in PURE_ROOTS or not any(within(importer, part) for part in PURE)
    if importer == PLUGIN:
        return False  # pytest loads it into every run, long before anybody has asked for datashare
    if within(name, TESTING):
        return within(importer, TESTING)
    if importer in {"datashare", "datashare.adapters"}:
        return adapter_of(name) is None
    if part is None:
        return True
    own, allowed = part
    return any(within(name, package) for package in {own, *allowed})


def dotted(node: ast.AST, aliases: dict[str, str]) -> str:
    """Return the full name of `a.b.c`, with its first part looked up among the imports of the module."""
    match node:
        case ast.Name(id=name):
            return aliases.get(name, "")
        case ast.Attribute(value=value, attr=attribute):
            owner = dotted(value, aliases)
            return f"{owner}.{attribute}" if owner else ""
        case _:
            return ""


def clock_readings(module: Module) -> list[str]:
    """List where a module reads the clock, or passes on the function that does."""
    aliases: dict[str, str] = {}
    for node in ast.walk(module.tree):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    first = alias.name.split(".", 1)[0]
                    aliases[alias.asname or first] = alias.name if alias.asname else first
            case ast.ImportFrom(level=0, module=str(source), names=names):
                aliases.update({alias.asname or alias.name: f"{source}.{alias.name}" for alias in names})
            case _:
                pass
    return [
        f"line {node.lineno}: {name}"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Name | ast.Attribute) and CLOCK.fullmatch(name := dotted(node, aliases))
    ]


def long_functions(module: Module) -> list[str]:
    """List the functions that are longer than allowed, docstrings not counted."""
    complaints = []
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        docstring = node.body[0] if ast.get_docstring(node) else None
        described = (docstring.end_lineno or 0) - docstring.lineno + 1 if docstring else 0
        length = (node.end_lineno or 0) - node.lineno + 1 - described
        if length > LONGEST_FUNCTION:
            complaints.append(f"{node.name} has {length} lines")
    return complaints


def says_it_is_pure(module: Module) -> bool:
    """Return whether the docstring of a module says that it is pure, as those of the domain do."""
    return re.search(r"\bPure\b", ast.get_docstring(module.tree) or "") is not None


def complaints_about(check: Callable[[Module], list[str]]) -> dict[str, list[str]]:
    """Apply a check to all modules, and return the complaints by module."""
    return {module.name: complaints for module in MODULES if (complaints := check(module))}


def test_there_is_something_to_check() -> None:
    """The modules are found, so that the other tests have something to check."""
    assert {"datashare", "datashare.errors", "datashare.domain.agreements", TESTING, PLUGIN} - KNOWN == set()


def test_imports_point_inwards() -> None:
    """No module imports what its part of the tree may not import."""
    assert complaints_about(forbidden_imports) == {}


def test_the_domain_is_built_in_layers() -> None:
    """Every module of the domain has its layer and imports lower layers only, so there are no circles."""
    modules = {module.name for module in MODULES if within(module.name, DOMAIN)}

    assert modules - {DOMAIN} == LAYER_OF.keys()
    assert complaints_about(wrong_layers) == {}


def test_the_clock_is_read_in_one_place() -> None:
    """Time is an argument; only the module of instants and the clock read it from the system."""
    assert complaints_about(lambda module: [] if module.name in CLOCK_MODULES else clock_readings(module)) == {}


def empty_names(module: Module) -> list[str]:
    """List the variables and parameters of a module whose names say nothing."""
    names = [
        (node.id if isinstance(node, ast.Name) else node.arg, node.lineno)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.arg) or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    ]
    return [f"line {line}: {name}" for name, line in names if name in EMPTY_NAMES]


def test_names_say_something() -> None:
    """No variable of the library has a name that would fit everything."""
    assert complaints_about(empty_names) == {}


def test_no_two_public_classes_have_one_name() -> None:
    """Who reads the name of a public class need not ask which of two it is."""
    names = Counter(
        node.name
        for module in MODULES
        for node in module.tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
        if not within(module.name, DJANGO_COMMANDS)  # where Django names every class
    )

    assert [name for name, count in names.items() if count > 1] == []


def test_functions_are_short() -> None:
    """No function is longer than 60 lines, without its docstring."""
    assert complaints_about(long_functions) == {}


def test_domain_modules_say_what_they_may_not_touch() -> None:
    """Each module of the domain opens with a sentence that says it is pure."""
    assert [m.name for m in MODULES if within(m.name, DOMAIN) and not says_it_is_pure(m)] == []


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("datashare.domain.x", "import attrs, pendulum, re\nfrom datashare.errors import A", []),
        ("datashare.domain.x", "import cattrs", ["cattrs"]),
        ("datashare.domain.x", "def f():\n    from datashare.ports import P", ["datashare.ports"]),
        ("datashare.domain.x", "from .. import clock", ["datashare.clock"]),
        ("datashare.domain.x", "if TYPE_CHECKING:\n    import sqlalchemy", ["sqlalchemy"]),
        ("datashare.errors", "from datashare.domain.levels import L", ["datashare.domain.levels"]),
        ("datashare.service", "from datashare.adapters.memory import M", ["datashare.adapters.memory"]),
        ("datashare.service", "from datashare.codec import c\nfrom datashare.clock import SystemClock", []),
        ("datashare.adapters.sql", "from datashare.adapters.memory import M", ["datashare.adapters.memory"]),
        ("datashare.adapters.sql._x", "from datashare.adapters._databases import repeated", []),
        ("datashare.adapters.email", "from datashare.adapters import _databases", [DATABASES]),
        (DATABASES, "import logging\nfrom datashare.domain.text import t", ["datashare.domain.text"]),
        (DATABASES, "import sqlalchemy\nfrom django.db import Error", ["sqlalchemy", "django.db"]),
        ("datashare.adapters.gias.rows", "import datashare.service", ["datashare.service"]),
        ("datashare.adapters.django.store", "import datashare.service", ["datashare.service"]),
        ("datashare.adapters.django.management.commands.x", "import datashare.service, datashare.adapters.gias", []),
        ("datashare", "from datashare.adapters.memory import M", ["datashare.adapters.memory"]),
        ("datashare.delivery", "from datashare.testing import f", ["datashare.testing"]),
        ("datashare.testing.comparison", "from datashare.adapters.memory import M\nimport hypothesis", []),
        (PLUGIN, "def f():\n    from datashare.testing.contracts import C", ["datashare.testing.contracts"]),
    ],
    ids=count(),
)
def test_the_check_of_imports_finds_them(name: str, source: str, expected: list[str]) -> None:
    """The check of imports distinguishes those that are allowed from those that are not."""
    assert expected == forbidden_imports(Module.made_up(name, source))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from datashare.domain.policy import P", []),
        ("from datashare.domain.eligibility import E", ["datashare.domain.eligibility"]),
        ("if TYPE_CHECKING:\n    from datashare.domain import access", ["datashare.domain.access"]),
    ],
    ids=count(),
)
def test_the_check_of_layers_finds_circles(source: str, expected: list[str]) -> None:
    """An import of the same layer or a higher one is found, also if it is for type checkers only."""
    assert expected == wrong_layers(Module.made_up("datashare.domain.visibility", source))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from pendulum import DateTime as D\nf(D.utcnow)", ["line 2: pendulum.DateTime.utcnow"]),
        ("import time\ntime.time()\ntime.perf_counter()", ["line 2: time.time"]),
        ("def f(clock):\n    return clock.now()", []),
    ],
    ids=count(),
)
def test_the_check_of_the_clock_finds_readings(source: str, expected: list[str]) -> None:
    """The check of the clock resolves aliases, and allows a clock that was passed in."""
    assert expected == clock_readings(Module.made_up("datashare.service", source))


@pytest.mark.parametrize(("lines", "expected"), [(58, []), (59, ["f has 61 lines"])])
def test_the_check_of_length_does_not_count_docstrings(lines: int, expected: list[str]) -> None:
    """A function of 60 lines passes and one of 61 does not, however long its docstring."""
    docstring = '    """One.\n\n    Two.\n    """\n'
    source = "def f():\n" + docstring + "    x = 1\n" * lines + "    return x\n"

    assert expected == long_functions(Module.made_up("datashare.x", source))
