"""One vendor a module, chosen by URL scheme in `plugs.py`; no adapter imports another."""
