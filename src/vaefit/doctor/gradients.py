"""Gradients at the kept weights, and units that never change."""

import numpy as np

from vaefit.doctor.evidence import Evidence, Slope
from vaefit.doctor.finding import Finding

# A gradient this much larger than the weights it belongs to, in units of log-density, changes them beyond
# recognition at any usual rate; a batch this much above the others throws training off its path.
EXPLODING, SPIKE = 1e4, 100.0
# In a network that learns, the layers' relative gradients are within a few powers of ten of each other.
VANISHING = 1e-5
# Rounding of float32 activations is 1e-7 of their size.
STILL, MANY_UNITS = 1e-6, 0.1


def exploding(evidence: Evidence) -> Finding | None:
    """Gradients that are not finite, far above their weights, or far above those of other batches."""
    for slope in evidence.slopes:
        largest, usual = float(slope.gradients.max()), float(np.median(slope.gradients))
        relative = largest / max(slope.weight, 1.0)
        if not np.isfinite(slope.gradients).all() or relative > EXPLODING or largest > SPIKE * usual > 0:
            return _explosion(slope, largest, usual)
    return None


def _explosion(slope: Slope, largest: float, usual: float) -> Finding:
    return Finding(
        "exploding gradients",
        "warning",
        f"the gradient of {slope.name} reaches {largest:.2g} (median over batches {usual:.2g}, the "
        f"weights' norm {slope.weight:.2g})",
        "set a smaller --learning-rate or --clip-norm, or a larger --sigma-min",
        {"gradient": largest, "median": usual, "weights": slope.weight},
    )


def vanishing(evidence: Evidence) -> Finding | None:
    """A weight matrix whose gradient is next to nothing beside that of its network's others."""
    if not evidence.epochs or _kept_epoch(evidence) == 0:
        return None  # a last layer that starts at zero lets nothing through, and is meant to
    for network in ("encoder", "decoder"):
        layers = [s for s in evidence.slopes if s.name.startswith(f"{network}.weights")]
        relative = [float(np.median(s.gradients)) / max(s.weight, 1e-30) for s in layers]
        if len(relative) > 1 and min(relative) < VANISHING * max(relative):
            least = layers[int(np.argmin(relative))]
            return Finding(
                "vanishing gradients",
                "warning",
                f"the gradient of {least.name} is {min(relative):.2g} of its weights, that of another "
                f"layer of the {network} {max(relative):.2g}: that layer hardly learns",
                f"use fewer --{network}-layers, --activation elu, or a larger --init-sd",
                {"least": min(relative), "most": max(relative)},
            )
    return None


def _kept_epoch(evidence: Evidence) -> int:
    better = [r["epoch"] for r in evidence.run.history if r.get("best")]
    return better[-1] if better else 0


def dead_units(evidence: Evidence) -> Finding | None:
    """Hidden units with the same output for every row."""
    hidden = {"encoder": evidence.passed.encoder_hidden, "decoder": evidence.passed.decoder_hidden}
    for network, layers in hidden.items():
        for number, layer in enumerate(layers):
            dead = np.ptp(layer, axis=0) <= STILL * max(1.0, float(np.abs(layer).max()))
            if len(layer) > 1 and dead.mean() > MANY_UNITS:
                return _deaths(network, number, int(dead.sum()), len(dead))
    return None


def _deaths(network: str, layer: int, dead: int, units: int) -> Finding:
    return Finding(
        "dead units",
        "warning",
        f"{dead} of {units} units of the {network}'s hidden layer {layer + 1} have the same output for "
        "every row",
        f"use --activation elu, a smaller --learning-rate, or fewer units in --{network}-layers",
        {"dead": dead, "units": units},
    )
