"""Failures of the ground floor. Each message is a sentence that says what happened and what to do."""


class Misconfigured(Exception):  # noqa: N818  the field says "misconfigured", not "misconfigured error"
    """The start is refused: the configuration is unsafe, contradictory or cannot work."""


class Unavailable(Exception):  # noqa: N818  same
    """A store or server this process needs does not answer; the same work may succeed later."""
