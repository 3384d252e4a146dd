"""What training is made of, apart from the model and the rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import optax
from jaxtyping import PyTree

from vaefit import devices
from vaefit.evaluation import LogJacobian
from vaefit.likelihoods import Likelihood
from vaefit.objectives import Objective
from vaefit.optimise import Schedule
from vaefit.penalties import Penalty
from vaefit.program import Program
from vaefit.visits import TrainingVisit


@dataclass(frozen=True)
class Plan:
    """How to train, apart from the model and the optimiser."""

    epochs: int
    batch_size: int
    samples: int
    validation_samples: int
    shuffle: bool
    seed: int
    early_stopping: int = 0
    plateau_patience: int = 0  # 0: the learning rate follows its schedule alone
    plateau_factor: float = 1.0
    final_rate: float = 0.0
    visit: TrainingVisit = field(default_factory=TrainingVisit)
    log_jacobian: LogJacobian | None = None
    jacobian_varies: bool = False  # from row to row


class Parts(NamedTuple):
    """The parts from which programs are made."""

    objective: Objective
    penalties: Mapping[str, tuple[float, Penalty]]
    optimizer: optax.GradientTransformationExtraArgs
    schedule: Schedule
    plan: Plan

    def validation_samples(self, likelihood: Likelihood) -> int:
        """Draws of z for a row in validation."""
        if likelihood.joint:
            return self.plan.samples
        # A bound that weighs samples is judged with as many as it is trained with.
        least = self.plan.samples if self.objective.needs_each_sample else 1
        return max(least, self.plan.validation_samples)

    def program(self, static: PyTree, n: int) -> Program:
        """What is traced of the training of a model without its weights, on `n` rows."""
        return Program(
            static=static,
            objective=self.objective,
            penalties=tuple((name, *weighted) for name, weighted in self.penalties.items()),
            optimizer=self.optimizer,
            schedule=self.schedule,
            visit=self.plan.visit,
            samples=self.plan.samples,
            shuffle=self.plan.shuffle,
            rows=n,
            batch_size=min(self.plan.batch_size, n),
            mesh=devices.mesh(),
        )
