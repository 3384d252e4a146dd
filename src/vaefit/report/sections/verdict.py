"""What came of the fit, in plain words with their numbers."""

from vaefit.report.command import again
from vaefit.report.facts import Facts
from vaefit.report.markup import element, number, paragraph, table, text
from vaefit.report.section import Section
from vaefit.scores import MODEL, Evaluation

_NAMES = {
    "ppca": "probabilistic PCA",
    "full-gaussian": "a full Gaussian",
    "gaussian-mixture": "a mixture of Gaussians",
    "factor-analysis": "factor analysis",
    "independent-gaussian": "independent Gaussians",
    "independent-bernoulli": "independent Bernoullis",
    "bernoulli-mixture": "a mixture of Bernoullis",
    "gaussian-copula": "a Gaussian copula",
    "independent-columns": "independent columns",
}


def section(facts: Facts) -> Section:
    """Likelihood against the baselines, the doctor's findings, time and command."""
    found = facts.evaluation
    told = (
        _unread(facts)
        if found is None
        else _worth(facts, found) + _tiles(facts, found) + _table(facts, found)
    )
    return Section("verdict", "Verdict", told + _doctor(facts) + _made(facts))


def _unread(facts: Facts) -> str:
    return paragraph(
        f"The rows of this run cannot be read again ({facts.missing}), so this page has its history and "
        "weights alone. Give DATA to see the rest: vaefit report RUN DATA.",
        "lead",
    )


def _worth(facts: Facts, found: Evaluation) -> str:
    about = facts.about.replace("rows", "row") if found.n == 1 else facts.about
    rows = f"{found.n:,} {about}{_of_all(facts)}"
    if found.log_likelihood is None:
        lead = f"On {rows} the model's ELBO is {number(found.elbo)} nats per datum."
    else:
        error = f" ± {number(found.log_likelihood_se)}" if found.n > 1 else ""
        value = f"{number(found.log_likelihood)}{error} nats"
        lead = f"On {rows} the model gives a datum a log-likelihood of {value} on average{_beside(found)}"
    return paragraph(lead, "lead")


def _of_all(facts: Facts) -> str:
    whole = facts.all_rows[0] if facts.held_out is None else facts.all_rows[1]
    shown = 0 if facts.rows is None else facts.rows.n
    return f" (of {whole:,}, evenly spread)" if shown < whole else ""


def _beside(found: Evaluation) -> str:
    """The model against the best of the baselines, in words."""
    own = found.log_likelihood
    scored = {n: s.log_likelihood for n, s in found.baselines.items() if s.log_likelihood is not None}
    if not scored or own is None:
        return "."
    best = max(scored, key=lambda name: scored[name])
    difference, name = own - scored[best], _NAMES.get(best, best)
    if difference >= 0:
        return f": {number(difference)} more than the best of {_many(scored)}, {name}."
    beaten = sum(value < own for value in scored.values())
    return (
        f": {number(-difference)} less than {name}, the best of {_many(scored)}; it beats {beaten} of them. "
        "A density without a network serves these rows better."
    )


def _many(scored: dict[str, float]) -> str:
    return f"{len(scored)} baselines" if len(scored) > 1 else "one baseline"


def _tiles(facts: Facts, found: Evaluation) -> str:
    use, seconds = found.latents, _seconds(facts)
    tiles = [
        ("log p(x)", number(found.log_likelihood), f"nats per datum, {found.draws:,} draws a row")
        if found.log_likelihood is not None
        else None,
        ("Bits/dim", number(found.bits_per_dim, 3), "lower is better")
        if found.bits_per_dim is not None
        else None,
        ("ELBO", number(found.elbo), f"rate {number(found.rate)}, distortion {number(found.distortion)}"),
        (
            "Latents in use",
            f"{use.active_units} of {len(use.mean_variance)}",
            "their mean varies by more than 0.01",
        ),
        ("Error of the mean", f"{found.reconstruction_mse:.4g}", "mean squared, in network units")
        if found.reconstruction_mse is not None
        else None,
        ("Time to fit", _duration(seconds), f"{_epochs(facts):,} epochs") if seconds is not None else None,
    ]
    return element("dl", "".join(_tile(*tile) for tile in tiles if tile is not None), class_="tiles")


