"""Builds the pages of the interface from the code: one page for each module.

``.. module-page:: datashare.ports`` documents the public names of a module. Each name is documented once, under the
shortest name that it can be imported by: `datashare.Person` is on the page of `datashare.domain.people`. The page of
any other module that exports it has a link. ``.. module-list::`` lists the pages.
"""

import enum
import importlib
import inspect
import re
import sys
from collections.abc import Iterable
from functools import cache
from itertools import chain
from pathlib import Path
from types import FunctionType
from typing import Any, TypeAlias

import attrs
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective, SphinxRole
from tables import Cell, code, table

ROOT = "datashare"
PAGES = Path(__file__).parents[1] / "reference" / "api"
AT_THE_ROOT = ("DataSharing", "GroupSide", "SystemClock")
"""What the page of `datashare` documents itself, in this order; it links to the other names."""
WITH_INHERITED = {"datashare.GroupSide"}
WITHOUT_MEMBERS = {"datashare.service.GroupActions", "datashare.service.GroupReconciliation"}
"""Their members are those of `datashare.GroupSide`."""
MOST_BYTES = 200_000
"""How large a page may be."""
FIRST_SENTENCE = re.compile(r"(.+?[.:;])(?=\s|$)", re.DOTALL)

Key: TypeAlias = tuple[str, str]
"""The module that defines a name, and the name."""


@attrs.frozen
class Name:
    """A public name of a module.

    Attributes:
        module: The module that exports it.
        name: The name.
        value: Its value.
        source: The module that defines it.
    """

    module: str
    name: str
    value: Any = attrs.field(repr=False)
    source: str

    @property
    def has_docstring(self) -> bool:
        """Whether it is a class or a function, and not another value."""
        return has_own_docstring(self.value)

    @property
    def docstring(self) -> str:
        """Its docstring."""
        return inspect.getdoc(self.value) or "" if self.has_docstring else comments(self.source).get(self.name, "")

    @property
    def shortest(self) -> str:
        """The shortest name by which it can be imported."""
        package = self.module.rpartition(".")[0] or ROOT
        for module in (ROOT, package):
            if self.name in getattr(importlib.import_module(module), "__all__", ()):
                return f"{module}.{self.name}"
        return f"{self.module}.{self.name}"

    @property
    def summary(self) -> str:
        """The first sentence of its docstring."""
        return first_sentence(self.docstring)


def has_own_docstring(value: object) -> bool:
    """Return whether a value is a class or a function of datashare's, also one with a cache."""
    is_routine = isinstance(value, type | FunctionType) or hasattr(value, "__wrapped__")
    return is_routine and str(value.__module__).startswith(ROOT)


def first_sentence(docstring: str) -> str:
    """Return the first sentence of a docstring, on one line and without mark-up."""
    match = FIRST_SENTENCE.match(docstring.strip())
    return re.sub("[`*]", "", " ".join(match[1].split())) if match else ""


@cache
def comments(module: str) -> dict[str, str]:
    """Return the docstrings of a module's values, which stand below them, by name."""
    docstrings = ModuleAnalyzer.for_module(module).find_attr_docs()
    return {name: "\n".join(lines) for (owner, name), lines in docstrings.items() if not owner}


@cache
def names_of(module: str) -> tuple[Name, ...]:
    """List the documented public names of a module, in the order of the code."""
    members = vars(importlib.import_module(module))
    exported = members.get("__all__") or [
        name
        for name, value in members.items()
        if not name.startswith("_") and (name in comments(module) or getattr(value, "__module__", "") == module)
    ]
    names = [Name(module, name, members[name], source_of(module, name, members[name])) for name in exported]
    order = {source: list(vars(importlib.import_module(source))) for source in {name.source for name in names}}
    return tuple(sorted(names, key=lambda name: (name.source, order[name.source].index(name.name))))


