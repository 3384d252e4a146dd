"""A model of a sweep whose rows are read block by block: trained by its own trainer, as `fit` trains it."""

from collections.abc import Mapping
from typing import Any

from vaefit.display import Display
from vaefit.errors import DataError, TrainingError
from vaefit.sweeping.stack import Member
from vaefit.sweeping.stop import Stop
from vaefit.train import Trainer


class Watch:
    """Notes what the member's journal notes, shows it, and stops where someone says so."""

    def __init__(self, member: Member, display: Display, stop: Stop, folder: object) -> None:
        self._journal, self._display, self._stop, self._folder = member.journal, display, stop, folder

    def on_chunk(self, epoch: int, done: float, record: Mapping[str, Any], trainer: Trainer) -> None:
        """Show some steps."""
        self._display.on_chunk(epoch, done, record)
        if done < 1:
            self._stop.check(lambda: self._journal.save(trainer), self._folder)

    def on_epoch(self, record: Mapping[str, Any], trainer: Trainer) -> None:
        """Note an epoch."""
        self._journal.on_epoch(record, trainer)
        self._display.on_epoch(record)
        self._stop.check(lambda: self._journal.save(trainer), self._folder)

    def on_trouble(self, message: str) -> None:
        """Tell it."""
        self._journal.on_trouble(message)


def train_alone(member: Member, display: Display, stop: Stop, folder: object) -> None:
    """Train a member to its end.

    Raises:
        Interrupted: a signal asked for it; all is saved in `folder`.
        DataError: its rows can no longer be read; all is saved.
    """
    display.started(member.settings.most_epochs)
    try:
        member.trainer.run(Watch(member, display, stop, folder))
    except TrainingError as problem:
        member.failed = str(problem)
    except DataError as problem:
        if folder is None:
            raise
        member.journal.save(member.trainer)
        raise type(problem)(
            f"{problem}; all is saved; then go on with: vaefit sweep --resume {folder}"
        ) from problem
