"""The post's claim, measured: are posterior means good features where only few rows have labels?"""

from .claim import probe
from .result import Probe

__all__ = ["Probe", "probe"]
