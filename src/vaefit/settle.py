"""What the settings leave to the data is settled here, and what the two say against each other is refused."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from vaefit import by_rows, data
from vaefit.catalogue import find
from vaefit.data import Dataset, Transform
from vaefit.errors import DataError, SettingsError
from vaefit.settings import Settings, core_options, options


@dataclass(frozen=True)
class Settled:
    """Settings with nothing left open, the transform, and what the person should be told."""

    settings: Settings
    transform: Transform
    notices: tuple[str, ...]


def settle(settings: Settings, rows: Dataset, asked: set[str]) -> Settled:
    """Choose transform and likelihood by the data, where the settings leave them open.

    `asked` are the settings a person gave by name: they must be of use to the chosen parts.

    Raises:
        SettingsError: an option was asked for that no chosen part has.
        DataError: the data do not vary, or lie outside the likelihood's support.
    """
    transform = data.choose_transform(
        rows, dequantise=settings.dequantise, binarise=settings.binarise, scaling=settings.scaling
    )
    notices = []
    if settings.likelihood == "auto":
        settings, why = _choose_likelihood(settings, transform)
        notices.append(why)
    elif _is_mass_on_grey(settings, transform):
        transform = data.choose_transform(rows, dequantise=False)
        if not _levels(settings):
            notices.append(
                f"likelihood {settings.likelihood} on grey values: its ELBO is a cross-entropy, no "
                "log-likelihood (of pixels drawn as 0 or 1 it is one: --binarise)"
            )
    # So that the run is taken up the same way wherever that is.
    settings = settings.with_(stream=rows.whole is not None)
    settings, told = by_rows.settle(settings, transform, rows)
    _check_asked(settings, asked)
    _check_network(settings, transform)
    _check_samples(settings)
    _check_levels(settings, transform)
    _check_visits(settings, transform)
    return Settled(settings, transform, (*notices, *told, *transform.notices))


def check_support(settings: Settings, x: Float[np.ndarray, "rows variables"], source: str) -> None:
    """See that the likelihood can give every value a density.

    Raises:
        DataError: a value lies outside its support.
    """
    support = find("likelihood", settings.likelihood).load().support
    if support == "real":
        return
    bad = (x < 0) | (x > 1) if support == "unit" else (x != 0) & (x != 1)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        expected = "values from 0 to 1" if support == "unit" else "the values 0 and 1"
        raise DataError(
            f"{source}: likelihood {settings.likelihood} expects {expected}, found {x[row, column]:g} (after "
            f"scaling) in row {row + 1}, column {column + 1}; choose --likelihood gaussian"
        )


def parse_size(size: str | None) -> tuple[int, int] | None:
    """(height, width) from HxW.

    Raises:
        SettingsError: it is not HxW.

    >>> parse_size("19x20")
    (19, 20)
    """
    if size is None:
        return None
    height, _, width = size.lower().partition("x")
    if not (height.isdecimal() and width.isdecimal() and int(height) > 0 and int(width) > 0):
        raise SettingsError(f"size must be HxW, for example 28x20, found {size!r}")
    return int(height), int(width)


def parse_share(validation: str) -> float | None:
    """The share of rows to hold out; None where `validation` is a path.

    Raises:
        SettingsError: a number that is no share.

    >>> parse_share("0.1"), parse_share("held-out/")
    (0.1, None)
    """
    try:
        share = float(validation)
    except ValueError:
        return None
    if not 0 <= share < 1:
        raise SettingsError(
            f"validation must be a path or a share from 0 to below 1, found {validation}; try 0.1"
        )
    return share


def _choose_likelihood(settings: Settings, transform: Transform) -> tuple[Settings, str]:
    if transform.kind in ("two-valued", "binarise"):
        return settings.with_(likelihood="bernoulli"), f"likelihood: bernoulli, for {_described(transform)}"
    if transform.variables:
        chosen = settings.with_(likelihood="columns")
        return chosen, f"likelihood: columns, each column by its type (real: {chosen.get('real')})"
    chosen = settings.with_(likelihood="gaussian")
    return chosen, f"likelihood: gaussian (sd: {chosen.get('sigma')}), for {_described(transform)}"


def _described(transform: Transform) -> str:
    levels = getattr(transform, "levels", None)
    if levels:
        return f"pixels of {levels} levels" + (", dequantised" if transform.quantum else "")
    names = {
        "standardise": "standardised columns",
        "two-valued": "two-valued data",
        "binarise": "pixels drawn as 0 or 1",
    }
    return names.get(transform.kind, "values in [0, 1]")


def _is_mass_on_grey(settings: Settings, transform: Transform) -> bool:
    likelihood = find("likelihood", settings.likelihood).load()
    return likelihood.discrete and transform.kind in ("pixels", "unit-interval")


def _levels(settings: Settings) -> int | None:
    return find("likelihood", settings.likelihood).load().levels


def _check_levels(settings: Settings, transform: Transform) -> None:
    levels = _levels(settings)
    if levels and levels != getattr(transform, "levels", None):
        raise SettingsError(
            f"likelihood {settings.likelihood} is for pixels of {levels} levels, found "
            f"{_described(transform)}; leave it out"
        )


def _check_network(settings: Settings, transform: Transform) -> None:
    network = find("network", settings.network)
    if why := network.load().refusal(transform.shape, **settings.part("network", settings.network)):
        raise SettingsError(f"network {settings.network} {why}")


def _check_visits(settings: Settings, transform: Transform) -> None:
    if settings.dequantise and transform.kind != "pixels":
        raise SettingsError(
            f"dequantise is for pixels with levels, found {_described(transform)}; leave it out"
        )
    if settings.mirror and len(transform.shape) < 2:
        raise SettingsError(f"mirror is for images, found rows of {transform.dim} columns; leave it out")
    if not settings.binarise:
        return
    if transform.kind != "binarise":
        raise SettingsError(f"binarise is for grey values, found {_described(transform)}; leave it out")
    if not find("likelihood", settings.likelihood).load().discrete:
        raise SettingsError(
            f"binarise draws pixels as 0 or 1, which have no density, found likelihood "
            f"{settings.likelihood}; choose --likelihood bernoulli"
        )


def _check_samples(settings: Settings) -> None:
    if settings.samples < 2 and find("likelihood", settings.likelihood).load().joint:
        raise SettingsError(
            f"likelihood {settings.likelihood} takes mean and variance over several outputs for a row, found "
            f"samples {settings.samples}; choose --samples 10"
        )


def _check_asked(settings: Settings, asked: set[str]) -> None:
    unused = asked - core_options().keys() - settings.used_part_options().keys()
    for name in sorted(unused):
        kind, part = options()[name].home.split(" ", 1)
        has = "weight 0" if kind == "penalty" else f"{kind} {settings.get(kind)}"
        raise SettingsError(
            f"{name} is an option of {kind} {part}, but this run has {has}; choose that one or leave it out"
        )
