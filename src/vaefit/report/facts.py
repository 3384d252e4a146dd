"""All that the sections read, computed once from a run and its rows; what is expensive, when asked for."""

from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from vaefit import doctor, generate
from vaefit.data import Dataset, Schema, schema_of, spread
from vaefit.display import Display, Silent
from vaefit.doctor.evidence import Evidence
from vaefit.evaluating import evaluate
from vaefit.evaluation import Evaluator, LatentUse
from vaefit.reading import held_against
from vaefit.run import Reconstruction, Run
from vaefit.scores import Evaluation
from vaefit.synthetic import draw_values

# Rows that are evaluated, and training rows that are looked through for neighbours; evenly spread.
MOST_EVALUATED, MOST_TRAINING = 1000, 5000
# Fewer of wide rows: numbers in all that a page looks at, for memory's sake.
MOST_NUMBERS, FEWEST = 100_000_000, 100
# Draws of q(z|x) a row for the log-likelihood; fewer where the page is made at the end of a fit.
DRAWS, QUICK_DRAWS = 500, 100
# Factor analysis and mixtures take longer than all the rest of a page where there are more numbers than this.
MOST_FOR_ALL_BASELINES = 300_000
QUICK_BASELINES = ("full-gaussian", "independent-bernoulli", "independent-gaussian", "ppca")
# Typical rows, and as many best and worst ones: of images, and of tables, whose rows take more room.
SHOWN, EXTREME = (8, 4), (3, 3)
SAMPLES, TABLE_SAMPLES = 48, 2000
CELL_DRAWS = 200


class Latents(NamedTuple):
    """Posterior means and sds of rows."""

    mean: Float[np.ndarray, "rows latent"]
    sd: Float[np.ndarray, "rows latent"]


