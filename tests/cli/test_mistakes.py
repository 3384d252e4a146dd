"""Whatever a person gets wrong is one line on standard error and exit code 2, and nothing on disk changes."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def place(fitted, folder, tmp_path, monkeypatch):
    """A working folder with data of many kinds, a run, and damaged copies of it."""
    monkeypatch.chdir(tmp_path)
    Path("digits").symlink_to(folder)
    Path("run").symlink_to(fitted)
    _write_arrays()
    _write_images()
    _write_recipes()
    return tmp_path


def _write_arrays():
    table = np.random.default_rng(0).normal(size=(40, 4))
    np.save("table.npy", table)
    for name, value in {"nan": np.nan, "inf": np.inf}.items():
        broken = table.copy()
        broken[3, 2] = value
        np.save(f"{name}.npy", broken)
    np.save("larger.npy", np.zeros((5, 9, 7), np.uint8))
    np.savez("two.npz", first=table, second=table)


def _write_images():
    for name, size in {"a": 8, "b": 9}.items():
        Path("sizes").mkdir(exist_ok=True)
        Image.fromarray(np.full((size, size), size, np.uint8)).save(f"sizes/{name}.png")
    Path("damaged").mkdir()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save("damaged/good.png")
    Path("damaged/zz.png").write_bytes(b"no image")
    Path("notes").mkdir()
    Path("notes/text.txt").write_text("not ours")


def _write_recipes():
    for name, text in {
        "unknown": "latent_dims = 3",
        "value": 'latent_dim = "many"',
        "syntax": "latent_dim = [",
        "table": "[model]\nlatent_dim = 3",
        "mapping": "include = {a = 1}",
        "infinite": "epochs = inf",
        "round": '[recipe]\nbase = "about.toml"',
        "about": '[recipe]\nbase = "round.toml"',
        "stranger": '[recipe]\nbase = "imputtion"',
        "gone": '[recipe]\nbase = "nope.toml"',
        "below": '[recipe]\nbase = "imputation"\nlatent_dim = 3',
        "outside": 'base = "imputation"',
        "number": "[recipe]\nbase = 3",
    }.items():
        Path(f"{name}.toml").write_text(text)


FIT = ("fit", "digits", "--out", "new")
TABLE = ("fit", "table.npy", "--out", "new")

MISTAKES = [
    # data
    (("fit", "nope", "--out", "new"), "nope: expected a folder, archive or file, found nothing there"),
    ((*FIT, "--include", "*.jpg"), "expected files matching *.jpg, found none"),
    (("fit", "sizes", "--out", "new"), "found a.png of 8x8 and b.png of 9x9 (height x width); --size 8x8"),
    (("fit", "damaged", "--out", "new"), "zz.png: expected an image"),
    (("fit", "nan.npy", "--out", "new"), "found nan in row 4, column 3"),
    (("fit", "inf.npy", "--out", "new"), "found inf in row 4, column 3"),
    (("fit", "two.npz", "--out", "new"), "found first, second; choose one with --key"),
    (("fit", "two.npz", "--key", "third", "--out", "new"), "'third'"),
    ((*TABLE, "--validation", "nope"), "nope: expected a folder, archive or file"),
    ((*TABLE, "--validation", "larger.npy"), "larger.npy: expected data like those fitted"),
    ((*TABLE, "--likelihood", "bernoulli"), "likelihood bernoulli expects values from 0 to 1"),
    ((*TABLE, "--likelihood", "logistic-256"), "is for pixels of 256 levels, found standardised columns"),
    ((*TABLE, "--binarise"), "binarise is for grey values, found standardised columns; leave it out"),
    ((*FIT, "--binarise", "--likelihood", "gaussian"), "which have no density, found likelihood gaussian"),
    ((*FIT, "--binarise", "--dequantise"), "pixels with levels, found pixels drawn as 0 or 1; leave it out"),
    ((*TABLE, "--network", "conv"), "network conv is for images, found rows of 4 columns; choose --network"),
    ((*FIT, "--network", "conv", "--size", "7x9"), "is for images of at least 8x8 pixels, found 7x9; choose"),
    (
        (*FIT, "--network", "conv", "--channels", "8,8,8,8"),
        "has 1 to 3 stages for images of 8x8 pixels",
    ),
    # flags, settings, recipes
    (("fit",), "expected DATA to fit"),
    (("ft", "digits"), "No such command 'ft'. Did you mean 'fit'?"),
    (("sample", "run"), "Missing option '--out'"),
    ((*FIT, "--latent-dm", "3"), "--latent-dim"),
    ((*FIT, "--latent-dim", "0"), "latent_dim must be at least 1, found 0"),
    ((*FIT, "--latent-dim", "x"), "latent_dim must be a whole number, found 'x'"),
    ((*FIT, "--encoder-layers", "8,0"), "encoder_layers must be at least 1, found 0"),
    ((*FIT, "--learning-rate", "nan"), "learning_rate must be a finite number, found 'nan'"),
    ((*FIT, "--learning-rate", "inf"), "learning_rate must be a finite number, found 'inf'"),
    ((*FIT, "--keep-prob", "1.5"), "keep_prob must be at most 1, found 1.5"),
    ((*FIT, "--sigma", "fixd"), "unknown sigma 'fixd'; did you mean 'fixed'?"),
    ((*FIT, "--likelihood", "gausian"), "unknown likelihood 'gausian'; did you mean 'gaussian'?"),
    ((*FIT, "--sigma", "fixed", "--likelihood", "bernoulli"), "of likelihood gaussian"),
    ((*FIT, "--validation", "2"), "from 0 to below 1, found 2"),
    ((*FIT, "--size", "3"), "size must be HxW, for example 28x20, found '3'"),
    ((*FIT, "--stages", "5:1e-4"), "stages are for schedule staged"),
    ((*FIT, "--schedule", "staged"), "schedule staged needs stages"),
    ((*FIT, "--schedule", "staged", "--stages", "5"), "a stage is EPOCH:RATE"),
    ((*FIT, "--device", "abacus"), "device must be cpu, gpu or tpu, found 'abacus'"),
    ((*FIT, "--threads", "0"), "threads must be at least 1, found 0"),
    ((*FIT, "--threads", "two"), "--threads must be a whole number, found 'two'"),
    ((*FIT, "--recipe", "facs-2016"), "unknown recipe 'facs-2016'; did you mean 'faces-2016'?"),
    ((*FIT, "--recipe", "nope.toml"), "no recipe file nope.toml"),
    ((*FIT, "--recipe", "unknown.toml"), "unknown setting 'latent_dims'; did you mean 'latent_dim'?"),
    ((*FIT, "--recipe", "value.toml"), "recipe value.toml: latent_dim must be a whole number, found 'many'"),
    ((*FIT, "--recipe", "syntax.toml"), "recipe syntax.toml is not readable TOML"),
    ((*FIT, "--recipe", "table.toml"), "unknown setting 'model'"),
    ((*FIT, "--recipe", "mapping.toml"), "include must be a word"),
    ((*FIT, "--recipe", "infinite.toml"), "epochs must be a whole number, found inf"),
    ((*FIT, "--recipe", "round.toml"), "about.toml: base round.toml comes round in a circle; expected bases"),
    (("recipes", "stranger.toml"), "stranger.toml: unknown base 'imputtion'; did you mean 'imputation'?"),
    (("recipes", "gone.toml"), "recipe gone.toml: no recipe file nope.toml"),
    (
        ("recipes", "below.toml"),
        "[recipe]: unknown key 'latent_dim' (known: base, reference, summary); settings",
    ),
    (("recipes", "outside.toml"), "base stands in the [recipe] table; move it there"),
    (("recipes", "number.toml"), "recipe number.toml: base must be words in quotes, found 3"),
    # where to write
    (("fit", "digits", "--out", "run"), "run holds another run; choose another --out, or --force"),
    (("fit", "digits", "--out", "notes"), "notes holds other files"),
    (("fit", "digits", "--out", "table.npy"), "table.npy is a file; expected a folder"),
    (("fit", "digits", "--out", "/proc/new"), "cannot write /proc/new"),
    (
        ("sample", "run", "--out", "x.gif"),
        "--out must end in .png, .pdf, .svg, .npz, .npy, .csv",
    ),
    (("encode", "run", "digits", "--out", "x"), "--out must end in .parquet, .csv, .npz, found 'x'"),
    (("sample", "run", "--out", "/proc/x.npy"), "cannot write /proc/x.npy"),
    (("sample", "run", "--out", "table.npy/x.png"), "cannot write table.npy/x.png"),
    # runs and what is asked of them
    (("sample", "nope", "--out", "x.npy"), "nope is not a run folder: no such folder"),
    (("sample", "notes", "--out", "x.npy"), "notes is not a run folder: no settings.toml in it"),
    (
        ("encode", "run", "larger.npy", "--out", "z.csv"),
        "like those fitted, 8x8 grey, found 9x7 grey; use --size 8x8",
    ),
    (("encode", "run", "table.npy", "--out", "z.csv"), "8x8 grey, found rows of 4 numbers"),
    (("sample", "run", "-n", "0", "--out", "x.npy"), "--number must be at least 1, found '0'"),
    (("sample", "run", "--seed", "-1", "--out", "x.npy"), "--seed must be at least 0, found '-1'"),
    (("reconstruct", "run", "digits", "--row", "60", "--out", "x.png"), "has rows 0 to 59"),
    (("reconstruct", "run", "digits", "--row", "6", "--out", "x.npz"), "--row is for pictures"),
    (("reconstruct", "run", "digits", "--size", "8", "--out", "x.png"), "size must be HxW"),
]


@pytest.mark.parametrize(
    ("arguments", "message"), MISTAKES, ids=lambda v: " ".join(v) if isinstance(v, tuple) else ""
)
def test_mistake_is_one_line_and_leaves_everything_as_it_was(vaefit, place, arguments, message):
    before = _everything(place)
    said = vaefit(*arguments)
    _check_one_line(said, message)
    assert said.out == ""
    assert _everything(place) == before


def _check_one_line(said, message):
    mistakes = [line for line in said.err.splitlines() if not line.startswith(("note: ", "training: "))]
    assert said.code == 2, said
    assert len(mistakes) == 1, said.err
    assert mistakes[0].startswith("vaefit: ")
    assert message in mistakes[0]


def _everything(place):
    paths = sorted([*place.rglob("*"), *(place / "run").iterdir()])
    return {p: p.read_bytes() if p.is_file() else None for p in paths}


def _edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


DAMAGE = {
    "weights cut short": (
        lambda run: (run / "model.safetensors").write_bytes((run / "model.safetensors").read_bytes()[:300]),
        "model.safetensors is damaged",
    ),
    "weights gone": (lambda run: (run / "model.safetensors").unlink(), "cannot read"),
    "weights of another model": (
        lambda run: _edit(run / "settings.toml", "latent_dim = 2", "latent_dim = 3"),
        "model.safetensors does not fit its settings",
    ),
    "settings broken": (lambda run: (run / "settings.toml").write_text("[["), "settings.toml is damaged"),
    "settings empty": (lambda run: (run / "settings.toml").write_text(""), "settings.toml is damaged"),
    "settings binary": (
        lambda run: (run / "settings.toml").write_bytes(b"\xff\xfe"),
        "settings.toml is damaged",
    ),
    "a setting of tomorrow": (
        lambda run: _edit(run / "settings.toml", "latent_dim = 2", "latent_dims = 2"),
        "unknown setting 'latent_dims'",
    ),
    "a newer format": (
        lambda run: _edit(run / "settings.toml", "format = 2", "format = 99"),
        "has format 99, this vaefit reads up to 2; install a newer vaefit",
    ),
    "transform empty": (lambda run: (run / "transform.json").write_text(""), "transform.json is damaged"),
    "transform of no kind": (lambda run: (run / "transform.json").write_text("{}"), "saved transform"),
    "transform impossible": (
        lambda run: (run / "transform.json").write_text(json.dumps({"kind": "pixels", "shape": "ab"})),
        "saved transform 'pixels' is damaged",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_run_says_which_file(vaefit, fitted, tmp_path, damage):
    shutil.copytree(fitted, tmp_path / "run")
    spoil, message = DAMAGE[damage]
    spoil(tmp_path / "run")
    said = vaefit("sample", tmp_path / "run", "--out", tmp_path / "x.npy")
    _check_one_line(said, message)
    assert not (tmp_path / "x.npy").exists()


def test_force_overwrites_the_run_and_leaves_other_files(vaefit, fitted, folder, small, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(fitted, run)
    (run / "mine.txt").write_text("kept")
    weights = (run / "model.safetensors").read_bytes()
    said = vaefit("fit", folder, "--out", run, "--force", "-q", *small, "--seed", 1)
    assert said.code == 0, said.err
    assert (run / "model.safetensors").read_bytes() != weights
    assert (run / "mine.txt").read_text() == "kept"


@pytest.mark.parametrize(
    ("command", "where", "text", "asked"),
    [
        (
            "fit",
            "vaefit.train.Trainer.run",
            "Out of memory allocating 68719476736 bytes.",
            "allocating 64.0 GiB",
        ),
        (
            "evaluate",
            "vaefit.evaluating.evaluate",
            "Out of memory while trying to allocate 16.00GiB.\n3",
            "16.00GiB",
        ),
    ],
)
def test_a_device_without_enough_memory(vaefit, place, small, monkeypatch, command, where, text, asked):
    import jax

    def fail(*_, **__):
        raise jax.errors.JaxRuntimeError(f"RESOURCE_EXHAUSTED: {text}")

    monkeypatch.setattr(where, fail)
    said = vaefit(*((*FIT, *small) if command == "fit" else ("evaluate", "run", "digits")))
    _check_one_line(said, "vaefit: out of memory (")
    assert asked in said.err
    assert "smaller --batch-size, fewer --samples" in said.err


def test_any_other_failure_of_the_program_keeps_its_traceback(vaefit, place, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("INTERNAL: something else")

    monkeypatch.setattr("vaefit.evaluating.evaluate", fail)
    with pytest.raises(RuntimeError, match="something else"):
        vaefit("evaluate", "run", "digits", "-q")
