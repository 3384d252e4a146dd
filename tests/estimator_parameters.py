"""Writes src/vaefit/estimator_parameters.py from the settings: `python tests/estimator_parameters.py`."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from vaefit.options import Option
from vaefit.settings import options

PATH = Path(__file__).parents[1] / "src" / "vaefit" / "estimator_parameters.py"
# `random_state` stands for it.
LEFT_OUT = {"seed"}

HEAD = '''"""The estimator's parameters: every setting, written out. Made by tests/estimator_parameters.py."""

from collections.abc import Sequence
from typing import Literal, TypeVar

from numpy.random import RandomState
from sklearn.base import BaseEstimator

_F = TypeVar("_F")


def no_type_check(function: _F) -> _F:
    """As it is: scikit-learn wants parameters looked at in `fit` alone, so the tests' type checks (which know
    this decorator by its name) leave the function out."""
    return function


class Parameters(BaseEstimator):
    """Every setting as a keyword; None is the recipe's value. Parameters are looked at in `fit`."""

    @no_type_check
    def __init__(
        self,
        *,
        recipe: str = "default",
{declared}
        random_state: int | RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.recipe = recipe
{assigned}
        self.random_state = random_state
        self.verbose = verbose
'''


def parameters() -> dict[str, Option]:
    """The settings that are parameters, by name."""
    return {name: found for name, found in options().items() if name not in LEFT_OUT}


def text() -> str:
    """The whole file."""
    declared = "\n".join(f"        {o.name}: {_type(o)} | None = None," for o in parameters().values())
    assigned = "\n".join(f"        self.{name} = {name}" for name in parameters())
    return _formatted(HEAD.format(declared=declared, assigned=assigned))


def _type(option: Option) -> str:
    if option.choices:
        return f"Literal[{', '.join(repr(choice) for choice in option.choices)}]"
    item: Any = option.item
    # A number will do where the command line takes a word: validation=0.2.
    plain = "str | float" if option.name == "validation" else item.__name__
    return f"Sequence[{plain}]" if option.is_list else plain


def _formatted(source: str) -> str:
    command = [str(Path(sys.executable).with_name("ruff")), "format", "--stdin-filename", str(PATH), "-"]
    return subprocess.run(command, input=source, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    PATH.write_text(text())
