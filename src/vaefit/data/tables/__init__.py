"""Tables with columns of many types: cells as text, what each column is, and the numbers they become."""

from ..variable import Variable
from .cells import Cells, Scaling
from .column import Column, ColumnType, Schema

__all__ = ["Cells", "Column", "ColumnType", "Scaling", "Schema", "Variable"]
