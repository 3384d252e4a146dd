"""Tables in plain text."""

from collections.abc import Sequence

from vaefit.evaluating import Score


def table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they need to be, the first flush left, the others flush right.

    >>> print(table(["name", "n"], [["a", "10"], ["bcdef", "2"]]))
    name    n
    a      10
    bcdef   2
    """
    widths = [max(len(line[i]) for line in [heads, *lines]) for i in range(len(heads))]
    padded = (
        [c.rjust(w) if i else c.ljust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True))]
        for line in [heads, *lines]
    )
    return "\n".join("  ".join(line).rstrip() for line in padded)


def number(value: float | None, digits: int, best: float | None = None) -> str:
    """A number, starred where it is the best of its column; a dash where there is none."""
    if value is None:
        return "-"
    return f"{value:.{digits}f}{'*' if value == best else ' '}"


def scores(found: dict[str, Score]) -> list[list[str]]:
    """A line for each density; the best of each column is starred."""
    likelihoods = [s.log_likelihood for s in found.values() if s.log_likelihood is not None]
    errors = [s.reconstruction_mse for s in found.values() if s.reconstruction_mse is not None]
    bits = [s.bits_per_dim for s in found.values() if s.bits_per_dim is not None]
    return [
        [
            name,
            number(s.log_likelihood, 2, max(likelihoods, default=None)),
            "" if s.log_likelihood_se is None else f"+- {s.log_likelihood_se:.2f}",
            number(s.bits_per_dim, 3, min(bits, default=None)),
            number(s.reconstruction_mse, 5, min(errors, default=None)),
            s.made,
        ]
        for name, s in found.items()
    ]
