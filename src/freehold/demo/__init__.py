"""Trackline, a small but real sample SaaS, and an agent session that shows the product in motion."""
