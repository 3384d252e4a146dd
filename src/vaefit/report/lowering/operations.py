"""The operations that a page has, by JAX's names."""

from vaefit.errors import VaefitError

# JAX's operations that a page has under the same name, element by element.
ELEMENTWISE = frozenset(
    [
        "abs",
        "add",
        "and",
        "clamp",
        "cos",
        "div",
        "eq",
        "exp",
        "expm1",
        "floor",
        "ge",
        "gt",
        "is_finite",
        "le",
        "log",
        "log1p",
        "logistic",
        "lt",
        "max",
        "min",
        "mul",
        "ne",
        "neg",
        "not",
        "or",
        "pow",
        "round",
        "select_n",
        "sign",
        "sin",
        "sqrt",
        "sub",
        "tanh",
        "xor",
    ]
)
# Those that only move elements: which goes where is found by letting them move the elements' numbers.
MOVES = frozenset(
    [
        "broadcast_in_dim",
        "concatenate",
        "expand_dims",
        "gather",
        "pad",
        "reshape",
        "rev",
        "slice",
        "split",
        "squeeze",
        "stack",
        "tile",
        "transpose",
        "unstack",
    ]
)
# Of these a page has the one for truth values, the one for fractions.
OF_TRUTH, OF_FRACTIONS = frozenset(("and", "not", "or", "xor")), frozenset(("div", "pow"))
# Over the last axis.
REDUCTIONS = {
    "reduce_sum": "sum",
    "reduce_max": "largest",
    "reduce_min": "least",
    "argmax": "argmax",
    "cumsum": "cumsum",
}
# The same value under another name.
SAME = frozenset(["copy", "copy_p", "stop_gradient", "device_put"])


class CannotLower(VaefitError):
    """A function uses an operation that a page does not have."""
