"""The built wheel works away from the source tree, recipes and type marker included."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    subprocess.run([*command, "--wheel-dir", str(folder), str(ROOT)], check=True)
    return next(folder.glob("vaefit-*.whl"))


def test_the_wheel_holds_every_module_recipe_and_the_type_marker(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    source = ROOT / "src"
    wanted = {
        p.relative_to(source).as_posix()
        for p in source.rglob("*")
        if p.suffix in (".py", ".toml", ".js", ".css")
    }
    assert wanted | {"vaefit/py.typed"} <= inside


def test_the_installed_wheel_lists_recipes_and_fits(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(target)
    # The wheel's own copy comes before the source tree that this environment points to.
    environment = {**os.environ, "PYTHONPATH": str(target)}
    script = (
        "import numpy as np, vaefit, vaefit.recipes as r; from vaefit import fit;"
        "fit(np.random.default_rng(0).normal(size=(40, 3)), latent_dim=1, epochs=1);"
        "print(vaefit.__file__, *r.names())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    path, *names = done.stdout.split()
    assert path.startswith(str(target))
    assert {"default", "faces-2016", "faces-2016-annealed", "kingma-welling-2013"} <= set(names)
