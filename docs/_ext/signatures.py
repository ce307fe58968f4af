"""Writes the signatures of the interface as the code has them, with each type under its documented name.

Sphinx alone would spell out aliases such as `Command`, show validation rules, and name private modules.
"""

import enum
import inspect
import re
import sys
from collections.abc import Mapping
from types import FunctionType
from typing import Annotated, Any, get_origin

import attrs
from docutils import nodes
from interface import home_of_value
from sphinx.application import Sphinx
from sphinx.domains.python import PyObject
from sphinx.util.inspect import stringify_signature
from sphinx.util.typing import stringify_annotation

IDENTIFIER = re.compile(r"(?<![\w.'\"])[A-Za-z_]\w*(?![\w'\"])")
VALIDATED = re.compile(r"Annotated\[(\w+), [^\[\]]*\]")
DOTTED = re.compile(r"~?(datashare\.[\w.]+)")
MADE_BY_THE_LIBRARY = re.compile(r"\bhost: ")
"""What the constructors take that only the library calls."""
EMPTY = inspect.Parameter.empty


@attrs.frozen(repr=False)
class Source:
    """Stands for a default, and is shown as the code that names it."""

    text: str

    def __repr__(self) -> str:
        return self.text


def write_signature(
    _app: Sphinx,
    what: str,
    _name: str,
    obj: type | FunctionType,
    _options: object,
    signature: str | None,
    _result: object,
) -> tuple[str, str | None] | None:
    """Write the signature of a class, a function or a method, and the type of the result."""
    if not signature or what not in {"class", "exception", "function", "method"}:
        return None
    is_class = isinstance(obj, type)
    if is_class and (issubclass(obj, enum.Enum) or MADE_BY_THE_LIBRARY.search(signature)):
        return "", None
    names = vars(sys.modules[obj.__module__])
    original = inspect.signature(obj)
    fields = annotations_of(obj) if is_class else {}
    parameters = [
        shown(parameter, names, field=fields.get(name))
        for name, parameter in original.parameters.items()
        if name not in {"self", "cls"}
    ]
    result = "" if is_class or original.return_annotation is EMPTY else type_text(original.return_annotation, names)
    return stringify_signature(inspect.Signature(parameters)), result


def annotations_of(kind: type) -> dict[str, Any]:
    """Return the annotations of a class and its bases, as the code has them."""
    return {name: text for base in reversed(kind.__mro__) for name, text in inspect.get_annotations(base).items()}


def shown(parameter: inspect.Parameter, names: Mapping[str, Any], *, field: object) -> inspect.Parameter:
    """Return a parameter with its type and its default as they are shown."""
    annotation, default = parameter.annotation, parameter.default
    if not isinstance(annotation, str) and isinstance(field, str):
        annotation = field  # attrs has resolved it
    return parameter.replace(
        annotation=EMPTY if annotation is EMPTY else type_text(annotation, names),
        default=EMPTY if default is EMPTY else Source(default_text(default, names)),
    )


def type_text(annotation: object, names: Mapping[str, Any]) -> str:
    """Write a type: as the code has it, or as Sphinx writes it if it is no text."""
    if isinstance(annotation, str):
        without_rules = VALIDATED.sub(r"\1", annotation)
        return IDENTIFIER.sub(lambda match: identifier_text(match[0], names), without_rules)
    return DOTTED.sub(dotted_text, stringify_annotation(annotation, "smart"))


def dotted_text(match: re.Match[str]) -> str:
    """Write the full name of a class of datashare's."""
    module, _, name = match[1].rpartition(".")
    home = home_of_value(name, getattr(sys.modules.get(module), name, None))
    return f"~{home.shortest}" if home else name


def identifier_text(name: str, names: Mapping[str, Any]) -> str:
    """Write one name of a type."""
    value = names.get(name)
    home = home_of_value(name, value)
    if home:
        return f"~{home.shortest}"
    if get_origin(value) is Annotated:
        return value.__origin__.__name__  # the rule is for the library; people want `int`
    if value is None or isinstance(value, type) or not is_alias(value):
        return name
    return type_text(value, names)


def is_alias(value: object) -> bool:
    """Return whether a value is an alias of a type that has no documentation of its own."""
    return get_origin(value) is not None and get_origin(value) is not value


def default_text(default: object, names: Mapping[str, Any]) -> str:
    """Write a default as code would: a member of an enumeration, a constant's name, or the value."""
    if default is attrs.NOTHING:
        return "..."
    if isinstance(default, enum.Enum):
        return f"{type(default).__name__}.{default.name}"
    named = [name for name, value in names.items() if value is default and not isinstance(value, str | int | None)]
    if named:
        return "..." if named[0].startswith("_") else named[0]
    return "..." if "<" in repr(default) else repr(default)


def show_public_names(_app: Sphinx, doctree: nodes.document, _docname: str) -> None:
    """Let the tooltip of each link show the name under which it is documented."""
    for reference in doctree.findall(nodes.reference):
        target = reference.get("refid") or reference.get("refuri", "").partition("#")[2]
        if "reftitle" in reference and target.startswith("datashare"):
            reference["reftitle"] = target


def setup(app: Sphinx) -> dict[str, bool]:
    """Come after Sphinx's own reading of signatures."""
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"
    app.connect("autodoc-process-signature", write_signature)
    app.connect("doctree-resolved", show_public_names)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
