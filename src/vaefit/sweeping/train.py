"""Groups of members trained to their end, one program each, and what to do when someone says stop."""

from collections.abc import Callable, Sequence

from vaefit.display import Display
from vaefit.errors import Interrupted
from vaefit.sweeping.stack import Look, Member, Stack


class Stop:
    """Whether Ctrl-C or SIGTERM came; a second one ends all at once."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def heed(self, number: int, _frame: object) -> None:
        """Remember the signal."""
        if self.signal is not None:
            raise KeyboardInterrupt
        self.signal = number

    def check(self, save: Callable[[], None], folder: object) -> None:
        """End here if a signal asked for it, all saved.

        Raises:
            Interrupted: it did.
        """
        if self.signal is not None:
            save()
            raise Interrupted(
                f"the sweep was stopped; all is saved; go on with: vaefit sweep --resume {folder}",
                exit_code=128 + self.signal,
            )


def train(members: Sequence[Member], display: Display, stop: Stop, folder: object) -> None:
    """Train members that share a program until none goes on.

    Raises:
        Interrupted: a signal asked for it; all is saved in `folder`.
    """
    stack: Stack | None = None
    display.started(max(m.settings.most_epochs for m in members))
    while going := [m for m in members if m.goes_on]:
        # Whoever was stopped amid an epoch, when others were between two, comes first.
        furthest = max(m.steps_into_epoch for m in going)
        now = [m for m in going if m.steps_into_epoch == furthest]
        if stack is None or not stack.serves(now):
            stack = Stack(now)
            stack.judge_starts()
        leader = max(now, key=lambda m: m.trainer.progress.best_score)
        stack.run_epoch(_looking(stack, leader, display, stop, folder))
        if leader.journal.history:
            display.on_epoch(leader.journal.history[-1])


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
