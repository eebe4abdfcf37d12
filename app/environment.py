"""Typed access to environment variables; collects every fault with the variable's name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from typing import TypeVar
from urllib.parse import urlsplit

Number = TypeVar("Number", int, float)


class Environment:
    """Variables and the faults found so far; an invalid variable reads as its default."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.faults: list[str] = []

    def fault(self, name: str, what: str) -> None:
        """Record an invalid variable; `what` continues the sentence that starts with its name."""
        self.faults.append(f"{name}: {what}")

    def has_fault(self, name: str) -> bool:
        """Tell whether a fault of this variable is recorded."""
        return any(fault.startswith(f"{name}: ") for fault in self.faults)

    def text(self, name: str) -> str:
        """Return a variable, stripped; empty if unset."""
        return self._variables.get(name, "").strip()

    def several(self, name: str) -> tuple[str, ...]:
        """Return the parts of a comma-separated variable."""
        return tuple(part.strip() for part in self.text(name).split(",") if part.strip())

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        """Return one of `allowed`, or the default."""
        value = self.text(name) or default
        if value != default and value not in allowed:
            self.fault(name, f"must be one of {', '.join(allowed)}")
            return default
        return value

    def number(
        self, name: str, default: Number, kind: Callable[[str], Number], bounds: tuple[float, float]
    ) -> Number:
        """Return a number within `bounds`, inclusive."""
        written = self.text(name)
        if not written:
            return default
        low, high = bounds
        try:
            value = kind(written)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            self.fault(name, f"must be a number from {low} to {high}, not {written!r}")
            return default
        return value

    def url(self, name: str, default: str) -> str:
        """Return an http(s) URL without a trailing slash."""
        value = self.text(name) or default
        if not value:
            return ""
        if not is_url(value, ("http", "https")) or not urlsplit(value).hostname:
            self.fault(name, "must be an http:// or https:// URL")
        elif any(one.isspace() for one in value):
            self.fault(name, "must be a URL without spaces")
        return value.rstrip("/")

    def together(self, *names: str) -> None:
        """Record a fault if only some of these variables are set."""
        missing = [name for name in names if not self.text(name)]
        if missing and len(missing) < len(names):
            others = ", ".join(name for name in names if name not in missing)
            self.fault(missing[0], f"is missing; it is required together with {others}")

    def refuse_others(self, prefix: str, known: Collection[str]) -> None:
        """Record a fault for each variable with this prefix that is not one of `known`."""
        for name in self._variables:
            if name.startswith(prefix) and name not in known:
                nearest = ", ".join(get_close_matches(name, known, cutoff=0.8))
                also = f"; the nearest are {nearest}" if nearest else ""
                self.fault(name, f"is no setting{also}")


def is_url(value: str, schemes: tuple[str, ...]) -> bool:
    """Tell whether a value is a URL of one of `schemes`, with a valid host and port."""
    try:
        parts = urlsplit(value)
        return parts.scheme in schemes and parts.port != 0
    except ValueError:
        return False
