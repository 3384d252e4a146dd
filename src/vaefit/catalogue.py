"""Which parts there are, found by reading their files instead of importing them (so without JAX).

A part is one class in one file of its kind's folder; the file's name is the part's name
(`likelihoods/gaussian_moments.py` is `gaussian-moments`). Adding the file is all there is to do.
"""

import ast
import importlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from vaefit.errors import SettingsError
from vaefit.options import Option, unknown

Kind = Literal["network", "posterior", "prior", "likelihood", "objective", "penalty"]

FOLDERS: dict[Kind, str] = {
    "network": "networks",
    "posterior": "posteriors",
    "prior": "priors",
    "likelihood": "likelihoods",
    "objective": "objectives",
    "penalty": "penalties",
}


@dataclass(frozen=True)
class Part:
    """What can be said of a part without importing it."""

    kind: Kind
    name: str
    module: str
    class_name: str
    summary: str
    reference: str
    options: tuple[Option, ...]

    def load(self) -> Any:
        """Import the part's class."""
        return getattr(importlib.import_module(self.module), self.class_name)


@cache
def parts(kind: Kind) -> dict[str, Part]:
    """All parts of one kind, by name.

    >>> sorted(parts("prior"))
    ['flow', 'normal']
    """
    folder = Path(__file__).parent / FOLDERS[kind]
    files = sorted(p for p in folder.glob("*.py") if not p.name.startswith("_"))
    return {part.name: part for part in (_read(kind, path) for path in files)}


def find(kind: Kind, name: str) -> Part:
    """The part of this kind with this name.

    Raises:
        SettingsError: there is none; the message has the nearest known name.
    """
    known = parts(kind)
    if name not in known:
        raise SettingsError(unknown(kind, name, known))
    return known[name]


def part_options() -> dict[str, Option]:
    """Every option declared by any part, by name; penalties bring their weight under their own name."""
    found: dict[str, Option] = {}
    for kind in FOLDERS:
        for part in parts(kind).values():
            for declared in part.options:
                found.setdefault(declared.name, declared)
            if kind == "penalty":
                found[_key(part.name)] = penalty_weight(part)
    return found


def penalty_weight(part: Part) -> Option:
    """The setting that holds a penalty's weight: it has the penalty's own name."""
    return Option(_key(part.name), float, 0.0, f"weight of: {part.summary}", "penalties", at_least=0.0)


def _key(name: str) -> str:
    return name.replace("-", "_")


def _read(kind: Kind, path: Path) -> Part:
    tree = ast.parse(path.read_text())
    node = next(n for n in tree.body if isinstance(n, ast.ClassDef) and not n.name.startswith("_"))
    name = path.stem.replace("_", "-")
    summary = (ast.get_docstring(node) or "").split("\n")[0].rstrip(".")
    return Part(
        kind=kind,
        name=name,
        module=f"vaefit.{FOLDERS[kind]}.{path.stem}",
        class_name=node.name,
        summary=summary,
        reference=_reference(node),
        options=tuple(_option(n, f"{kind} {name}") for n in node.body if _declares_option(n)),
    )


def _reference(node: ast.ClassDef) -> str:
    for n in node.body:
        if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name) and n.target.id == "reference":
            return ast.literal_eval(n.value) if n.value else ""
    return ""


def _declares_option(node: ast.stmt) -> bool:
    value = node.value if isinstance(node, ast.AnnAssign) else None
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "option"


def _option(node: ast.stmt, home: str) -> Option:
    assert isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    assert isinstance(node.value, ast.Call)
    default, help_line = (ast.literal_eval(a) for a in node.value.args)
    bounds = {k.arg: ast.literal_eval(k.value) for k in node.value.keywords if k.arg}
    # The annotation is this package's own source text: only the names an option's type may use.
    declared = eval(ast.unparse(node.annotation), {"Literal": Literal})
    return Option(node.target.id, declared, default, help_line, home, **bounds)
