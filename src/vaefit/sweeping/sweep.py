"""`sweep` and its resumption: the whole way from data and a grid of settings to a folder of runs."""

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from vaefit import backend
from vaefit.data import schema_of
from vaefit.display import Display, Silent
from vaefit.errors import RunError
from vaefit.figures import style
from vaefit.figures import sweep as drawn
from vaefit.finishing import finish, write_pictures
from vaefit.fitting import check_out
from vaefit.folder import README, SETTINGS, write_atomically
from vaefit.journal import heeding_signals
from vaefit.options import Value
from vaefit.preparing import Split
from vaefit.reading import read_and_split
from vaefit.settle import parse_share
from vaefit.sweeping import grid, results
from vaefit.sweeping.prepare import TOGETHER, groups, prepare_all
from vaefit.sweeping.readme import text as readme_of
from vaefit.sweeping.results import Sweep
from vaefit.sweeping.stack import Member
from vaefit.sweeping.stop import Stop
from vaefit.sweeping.train import train


def sweep(
    rows: object,
    *,
    over: Mapping[str, Iterable[Value]],
    seeds: int = 1,
    out: str | Path | None = None,
    recipe: str = "default",
    force: bool = False,
    together: int = TOGETHER,
    display: Display | None = None,
    **settings: Any,
) -> Sweep:
    """Fit a VAE for every combination of settings and every seed, and choose the best on validation rows.

    `over` maps settings to the values they take; `settings` are those of `fit`, the same for all. Models that
    differ in `latent_dim`, `learning_rate`, `beta`, `keep_prob`, weights of penalties and seed alone train as
    one program, at most `together` at a time; each comes out as `fit` with its settings and seed would have
    it, up to rounding. Seeds count up from `seed`. With `out` every model has a run folder there.

    Raises:
        VaefitError: the data or a setting cannot be used; the message says why.

    >>> import numpy as np
    >>> from vaefit import sweep
    >>> x = np.random.default_rng(0).normal(size=(200, 4))
    >>> small = {"encoder_layers": (8,), "decoder_layers": (8,), "epochs": 2}
    >>> found = sweep(x, over={"latent_dim": [1, 2], "beta": [0.5, 1.0]}, **small)
    >>> len(found.table()), found.best in found.models
    (4, True)
    """
    sizes = grid.checked(over)
    grid.check_with(sizes, recipe, seeds, settings)
    folder = Path(out).expanduser() if out is not None else None
    if folder is not None:
        results.check_free(folder, force)
        check_out(folder, rows, force)
    if parse_share(str(settings.get("validation", "0"))) is None:
        settings["validation"] = _named(settings["validation"])
    first = int(settings.pop("seed", None) or 0)
    begun = Sweep(
        _named(rows), _resolved(recipe), settings, sizes, tuple(range(first, first + seeds)), together, folder
    )
    return _run(begun, rows, display or Silent())


def resume(folder: str | Path, rows: object = None, *, display: Display | None = None) -> Sweep:
    """Go on with a sweep that was stopped: models that are done stay as they are.

    Raises:
        RunError: there is no sweep, it is damaged, or its data have changed.
    """
    found = results.read(Path(folder).expanduser())
    if rows is None and found.data == "array":
        raise RunError(f"{folder} was fitted to an array, not to files; expected the same array as rows")
    return _run(found, found.data if rows is None else rows, display or Silent())


def _run(sweep: Sweep, rows: object, display: Display) -> Sweep:
    backend.configure()
    sweep.save()
    done = sweep.summaries.keys() | sweep.failed.keys()
    todo = {name: own for name, own in sweep.models.items() if name not in done}
    stop = Stop()
    with heeding_signals(stop.heed) if sweep.folder is not None else nullcontext():
        if todo:
            members, splits = prepare_all(rows, sweep.recipe, sweep.settings, todo, display)
            sweep.tightest = all(m.trainer.parts.objective.needs_each_sample for m in members)
            alike = groups(members, sweep.together)
            display.notice(_of_groups(members, alike))
            for group in alike:
                _take_up(sweep, group)
                train(group, display, stop, sweep.folder)
                _finish(sweep, group, splits, display, stop)
    sweep.save()
    sweep.save_tables()
    if sweep.folder is not None and sweep.best is not None:
        _draw(sweep, rows, sweep.folder / sweep.best)
    return sweep


def _take_up(sweep: Sweep, group: list[Member]) -> None:
    """Begin every member's folder, or put it where its checkpoint left it."""
    if sweep.folder is None:
        return
    for member in group:
        folder = sweep.folder / member.name
        if (folder / SETTINGS).exists():
            member.fitted.folder = folder
            member.journal.take_up(member.trainer)
        else:
            member.journal.begin(folder)


def _finish(
    sweep: Sweep, group: list[Member], splits: Mapping[str, Split], display: Display, stop: Stop
) -> None:
    """Save every member as `fit` does, and note what it came to."""
    for number, member in enumerate(group):
        display.working("finishing models", number, len(group))
        if sweep.folder is not None:
            stop.check(lambda: None, sweep.folder)
        if member.failed is not None:
            if sweep.folder is not None:
                member.journal.save(member.trainer)  # what was good is kept
            sweep.failed[member.name] = member.failed
            display.notice(f"{member.name}: {member.failed}")
        else:
            finish(
                member.fitted,
                member.trainer,
                member.journal,
                splits[member.name].last,
                member.trainer.progress.seconds,
                pictures=False,
            )
            sweep.summaries[member.name] = member.fitted.summary
            sweep.runs[member.name] = member.fitted
        sweep.save()
    display.working("finishing models", len(group), len(group))


def _draw(sweep: Sweep, rows: object, folder: Path) -> None:
    """The pictures of the sweep, and those of the best run, which the others go without."""
    assert sweep.folder is not None and sweep.best is not None
    lines = [line for line in sweep.table() if line["models"]]
    style.save(drawn.rate_distortion(lines, sweep.over), sweep.folder / "rate_distortion.png")
    style.save(drawn.likelihood(lines, sweep.over, sweep.score), sweep.folder / "likelihood.png")
    write_atomically(sweep.folder / README, readme_of(sweep))
    if not (folder / "curves.png").exists():
        best = sweep.run(sweep.best)
        best.summary = sweep.summaries[sweep.best]
        shown = read_and_split(rows, best.settings, Silent(), schema_of(best.transform))
        write_pictures(best, shown[0] if shown[1] is None else shown[1])


def _of_groups(members: list[Member], alike: list[list[Member]]) -> str:
    sizes = ", ".join(str(len(group)) for group in alike)
    how = "one program" if len(alike) == 1 else f"{len(alike)} programs, one after the other"
    return f"sweep: {len(members)} models in {how}" + (f" ({sizes} models each)" if len(alike) > 1 else "")


def _named(rows: object) -> str:
    if isinstance(rows, str | Path):
        path = Path(rows).expanduser()
        return str(path.resolve()) if path.exists() else str(rows)
    return "array"


def _resolved(recipe: str) -> str:
    path = Path(recipe).expanduser()
    return str(path.resolve()) if path.suffix == ".toml" else recipe
