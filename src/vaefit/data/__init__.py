"""People's images and tables as NumPy rows, and the way from those rows to a network and back."""

from .choose import as_fitted, check_same, choose_transform, schema_of
from .dataset import Dataset
from .labels import deepest
from .read import Source, open_stream, read, read_labelled, with_labels
from .split import split
from .spread import spread
from .tables import Column, Schema, completed, of_cells, of_numbers, write_table
from .tables.table import is_frame
from .transforms import Transform, Visit, transform_from_dict
from .variable import Variable

__all__ = [
    "Column",
    "Dataset",
    "Schema",
    "Source",
    "Transform",
    "Variable",
    "Visit",
    "as_fitted",
    "check_same",
    "choose_transform",
    "completed",
    "deepest",
    "is_frame",
    "of_cells",
    "of_numbers",
    "open_stream",
    "read",
    "read_labelled",
    "schema_of",
    "split",
    "spread",
    "transform_from_dict",
    "with_labels",
    "write_table",
]