@dataclass(frozen=True, eq=False)
class Facts:
    """A run, its rows, and what is known of both.

    `train` are the training rows and `held_out` those the page is about, each None where there are none, and
    `missing` says why in words. `all_rows` are their numbers in full: here they are at most 5000 and 1000,
    evenly spread. Without `with_data` no section may show a row of the data, or anything of a single row.
    `quick` asks for fewer draws; `found` is what the doctor said already, `evidence` what he would look at.
    """

    run: Run
    train: Dataset | None
    held_out: Dataset | None
    about: str
    all_rows: tuple[int, int] = (0, 0)
    missing: str | None = None
    with_data: bool = True
    seed: int = 0
    quick: bool = False
    own: bool = True
    display: Display = field(default_factory=Silent)
    evidence: Evidence | None = None
    found: doctor.Report | None = None

    @classmethod
    def of(
        cls,
        run: Run,
        rows: object = None,
        *,
        with_data: bool = True,
        seed: int = 0,
        display: Display | None = None,
    ) -> "Facts":
        """Facts about rows, or about a run's own: validation rows, or training rows where it has no others.

        Raises:
            DataError: the rows are of another size or scale than those fitted.
        """
        display = display or Silent()
        found = held_against(run, rows, display)
        if not with_data:
            # The doctor names rows.
            found = found._replace(train=_nameless(found.train), held_out=_nameless(found.held_out))
        about = "validation rows" if found.own else "rows given"
        facts = cls(
            run,
            found.train,
            found.held_out,
            about if found.held_out is not None else "training rows",
            missing=None if found.missing is None else str(found.missing),
            with_data=with_data,
            seed=seed,
            own=found.own,
            display=display,
            evidence=doctor.evidence_of(run, found.train, found.held_out, own=found.own),
        )
        return facts._thinned()

    @classmethod
    def of_fit(
        cls, run: Run, found: doctor.Report, train: Dataset, held_out: Dataset | None, display: Display
    ) -> "Facts":
        """Facts about a run just fitted, with its rows in memory and what the doctor has found already."""
        facts = cls(
            run,
            train,
            held_out,
            "training rows" if held_out is None else "validation rows",
            seed=run.settings.seed,
            quick=True,
            display=display,
            found=found,
        )
        return facts._thinned()

    def _thinned(self) -> "Facts":
        full = tuple(0 if rows is None else rows.total for rows in (self.train, self.held_out))
        return replace(
            self,
            train=_thinned(self.train, MOST_TRAINING),
            held_out=_thinned(self.held_out, MOST_EVALUATED),
            all_rows=(full[0], full[1]),
        )

    @cached_property
    def rows(self) -> Dataset | None:
        """The rows that the page is about: at most 1000, held-out ones, or else training rows."""
        return _thinned(self.train, MOST_EVALUATED) if self.held_out is None else self.held_out

    @property
    def is_image(self) -> bool:
        """Whether a row is an image."""
        return self.run.image_size is not None

    @property
    def schema(self) -> Schema | None:
        """The columns of a table with typed columns."""
        return schema_of(self.run.transform)

    @property
    def draws(self) -> int:
        """Draws of q(z|x) a row for the log-likelihood."""
        return QUICK_DRAWS if self.quick else DRAWS

    @property
    def all_baselines(self) -> bool:
        """Whether no baseline is left out for the time it takes."""
        typed = self.schema is not None
        return typed or (
            not self.quick and self.train is not None and self.train.values.size <= MOST_FOR_ALL_BASELINES
        )

    @cached_property
    def evaluation(self) -> Evaluation | None:
        """All numbers on `rows`, with baselines fitted to `train`; None where there are no rows."""
        if self.rows is None:
            return None
        return evaluate(
            self.run,
            self.rows,
            samples=self.draws,
            seed=self.seed,
            train=self.train,
            with_baselines=self.train is not None and (self.all_baselines or QUICK_BASELINES),
            with_columns=not self.quick,
            with_samples=self.train is not None and not self.quick,
            display=self.display,
        )

    @property
    def log_likelihood(self) -> Float[np.ndarray, " rows"] | None:
        """Of each of `rows`, nats per datum; its ELBO where there is no likelihood."""
        return None if self.evaluation is None else self.evaluation.rows

    @property
    def row_measure(self) -> str:
        """What `log_likelihood` holds, in words."""
        found = self.evaluation
        return "ELBO" if found is None or found.log_likelihood is None else "log-likelihood"

    @cached_property
    def latents(self) -> Latents | None:
        """Posteriors of `rows`."""
        return None if self.rows is None else Latents(*self.run.encode(self.rows))

    @cached_property
    def train_latents(self) -> Latents | None:
        """Posteriors of `train`."""
        return None if self.train is None else Latents(*self.run.encode(self.train))

    @property
    def use(self) -> LatentUse | None:
        """How the latents are used on `rows`."""
        return None if self.evaluation is None else self.evaluation.latents

    @cached_property
    def order(self) -> Int[np.ndarray, " latent"]:
        """The latents, the most informative first: by KL, or by the spread of their means."""
        if self.use is None:
            return np.arange(self.run.model.posterior.latent_dim)
        by = self.use.mean_variance if self.use.kl is None else self.use.kl
        return np.argsort(-by, kind="stable")

    @property
    def active(self) -> list[int]:
        """The latents that are used, the most informative first; all where that is not known."""
        used = None if self.use is None else self.use.active
        return [int(k) for k in self.order if used is None or used[k]]

    @cached_property
    def examined(self) -> doctor.Report:
        """What the doctor finds."""
        return self.found or doctor.look(self.evidence or Evidence(self.run), slow=not self.quick)

    @cached_property
    def train_elbo(self) -> Float[np.ndarray, " rows"] | None:
        """The ELBO of each of `train`, nats per datum."""
        if self.train is None:
            return None
        settings, transform = self.run.settings, self.run.transform
        evaluator = Evaluator(
            self.run.model,
            samples=settings.samples if self.run.model.likelihood.joint else settings.validation_samples,
            seed=self.seed,
            visit=transform.visit,
            log_jacobian=transform.row_log_jacobian,
        )
        found = evaluator.rows(self.run.model, transform.forward(self.train.values))
        return -found.sum(axis=1)

    @cached_property
    def chosen(self) -> dict[str, Int[np.ndarray, " shown"]]:
        """Which of `rows` are shown: typical ones, and the best and worst by likelihood."""
        if self.log_likelihood is None:
            return {}
        order = np.argsort(-self.log_likelihood, kind="stable")
        shown, extreme = SHOWN if self.is_image else EXTREME
        few = min(extreme, len(order) // 3)
        # In the middle of the order by likelihood, spread evenly: neither lucky nor unlucky ones.
        middle = order[few : len(order) - few]
        typical = np.sort(middle[spread(len(middle), shown)])
        return {"typical": typical, "best": order[:few], "worst": order[::-1][:few]}

    @cached_property
    def reconstructions(self) -> dict[str, Reconstruction]:
        """What the model makes of the rows in `chosen`, each with ten outputs for draws of q(z|x)."""
        assert self.rows is not None
        make = partial(self.run.reconstruct, samples=10, seed=self.seed)
        return {kind: make(self.rows.take(which)) for kind, which in self.chosen.items() if len(which)}

    @cached_property
    def _drawn(self) -> Float[np.ndarray, "draws shown variables"]:
        assert self.rows is not None
        shown = self.rows.take(np.concatenate(list(self.chosen.values())))
        found = generate.reconstruct(
            self.run.model,
            self.run.inputs(shown),
            samples=CELL_DRAWS,
            seed=self.seed,
            dropout=self.run.settings.generate_with_dropout,
            noise=not self.run.model.likelihood.joint,
        )
        return np.asarray(self.run.transform.inverse(found), np.float64)

    def drawn(self, row: int) -> Float[np.ndarray, "draws variables"]:
        """Draws of p(x|z), z from q(z|x), of a row in `chosen`, in the data's units."""
        place = [int(r) for which in self.chosen.values() for r in which].index(row)
        return self._drawn[:, place]

    @cached_property
    def samples_x(self) -> Float[np.ndarray, "samples variables"]:
        """New rows in network units: of images the decoder's mean, of tables draws of p(x)."""
        noise = not self.is_image and not self.run.model.likelihood.joint
        return generate.sample(
            self.run.model,
            SAMPLES if self.is_image else TABLE_SAMPLES,
            seed=self.seed,
            dropout=self.run.settings.generate_with_dropout,
            noise=noise,
        )

    @cached_property
    def samples(self) -> Float[np.ndarray, "samples variables"]:
        """The same new rows in the data's units."""
        if self.schema is not None:
            return draw_values(self.run, TABLE_SAMPLES, self.seed)
        return np.asarray(self.run.transform.inverse(self.samples_x))

    def called(self, row: int) -> str:
        """The name of one of `rows`, or its number, from 1."""
        names = None if self.rows is None else self.rows.names
        return names[row] if names else f"row {row + 1}"

    def short(self, row: int) -> str:
        """The same without the folders of a path."""
        return self.called(row).rstrip("/").rpartition("/")[2]


def _nameless(rows: Dataset | None) -> Dataset | None:
    return None if rows is None else replace(rows, names=None)


def _thinned(rows: Dataset | None, most: int) -> Dataset | None:
    if rows is None:
        return None
    most = min(most, max(FEWEST, MOST_NUMBERS // rows.dim))
    return rows if rows.n <= most else rows.take(spread(rows.n, most))
