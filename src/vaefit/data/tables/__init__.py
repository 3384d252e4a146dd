"""Tables with columns of many types: cells as text, what each column is, and the numbers they become."""

from .column import Column, ColumnType, Schema

__all__ = ["Column", "ColumnType", "Schema"]