def source_of(module: str, name: str, value: object) -> str:
    """Return the module that defines a public name of a module."""
    if has_own_docstring(value):
        return str(value.__module__)
    candidates = [module, *sorted(source for source in sys.modules if source.startswith(f"{ROOT}."))]
    for source in candidates:
        if vars(sys.modules[source]).get(name) is value and name in comments(source):
            return source
    raise ValueError(f"{module}.{name} has no docstring below it.")


@cache
def homes() -> dict[Key, Name]:
    """Return each name as it is documented, on its one page."""
    modules = sorted((path.stem for path in PAGES.glob(f"{ROOT}*.md")), key=lambda module: -module.count("."))
    at_home: dict[Key, Name] = {}
    for name in chain.from_iterable(map(names_of, modules)):
        if name.name not in AT_THE_ROOT or name.module == ROOT:
            at_home.setdefault((name.source, name.name), name)
    return at_home


def home_of(kind: type) -> Name | None:
    """Return a class as it is documented, if it is."""
    return homes().get((kind.__module__, kind.__name__))


def home_of_value(name: str, value: object) -> Name | None:
    """Return a value that a module knows under a name as it is documented, if it is."""
    return by_name().get((name, id(value)))


@cache
def by_name() -> dict[tuple[str, int], Name]:
    """Return each documented name by itself and by the identity of its value."""
    return {(name.name, id(name.value)): name for name in homes().values()}


class ModulePage(SphinxDirective):
    """The public names of a module, with links for those that are documented elsewhere."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Build the page."""
        module = self.arguments[0]
        names = names_of(module)
        here = [name for name in names if homes()[name.source, name.name].module == module]
        if module == ROOT:
            here.sort(key=lambda name: AT_THE_ROOT.index(name.name))
        text = [f".. automodule:: {module}", "   :no-members:", ""]
        text += [line for name in here for line in entry(name)]
        elsewhere = [homes()[name.source, name.name] for name in names if name not in here]
        content = self.parse_text_to_nodes("\n".join(text), allow_section_headings=True)
        if not elsewhere:
            return content
        return [*content, nodes.rubric(text="Documented elsewhere"), self.links(elsewhere)]

    def links(self, names: Iterable[Name]) -> nodes.Node:
        """Build a table of links to names."""
        rows = [[self.link(name), name.summary] for name in sorted(names, key=lambda name: name.name)]
        return table(["name", "what it is"], rows, [30, 70])

    def link(self, name: Name) -> nodes.Node:
        """Build a link to the place where a name is documented."""
        (paragraph,) = self.parse_text_to_nodes(f":py:obj:`{name.name} <{name.shortest}>`")
        return paragraph[0]


def entry(name: Name) -> list[str]:
    """Write the directive that documents a name."""
    if not name.has_docstring:
        module, _, bare = name.shortest.rpartition(".")
        return [
            f".. py:data:: {bare}",
            f"   :module: {module}",
            "",
            *(f"   {line}" for line in name.docstring.splitlines()),
            "",
        ]
    if not isinstance(name.value, type):
        return [f".. autofunction:: {name.shortest}", ""]
    options, content = class_options(name)
    return [f".. autoclass:: {name.shortest}", *(f"   {option}" for option in options), "", *content, ""]


def class_options(name: Name) -> tuple[list[str], list[str]]:
    """Return the options and the content of the directive that documents a class."""
    if name.shortest in WITH_INHERITED:
        return [":inherited-members:"], []
    options = [":show-inheritance:"] if any(home_of(base) for base in name.value.__bases__) else []
    if issubclass(name.value, enum.Enum):
        members = ", ".join(name.value.__members__)
        return [*options, f":exclude-members: {members}"], [f"   .. member-table:: {name.shortest}"]
    if name.shortest in WITHOUT_MEMBERS:
        return [*options, ":no-members:"], ["   Its methods are among those of `GroupSide`."]
    return options, []


