"""Models that train as one: their states side by side, and what each one's own trainer decides from them."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from vaefit.errors import TrainingError
from vaefit.evaluation import BLOCK, Bound
from vaefit.journal import Journal
from vaefit.program import State
from vaefit.run import Run
from vaefit.settings import Settings
from vaefit.sweeping.latents import narrowed, widened
from vaefit.sweeping.states import Apart, Chunk, Given, Stacked, States
from vaefit.sweeping.traced import compiled, numbers_of, shared_by
from vaefit.train import Trainer, steps_until_next_look

# Called after some steps: how much of the epoch is done, and in how many seconds.
Look = Callable[[float, float], None]


@dataclass
class Member:
    """One model among many: its run so far, its training, and why that came to nothing, if it did."""

    name: str
    fitted: Run
    trainer: Trainer
    journal: Journal
    failed: str | None = None
    like: State = field(init=False)

    def __post_init__(self) -> None:
        self.like = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), self.trainer.state
        )

    @property
    def settings(self) -> Settings:
        """Its settings, none left open."""
        return self.fitted.settings

    @property
    def latents(self) -> int:
        """How many latents it has."""
        return self.trainer.model.posterior.latent_dim

    @property
    def held_out(self) -> Float[np.ndarray, "held_out variables"]:
        """Its validation rows, without which there is no choosing."""
        assert self.trainer.validation is not None
        return self.trainer.validation

    @property
    def goes_on(self) -> bool:
        """Whether it has epochs left."""
        return self.failed is None and self.trainer.goes_on

    @property
    def steps_into_epoch(self) -> int:
        """How many steps of its epoch are done."""
        trainer = self.trainer
        return int(trainer.state.step) - trainer.progress.epoch * trainer.steps_per_epoch


class Stack:
    """Members that train as one, one epoch at a time.

    Between epochs every trainer has its own state again, cut to its own latents, and takes its decisions as
    if it were alone. A member that has stopped is left out of what is done.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = list(members)
        self._widest = max(members, key=lambda m: m.latents)
        masked = len({m.latents for m in members}) > 1
        shared = replace(shared_by(self._widest.trainer, self._widest.settings)[0], masked=masked)
        static = self._widest.trainer.program.static
        self._shared = replace(shared, program=replace(shared.program, static=static, mesh=None))
        _, self._order_of, _ = compiled(self._shared)
        rows, self._data = _each_once([m.trainer.x for m in members])
        held_out, which = self._validation_rows()
        self._states: States = (Apart if self._shared.apart else Stacked)(
            self._shared,
            [self._wide(m) for m in members],
            [_given(m, data) for m, data in zip(members, which, strict=True)],
            np.concatenate(rows),
            held_out,
        )
        self._seconds_per_step = self._seconds_per_epoch = self._seconds_to_compile = 0.0

    def serves(self, members: Sequence[Member]) -> bool:
        """Whether to go on as it is for just these members, or to make a smaller stack of them."""
        if {id(m) for m in members} != {id(m) for m in self.members if m.goes_on}:
            return False
        if self._shared.apart or 2 * len(members) > len(self.members):
            return True
        left = max(m.settings.most_epochs - m.trainer.progress.epoch for m in members)
        idle = 1 - len(members) / len(self.members)
        return left * self._seconds_per_epoch * idle < self._seconds_to_compile

    def judge_starts(self) -> None:
        """Hold every start against its validation rows."""
        new = [i for i, m in enumerate(self.members) if m.trainer.has_start_to_judge]
        for number, bound in self._bounds(new).items():
            member = self.members[number]
            member.trainer.judge_start(member.journal, bound)

    def run_epoch(self, look: Look) -> None:
        """The rest of an epoch of all that go on; they must be as far into it."""
        began = time.perf_counter()
        live = [i for i, m in enumerate(self.members) if m.goes_on]
        first = self.members[live[0]].steps_into_epoch
        steps, orders = self._shared.program.steps_per_epoch, self._orders()
        done = first
        while done < steps:
            stop = min(done + steps_until_next_look(self._seconds_per_step), steps)
            self._take(live, orders, done, stop)
            done = stop
            look(done / steps, time.perf_counter() - began)
        self._seconds_per_epoch = time.perf_counter() - began
        self._end_epoch([i for i in live if self.members[i].goes_on])

    def record_of(self, member: Member, done: float, seconds: float) -> dict[str, Any]:
        """What the epoch's steps so far came to for one member; rows a second are those of all."""
        trainer, number = member.trainer, self.members.index(member)
        before = trainer.state
        trainer.state = before._replace(**self._states.of(number, "step", "sums", "skipped"))
        rows = done * len(trainer.x) * sum(m.goes_on for m in self.members)
        record = trainer.record(trainer.progress.epoch + 1, round(rows), seconds)
        trainer.state = before
        return record

    def fetch(self) -> None:
        """Give every trainer that goes on its own state."""
        for number, member in enumerate(self.members):
            if member.goes_on:
                self._fetch(number)

    def _end_epoch(self, live: list[int]) -> None:
        self.fetch()
        bounds = self._bounds(live)
        self._states.forget_sums()
        for number in live:
            member = self.members[number]
            before = member.trainer.state.params
            # An epoch's seconds are shared alike.
            member.trainer.end_epoch(member.journal, self._seconds_per_epoch / len(live), bounds[number])
            if member.trainer.state.params is not before:
                self._put(number)

    def _take(self, live: list[int], orders: Sequence[Array], start: int, stop: int) -> None:
        """Steps of all that go on; whoever's are not finite takes them again alone."""
        began = time.perf_counter()
        live = [number for number in live if self.members[number].failed is None]
        scales = [m.trainer.progress.rate_scale for m in self.members]
        sound = self._states.take(live, Chunk(orders, scales, start, stop))
        for number, all_finite in zip(live, sound, strict=True):
            if not all_finite:
                self._retake(number, start, stop)
        self._seconds_per_step = (time.perf_counter() - began) / (stop - start)
        self._seconds_to_compile = self._seconds_to_compile or self._seconds_per_step

    def _retake(self, number: int, start: int, stop: int) -> None:
        member = self.members[number]
        self._fetch(number)
        trainer = member.trainer
        (rows,) = trainer.rows.parts(trainer.progress.epoch, start)
        try:
            trainer.step_by_step(member.journal, rows, start, stop)
        except TrainingError as problem:
            member.failed = str(problem)
        self._put(number)

    def _validation_rows(self) -> tuple[Float[np.ndarray, "data blocks block variables"], list[int]]:
        """Blocks of all data's rows as evaluation sees them, and which of these each member has."""
        evaluators = [m.trainer.evaluator for m in self.members]
        seen = [e.seen(m.held_out) for e, m in zip(evaluators, self.members, strict=True)]
        self._scale_terms = [e.scale_terms(x) for e, x in zip(evaluators, seen, strict=True)]
        distinct, which = _each_once(seen)
        return np.stack([_in_blocks(x) for x in distinct]), which

    def _orders(self) -> list[Array]:
        """Which row of all data comes when, for each member; -1 is padding."""
        found, orders = {}, []
        for member, data in zip(self.members, self._data, strict=True):
            place = member.trainer.plan.seed, member.trainer.progress.epoch, data
            if place not in found:
                found[place] = self._order_of(member.trainer.order_key, *place[1:])
            orders.append(found[place])
        return orders

    def _bounds(self, live: Sequence[int]) -> dict[int, Bound]:
        if not live:
            return {}
        n = len(self.members[0].held_out)
        return {
            number: self.members[number].trainer.evaluator.mean(terms[:n] + self._scale_terms[number])
            for number, terms in zip(live, self._states.terms(live), strict=True)
        }

    def _put(self, number: int) -> None:
        """Take a trainer's state, which it changed by itself, back among the others."""
        self._states.put(number, self._wide(self.members[number]))

    def _wide(self, member: Member) -> State:
        return widened(member.trainer.state, self._widest.like, member.latents, self._widest.latents)

    def _fetch(self, number: int) -> None:
        member = self.members[number]
        found = State(**self._states.of(number, *State._fields))
        member.trainer.state = narrowed(found, member.like, member.latents, self._widest.latents)


def _given(member: Member, data: int) -> Given:
    trainer = member.trainer
    numbers = numbers_of(trainer, member.settings)
    return Given(numbers, trainer.step_key, jnp.int32(data), trainer.evaluator.key)


def _each_once(arrays: Sequence[np.ndarray]) -> tuple[list[np.ndarray], list[int]]:
    """The arrays that differ, and which of them each one is.

    >>> x, y = np.zeros(2), np.ones(2)
    >>> _each_once([x, y, x])[1]
    [0, 1, 0]
    """
    found: list[np.ndarray] = []
    which = []
    for array in arrays:
        same = [i for i, x in enumerate(found) if x is array or np.array_equal(x, array, equal_nan=True)]
        which.append(same[0] if same else len(found))
        if not same:
            found.append(array)
    return found, which


def _in_blocks(x: Float[np.ndarray, "rows variables"]) -> Float[np.ndarray, "blocks block variables"]:
    """Rows in blocks as evaluation has them, the last one filled with its last row."""
    padded = np.pad(x, ((0, -len(x) % BLOCK), (0, 0)), mode="edge")
    return padded.reshape(-1, BLOCK, x.shape[1])
