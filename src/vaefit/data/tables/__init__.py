"""Tables with columns of many types: cells as text, what each column is, and the numbers they become."""

from .coding import decode, encode
from .column import Column, ColumnType, Schema
from .files import read_binary_table, read_text_table, write_table
from .infer import infer
from .modelling import dataset_of, recode
from .table import Table, is_frame

__all__ = [
    "Column",
    "ColumnType",
    "Schema",
    "Table",
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
