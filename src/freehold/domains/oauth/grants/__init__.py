"""Grants: what a user allows a client, and the codes and tokens that come of it."""
