"""The garbage collector at rest: while very many values are made that stay, it would look through all of them time and again."""

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def resting() -> Generator[None]:
    """No look for circles while the block runs; whatever is in none is freed as ever. For work that waits for nothing."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
