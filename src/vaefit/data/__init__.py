"""People's images and tables as NumPy rows, and the way from those rows to a network and back."""

from .choose import check_same, choose_transform
from .dataset import Dataset
from .read import read, read_labelled, with_labels
from .split import split
from .spread import spread
from .tables.column import Schema
from .tables.table import is_frame
from .transforms import Transform, Visit, transform_from_dict
from .variable import Variable

__all__ = [
    "Dataset",
    "Schema",
    "Transform",
    "Variable",
    "Visit",
    "check_same",
    "choose_transform",
    "is_frame",
    "read",
    "read_labelled",
    "split",
    "spread",
    "transform_from_dict",
    "with_labels",
]
