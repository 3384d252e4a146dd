"""What a figure of a run is drawn from: the run, some rows, and what the person asks for."""

from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np
from jaxtyping import Float

from vaefit import generate
from vaefit.data import Dataset, spread
from vaefit.display import Display, Silent
from vaefit.errors import DataError, SettingsError
from vaefit.evaluation import rate_by_latent
from vaefit.reading import own_rows
from vaefit.run import Run


@dataclass(frozen=True, eq=False)
class Subject:
    """A run, seen on rows that are read when they are first asked for; widths are in inches.

    `given` are rows of the person's choice (unset: the run's validation rows, or training rows where it has
    no others), `row` places of rows to show, `latent` of latents. What is unset is the figure's to decide.
    """

    run: Run
    width: float
    given: Dataset | None = None
    row: tuple[int, ...] = ()
    latent: tuple[int, ...] = ()
    samples: int | None = None
    number: int | None = None
    seed: int = 0
    display: Display = field(default_factory=Silent)

    @cached_property
    def rows(self) -> Dataset:
        """The rows that were given, or the run's own validation rows.

        Raises:
            DataError: the run's own rows are not there any more.
        """
        if self.given is not None:
            return self.run.dataset(self.given)
        try:
            train, held_out = own_rows(self.run, self.display)
        except DataError as problem:
            raise DataError(
                f"{problem}: the run's own rows cannot be read again; give DATA to draw from"
            ) from None
        return train if held_out is None else held_out

    def shown(self, most: int) -> Dataset:
        """The rows that are asked for, or so many spread evenly.

        Raises:
            DataError: there is no such row.
        """
        outside = [row for row in self.row if not 0 <= row < self.rows.n]
        if outside:
            raise DataError(f"--row {outside[0]}: {self.rows.source} has rows 0 to {self.rows.n - 1}")
        return self.rows.take(self.row or spread(self.rows.n, most))

    def latents(self, most: int) -> tuple[tuple[int, ...], Float[np.ndarray, " latent"] | None]:
        """The latents that are asked for, or the most informative ones; and the rate of every latent in nats.

        Without a rate for each latent (dependent latents) those come first whose posterior means vary most.

        Raises:
            SettingsError: there is no such latent.
        """
        dim = self.run.model.posterior.latent_dim
        outside = [latent for latent in self.latent if not 0 <= latent < dim]
        if outside:
            raise SettingsError(f"--latent {outside[0]}: this run has latents 0 to {dim - 1}")
        x = self.run.inputs(self.rows)
        rates = rate_by_latent(self.run.model, x)
        if self.latent:
            return self.latent, rates
        use = generate.encode(self.run.model, x)[0].var(axis=0) if rates is None else rates
        return tuple(np.argsort(-use, kind="stable")[:most].tolist()), rates

    @property
    def progress(self) -> partial[None]:
        """Tells how far the drawing is."""
        return partial(self.display.working, "drawing")