class MemberTable(SphinxDirective):
    """The members of an enumeration: name and value, label and meaning."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Build the table, and let every member be found by its name."""
        module, _, name = self.arguments[0].rpartition(".")
        kind: type[enum.Enum] = getattr(importlib.import_module(module), name)
        meanings = member_docstrings(kind)
        header = ["member and value", *(["label"] if hasattr(kind, "label") else []), "meaning"]
        rows = [
            [
                self.name_and_value(member),
                *([member.label] if hasattr(kind, "label") else []),
                self.meaning(meanings[member.name]),
            ]
            for member in kind
        ]
        members = table(header, rows, [40, 20, 40] if hasattr(kind, "label") else [40, 60])
        members["classes"].append("members")
        return [members]

    def name_and_value(self, member: enum.Enum) -> nodes.Node:
        """Build the cell of a member's name, which links can lead to, and its value."""
        full = f"{self.arguments[0]}.{member.name}"
        self.env.domains.python_domain.note_object(full, "attribute", full, location=self.get_location())
        name = nodes.literal(text=member.name, ids=[full])
        return nodes.inline("", "", name, nodes.Text(" = "), code(repr(member.value)))

    def meaning(self, docstring: str) -> Cell:
        """Build the cell of a member's meaning."""
        (paragraph,) = self.parse_text_to_nodes(docstring)
        return nodes.inline("", "", *paragraph.children)


def member_docstrings(kind: type[enum.Enum]) -> dict[str, str]:
    """Return the docstring of each member of an enumeration, which stands below it."""
    docstrings = ModuleAnalyzer.for_module(kind.__module__).find_attr_docs()
    missing = [name for name in kind.__members__ if (kind.__qualname__, name) not in docstrings]
    if missing:
        raise ValueError(f"These members of {kind.__name__} have no docstring: {', '.join(missing)}")
    return {name: " ".join(docstrings[kind.__qualname__, name]) for name in kind.__members__}


def check_sizes(app: Sphinx, error: Exception | None) -> None:
    """Fail the build if a page is too large to look something up."""
    pages = [] if error else (Path(app.outdir) / "reference" / "api").glob("*.html")
    too_large = [f"{page.stem} ({size:,} bytes)" for page in pages if (size := page.stat().st_size) > MOST_BYTES]
    if too_large:
        raise ExtensionError(f"At most {MOST_BYTES:,} bytes a page, so split these modules: {', '.join(too_large)}.")


def keep_public_bases(_app: Sphinx, _name: str, _obj: object, _options: object, bases: list[type]) -> None:
    """Show the documented ones of a class's bases."""
    bases[:] = [base for base in bases if home_of(base)]


def skip_tests(_app: Sphinx, _what: str, name: str, _obj: object, _skip: bool, _options: object) -> bool | None:
    """Leave out the tests of contracts, which nobody calls by name."""
    return True if name.startswith("test_") else None


class LinkOrCode(SphinxRole):
    """Sets `text` of a docstring as code, with a link if it begins with a documented name."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Build the code or the link."""
        literal = nodes.literal(self.rawtext, self.text)
        first, dot, rest = self.text.partition(".")
        targets = {name.shortest for name in homes().values() if name.name == first}
        if len(targets) != 1 and first != ROOT:
            return [literal], []
        target = self.text if first == ROOT else f"{targets.pop()}{dot}{rest}"
        link = addnodes.pending_xref(self.rawtext, literal, refdomain="py", reftype="obj", reftarget=target)
        return [link], []


def without_pure(_app: Sphinx, what: str, _name: str, _obj: object, _options: object, lines: list[str]) -> None:
    """Leave out the word by which modules of the domain say that they are pure."""
    if what == "module" and lines[0].startswith("Pure: "):
        lines[0] = lines[0][6].upper() + lines[0][7:]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("module-page", ModulePage)
    app.add_directive("member-table", MemberTable)
    app.add_role("link-or-code", LinkOrCode())
    app.connect("autodoc-process-bases", keep_public_bases)
    app.connect("autodoc-process-docstring", without_pure)
    app.connect("build-finished", check_sizes)
    app.connect("autodoc-skip-member", skip_tests)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
