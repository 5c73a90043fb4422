"""Freehold beside a raw echo, the official SDK and FastMCP, in one interleaved run on one machine."""
