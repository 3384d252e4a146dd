"""What each latent does: one of them moves, the others stay at the prior's mean."""

import jax
import numpy as np
from jaxtyping import Float

from vaefit.figures.ranges import grey_levels
from vaefit.report import images
from vaefit.report.decoder import Decoded, decoded
from vaefit.report.facts import Facts
from vaefit.report.markup import details, element, paragraph, text
from vaefit.report.plots import axis, line, plot
from vaefit.report.rows import column_names, written
from vaefit.report.section import Section

STEPS = np.linspace(-3.0, 3.0, 13)
THREE = np.array([-2.0, 0.0, 2.0])
# Latents in sight, the others folded away; columns told of each.
OPEN, COLUMNS = 12, 6
BUDGET = 1_500_000  # pixels of all traversals
MOST_COLUMNS = 40


def section(facts: Facts) -> Section | None:
    """Traversals of every active latent, the most informative first."""
    latents = facts.active
    if not latents:
        return Section(
            "traversals", "Traversals", paragraph("No latent is in use: moving one changes nothing.")
        )
    if facts.is_image:
        intro = f"Each line moves one latent from −{-STEPS[0]:g} to {STEPS[-1]:g} prior sds, the others at 0."
        inner = _folded([_strip(k, tiles) for k, tiles in zip(latents, _tiles(facts, latents), strict=True)])
    else:
        intro = (
            "What changes most as one latent moves from −2 over 0 to 2 prior sds, the others at 0: the mean "
            "of p(x|z), or the chances of categories."
        )
        inner = _of_columns(facts, latents)
    return Section("traversals", "Traversals", paragraph(intro + _in_use(facts, len(latents))) + inner)


def _in_use(facts: Facts, active: int) -> str:
    dead = facts.run.model.posterior.latent_dim - active
    return f" {dead} latents that carry nothing are left out." if dead else ""


def _path(facts: Facts, latent: int, steps: np.ndarray) -> Float[np.ndarray, "steps latent"]:
    z = np.zeros((len(steps), facts.run.model.posterior.latent_dim), np.float32)
    z[:, latent] = steps
    return z


def _tiles(facts: Facts, latents: list[int]) -> np.ndarray:
    transform, reference = facts.run.transform, facts.samples if facts.rows is None else facts.rows.values
    budget, found = BUDGET // len(latents), []
    for k in latents:
        # One after the other: all at once could be more than memory holds.
        rows = facts.run.decode(_path(facts, k, STEPS))
        grey = grey_levels(rows, transform, reference)
        found.append(images.shrunk(grey, len(transform.shape), budget))
    return np.stack(found)


def _strip(latent: int, tiles: np.ndarray) -> str:
    words = f"latent {latent} from {STEPS[0]:g} to {STEPS[-1]:g}"
    name = element("span", f"latent {latent}", class_="name")
    return element("div", name + images.picture(tiles[None], words), class_="strip")


def _folded(parts: list[str]) -> str:
    shown, more = parts[:OPEN], parts[OPEN:]
    steps = "".join(element("span", f"{step:g}".replace("-", "−")) for step in STEPS[::3])
    scale = element(
        "div",
        element("span", "") + element("span", steps, class_="scale"),
        class_="strip",
        aria_hidden="true",
    )
    rest = details(f"{len(more)} more latents", scale + "".join(more)) if more else ""
    return element("div", scale + "".join(shown) + rest, class_="traversals")


def _of_columns(facts: Facts, latents: list[int]) -> str:
    if facts.schema is None and facts.run.transform.dim > MOST_COLUMNS:
        return element("div", "".join(_curves(facts, k) for k in latents[:OPEN]), class_="plots")
    # All latents at once: one call, of one program.
    found = decoded(facts.run, np.concatenate([_path(facts, k, THREE) for k in latents]))
    cards = [
        _card(facts, k, jax.tree.map(lambda part, i=i: part[i : i + len(THREE)], found))
        for i, k in zip(range(0, len(found.mean), len(THREE)), latents, strict=True)
    ]
    shown = element("div", "".join(cards[:OPEN]), class_="cards")
    more = element("div", "".join(cards[OPEN:]), class_="cards")
    return shown + (details(f"{len(cards) - OPEN} more latents", more) if len(cards) > OPEN else "")


def _curves(facts: Facts, latent: int) -> str:
    rows = facts.run.decode(_path(facts, latent, THREE))
    column = np.arange(1, rows.shape[1] + 1)
    colours = ("$orange", "$muted", "$blue")
    traces = [
        line(column, row, f"z = {step:g}", colour)
        for row, step, colour in zip(rows, THREE, colours, strict=True)
    ]
    layout = {"xaxis": axis("column"), "yaxis": axis("mean, the data's units")}
    return plot(
        traces,
        layout,
        label=f"Decoded columns as latent {latent} moves",
        caption=f"Latent {latent}.",
        height=260,
    )


def _card(facts: Facts, latent: int, found: Decoded) -> str:
    changes = sorted(_changes(facts, found), key=lambda change: -change[0])[:COLUMNS]
    heads = "".join(element("th", name, scope="col") for name in ("column", "−2", "0", "2"))
    lines = "".join(
        element(
            "tr",
            element("th", text(name), scope="row") + "".join(element("td", text(cell)) for cell in cells),
        )
        for _, name, cells in changes
    )
    whole = element("table", f"<thead><tr>{heads}</tr></thead><tbody>{lines}</tbody>")
    box = element("div", whole, class_="scroll", tabindex=0, role="region", aria_label=f"Latent {latent}")
    return element("div", element("h4", f"Latent {latent}") + box, class_="card")


def _changes(facts: Facts, found: Decoded) -> list[tuple[float, str, list[str]]]:
    """How much each column changes, its name, and what it is at each step."""
    names, mean = column_names(facts), found.mean.reshape(len(THREE), -1)
    scale = facts.run.transform.inverse_scale(np.ones(mean.shape[1]))
    made, place = [], 0
    for d, name in enumerate(names):
        column = None if facts.schema is None else facts.schema.modelled[d]
        if column is not None and column.categories:
            assert found.chances is not None
            chances = found.chances[:, place : place + len(column.categories)]
            place += len(column.categories)
            # The distance in total variation, beside differences in standard deviations.
            made.append(
                (
                    2 * float(np.abs(chances[-1] - chances[0]).sum()),
                    name,
                    _likeliest(chances, column.categories),
                )
            )
        else:
            cells = [f"{v:.4g}" for v in mean[:, d]] if column is None else written(mean[:, d], column)
            made.append((abs(float(mean[-1, d] - mean[0, d])) / max(float(scale[d]), 1e-12), name, cells))
    return made


def _likeliest(chances: np.ndarray, categories: tuple[str, ...]) -> list[str]:
    """The category whose chance changes most, and its chance at each step."""
    most = int(np.abs(chances[-1] - chances[0]).argmax())
    first, *rest = [f"{chance:.0%}" for chance in chances[:, most]]
    return [f"{categories[most].strip()} {first}", *rest]
