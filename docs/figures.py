"""`make figures`: the pictures of these pages, from the digits that ship with scikit-learn."""

import shutil
import subprocess
import sys
from pathlib import Path

from demo import write_digits

WORK, IMAGES = Path("demo/figures"), Path("docs/images")
FIT = ("--validation-by", "random", "--latent-dim", "10", "--epochs", "60", "--threads", "2")


def vaefit(*arguments: object) -> None:
    """Run the command line."""
    subprocess.run([sys.executable, "-m", "vaefit", *map(str, arguments), "--quiet"], check=True)


def main() -> None:
    """Fit once, draw each figure from held-out digits."""
    shutil.rmtree(WORK, ignore_errors=True)
    write_digits(WORK / "digits")
    run, test = WORK / "run", WORK / "digits/test"
    vaefit("fit", WORK / "digits/train", "--out", run, *FIT)
    vaefit("figure", run, "reconstructions", test, "--width", "two", "--out", IMAGES / "digits.png")
    vaefit("figure", run, "samples", "--width", "two", "--out", IMAGES / "samples.png")
    vaefit("figure", run, "traversals", test, "--out", IMAGES / "traversals.png")
    vaefit("figure", run, "latent-map", test, "--out", IMAGES / "latent-map.png")
    vaefit("figure", run, "curves", "--width", "two", "--out", IMAGES / "curves.png")


if __name__ == "__main__":
    main()
