"""A JAX function of one vector as steps over flat arrays, which the JavaScript of a page can run.

The function is traced, so that what a page computes is what the model computes, whatever parts it is made
of: a new network or likelihood needs nothing here. Where a part uses an operation that `assets/decoder.js`
does not have, lowering is declined; nothing is approximated silently.

`flat` has the traced equations, `operations` those that a page has, `places` which element goes where,
`steps` what a page computes.
"""

from vaefit.report.lowering.flat import Flat, flatten
from vaefit.report.lowering.operations import CannotLower
from vaefit.report.lowering.steps import Step, Steps, lower

__all__ = ["CannotLower", "Flat", "Step", "Steps", "flatten", "lower"]
