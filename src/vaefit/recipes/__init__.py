"""Recipes: published models as TOML files of settings, from this folder or a user's own."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaefit.errors import SettingsError
from vaefit.options import unknown
from vaefit.settings import Settings, options

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Recipe:
    """A named choice of settings and where it comes from."""

    name: str
    summary: str
    reference: str
    settings: Settings

    @property
    def differs(self) -> dict[str, Any]:
        """The settings in which it differs from the default."""
        return {n: v for n, v in self.settings.given().items() if v != options()[n].default}


def names() -> list[str]:
    """The recipes that come with the package, the default first.

    >>> names()[0]
    'default'
    """
    return sorted((path.stem for path in FOLDER.glob("*.toml")), key=lambda n: (n != "default", n))


def load(name_or_path: str) -> Recipe:
    """A recipe by its name, or from a user's own TOML file.

    Raises:
        SettingsError: no such recipe, a file that is not TOML, or a key that is not known.
    """
    if name_or_path in names():
        return _read(FOLDER / f"{name_or_path}.toml")
    path = Path(name_or_path).expanduser()
    if path.suffix == ".toml":
        return _read(path)
    raise SettingsError(unknown("recipe", name_or_path, names()) + ", or a path ending in .toml")


def _read(path: Path) -> Recipe:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"no recipe file {path}; check the path, or see `vaefit recipes`") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise SettingsError(f"recipe {path} is not readable TOML: {problem}") from None
    except OSError as problem:
        raise SettingsError(f"recipe {path} cannot be read: {problem.strerror}") from None
    about = content.pop("recipe", {})
    if not isinstance(about, dict):
        raise SettingsError(f"recipe {path}: [recipe] must be a table with summary and reference")
    try:
        settings = Settings.of(**content)
    except SettingsError as problem:
        raise SettingsError(f"recipe {path.name}: {problem}") from None
    return Recipe(path.stem, about.get("summary", ""), about.get("reference", ""), settings)