def _tile(name: str, value: str, note: str) -> str:
    return element(
        "div", element("dt", text(name)) + element("dd", f"{text(value)}{element('small', text(note))}")
    )


def _table(facts: Facts, found: Evaluation) -> str:
    shown = found.table
    if len(shown) < 2:
        return _notes(facts, found)
    bits = any(score.bits_per_dim is not None for score in shown.values())
    errors = any(score.reconstruction_mse is not None for score in shown.values())
    heads = ["", "log p(x), nats", "± s.e.", *["bits/dim"] * bits, *["MSE"] * errors, "made with"]
    lines = [
        [
            name,
            number(score.log_likelihood),
            number(score.log_likelihood_se),
            *[number(score.bits_per_dim, 3)] * bits,
            *["–" if score.reconstruction_mse is None else f"{score.reconstruction_mse:.4g}"] * errors,
            score.made or "–",
        ]
        for name, score in shown.items()
    ]
    caption = f"The model among densities without a network, on the same {found.n:,} rows, best first"
    more = (
        "" if facts.all_baselines else "More baselines, which take longer, and more draws: vaefit evaluate."
    )
    return table(heads, lines, caption=caption, marked=list(shown).index(MODEL)) + _notes(facts, found, more)


def _notes(facts: Facts, found: Evaluation, more: str = "") -> str:
    # Of typed columns other intervals are shown: those of hidden cells.
    kept = [n for n in found.notices if facts.schema is None or not n.startswith("no predictive intervals")]
    told = [f"{message[0].upper()}{message[1:]}." for message in kept] + ([more] if more else [])
    return paragraph(" ".join(told), "note") if told else ""


def _doctor(facts: Facts) -> str:
    heading = element("h3", "What the doctor found")
    findings, checked = facts.examined.findings, len(facts.examined.checked)
    if not findings:
        return heading + paragraph(f"Nothing wrong in {checked} checks.")
    lines = [
        element(
            "li",
            f"{element('b', text(finding.severity))}: {text(finding.words)}. "
            f"{element('span', f'What helps: {text(finding.setting)}.')}",
            class_=finding.severity,
        )
        for finding in findings
    ]
    return (
        heading + element("ul", "".join(lines), class_="findings") + paragraph(f"{checked} checks.", "note")
    )


def _made(facts: Facts) -> str:
    source, settings = facts.run.source, facts.run.settings
    held_out = source.get("validation_rows") or 0
    rows = f"{source['rows']:,} training rows" if "rows" in source else "rows of unknown number"
    validation = f" and {held_out:,} validation rows" if held_out else ""
    shape = "×".join(map(str, facts.run.transform.shape))
    words = (
        f"Fitted to {rows}{validation} of {shape} {'pixels' if facts.is_image else 'columns'}: "
        f"likelihood {settings.likelihood}, posterior {settings.posterior}, prior {settings.prior}, "
        f"{settings.latent_dim} latents, {settings.network} networks of {_layers(settings.encoder_layers)} "
        f"and {_layers(settings.decoder_layers)} units. The command that fits it again, to the same weights "
        "on the same machine:"
    )
    code = element("code", text(again(facts.run, with_path=facts.with_data)))
    return element("h3", "How it was made") + paragraph(words) + element("pre", code)


def _layers(layers: tuple[int, ...]) -> str:
    return "-".join(map(str, layers)) or "no"


def _epochs(facts: Facts) -> int:
    return facts.run.history[-1]["epoch"] if facts.run.history else 0


def _seconds(facts: Facts) -> float | None:
    timed = [r["seconds"] for r in facts.run.history if isinstance(r.get("seconds"), int | float)]
    return timed[-1] if timed else None


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
