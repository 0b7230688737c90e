"""How often one caller may ask."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable
from time import monotonic

from genbook._validate import check_count, check_function, check_positive

__all__ = ["TokenBuckets"]


class TokenBuckets:
    """A bucket of tokens for each caller: a request takes one, time puts them back.

    Args:
        rate: Tokens that come back in a second.
        burst: How many a bucket holds, and a newcomer finds.
        most: How many callers are remembered; the one not heard of for longest goes,
            and would find a full bucket again.
        clock: Says how late it is, in seconds.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If a number is out of range.

    Example:
        >>> buckets = TokenBuckets(rate=2.0, burst=1.0, clock=lambda: 0.0)
        >>> buckets.take("me"), buckets.take("me"), buckets.take("you")
        (0.0, 0.5, 0.0)
    """

    def __init__(
        self,
        rate: float,
        burst: float,
        *,
        most: int = 10_000,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.rate = check_positive(rate, "rate")
        self.burst = check_positive(burst, "burst")
        self.most = check_count(most, "most", 1)
        if self.burst < 1:
            raise ValueError(f"burst must be at least 1, got {self.burst}")
        check_function(clock, "clock")
        self.clock = clock
        self._filled: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, caller: Hashable) -> float:
        """Take a token; return 0.0, or in how many seconds there will be one.

        Args:
            caller: Whose bucket it is.
        """
        now = self.clock()
        tokens, then = self._filled.pop(caller, (self.burst, now))
        tokens = min(self.burst, tokens + (now - then) * self.rate)
        short = max(1 - tokens, 0.0)
        self._filled[caller] = (tokens if short else tokens - 1, now)
        if len(self._filled) > self.most:
            self._filled.popitem(last=False)
        return short / self.rate


def whole_seconds(seconds: float) -> str:
    """Return what a header ``Retry-After`` may say: whole seconds, one at least."""
    return str(max(math.ceil(seconds), 1))
