"""Recipes: published models as TOML files of settings, from this folder or a user's own.

A recipe's `[recipe]` table says what it is, and may name a `base`: a recipe whose settings it starts from.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaefit.errors import SettingsError
from vaefit.options import unknown
from vaefit.settings import Settings, options

FOLDER = Path(__file__).parent
ABOUT = ("summary", "reference", "base")


@dataclass(frozen=True)
class Recipe:
    """A named choice of settings and where it comes from; `base` names the recipe it starts from, if any."""

    name: str
    summary: str
    reference: str
    settings: Settings
    base: str | None = None

    @property
    def differs(self) -> dict[str, Any]:
        """The settings in which it differs from the default, its base's among them."""
        return {n: v for n, v in self.settings.given().items() if v != options()[n].default}


def names() -> list[str]:
    """The recipes that come with the package, the default first.

    >>> names()[0]
    'default'
    """
    return sorted((path.stem for path in FOLDER.glob("*.toml")), key=lambda n: (n != "default", n))


def load(name_or_path: str) -> Recipe:
    """A recipe by its name, or from a user's own TOML file.

    >>> load("imputation-long").base
    'imputation'

    Raises:
        SettingsError: no such recipe, a file that is not TOML, a key that is not known, or bases in a circle.
    """
    return _load(_find(name_or_path, Path(), "recipe"), ())


def _find(name_or_path: str, beside: Path, what: str) -> Path:
    """The file of a recipe that comes with the package, or one by its path from this folder."""
    if name_or_path in names():
        return FOLDER / f"{name_or_path}.toml"
    path = Path(name_or_path).expanduser()
    if path.suffix == ".toml":
        return beside / path
    raise SettingsError(unknown(what, name_or_path, names()) + ", or a path ending in .toml")


def _load(path: Path, above: tuple[Path, ...]) -> Recipe:
    """A recipe on top of its base, and that on top of its own; `above` are the files whose base it is."""
    if path.resolve() in above:
        raise SettingsError(f"base {path.name} comes round in a circle; expected bases that end")
    content = _read(path)
    about = _about(path, content.pop("recipe", {}))
    base, start = about.get("base"), None
    try:
        if base is not None:
            start = _load(_find(base, path.parent, "base"), (*above, path.resolve()))
        elif "base" in content:
            raise SettingsError("base stands in the [recipe] table; move it there")
        settings = (start.settings if start else Settings()).with_(**content)
    except SettingsError as problem:
        raise SettingsError(f"recipe {path.name}: {problem}") from None
    summary = about.get("summary", f"{start.name}, with settings of its own" if start else "")
    reference = about.get("reference", start.reference if start else "")
    return Recipe(path.stem, summary, reference, settings, base)


def _about(path: Path, about: Any) -> dict[str, str]:
    """What the [recipe] table says."""
    if not isinstance(about, dict):
        raise SettingsError(f"recipe {path}: [recipe] must be a table with {', '.join(ABOUT)}")
    for key, value in about.items():
        if key not in ABOUT:
            where = "; settings stand above [recipe]" if key in options() else ""
            raise SettingsError(f"recipe {path.name}: [recipe]: {unknown('key', key, ABOUT)}{where}")
        if not isinstance(value, str):
            raise SettingsError(f"recipe {path.name}: {key} must be words in quotes, found {value!r}")
    return about


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"no recipe file {path}; check the path, or see `vaefit recipes`") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise SettingsError(f"recipe {path} is not readable TOML: {problem}") from None
    except OSError as problem:
        raise SettingsError(f"recipe {path} cannot be read: {problem.strerror}") from None
