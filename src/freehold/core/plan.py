"""What a customer has bought: how fast and how much. Data from the settings; priced in a later room."""

from msgspec import Struct


class Plan(Struct, frozen=True, kw_only=True):
    """Rates and quotas of one plan; None means without limit."""

    name: str
    calls_per_day: int | None = None
    """Calls a UTC day may hold."""
    per_second: float | None = None
    """Sustained calls a second, for the tenant as a whole."""
    burst: int = 1
    """Calls that may come at once when the bucket is full."""
