"""Raw rows <-> network inputs. A transform is a small frozen record that is saved as JSON."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np

from ..errors import DataError, RunError, ShapeError
from .variable import Variable

# (x, u) -> x as one visit sees it, from numbers u uniform on (0, 1); NumPy's arrays or JAX's.
Visit = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class Transform(ABC):
    """The way from raw values (rows, variables) to network inputs x (rows, D) and back.

    `shape` is that of one row, `notices` what was found while fitting (not saved).
    """

    kind: ClassVar[str]
    kinds: ClassVar[dict[str, type[Transform]]] = {}

    shape: tuple[int, ...]
    notices: tuple[str, ...] = field(default=(), kw_only=True, compare=False)

    def __init_subclass__(cls) -> None:
        Transform.kinds[cls.kind] = cls

    def __post_init__(self) -> None:
        if not self.shape or min(self.shape) < 1:
            raise ShapeError(f"expected a shape of positive sizes, found {self.shape}")

    @property
    def dim(self) -> int:
        """Number of variables in a row."""
        return math.prod(self.shape)

    @property
    def quantum(self) -> float:
        """Width of one level in x; 0.0 where values are continuous or not dequantised."""
        return 0.0

    @property
    def visit(self) -> Visit | None:
        """What is drawn afresh at each visit of a row; None where every visit sees x itself."""
        return None

    @property
    def log_jacobian(self) -> float:
        """log |dx/dv| summed over the variables, in nats: added to log p(x) it gives log p(v)."""
        return 0.0

    def row_log_jacobian(self, x: np.ndarray) -> np.ndarray:
        """The same for each row of network inputs x, as one may have values missing."""
        return np.full(len(x), self.log_jacobian)

    @property
    def variables(self) -> tuple[Variable, ...]:
        """What the variables are, where they are of several kinds; else nothing."""
        return ()

    def forward(self, values: np.ndarray) -> np.ndarray:
        """Raw values (rows, D) as float32 network inputs (rows, D).

        Raises: ShapeError for rows of another length; DataError for values that cannot occur.
        """
        values = np.asarray(values)
        if values.shape[-1:] != (self.dim,):
            raise ShapeError(f"expected rows of {self.dim} numbers, found an array of shape {values.shape}")
        return np.asarray(self._forward(values), dtype=np.float32)

    @abstractmethod
    def _forward(self, values: np.ndarray) -> np.ndarray: ...

    @abstractmethod
    def inverse(self, x: np.ndarray) -> np.ndarray:
        """Network-scale numbers x (..., D) in the data's own units, not clipped."""

    @abstractmethod
    def inverse_scale(self, sd: np.ndarray) -> np.ndarray:
        """Standard deviations (..., D) at network scale in the data's own units."""

    @classmethod
    def from_entries(cls, entries: dict[str, Any]) -> Transform:
        """The transform with these saved entries.

        Raises: DataError where they are not its own.
        """
        return cls(**_typed(cls, entries))

    def to_dict(self) -> dict[str, Any]:
        """Everything needed to build the transform again, ready for JSON."""
        saved = (f.name for f in fields(self) if f.name != "notices")
        return {"kind": self.kind} | {name: _jsonable(getattr(self, name)) for name in saved}


