"""Trackline, a small project tracker: the SaaS in the demo and in the journeys.

It stands for the product that already exists, so it takes nothing from Freehold but its published keys. `app.py` is its API,
`tokens.py` is all it had to add to be called through Freehold."""

from freehold.demo.trackline.app import trackline
from freehold.demo.trackline.data import Store
from freehold.demo.trackline.seed import CUSTOMERS, seed
from freehold.demo.trackline.tokens import PublishedKeys, ServiceTokens

__all__ = ["CUSTOMERS", "PublishedKeys", "ServiceTokens", "Store", "seed", "trackline"]
