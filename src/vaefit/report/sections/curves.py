"""How training went."""

from vaefit.report.facts import Facts
from vaefit.report.plots import axis, line, plot
from vaefit.report.section import Section


def section(facts: Facts) -> Section | None:
    """ELBO over the epochs."""
    trained = [record for record in facts.run.history if "loss" in record]
    if not trained:
        return None
    curve = line([r["epoch"] for r in trained], [r["elbo"] for r in trained], "training", "$blue")
    layout = {"xaxis": axis("epoch"), "yaxis": axis("ELBO, nats per datum")}
    return Section("training", "Training", plot([curve], layout, label="ELBO over epochs"))
