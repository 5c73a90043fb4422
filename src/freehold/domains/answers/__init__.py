"""Room: what of a large answer is shown at once, and how the rest is read."""
