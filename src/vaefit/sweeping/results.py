"""What a sweep came to: numbers of its models, means over seeds, the best; the files that say so. No JAX."""

import csv
import io
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from vaefit.errors import RunError, SettingsError
from vaefit.folder import read_json, write_atomically
from vaefit.options import Value
from vaefit.settings import plain
from vaefit.sweeping.grid import Grid, checked, choices, name_of, shown

if TYPE_CHECKING:
    from vaefit.run import Run

FORMAT = 1
SWEEP, TABLE, RUNS, BEST = "sweep.json", "sweep.csv", "runs.csv", "best"
TERMS = ("elbo", "rate", "distortion", "importance_weighted")


@dataclass
class Sweep:
    """Models over a grid of settings and over seeds, and what each came to.

    `summaries` are those of the models that are done, by name, as `Run.summary` has them; `failed` says why
    training came to nothing, by name. Without a folder `runs` holds the models.
    """

    data: str
    recipe: str
    settings: dict[str, Value]
    over: Grid
    seeds: tuple[int, ...]
    together: int
    folder: Path | None = None
    summaries: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    runs: dict[str, "Run"] = field(default_factory=dict)
    tightest: bool = False

    @property
    def models(self) -> dict[str, dict[str, Value]]:
        """Every model's own settings, its seed among them, by name."""
        return {
            name_of(choice, seed): {**choice, "seed": seed}
            for choice in choices(self.over)
            for seed in self.seeds
        }

    @property
    def score(self) -> str:
        """The number of validation rows by which models are chosen."""
        return "importance_weighted" if self.tightest else "elbo"

    def table(self) -> list[dict[str, Any]]:
        """A line for each choice of settings: means over seeds, and their standard errors, nats per datum."""
        return [self._line(choice) for choice in choices(self.over)]

    @property
    def best(self) -> str | None:
        """The model to take: the best seed of the settings that are best on average; None: all failed.

        Settings of which a seed failed come after those of which none did.
        """
        lines = [line for line in self.table() if line["models"]]
        if not lines:
            return None
        line = max(lines, key=lambda line: (line["models"], line[self.score]))
        choice = self._choice(line)
        names = [name for name in (name_of(choice, seed) for seed in self.seeds) if name in self.summaries]
        return max(names, key=lambda name: self.summaries[name]["validation"][self.score])

    def run(self, name: str) -> "Run":
        """One of the models.

        Raises:
            SettingsError: there is none of this name.
            RunError: its folder is damaged.
        """
        if name not in self.summaries:
            raise SettingsError(
                f"no model {name!r} in this sweep; expected one of {', '.join(self.summaries)}"
            )
        if name not in self.runs:
            from vaefit.run import load

            assert self.folder is not None
            self.runs[name] = load(self.folder / name)
        return self.runs[name]

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "format": FORMAT,
            "vaefit": version("vaefit"),
            "data": self.data,
            "recipe": self.recipe,
            "settings": {name: plain(value) for name, value in self.settings.items()},
            "over": {name: [plain(value) for value in values] for name, values in self.over.items()},
            "seeds": list(self.seeds),
            "together": self.together,
            "chosen_by": self.score,
            "best": self.best,
            "table": [{k: plain(v) for k, v in line.items()} for line in self.table()],
            "models": self.summaries,
            "failed": self.failed,
        }

    def save(self) -> None:
        """Write what is known so far.

        Raises:
            RunError: the folder cannot be written.
        """
        if self.folder is not None:
            write_atomically(self.folder / SWEEP, json.dumps(self.to_dict(), indent=1) + "\n")

    def save_tables(self) -> None:
        """Write the tables, and link the best model.

        Raises:
            RunError: the folder cannot be written.
        """
        if self.folder is None:
            return
        lines = [{**line, **_flat(self._choice(line))} for line in self.table()]
        write_atomically(self.folder / TABLE, _csv(lines))
        write_atomically(self.folder / RUNS, _csv([self._run_line(name) for name in self.models]))
        if self.best is not None:
            _link(self.folder / BEST, self.best)

    def _choice(self, line: Mapping[str, Any]) -> dict[str, Value]:
        return {name: line[name] for name in self.over}

    def _line(self, choice: Mapping[str, Value]) -> dict[str, Any]:
        names = [name_of(choice, seed) for seed in self.seeds]
        found = [self.summaries[name] for name in names if name in self.summaries]
        line: dict[str, Any] = {**choice, "models": len(found)}
        for term in TERMS:
            line[term], line[f"{term}_se"] = _mean_and_error([f["validation"][term] for f in found])
        line["epochs"], line["seconds"] = (_mean([f[what] for f in found]) for what in ("epochs", "seconds"))
        return line

    def _run_line(self, name: str) -> dict[str, Any]:
        found, own = self.summaries.get(name), self.models[name]
        line: dict[str, Any] = {"name": name, **_flat(own)}
        for part in ("validation", "train"):
            line |= {f"{part}_{term}": found[part][term] if found else None for term in TERMS}
        about = ("best_epoch", "epochs", "seconds", "skipped_steps", "parameters")
        line |= {what: found[what] if found else None for what in about}
        return {**line, "failed": self.failed.get(name)}


def read(folder: Path) -> Sweep:
    """A sweep from its folder.

    Raises:
        RunError: there is none, or it is damaged or of a newer vaefit.
    """
    path = folder / SWEEP
    if not path.exists():
        what = f"no {SWEEP} in it" if folder.exists() else "no such folder"
        raise RunError(
            f"{folder} is not the folder of a sweep: {what}; expected the --out of a `vaefit sweep`"
        )
    saved = read_json(path)
    if not isinstance(saved.get("format"), int) or saved["format"] > FORMAT:
        raise RunError(f"{folder} is of a newer vaefit (format {saved.get('format')}); install that one")
    try:
        return Sweep(
            data=saved["data"],
            recipe=saved["recipe"],
            settings=saved["settings"],
            over=checked(saved["over"]),
            seeds=tuple(saved["seeds"]),
            together=saved["together"],
            folder=folder,
            summaries=saved["models"],
            failed=saved["failed"],
            tightest=saved["chosen_by"] == "importance_weighted",
        )
    except (KeyError, TypeError, AttributeError) as problem:
        raise RunError(f"{path} is damaged: {problem!r}; start a new sweep") from None


def check_free(folder: Path, force: bool) -> None:
    """See that a sweep may be written there.

    Raises:
        RunError: something else is there, and `force` was not given.
    """
    if (folder / SWEEP).exists() and not force:
        raise RunError(
            f"{folder} holds another sweep; go on with it by --resume {folder}, choose another --out, or "
            "--force to overwrite it"
        )


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None


def _mean_and_error(values: Sequence[float]) -> tuple[float | None, float | None]:
    """The mean, and its standard error where there are two values or more."""
    error = stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
    return _mean(values), error


def _flat(own: Mapping[str, Value]) -> dict[str, Any]:
    """Settings as a table has them: numbers as they are, all else as words."""
    return {name: value if isinstance(value, int | float) else shown(value) for name, value in own.items()}


def _csv(lines: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def _link(path: Path, target: str) -> None:
    """A relative link, in place of one that is there."""
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(target, target_is_directory=True)
        temporary.replace(path)
    except OSError as problem:
        temporary.unlink(missing_ok=True)
        raise RunError(f"cannot link {path} to {target}: {problem.strerror}") from None
