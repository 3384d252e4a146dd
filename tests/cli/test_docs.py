"""Commands and flags in README and docs/ are those that there are."""

import re
from functools import cache
from pathlib import Path

import pytest
import typer

from vaefit.cli.commands import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
# Of other programs, in what is said of running under them.
FOREIGN = {"--cpus-per-task", "--gpus-per-task", "--gpus-per-node"}


@cache
def flags() -> dict[str, set[str]]:
    """The flags of every command, by its name."""
    commands = typer.main.get_command(app).commands
    return {
        name: {"--help", *(flag for p in command.params for flag in (*p.opts, *p.secondary_opts))}
        for name, command in commands.items()
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_documented_commands_and_flags_exist(page: Path):
    text = page.read_text()
    # Commands stand on lines of their own, maybe after another program's name, or between backticks.
    typed = re.findall(r"(?:^ {2,}(?:\S.* )?|`)vaefit ([a-z]+)([^`#\n]*)", text, re.MULTILINE)
    assert page.name not in ("README.md", "tables.md") or len(typed) > 5
    for command, rest in typed:
        found = set(re.findall(r"(?<=\s)(--[a-z][a-z0-9-]*|-[a-z])\b", rest))
        assert found <= flags().get(command, set()), f"vaefit {command}{rest}"
    everywhere = set.union(*flags().values()) | FOREIGN
    assert set(re.findall(r"`(--[a-z][a-z0-9-]*)", text)) <= everywhere
