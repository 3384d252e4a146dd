"""Models that train as one: their states side by side, and what each one's own trainer decides from them."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PyTree

from vaefit.errors import TrainingError
from vaefit.evaluation import BLOCK, Bound
from vaefit.journal import Journal
from vaefit.program import State
from vaefit.run import Run
from vaefit.settings import Settings
from vaefit.sweeping.latents import narrowed, widened
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
    """Members whose states lie side by side, one epoch at a time.

    Between epochs every trainer has its own state again, cut to its own latents, and takes its decisions as
    if it were alone. A member that has stopped keeps its place, and is left out of what is done.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = list(members)
        self._widest = max(members, key=lambda m: m.latents)
        masked = len({m.latents for m in members}) > 1
        shared = replace(shared_by(self._widest.trainer, self._widest.settings)[0], masked=masked)
        static = self._widest.trainer.program.static
        self._shared = replace(shared, program=replace(shared.program, static=static, mesh=None))
        self._chunk_of, self._order_of, self._terms_of = compiled(self._shared)
        self._numbers = _stacked([numbers_of(m.trainer, m.settings) for m in members])
        self._keys = jnp.stack([m.trainer.step_key for m in members])
        rows, self._data = _each_once([m.trainer.x for m in members])
        self._x = jnp.asarray(np.concatenate(rows))
        self._held_out = self._validation_rows()
        self.state = jax.tree.map(jnp.asarray, _stacked([self._wide(m) for m in members]))
        self._seconds_per_step = self._seconds_per_epoch = self._seconds_to_compile = 0.0

    def serves(self, members: Sequence[Member]) -> bool:
        """Whether to go on as it is for just these members, or to make a smaller stack of them."""
        if {id(m) for m in members} != {id(m) for m in self.members if m.goes_on}:
            return False
        if self._shared.in_turn or 2 * len(members) > len(self.members):
            return True
        left = max(m.settings.most_epochs - m.trainer.progress.epoch for m in members)
        idle = 1 - len(members) / len(self.members)
        return left * self._seconds_per_epoch * idle < self._seconds_to_compile

    def judge_starts(self) -> None:
        """Hold every start against its validation rows."""
        new = [m.trainer.has_start_to_judge for m in self.members]
        if not any(new):
            return
        for member, bound, is_new in zip(self.members, self._bounds(), new, strict=True):
            if is_new:
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
        counts = ("step", "sums", "skipped")
        found = jax.device_get({name: getattr(self.state, name) for name in counts})
        trainer.state = before._replace(**jax.tree.map(lambda leaf: leaf[number], found))
        rows = done * len(trainer.x) * sum(m.goes_on for m in self.members)
        record = trainer.record(trainer.progress.epoch + 1, round(rows), seconds)
        trainer.state = before
        return record

    def fetch(self) -> None:
        """Give every trainer that goes on its own state."""
        host = jax.device_get(self.state)
        for number, member in enumerate(self.members):
            if member.goes_on:
                member.trainer.state = self._narrow(host, number)

    def _end_epoch(self, live: list[int]) -> None:
        self.fetch()
        bounds = self._bounds()
        self.state = self.state._replace(sums=jax.tree.map(jnp.zeros_like, self.state.sums))
        for number in live:
            member = self.members[number]
            before = member.trainer.state.params
            # An epoch's seconds are shared alike.
            member.trainer.end_epoch(member.journal, self._seconds_per_epoch / len(live), bounds[number])
            if member.trainer.state.params is not before:
                self._put(number)

    def _take(self, live: list[int], orders: Array, start: int, stop: int) -> None:
        """Steps of all that go on; whoever's are not finite takes them again alone."""
        began = time.perf_counter()
        state, sound = self._chunk_of(
            self.state,
            self._numbers,
            self._x,
            orders,
            self._keys,
            jnp.asarray([m.trainer.progress.rate_scale for m in self.members], jnp.float32),
            jnp.int32(start),
            jnp.int32(stop),
            jnp.asarray(live + [0] * (len(self.members) - len(live)), jnp.int32),
            jnp.int32(len(live)),
        )
        before, self.state = self.state, state
        self._retake(live, np.asarray(sound), before, start, stop)
        self._seconds_per_step = (time.perf_counter() - began) / (stop - start)
        self._seconds_to_compile = self._seconds_to_compile or self._seconds_per_step

    def _retake(
        self, live: list[int], sound: Bool[np.ndarray, " models"], before: State, start: int, stop: int
    ) -> None:
        for number in live:
            member = self.members[number]
            if sound[number] or member.failed is not None:
                continue
            trainer = member.trainer
            trainer.state = self._narrow(jax.device_get(before), number)
            (rows,) = trainer.rows.parts(trainer.progress.epoch, start)
            try:
                trainer.step_by_step(member.journal, rows, start, stop)
            except TrainingError as problem:
                member.failed = str(problem)
            self._put(number)

    def _validation_rows(self) -> tuple[Array, Array, Array]:
        """Blocks of all data's rows as evaluation sees them; which of these, and a key, for each member."""
        evaluators = [m.trainer.evaluator for m in self.members]
        seen = [e.seen(m.held_out) for e, m in zip(evaluators, self.members, strict=True)]
        self._scale_terms = [e.scale_terms(x) for e, x in zip(evaluators, seen, strict=True)]
        distinct, which = _each_once(seen)
        blocks = np.stack([_in_blocks(x) for x in distinct])
        return jnp.asarray(blocks), jnp.asarray(which, jnp.int32), jnp.stack([e.key for e in evaluators])

    def _orders(self) -> Array:
        """Which row of all data comes when, for each member; -1 is padding."""
        found, orders = {}, []
        for member, data in zip(self.members, self._data, strict=True):
            place = member.trainer.plan.seed, member.trainer.progress.epoch
            if place not in found:
                found[place] = self._order_of(member.trainer.order_key, place[1])
            order = found[place]
            orders.append(jnp.where(order < 0, -1, order + data * self._shared.program.rows))
        return jnp.stack(orders)

    def _bounds(self) -> list[Bound]:
        terms = np.asarray(self._terms_of(self.state.params, self._numbers, *self._held_out), np.float64)
        n = len(self.members[0].held_out)
        rows = terms.reshape(len(terms), -1, 3)[:, :n]
        return [
            member.trainer.evaluator.mean(of_model + scale)
            for member, of_model, scale in zip(self.members, rows, self._scale_terms, strict=True)
        ]

    def _put(self, number: int) -> None:
        """Take a trainer's state, which it changed by itself, back among the others."""
        wide = self._wide(self.members[number])
        self.state = jax.tree.map(lambda all_, new: all_.at[number].set(new), self.state, wide)

    def _wide(self, member: Member) -> State:
        return widened(member.trainer.state, self._widest.like, member.latents, self._widest.latents)

    def _narrow(self, host: State, number: int) -> State:
        member = self.members[number]
        alone = jax.tree.map(lambda leaf: leaf[number], host)
        return narrowed(alone, member.like, member.latents, self._widest.latents)


def _stacked(trees: Sequence[PyTree]) -> PyTree:
    return jax.tree.map(lambda *leaves: np.stack(leaves), *trees)


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
