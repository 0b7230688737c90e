"""What tests of drawings share: a backend without windows, and the book's look."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib
import pytest
from matplotlib import pyplot as plt

from genbook.course import plotting


@pytest.fixture
def agg() -> Iterator[None]:
    """Draw with Agg and as the book does; leave matplotlib as it was."""
    before = matplotlib.get_backend(), dict(matplotlib.rcParams)
    matplotlib.use("Agg")
    plotting.setup()
    yield
    plt.close("all")
    matplotlib.rcParams.update(before[1])
    matplotlib.use(before[0])
