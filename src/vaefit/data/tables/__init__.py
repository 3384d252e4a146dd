"""Tables with columns of many types: cells as text, what each column is, and the numbers they become."""

from .cells import Cells
from .coding import completed, decode, encode, into_support, number_of, within_seen
from .column import Column, ColumnType, Schema
from .files import parse_text_table, read_binary_table, read_text_table, write_table
from .infer import infer
from .lines import Scaling
from .modelling import dataset_of, of_cells, of_numbers, recode
from .table import Table, is_frame

__all__ = [
    "Cells",
    "Column",
    "ColumnType",
    "Scaling",
    "Schema",
    "Table",
    "completed",
    "dataset_of",
    "decode",
    "encode",
    "infer",
    "into_support",
    "is_frame",
    "number_of",
    "of_cells",
    "of_numbers",
    "parse_text_table",
    "read_binary_table",
    "read_text_table",
    "recode",
    "within_seen",
    "write_table",
]
