"""`make demo`: fit a folder of real images that ship with scikit-learn, and say where the pictures are."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

DEMO = Path("demo")


def write_digits(folder: Path) -> None:
    """The 1797 handwritten digits as PNG files, a folder for each digit; a tenth of them apart."""
    digits = load_digits()
    for number, (image, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        part = "test" if number % 10 == 9 else "train"
        path = folder / part / str(label) / f"digit{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((image * (255 / 16)).round().astype(np.uint8)).save(path)


def vaefit(*arguments: str) -> None:
    """Run the command line and show what was typed."""
    print(f"\n$ vaefit {' '.join(arguments)}", flush=True)
    subprocess.run([sys.executable, "-m", "vaefit", *arguments], check=True)


def main() -> None:
    """Fit, evaluate, reconstruct, sample, encode."""
    shutil.rmtree(DEMO, ignore_errors=True)
    write_digits(DEMO / "digits")
    train, test, run = f"{DEMO}/digits/train", f"{DEMO}/digits/test", f"{DEMO}/run"
    size = ("--latent-dim", "10", "--epochs", "60")
    vaefit("fit", train, "--out", run, "--validation-by", "random", *size)
    vaefit("evaluate", run, test, "--samples", "500")
    vaefit("reconstruct", run, test, "--out", f"{DEMO}/reconstructions.png")
    vaefit("sample", run, "-n", "64", "--out", f"{DEMO}/samples.png")
    vaefit("encode", run, test, "--out", f"{DEMO}/latents.csv")
    print(f"\nOpen {run}/report.html in a browser; look at {DEMO}/reconstructions.png")
    print(f"and {DEMO}/samples.png; read {run}/README.md.")


if __name__ == "__main__":
    main()
