"""What a page shows where it cannot decode: each latent by itself, decoded beforehand."""

import base64
from typing import Any

import numpy as np
from jaxtyping import Float

from vaefit.report.decoder import Decoded, decoded, encoded
from vaefit.run import Run

# Bytes of all frames, before they are written as text.
MOST_BYTES = 2_400_000
FRAMES, FURTHEST = 13, 3.0  # of a latent, and how far they go, in prior sds
FEWEST_LATENTS = 4


def frames(run: Run, view: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Frames for `VaefitFrames` of `assets/frames.js`, and the view of the latents and pixels they have.

    Images are stored in 256 levels, every pixel or every second, third ... of a row and column, so that at
    least four latents fit.
    """
    row, centre = view["row"], np.array(view["prior"]["mean"])
    active = [latent for latent in view["latents"] if latent["active"]] or view["latents"]
    step, most = _room(row, run, len(active))
    kept = active[:most]
    at = np.linspace(-FURTHEST, FURTHEST, FRAMES)
    found = [_thinned(decoded(run, _along(centre, latent["index"], at)), row, step) for latent in kept]
    image = row["kind"] == "image"
    levels = (row["low"], row["high"]) if image else None
    made = {
        "latents": [latent["index"] for latent in kept],
        "at": at.tolist(),
        "centre": centre.tolist(),
        "mean": _stored([f.mean for f in found], levels),
        "sd": _stored([f.sd for f in found], (0.0, row["sd_top"]) if image else None),
        "chances": _stored([f.chances for f in found], None),
    }
    shape = [-(-side // step) for side in row["shape"][:2]] + row["shape"][2:] if image else None
    reach = [latent | {"reach": FURTHEST} for latent in kept]
    shown = row | {"shape": shape} if image else row
    return {"frames": made, "step": step}, view | {"latents": reach, "row": shown}


def _along(centre: np.ndarray, latent: int, at: np.ndarray) -> Float[np.ndarray, "frames latent"]:
    z = np.tile(centre, (len(at), 1))
    z[:, latent] += at
    return z


def _room(row: dict[str, Any], run: Run, latents: int) -> tuple[int, int]:
    """Every how manieth pixel is kept, and for how many latents there is room then."""
    wanted = min(FEWEST_LATENTS, latents)
    if row["kind"] != "image":
        return 1, max(wanted, MOST_BYTES // (FRAMES * run.transform.dim * 16))
    step = 1
    while (room := MOST_BYTES * step**2 // (FRAMES * run.transform.dim * 2)) < wanted:
        step += 1
    return step, room


def _thinned(found: Decoded, row: dict[str, Any], step: int) -> Decoded:
    if step == 1:
        return found
    height, width, *channels = row["shape"]

    def few(values: np.ndarray) -> np.ndarray:
        return values.reshape(-1, height, width, *channels)[:, ::step, ::step].reshape(len(values), -1)

    return Decoded(few(found.mean), None if found.sd is None else few(found.sd), None)


def _stored(values: list[np.ndarray | None], levels: tuple[float, float] | None) -> dict[str, Any] | None:
    """In 256 levels from one value to another, or as they are; None where there are none."""
    there = [value for value in values if value is not None]
    if not there:
        return None
    if levels is None:
        return {"values": encoded(there, np.float32), "low": None, "high": None}
    low, high = levels
    scaled = np.clip((np.concatenate(there) - low) / max(high - low, 1e-12), 0.0, 1.0)
    packed = base64.b64encode(np.round(255 * scaled).astype(np.uint8).tobytes()).decode()
    return {"values": packed, "low": low, "high": high}
