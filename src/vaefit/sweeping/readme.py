"""The README of a sweep's folder: which settings were tried, and what came of them."""

from vaefit.sweeping.grid import shown
from vaefit.sweeping.results import Sweep

_TEMPLATE = """# {title}

{models} variational autoencoders fitted by vaefit to `{data}`: {over}; seeds {seeds}.

Means over seeds and their standard errors on the validation rows, nats per datum. The best settings are
those of the highest mean {score}; `best` is a link to the best seed of them, `{best}`.

{table}

![rate against distortion](rate_distortion.png)
![validation likelihood](likelihood.png)

`sweep.csv` has this table, `runs.csv` a line for each model, `sweep.json` both. Every folder is a run:

    vaefit report {folder}/best
    vaefit evaluate {folder}/best DATA
"""


def text(sweep: Sweep) -> str:
    """The README of a sweep that is done."""
    heads = [*sweep.over, "models", sweep.score, "rate", "distortion"]
    rows = [
        [*(shown(line[name]) for name in sweep.over), str(line["models"]), *_numbers(line, sweep.score)]
        for line in sweep.table()
    ]
    return _TEMPLATE.format(
        title=sweep.folder.name if sweep.folder else "sweep",
        models=len(sweep.models),
        data=sweep.data,
        over="; ".join(f"{name} {', '.join(map(shown, values))}" for name, values in sweep.over.items()),
        seeds=", ".join(map(str, sweep.seeds)),
        score=sweep.score,
        best=sweep.best,
        table="\n".join(f"| {' | '.join(row)} |" for row in (heads, ["---"] * len(heads), *rows)),
        folder=sweep.folder,
    )


def _numbers(line: dict[str, float | None], score: str) -> list[str]:
    found = []
    for term in (score, "rate", "distortion"):
        value, error = line[term], line[f"{term}_se"]
        word = "-" if value is None else f"{value:.2f}"
        found.append(word if error is None else f"{word} ± {error:.2f}")
    return found
