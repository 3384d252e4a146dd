"""Tables with columns of many types: cells as text, what each column is, and the numbers they become."""

from ..variable import Variable
from .cells import Cells, Scaling
from .coding import decode, encode
from .column import Column, ColumnType, Schema
from .files import read_binary_table, read_text_table, write_table
from .infer import infer
from .modelling import dataset_of, recode
from .table import Table, is_frame

__all__ = [
    "Cells",
    "Column",
    "ColumnType",
    "Scaling",
    "Schema",
    "Table",
    "Variable",
    "dataset_of",
    "decode",
    "encode",
    "infer",
    "is_frame",
    "read_binary_table",
    "read_text_table",
    "recode",
    "write_table",
]