@dataclass(frozen=True)
class Pixels(Transform):
    """Pixels v of `levels` levels: x = v / levels, to be dequantised as (v + u) / levels, u in [0, 1).

    >>> pixels = Pixels((1, 2), levels=256, dequantise=True)
    >>> x = pixels.forward(np.array([[0, 128]], np.uint8))
    >>> x.tolist(), pixels.inverse(x + pixels.quantum / 2).tolist()
    ([[0.0, 0.5]], [[0.0, 128.0]])
    """

    kind = "pixels"
    levels: int
    dequantise: bool

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.levels < 2:
            raise DataError(f"expected at least 2 levels of pixels, found {self.levels}")

    @property
    def quantum(self) -> float:
        return 1.0 / self.levels if self.dequantise else 0.0

    @property
    def visit(self) -> Visit | None:
        return self._dequantised if self.dequantise else None

    def _dequantised(self, x: Any, u: Any) -> Any:
        # Theis et al. 2016, arXiv:1511.01844.
        return x + self.quantum * u

    def _forward(self, values: np.ndarray) -> np.ndarray:
        return values.astype(np.float32) / np.float32(self.levels)

    def inverse(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(x) * self.levels - (0.5 if self.dequantise else 0.0)

    def inverse_scale(self, sd: np.ndarray) -> np.ndarray:
        return np.asarray(sd) * self.levels


@dataclass(frozen=True)
class Binarise(Transform):
    """Grey values v as probabilities x = v / white; each visit of a row draws every pixel as 0 or 1 with it.

    Source: Burda et al. 2016, arXiv:1509.00519, section 5.

    >>> grey = Binarise((3,), white=255.0)
    >>> x = grey.forward(np.array([[0, 51, 255]], np.uint8))
    >>> x.tolist(), _binarised(x, np.float32(0.1)).tolist()
    ([[0.0, 0.2..., 1.0]], [[0.0, 1.0, 1.0]])
    """

    kind = "binarise"
    white: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.white > 0:
            raise DataError(f"expected a positive value for white, found {self.white:g}")

    @property
    def visit(self) -> Visit:
        return _binarised

    def _forward(self, values: np.ndarray) -> np.ndarray:
        low, high = values.min(initial=0), values.max(initial=0)
        if low < 0 or high > self.white:
            raise DataError(
                f"expected grey values from 0 to {self.white:g}, as the model was fitted to, found "
                f"{low if low < 0 else high:g}"
            )
        return values.astype(np.float32) / np.float32(self.white)

    def inverse(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(x) * self.white

    def inverse_scale(self, sd: np.ndarray) -> np.ndarray:
        return np.asarray(sd) * self.white


@dataclass(frozen=True)
class TwoValued(Transform):
    """Data of two values only: `low` becomes 0 and `high` 1.

    >>> TwoValued((2,), low=0, high=255).forward(np.array([[0, 255]], np.uint8)).tolist()
    [[0.0, 1.0]]
    """

    kind = "two-valued"
    low: float
    high: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.low < self.high:
            raise DataError(f"expected two values, the lower one first, found {self.low} and {self.high}")

    def _forward(self, values: np.ndarray) -> np.ndarray:
        ones = values == self.high
        strange = ~ones & (values != self.low)
        if strange.any():
            raise DataError(
                f"expected only the values {self.low:g} and {self.high:g} that the model was fitted to, "
                f"found {values[strange][0]:g} in row {int(np.argwhere(strange)[0, 0]) + 1}"
            )
        return ones

    def inverse(self, x: np.ndarray) -> np.ndarray:
        return self.low + np.asarray(x) * (self.high - self.low)

    def inverse_scale(self, sd: np.ndarray) -> np.ndarray:
        return np.asarray(sd) * (self.high - self.low)


@dataclass(frozen=True)
class Identity(Transform):
    """Numbers that go to the network as they are."""

    kind = "identity"

    def _forward(self, values: np.ndarray) -> np.ndarray:
        return values

    def inverse(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(x)

    def inverse_scale(self, sd: np.ndarray) -> np.ndarray:
        return np.asarray(sd)


@dataclass(frozen=True)
class UnitInterval(Identity):
    """Images whose values are in [0, 1] already; they go to the network as they are."""

    kind = "unit-interval"


@dataclass(frozen=True)
class Standardise(Transform):
    """Each variable with its own `mean` and `scale`: x = (v - mean) / scale.

    >>> standardise = Standardise.fit(np.array([[0.0, 5.0], [2.0, 5.0]]), (2,))
    >>> standardise.mean, standardise.scale, standardise.notices
    ((1.0, 5.0), (1.0, 1.0), ('1 constant column is only shifted: 2',))
    """

    kind = "standardise"
    mean: tuple[float, ...]
    scale: tuple[float, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not len(self.mean) == len(self.scale) == self.dim:
            raise ShapeError(
                f"expected {self.dim} means and scales, found {len(self.mean)} and {len(self.scale)}"
            )
        if not (np.isfinite(self.mean).all() and np.isfinite(self.scale).all() and min(self.scale) > 0):
            raise DataError("expected finite means and positive finite scales")

    @classmethod
    def fit(
        cls, values: np.ndarray, shape: tuple[int, ...], columns: tuple[str, ...] | None = None
    ) -> Standardise:
        """Mean and standard deviation (divisor N) of columns of values (rows, D); constant ones get scale 1.

        Raises: DataError where numbers are so large that their variance overflows.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            mean, scale = values.mean(0, dtype=np.float64), values.std(0, dtype=np.float64)
        return cls.of_moments(values.min(0), values.max(0), mean, scale, shape, columns)

    @classmethod
    def of_moments(
        cls,
        low: np.ndarray,
        high: np.ndarray,
        mean: np.ndarray,
        scale: np.ndarray,
        shape: tuple[int, ...],
        columns: tuple[str, ...] | None = None,
    ) -> Standardise:
        """From the least, the greatest, the mean and the sd of each column; see `fit`."""
        still = (low == high) | (scale == 0)
        _require_moments(mean, scale, columns)
        mean, scale = np.where(still, np.where(low == high, low, mean), mean), np.where(still, 1.0, scale)
        notices = _constant_notice(np.flatnonzero(still), columns)
        return cls(shape, tuple(mean.tolist()), tuple(scale.tolist()), notices=notices)

    @property
    def log_jacobian(self) -> float:
        return -float(np.log(self.scale).sum())

    def _forward(self, values: np.ndarray) -> np.ndarray:
        return (values - np.asarray(self.mean)) / np.asarray(self.scale)

    def inverse(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(x) * np.asarray(self.scale) + np.asarray(self.mean)

    def inverse_scale(self, sd: np.ndarray) -> np.ndarray:
        return np.asarray(sd) * np.asarray(self.scale)


def _binarised(x: Any, u: Any) -> Any:
    return (u < x).astype(x.dtype)


def transform_from_dict(saved: object) -> Transform:
    """The transform that `Transform.to_dict` described.

    Raises: RunError for an unknown kind, or for fields that are missing, unknown or impossible.

    >>> transform_from_dict({"kind": "identity", "shape": [3]})
    Identity(shape=(3,), notices=())
    """
    entries: dict[str, Any] = dict(saved) if isinstance(saved, dict) else {}
    kind = entries.pop("kind", None)
    cls = Transform.kinds.get(str(kind))
    if cls is None:
        raise RunError(
            f"saved transform: expected one of the kinds {', '.join(sorted(Transform.kinds))}, "
            f"found {kind!r}; the run is damaged or was written by a newer vaefit"
        )
    try:
        return cls.from_entries(entries)
    except DataError as e:
        raise RunError(f"saved transform '{kind}' is damaged: {e}") from e


def _typed(cls: type[Transform], entries: dict[str, Any]) -> dict[str, Any]:
    """JSON's entries as what the fields of `cls` hold."""
    wanted = {f.name: str(f.type) for f in fields(cls) if f.name != "notices"}
    if wanted.keys() != entries.keys():
        raise DataError(f"expected the entries {', '.join(wanted)}, found {', '.join(entries) or 'none'}")
    return {name: _as(wanted[name], name, value) for name, value in entries.items()}


def _as(kind: str, name: str, value: Any) -> Any:
    if kind.startswith("tuple") and isinstance(value, list):
        return tuple(_as(kind[6:].partition(",")[0], name, v) for v in value)
    if kind == "float" and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if kind in ("int", "bool") and type(value).__name__ == kind:
        return value
    raise DataError(f"expected {name} as {kind}, found {value!r}")


def _jsonable(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _require_moments(mean: np.ndarray, scale: np.ndarray, columns: tuple[str, ...] | None) -> None:
    bad = np.flatnonzero(~(np.isfinite(mean) & np.isfinite(scale)))
    if bad.size:
        raise DataError(
            f"numbers are too large for their variance in column {_named(bad[:1], columns)}; rescale it"
        )


def _constant_notice(still: np.ndarray, columns: tuple[str, ...] | None) -> tuple[str, ...]:
    if not still.size:
        return ()
    some = _named(still[:5], columns) + (" ..." if still.size > 5 else "")
    return (f"{still.size} constant column{'s are' if still.size > 1 else ' is'} only shifted: {some}",)


def _named(positions: np.ndarray, columns: tuple[str, ...] | None) -> str:
    return ", ".join(str(i + 1) if columns is None else columns[i] for i in positions)
