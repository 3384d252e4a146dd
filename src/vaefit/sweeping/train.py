"""Groups of members trained to their end, one program each."""

import math
from collections.abc import Sequence

from vaefit.display import Display
from vaefit.sweeping.alone import train_alone
from vaefit.sweeping.stack import Look, Member, Stack
from vaefit.sweeping.stop import Stop


def train(members: Sequence[Member], display: Display, stop: Stop, folder: object) -> None:
    """Train members that share a program until none goes on.

    Raises:
        Interrupted: a signal asked for it; all is saved in `folder`.
        DataError: rows that are read block by block can no longer be read.
    """
    if members[0].trainer.stream is not None:
        (alone,) = members
        train_alone(alone, display, stop, folder)
        return
    stack: Stack | None = None
    display.started(max(m.settings.most_epochs for m in members))
    while going := [m for m in members if m.goes_on]:
        # Whoever was stopped amid an epoch, when others were between two, comes first.
        furthest = max(m.steps_into_epoch for m in going)
        now = [m for m in going if m.steps_into_epoch == furthest]
        if stack is None or not stack.serves(now):
            stack = Stack(now)
            stack.judge_starts()
        leader = max(now, key=_kept_elbo)
        stack.run_epoch(_looking(stack, leader, display, stop, folder))
        if leader.journal.history:
            display.on_epoch(leader.journal.history[-1])


def _kept_elbo(member: Member) -> float:
    """The validation ELBO of the weights kept so far: objectives of different betas do not compare."""
    kept = [record["validation"]["elbo"] for record in member.journal.history if record["best"]]
    return kept[-1] if kept else -math.inf


def _looking(stack: Stack, leader: Member, display: Display, stop: Stop, folder: object) -> Look:
    """Show how the best so far goes on, and stop if asked for."""

    def look(done: float, seconds: float) -> None:
        record = stack.record_of(leader, done, seconds)
        display.on_chunk(record["epoch"], done, record)
        stop.check(lambda: _save(stack), folder)

    return look


def _save(stack: Stack) -> None:
    stack.fetch()
    for member in stack.members:
        if member.goes_on:
            member.journal.save(member.trainer)
