"""The models of a sweep where training starts, each as `fit` alone would have it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from vaefit import recipes
from vaefit.data import Dataset
from vaefit.display import Display, Silent
from vaefit.errors import SettingsError
from vaefit.journal import Journal
from vaefit.preparing import Split, prepare
from vaefit.reading import opened
from vaefit.remembered import remembering
from vaefit.sweeping.stack import Member
from vaefit.sweeping.traced import shared_by

# Models in one program, at most: what they need together must fit into memory.
TOGETHER = 64


class Told(Silent):
    """Passes notices on, each one once, and nothing else."""

    def __init__(self, display: Display) -> None:
        self._display, self._said = display, set[str]()

    def notice(self, message: str) -> None:
        if message not in self._said:
            self._said.add(message)
            self._display.notice(message)

    def reading(self, done: int, total: int) -> None:
        self._display.reading(done, total)


class Named(Silent):
    """Passes one model's notices on, with its name."""

    def __init__(self, name: str, display: Display) -> None:
        self._name, self._display = name, display

    def notice(self, message: str) -> None:
        self._display.notice(f"{self._name}: {message}")


def prepare_all(
    rows: object,
    recipe: str,
    settings: Mapping[str, Any],
    models: Mapping[str, Mapping[str, Any]],
    screen: Display,
) -> tuple[list[Member], dict[str, Split]]:
    """A member for each of these models (settings of their own, by name), and the rows of each."""
    told, members, splits = Told(screen), [], {}
    rows = _read_once(rows, recipe, settings, told)
    with remembering():
        for number, (name, own) in enumerate(models.items()):
            screen.working("preparing models", number, len(models))
            prepared = prepare(rows, recipe=recipe, init_from=None, display=told, **{**settings, **own})
            splits[name] = prepared.split
            journal = Journal(prepared.fitted, Named(name, screen))
            members.append(Member(name, prepared.fitted, prepared.trainer, journal))
            _share_rows(members, splits)
    screen.working("preparing models", len(models), len(models))
    _check_comparable(members)
    return members, splits


def groups(members: list[Member], most: int) -> list[list[Member]]:
    """Members that share a program, at most so many in each group; one alone whose rows are streamed."""
    found: dict[Any, list[Member]] = {}
    for member in members:
        streamed = member.trainer.stream is not None
        key = member.name if streamed else shared_by(member.trainer, member.settings)
        found.setdefault(key, []).append(member)
    return [alike[i : i + most] for alike in found.values() for i in range(0, len(alike), most)]


def _read_once(rows: object, recipe: str, settings: Mapping[str, Any], display: Display) -> object:
    """The rows in memory, once for all models; where they are not to be there, what they are read from."""
    chosen = recipes.load(recipe).settings.with_(**settings)
    found = opened(rows, chosen, display)
    return found if isinstance(found, Dataset) else rows


def _share_rows(members: list[Member], splits: dict[str, Split]) -> None:
    """Let the last member have the rows of an earlier one where they are the same: one copy in memory."""
    last = members[-1]
    for earlier in members[:-1]:
        if earlier.settings.seed != last.settings.seed or not _same_rows(earlier, last):
            continue
        last.trainer.x, last.trainer.validation = earlier.trainer.x, earlier.trainer.validation
        splits[last.name] = splits[earlier.name]
        return


def _same_rows(a: Member, b: Member) -> bool:
    pairs = ((a.trainer.x, b.trainer.x), (a.held_out, b.held_out))
    return all((x is y) or np.array_equal(x, y, equal_nan=True) for x, y in pairs)


def _check_comparable(members: list[Member]) -> None:
    kinds = {m.trainer.model.likelihood.discrete for m in members}
    if len(kinds) > 1:
        found = sorted({m.settings.likelihood for m in members})
        raise SettingsError(
            f"expected likelihoods that compare, found densities beside probability masses "
            f"({', '.join(found)}); run a sweep for each kind"
        )
