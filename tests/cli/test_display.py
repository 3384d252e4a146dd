"""How a fit is shown in a log."""

from io import StringIO

from rich.console import Console

from vaefit.cli.display import Lines

NUMBERS = ("loss", "elbo", "rate", "distortion", "learning_rate", "rows_per_second")
RECORD = {**dict.fromkeys(NUMBERS, 1.0), "skipped": 0}


def test_a_log_has_the_first_step_at_once_and_then_a_line_now_and_then() -> None:
    console = Console(file=StringIO(), width=200)
    lines = Lines(console)
    lines.started(3)
    for done in (0.1, 0.2, 0.3):
        lines.on_chunk(1, done, RECORD)
    said = console.file.getvalue().splitlines()  # pyright: ignore[reportAttributeAccessIssue]
    assert [line.split("  ")[0] for line in said] == ["training: up to 3 epochs", "epoch 1/3 (10%)"]
