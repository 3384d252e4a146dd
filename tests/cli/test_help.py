"""Help pages: complete, grouped, readable at 80 columns, and quick because nothing heavy is imported."""

import re
import subprocess
import sys

import pytest

COMMANDS = (
    "fit",
    "reconstruct",
    "sample",
    "encode",
    "recipes",
    "decode",
    "info",
    "probe",
    "doctor",
    "report",
    "evaluate",
    "compare",
    "selfcheck",
)


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    """A terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")


def test_no_arguments_give_the_help_page(vaefit):
    said = vaefit()
    assert said == vaefit("--help")
    assert (said.code, said.err) == (0, "")
    assert all(re.search(rf"^  {command} +\w", said.out, re.MULTILINE) for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_example(vaefit, command):
    said = vaefit(command, "--help")
    assert said.code == 0
    examples = said.out.split("Example", 1)[1].splitlines()[1:]
    assert examples
    assert all(line.startswith(f"  vaefit {command}") for line in examples if line)


def test_every_setting_is_in_the_help_of_fit_by_its_full_name(vaefit):
    from vaefit.settings import options

    text = vaefit("fit", "--help").out
    for name in options():
        flag = name.replace("_", "-")
        assert re.search(rf"^  --(\[no-\])?{flag}( |$)", text, re.MULTILINE), flag


def test_help_of_fit_is_grouped_and_fits_80_columns(vaefit):
    text = vaefit("fit", "--help").out
    headings = re.findall(r"^(\S.*):$", text, re.MULTILINE)
    for heading in ("Arguments", "Options", "Data", "Training", "Model", "Likelihood gaussian", "Optimiser"):
        assert headings.count(heading) == 1
    flags = text.split("Examples:")[0]
    assert max(map(len, flags.splitlines())) <= 80
    assert "…" not in text


def test_every_flag_has_help(vaefit):
    for command in COMMANDS:
        lines = vaefit(command, "--help").out.split("Example")[0].splitlines()
        for line, following in zip(lines, [*lines[1:], ""], strict=True):
            if line.startswith("  -"):
                described = re.search(r"\S  +\S", line) or following.startswith(" " * 20)
                assert described, line


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("fit", "--help"),
        ("recipes",),
        ("fit", "x", "--latent-dim", "0"),
        ("fit", "x", "--latent-dm", "3"),
    ],
    ids=" ".join,
)
def test_help_and_bad_flags_are_answered_without_importing_jax(arguments):
    program = (
        "import sys; from vaefit.cli.main import run; code = run(sys.argv[1:]);"
        "print('heavy:', sorted({'jax', 'rich', 'numpy', 'matplotlib'} & set(sys.modules)), code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )
    assert "heavy: []" in done.stdout, done.stdout[-200:]
