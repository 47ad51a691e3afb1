"""Several works at once in threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence


def in_threads(works: Sequence[Callable[[], None]]) -> None:
    """Does all of it at once; signals reach the caller's thread meanwhile."""
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(timeout=0.2)
