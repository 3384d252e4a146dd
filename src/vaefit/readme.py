"""The README of a run folder: what was fitted, to what, with which numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

from vaefit.run import Run
from vaefit.settings import plain

_TEMPLATE = """# {title}

A variational autoencoder fitted by vaefit to `{path}`: {rows} training rows{held_out} of {shape}.

| nats per datum | ELBO | rate (KL) | distortion |
|---|---|---|---|
{bounds}

{epochs} epochs in {seconds:.0f} s; weights kept: epoch {best_epoch}{why}. {parameters} parameters.
{note}{findings}
{pictures}

## Settings that differ from the default

{settings}

All settings are in `settings.toml`, the numbers of every epoch in `history.jsonl`, the weights in
`model.safetensors` (readable with the safetensors package alone), the way from raw values to network inputs
in `transform.json`.

## Use

{commands}

    from vaefit import load
    run = load("{folder}")
    mean, sd = run.encode(rows)
"""


_PICTURES = """![input, mean, samples](reconstructions.png)

Input | mean of 50 outputs | ten of them, for ten rows{of_validation}.

![curves](curves.png)
![samples from the prior](samples.png)"""

_COMMANDS = """    vaefit report {folder}
    vaefit reconstruct {folder} DATA --out pictures.png
    vaefit sample {folder} -n 64 --out samples.png
    vaefit encode {folder} DATA --out latents.csv"""

_TABLE_COMMANDS = """    vaefit report {folder}
    vaefit evaluate {folder} DATA
    vaefit impute {folder} DATA --out full.csv
    vaefit score {folder} DATA --explain --out scores.csv
    vaefit sample {folder} -n 1000 --out new.csv
    vaefit encode {folder} DATA --out latents.csv"""


_NO_PICTURES = """Pictures are drawn by `vaefit figure {folder} curves --out curves.png`, and so on; a page to
look at by `vaefit report {folder}`."""


def text(fitted: Run, *, pictures: bool = True) -> str:
    """The README of a finished run, whose pictures are there."""
    summary, source = fitted.summary, fitted.source
    validated = summary["validation"] is not None
    some = summary.get("train_rows", source["rows"])
    of = "training rows" if some == source["rows"] else f"{some} of the training rows, evenly drawn"
    bounds = [_bound(of, summary["train"])]
    if validated:
        bounds.append(_bound("validation rows", summary["validation"]))
    return _TEMPLATE.format(
        title=fitted.folder.name if fitted.folder else "run",
        path=source["path"],
        rows=source["rows"],
        held_out=f" and {source['validation_rows']} validation rows" if validated else "",
        shape="x".join(map(str, source["shape"])) + (" pixels" if len(source["shape"]) > 1 else " columns"),
        bounds="\n".join(bounds),
        epochs=summary["epochs"],
        seconds=summary["seconds"],
        best_epoch=summary["best_epoch"],
        why=" (best on the validation rows)" if validated else " (the last)",
        parameters=f"{summary['parameters']:,}",
        note=_note(fitted),
        findings=_findings(summary.get("findings", [])),
        pictures=_pictures(fitted, validated) if pictures else _NO_PICTURES.format(folder=fitted.folder),
        settings=_settings(fitted),
        folder=fitted.folder,
        commands=(_TABLE_COMMANDS if fitted.transform.variables else _COMMANDS).format(folder=fitted.folder),
    )


def _pictures(fitted: Run, validated: bool) -> str:
    if fitted.transform.variables:  # rows of typed columns have no picture
        return "![curves](curves.png)"
    return _PICTURES.format(of_validation=" of the validation data" if validated else "")


def _bound(name: str, bound: Mapping[str, float]) -> str:
    return f"| {name} | {bound['elbo']:.2f} | {bound['rate']:.2f} | {bound['distortion']:.2f} |"


def _note(fitted: Run) -> str:
    parts = []
    if not fitted.model.posterior.exact:
        parts.append(f"the KL term of posterior {fitted.settings.posterior} is not a true KL divergence")
    if fitted.model.likelihood.joint:
        parts.append(f"likelihood {fitted.settings.likelihood} is not a density of one row given one z")
    if not parts:
        return ""
    return "\nThis ELBO is the recipe's own and no bound on log p(x): " + "; ".join(parts) + ".\n"


def _findings(found: Sequence[Mapping[str, Any]]) -> str:
    if not found:
        return ""
    lines = "\n".join(f"- {finding['line']}" for finding in found)
    return f"\n## What looks wrong\n\n{lines}\n\n`vaefit doctor` on this folder says more.\n"


def _settings(fitted: Run) -> str:
    given: dict[str, Any] = fitted.settings.given()
    return "\n".join(f"- `{name}`: {plain(value)}" for name, value in given.items()) or "none"
