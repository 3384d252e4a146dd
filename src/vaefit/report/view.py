"""What the live decoder is told of a run, whoever decodes: the page, or the model itself."""

from typing import Any

import numpy as np
from jaxtyping import Float
from numpyro import distributions as dist

from vaefit.data import Column, schema_of
from vaefit.data.tables.column import CODED
from vaefit.evaluation import LatentUse
from vaefit.figures.ranges import grey_range
from vaefit.report.decoder import Decoded, decoded
from vaefit.run import Run

# Draws of a prior that is no Gaussian, of which a page picks one.
PRIOR_DRAWS = 256
MOST_DECODED = 64
# How far sliders go at least, in the prior's sds.
REACH = 3.5


def view(
    run: Run,
    means: Float[np.ndarray, "rows latent"],
    use: LatentUse | None = None,
    *,
    columns: tuple[str, ...] | None = None,
) -> dict[str, Any]:
    """Latents sorted by KL with their sliders' ends, the prior, and how a decoded row is shown.

    `means` are posterior means of rows, `use` how the latents are used on them, `columns` the names of plain
    columns of numbers.
    """
    some = decoded(run, means[:: -(-len(means) // MOST_DECODED)])
    return {
        "latents": latents(means, use),
        "prior": prior(run),
        "row": row(run, some, columns),
        "dropout": run.settings.generate_with_dropout,
    }


def latents(means: Float[np.ndarray, "rows latent"], use: LatentUse | None) -> list[dict[str, Any]]:
    """Each latent with its KL (nats; None where unknown), the most informative first."""
    kl = None if use is None or use.kl is None else use.kl
    active = np.ones(means.shape[1], bool) if use is None else use.active
    by = means.var(axis=0) if kl is None else kl
    reach = np.maximum(REACH, np.ceil(2 * np.abs(means).max(axis=0)) / 2)
    # Those that are not used come last, whatever the order among the others.
    order = np.lexsort((-by, ~active))
    return [
        {
            "index": int(k),
            "kl": None if kl is None else round(float(kl[k]), 4),
            "active": bool(active[k]),
            "reach": float(reach[k]),
        }
        for k in order
    ]


def prior(run: Run) -> dict[str, Any]:
    """Mean and sd of each latent of a Gaussian prior; draws of any other."""
    p = run.model.prior_over_latents()
    base = p.base_dist if isinstance(p, dist.Independent) else None
    if isinstance(base, dist.Normal):
        shape = (run.model.posterior.latent_dim,)
        loc, scale = (np.broadcast_to(np.asarray(a), shape) for a in (base.loc, base.scale))
        return {"mean": loc.tolist(), "sd": scale.tolist()}
    import jax

    draws = np.asarray(p.sample(jax.random.key(0), (PRIOR_DRAWS,)))
    return {"mean": draws.mean(axis=0).tolist(), "draws": np.round(draws, 4).tolist()}


def row(run: Run, some: Decoded, columns: tuple[str, ...] | None = None) -> dict[str, Any]:
    """How a decoded row is shown: as a picture between black and white, or cell by cell.

    `some` are decoded rows, by which scales are chosen that have no ends of their own.
    """
    schema = schema_of(run.transform)
    if schema is not None:
        return {"kind": "cells", "columns": [_column(column) for column in schema.modelled]}
    low, high = grey_range(run.transform, some.mean)
    top = None if some.sd is None else float(np.quantile(some.sd, 0.99))
    if run.image_size is not None:
        unit = "grey levels" if run.transform.kind == "pixels" else "value"
        return {
            "kind": "image",
            "shape": list(run.transform.shape),
            "low": low,
            "high": high,
            "sd_top": top,
            "unit": unit,
        }
    return {"kind": "cells", "columns": _numbers(run, some, columns)}


def _column(column: Column) -> dict[str, Any]:
    """A typed column: what writes its cells."""
    return {
        "name": column.name,
        "type": column.type,
        "levels": list(column.categories) if column.type in CODED else None,
        "low": column.low,
        "high": column.high,
        "step": column.step,
        "decimals": column.decimals,
        "trim": column.trim,
        "convention": column.convention,
        "form": column.date_format,
    }


def _numbers(run: Run, some: Decoded, columns: tuple[str, ...] | None) -> list[dict[str, Any]]:
    """Plain columns of numbers, with as many digits as a hundredth of their spread has."""
    mean, sd = some.mean, run.transform.inverse_scale(np.ones(run.transform.dim))
    names = columns or tuple(f"column {i + 1}" for i in range(run.transform.dim))
    low, high = mean.min(axis=0) - 2 * sd, mean.max(axis=0) + 2 * sd
    digits = np.clip(2 - np.floor(np.log10(np.maximum(sd, 1e-12))), 0, 8).astype(int)
    return [
        {"name": name, "type": "real", "levels": None, "low": float(a), "high": float(b), "step": 0.0}
        | {"decimals": int(d), "trim": False, "convention": "plain", "form": ""}
        for name, a, b, d in zip(names, low, high, digits, strict=True)
    ]
