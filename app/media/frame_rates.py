"""The constant frame rate of a transcoded video. Pure."""

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
#: Tolerance of a measured average: of a constant rate, and of a variable one.
_CONSTANT_SLACK = Fraction(1, 200)
_VARIABLE_SLACK = Fraction(1, 10)


def constant_rate(
    rate: float | None, low: float | None, high: float | None, *, is_variable: bool
) -> str:
    """Return the frame rate to encode, as `num/den`, from `low` to `high` frames per second.

    An integer multiple or fraction of the source's, so that every frame is shown equally long,
    snapped to a standard rate where the source is close to one.
    """
    source = DEFAULT if not rate or rate <= 0 else Fraction(rate).limit_denominator(100_000)
    source = _snapped(source, _VARIABLE_SLACK if is_variable else _CONSTANT_SLACK)
    rate_out = source
    if high is not None and source > high:
        rate_out = source / -(-source // Fraction(high))
    elif low is not None and source < low:
        rate_out = source * -(-Fraction(low) // source)
    if _is_outside(rate_out, low, high):
        rate_out = DEFAULT
    return f"{rate_out.numerator}/{rate_out.denominator}"


def _snapped(rate: Fraction, slack: Fraction) -> Fraction:
    nearest = min(_STANDARD, key=lambda one: abs(one - rate))
    return nearest if abs(nearest - rate) <= rate * slack else rate.limit_denominator(1001)


def _is_outside(rate: Fraction, low: float | None, high: float | None) -> bool:
    return (low is not None and rate < low) or (high is not None and rate > high)
