"""What to do when someone says stop."""

from collections.abc import Callable

from vaefit.errors import Interrupted


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
