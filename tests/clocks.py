"""A clock turned by hand, for every test in which time matters."""


class HandClock:
    """Stands still until `advance` is called."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        """Start at `now`, Unix seconds."""
        self._now = now
        self._monotonic = 1_000.0

    def now(self) -> float:
        """Wall time."""
        return self._now

    def monotonic(self) -> float:
        """Time since some start."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Turn both hands forward."""
        self._now += seconds
        self._monotonic += seconds
