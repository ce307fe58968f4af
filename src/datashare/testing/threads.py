"""Calls at the same moment, each in a thread of its own."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable

_START_WITHIN, _END_WITHIN = 30, 120  # seconds


def at_once(calls: Iterable[Callable[[], object]], *, at_end: Callable[[], object] | None = None) -> None:
    """Make all calls at the same moment, each in a thread of its own; fail if one of them raises.

    Args:
        calls: What to call.
        at_end: Called in each thread after its call, to release what is held for the thread.
    """
    waiting = list(calls)
    barrier, raised, awake = threading.Barrier(len(waiting)), list[BaseException](), list[object]()

    def run(call: Callable[[], object]) -> None:
        try:
            barrier.wait(timeout=_START_WITHIN)
            awake.append(call)
            while len(awake) < len(waiting):  # a barrier wakes one thread after the other
                time.sleep(0)
            try:
                call()
            finally:
                if at_end:
                    at_end()
        except BaseException as exc:  # noqa: BLE001 - reported in the test's own thread
            raised.append(exc)

    threads = [threading.Thread(target=run, args=(call,), daemon=True) for call in waiting]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # so that threads get in each other's way
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=_END_WITHIN)
    finally:
        sys.setswitchinterval(interval)
    assert [] == raised
    assert not any(thread.is_alive() for thread in threads), "Some calls never ended."
