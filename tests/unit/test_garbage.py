"""The collector rests for as long as it is asked to, and no longer."""

import gc

import pytest

from freehold.kit.garbage import resting


def test_the_collector_works_again_afterwards() -> None:
    """Also when the work fails; where it rested before, it rests on."""
    with resting():
        assert not gc.isenabled()
        with resting():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError), resting():
        _ = 1 / 0
    assert gc.isenabled()
