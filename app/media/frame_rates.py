"""Which constant frame rate a film gets. Pure."""

from __future__ import annotations

from fractions import Fraction

_STANDARD = (
    Fraction(24000, 1001),
    Fraction(24),
    Fraction(25),
    Fraction(30000, 1001),
    Fraction(30),
    Fraction(48),
    Fraction(50),
    Fraction(60000, 1001),
    Fraction(60),
)
DEFAULT = Fraction(30)
#: How far a measured average may be off: a constant rate, and the mean of a variable one.
_NEAR = Fraction(1, 200)
_ANYWHERE_NEAR = Fraction(1, 10)


def constant_rate(
    rate: float | None, low: float | None, high: float | None, *, is_variable: bool
) -> str:
    """Return the frame rate to make, as `num/den`, from `low` to `high` frames per second.

    A whole multiple or fraction of the source's, so that every picture is shown equally long,
    and one of the usual rates where the source is about that.
    """
    source = DEFAULT if not rate or rate <= 0 else Fraction(rate).limit_denominator(100_000)
    source = _usual(source, _ANYWHERE_NEAR if is_variable else _NEAR)
    made = source
    if high is not None and source > high:
        made = source / -(-source // Fraction(high))
    elif low is not None and source < low:
        made = source * -(-Fraction(low) // source)
    if _is_outside(made, low, high):
        made = DEFAULT
    return f"{made.numerator}/{made.denominator}"


def _usual(rate: Fraction, slack: Fraction) -> Fraction:
    nearest = min(_STANDARD, key=lambda one: abs(one - rate))
    return nearest if abs(nearest - rate) <= rate * slack else rate.limit_denominator(1001)


def _is_outside(rate: Fraction, low: float | None, high: float | None) -> bool:
    return (low is not None and rate < low) or (high is not None and rate > high)
