"""What the peers' scripts time with; imports nothing large."""

import sys
import time


def seconds(run):
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def timed(run, count):
    """Seconds of each of some runs, after two that are not counted."""
    for _ in range(2):
        run()
    return [seconds(run) for _ in range(count)]


def serve(run, count, warm=None):
    """Warms up (by `warm`, or else a run) and says so; then runs for each line that arrives and prints the seconds for
    each of the `count` examples of a run."""
    (warm or run)()
    print("warm", flush=True)
    for _ in sys.stdin:
        print(seconds(run) / count, flush=True)
