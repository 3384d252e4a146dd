"""Images: a folder of them, an archive of them, or a single one."""

from __future__ import annotations

from pathlib import Path

from ..containers import Folder, SingleFile, Tar, Zip
from ..dataset import Dataset
from ..images import read_images
from ..names import IMAGES
from ..options import Options
from ..streams.images import open_images
from . import reader

TAR = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")


@reader("a folder of images", "/", uses=("include", "grayscale"), stream=open_images(Folder))
def read_folder(path: Path, options: Options) -> Dataset:
    """All images in a folder and the folders below it."""
    return read_images(Folder(path, options))


@reader(
    "a .zip of images",
    ".zip",
    sniff=lambda _, head: head[:4] == b"PK\3\4",
    uses=("include", "grayscale"),
    stream=open_images(Zip),
)
def read_zip(path: Path, options: Options) -> Dataset:
    """All images in a .zip file, without unpacking it."""
    return read_images(Zip(path, options))


@reader(
    "a .tar of images",
    *TAR,
    sniff=lambda _, head: head[257:262] == b"ustar",
    uses=("include", "grayscale"),
    stream=open_images(Tar),
)
def read_tar(path: Path, options: Options) -> Dataset:
    """All images in a .tar file, compressed or not, without unpacking it."""
    return read_images(Tar(path, options))


@reader("an image", *IMAGES, uses=("grayscale",))
def read_image(path: Path, options: Options) -> Dataset:
    """A single image as a data set of one row."""
    return read_images(SingleFile(path, options))
