"""What the suite is expected to find wanting, by revision and scenario, each with the reason; anything else fails the test."""

FAILING: dict[str, dict[str, str]] = {"2026-07-28": {}, "2025-11-25": {}}
"""Scenarios the suite runs but does not score, of which a check fails."""

WARNED: dict[str, dict[str, str]] = {
    "2026-07-28": {},
    "2025-11-25": {
        "server-sse-polling": "A stream that breaks is not resumed: its events carry no ids, no retry is named, and the client asks again.",
    },
}
"""Scenarios with a recommendation that is not followed."""

NOT_YET: dict[str, str] = {
    "auth/": "Freehold cannot sign in at other servers yet: the operator gives a header.",
}
"""Client scenarios that are not run, by the beginning of their names."""
