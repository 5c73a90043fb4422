"""Failures of the ground floor. Each message is a sentence that says what happened and what to do."""


class Misconfigured(Exception):
    """The start is refused: the configuration is unsafe, contradictory or cannot work."""


class Unavailable(Exception):
    """A store or server this process needs does not answer; the same work may succeed later."""
