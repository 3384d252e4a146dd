"""How training went."""

from typing import Any

from vaefit.figures.ranges import settled_limits
from vaefit.report.facts import Facts
from vaefit.report.markup import element, number, paragraph
from vaefit.report.plots import axis, line, plot
from vaefit.report.section import Section
from vaefit.wording import counted

Record = dict[str, Any]

_TERMS = {
    "elbo": ("ELBO", "higher is better"),
    "rate": ("rate", "KL(q(z|x) ‖ p(z)), what the latents say of a row"),
    "distortion": ("distortion", "−E log p(x|z), what is left to say of it; lower is better"),
}


def section(facts: Facts) -> Section:
    """ELBO, rate, distortion and learning rate over the epochs, the kept one marked."""
    return of_history(facts.run.history)


def of_history(history: list[Record]) -> Section:
    """The same from the epochs' records."""
    trained = [record for record in history if "loss" in record]
    if not trained:
        return Section("training", "Training", paragraph("The run folder has no history of its training."))
    validated = [record for record in history if record.get("validation")]
    kept = next((record for record in reversed(validated) if record.get("best")), None)
    panels = [_panel(term, trained, validated, kept) for term in _TERMS] + [_rates(trained)]
    return Section(
        "training", "Training", _words(trained, kept) + element("div", "".join(panels), class_="plots")
    )


def _words(trained: list[Record], kept: Record | None) -> str:
    last = trained[-1]
    told = f"{counted(last['epoch'], 'epoch', 'epochs')}, {counted(last['step'], 'step', 'steps')}. "
    if kept is None:
        return paragraph(
            told + "There were no validation rows, so the weights after the last epoch were kept."
        )
    start = " (the start, before any training)" if kept["epoch"] == 0 else ""
    return paragraph(
        f"{told}The weights of epoch {kept['epoch']:,}{start} were kept, the best on the validation rows by "
        f"the objective trained: their ELBO there is {number(kept['validation']['elbo'])} nats per datum."
    )


def _panel(term: str, trained: list[Record], validated: list[Record], kept: Record | None) -> str:
    title, meaning = _TERMS[term]
    training = [(r["epoch"], r[term]) for r in trained]
    held_out = [(r["epoch"], r["validation"][term]) for r in validated]
    traces = [line(*_columns(training), "training, as it goes on", "$blue")]
    if held_out:
        traces.append(line(*_columns(held_out), "validation", "$orange"))
    if kept is not None:
        traces.append(_mark(kept["epoch"], kept["validation"][term]))
    limits = settled_limits([*training, *held_out])
    layout = {
        "xaxis": _epochs(trained),
        "yaxis": axis(f"{title}, nats per datum", **({"range": limits} if limits else {})),
    }
    first, last = (number(training[at][1]) for at in (0, -1))
    label = f"{title} over {len(trained)} epochs, in training from {first} to {last} nats per datum"
    return plot(traces, layout, label=label, caption=f"{title[0].upper()}{title[1:]}: {meaning}.", height=280)


def _epochs(trained: list[Record]) -> dict[str, Any]:
    """The axis of epochs; of a few Plotly would mark halves too."""
    return axis("epoch", **({"dtick": 1} if trained[-1]["epoch"] <= 5 else {}))


def _columns(points: list[tuple[int, float]]) -> tuple[list[int], list[float]]:
    return [epoch for epoch, _ in points], [value for _, value in points]


def _mark(epoch: int, value: float) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [epoch],
        "y": [value],
        "name": f"kept: epoch {epoch}",
        "marker": {"color": "$ink", "size": 9, "symbol": "circle-open", "line": {"width": 2.5}},
    }


def _rates(trained: list[Record]) -> str:
    rates = [r["learning_rate"] for r in trained]
    wide = min(rates) > 0 and max(rates) > 2 * min(rates)
    layout = {
        "xaxis": _epochs(trained),
        "yaxis": axis(
            "learning rate", type="log" if wide else "linear", rangemode="tozero", exponentformat="e"
        ),
        "showlegend": False,
    }
    curve = line([r["epoch"] for r in trained], rates, "learning rate", "$green")
    label = f"Learning rate over epochs, from {rates[0]:.2g} to {rates[-1]:.2g}"
    return plot([curve], layout, label=label, caption="Learning rate of the optimiser.", height=280)
