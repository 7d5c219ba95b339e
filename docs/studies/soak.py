"""Keep each application 70 % busy for minutes: no wrong answer, no growth of memory, no more descriptors than at the beginning.

`make soak` writes a table and ends with 1 if a line of it does not hold. `--minutes` makes it shorter or longer. It keeps no table, since
memory belongs to the machine.
"""

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import NamedTuple

import psutil
from serving import Answer, Server, message, running

APPS = ("flask_app", "fastapi_app")
MINUTES = 10.0
BUSY, BUSY_WITHIN = 0.7, 0.1
RSS_WITHIN = 0.02
# The parts of the time that are compared: minutes 2 to 4 and the last three of ten.
EARLY, LATE = (0.2, 0.4), (0.7, 1.0)
USERS = 8
# The rate to begin with, and the samples that have one rate before it is corrected.
FIRST_RPS, CORRECTED_EVERY = 400.0, 5
REQUESTS_PER_CONNECTION = 200
PLACES = {"Age": 30, "Sex": "female", "Embarked": "S"}
REQUESTS = [
    *[message("POST", "/predict", str([PLACES] * count).replace("'", '"').encode()) for count in (1, 4, 1, 4, 100, 100, 1000)],
    message("POST", "/predict_proba", b'[{"Age": null, "Sex": "male"}, {}]'),
    message("POST", "/predict", b'[{"Age": -1}]'),
    message("POST", "/predict", b'[{"Age": '),
    message("GET", "/model"),
    message("GET", "/nope"),
]


class Sample(NamedTuple):
    """What a server was at a moment: since the begin of the load, memory, open descriptors, CPU time, all its processes together."""

    at_s: float
    rss_mb: float
    descriptors: int
    cpu_s: float


class Line(NamedTuple):
    """One line of the table."""

    server: str
    what: str
    found: str
    wanted: str
    holds: bool


class Load:
    """Users who send at a rate that can be changed, and compare each answer with the first one to the same request."""

    def __init__(self, server: Server) -> None:
        self.rate_rps, self.is_over = FIRST_RPS, threading.Event()
        self._server = server
        self._expected = [self._comparable(server.ask(request)) for request in REQUESTS]
        self._pool = ThreadPoolExecutor(USERS)
        self._users = [self._pool.submit(self._send, user) for user in range(USERS)]

    def end(self) -> tuple[int, int]:
        """End the load; return the number of right answers and of others."""
        self.is_over.set()
        counts = [user.result() for user in self._users]
        self._pool.shutdown()
        return sum(right for right, _ in counts), sum(wrong for _, wrong in counts)

    def _send(self, user: int) -> tuple[int, int]:
        right, wrong, due_s = 0, 0, time.monotonic()
        while not self.is_over.is_set():
            try:
                with self._server.connect() as connection:
                    for _ in range(REQUESTS_PER_CONNECTION):
                        due_s = max(due_s + USERS / self.rate_rps, time.monotonic() - 1)
                        if self.is_over.wait(max(0.0, due_s - time.monotonic())):
                            break
                        place = (user + right) % len(REQUESTS)
                        is_right = self._comparable(connection.ask(REQUESTS[place])) == self._expected[place]
                        right, wrong = right + is_right, wrong + (not is_right)
            except OSError:
                wrong += 1
        return right, wrong

    @staticmethod
    def _comparable(answer: Answer) -> tuple[int, bytes]:
        return answer.status, answer.body


def main() -> int:
    """Soak both applications, one after the other; print the table and return the exit status."""
    parser = argparse.ArgumentParser(description="Keep each application busy, and look at its errors, memory and descriptors.")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="for each application (default: %(default)g)")
    minutes = parser.parse_args().minutes
    lines = [line for app in APPS for line in soak(app, minutes * 60)]
    print_table(lines)
    return 0 if all(line.holds for line in lines) else 1


def soak(app: str, seconds: float) -> list[Line]:
    """Return the lines of one application after so many seconds of load."""
    with tempfile.TemporaryDirectory() as folder, running(app, Path(folder)) as server:
        load = Load(server)
        try:
            samples = watch(server, load, seconds)
        finally:
            right, wrong = load.end()
    return judge(app, samples, right, wrong)


def watch(server: Server, load: Load, seconds: float) -> list[Sample]:
    """Return a sample each second, and lead the load to the busy share that is wanted."""
    begin_s = time.monotonic()
    samples = [read_sample(server, begin_s)]
    while samples[-1].at_s < seconds:
        time.sleep(1)
        samples.append(read_sample(server, begin_s))
        if len(samples) % CORRECTED_EVERY == 0:
            load.rate_rps *= min(2.0, BUSY / max(busy_share(samples[-CORRECTED_EVERY:]), 0.01))
    return samples


def read_sample(server: Server, begin_s: float) -> Sample:
    """Return what the server is now."""
    process = psutil.Process(server.process.pid)
    family = [process, *process.children(recursive=True)]
    cpu_s = sum(sum(each.cpu_times()[:2]) for each in family)
    rss_bytes = sum(each.memory_info().rss for each in family)
    return Sample(time.monotonic() - begin_s, rss_bytes / 2**20, sum(each.num_fds() for each in family), cpu_s)


def busy_share(samples: Sequence[Sample]) -> float:
    """Return CPU time by wall time from the first sample to the last."""
    first, last = samples[0], samples[-1]
    return (last.cpu_s - first.cpu_s) / (last.at_s - first.at_s)


def judge(app: str, samples: Sequence[Sample], right: int, wrong: int) -> list[Line]:
    """Return what is asked of an application, and whether it holds."""
    early, late = (take(samples, part) for part in (EARLY, LATE))
    rss = {name: median(sample.rss_mb for sample in part) for name, part in (("early", early), ("late", late))}
    descriptors = {name: median(sample.descriptors for sample in part) for name, part in (("early", early), ("late", late))}
    busy, change = busy_share(late), rss["late"] / rss["early"] - 1
    return [
        Line(app, "answers", f"{right:,}", "more than 0", right > 0),
        Line(app, "errors", f"{wrong:,}", "0", wrong == 0),
        Line(app, "busy", f"{busy:.0%}", f"{BUSY - BUSY_WITHIN:.0%} to {BUSY + BUSY_WITHIN:.0%}", abs(busy - BUSY) <= BUSY_WITHIN),
        Line(app, "memory", f"{rss['early']:.1f} -> {rss['late']:.1f} MiB", f"within {RSS_WITHIN:.0%}", abs(change) <= RSS_WITHIN),
        Line(app, "descriptors", f"{descriptors['early']:g} -> {descriptors['late']:g}", "equal", len(set(descriptors.values())) == 1),
    ]


def take(samples: Sequence[Sample], part: tuple[float, float]) -> list[Sample]:
    """Return the samples of a part of the whole time."""
    whole_s = samples[-1].at_s
    return [sample for sample in samples if part[0] * whole_s <= sample.at_s <= part[1] * whole_s]


def print_table(lines: Sequence[Line]) -> None:
    """Print the lines, aligned."""
    rows: list[Mapping[str, object]] = [{**line._asdict(), "holds": "yes" if line.holds else "NO"} for line in lines]
    texts = [list(rows[0]), *([str(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for text in texts:
        print("  ".join(word.ljust(width) for word, width in zip(text, widths, strict=True)).rstrip())


if __name__ == "__main__":
    sys.exit(main())
