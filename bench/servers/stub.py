"""A server with known behaviour, to test the bench itself: `python -m bench.servers.stub NAME PORT [KEY=VALUE ...]`.

It answers `{"prediction":[0]}` to every request and `/readyz` with 200. Options:

    delay_ms=5         wait before each answer
    work=10000         count up to this number before each answer, as CPU work ...
    extra=0.1 seed=7   ... and on average this share more, drawn anew for each request
    wrong_every=1000   answer `{"prediction":[1]}` at every 1000th request      status=500   answer with this status
    cut_every=1000     break off every 1000th answer, and its connection        chunked=1    answer in two chunks
    closing=1          close the connection after each answer                   deaf=1       ignore SIGTERM
    silent_after=60    answer no request after 60                               die_after=60 kill itself after 60 requests
    freeze_after=400 freeze_s=0.5    stop once, for 0.5 s, after 400 requests
    pause_every=3500 pause_ms=25     do nothing else for 25 ms at every 3500th answer, as a collection of garbage would
    shuffled=1         answer any of the requests that wait, not the first one
    start_after=60     make no faults for 60 requests, such as those of a parity gate
    host=ADDRESS       listen there, not on 127.0.0.1
    record=FOLDER      record its work: NAME-PID.npy (see TRACE_COLUMNS) and events.log
"""

import asyncio
import os
import random
import signal
import socket
import sys
import time
from array import array
from pathlib import Path
from typing import ClassVar, cast

GOOD, WRONG = b'{"prediction":[0]}', b'{"prediction":[1]}'
READY = b'{"status":"ok"}'
# One row per answered request: its connection, the times when it was read and when its answer was ready to be sent (ns, monotonic), the
# CPU time of this process by then (ns), and whether the answer was right and whole.
TRACE_COLUMNS = ("connection", "read_ns", "answered_ns", "cpu_ns", "correct")


class Behaviour:
    """The options of the command line, as numbers; 0 if not given."""

    def __init__(self, options: dict[str, str]) -> None:
        numbers = {name: float(text) for name, text in options.items() if name not in {"record", "host"}}
        self.delay_s = numbers.pop("delay_ms", 0.0) / 1e3
        self.work = numbers.pop("work", 0.0)
        self.extra = numbers.pop("extra", 0.0)
        self.seed = int(numbers.pop("seed", 0))
        self.status = int(numbers.pop("status", 200))
        self.freeze_s = numbers.pop("freeze_s", 0.0)
        self.start_after = int(numbers.pop("start_after", 0))
        self.pause_s = numbers.pop("pause_ms", 0.0) / 1e3
        names = ("wrong_every", "cut_every", "pause_every", "silent_after", "die_after", "freeze_after")
        flags = ("chunked", "closing", "deaf", "shuffled")
        self.count = {name: int(numbers.pop(name, 0)) for name in (*names, *flags)}
        if numbers:
            message = f"bench.servers.stub: unknown options {', '.join(numbers)}"
            raise SystemExit(message)

    def draw_work(self, draw: random.Random) -> int:
        """Return how far to count before one answer: `work` and up to twice the extra share of it."""
        return int(self.work * (1 + self.extra * 2 * draw.random()))

    def is_due(self, name: str, count: int) -> bool:
        """Whether the option `name` applies to the `count`-th request: one of every N after `start_after`."""
        every = self.count[name]
        return bool(every) and count > self.start_after and count % every == 0

    def is_past(self, name: str, count: int) -> bool:
        """Whether the `count`-th request comes after the number in the option `name`."""
        return 0 < self.count[name] < count


class Trace:
    """The record of the server's work, in memory until it stops."""

    def __init__(self, name: str, folder: Path | None) -> None:
        self._name = name
        self._folder = folder
        self._rows = array("q")
        self._last = ""

    def add(self, connection: int, read_ns: int, *, correct: bool) -> None:
        """Record one answer that is about to be sent: no client can have it before this stamp."""
        if self._folder:
            self._rows.extend((connection, read_ns, time.perf_counter_ns(), time.process_time_ns(), correct))

    def log(self, event: str) -> None:
        """Write an event at once; equal events in a row are written once."""
        if self._folder and event != self._last:
            with (self._folder / "events.log").open("a", encoding="utf-8") as file:
                file.write(f"{self._name} {event}\n")
        self._last = event

    def close(self) -> None:
        """Write all rows."""
        if self._folder:
            import numpy as np  # noqa: PLC0415 - needed only at the end, if at all: a stub starts faster without it

            rows = np.array(self._rows, dtype=np.int64).reshape(-1, len(TRACE_COLUMNS))
            np.save(self._folder / f"{self._name}-{os.getpid()}.npy", rows)


class Stub(asyncio.Protocol):
    """One connection. It handles only clients that send a whole request at once and wait for the answer."""

    count = connections = 0
    behaviour: Behaviour
    trace: Trace
    draw: random.Random
    waiting: ClassVar[list[tuple["Stub", int]]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        self._transport = cast("asyncio.Transport", transport)
        Stub.connections += 1
        self._number = Stub.connections

    def data_received(self, data: bytes) -> None:
        """Handle a request as the options say."""
        read_ns = time.perf_counter_ns()
        if data.startswith(b"GET /readyz"):
            self.trace.log("ready")
            self._transport.write(_reply(200, READY))
            return
        self.trace.log("asked")
        if not self.behaviour.count["shuffled"]:
            self.behave(read_ns)
            return
        if not self.waiting:
            asyncio.get_running_loop().call_soon(self._take_any)
        self.waiting.append((self, read_ns))

    @classmethod
    def _take_any(cls) -> None:
        """Answer one of the requests that wait; look for new requests before the next answer."""
        place = cls.draw.randrange(len(cls.waiting))
        stub, read_ns = cls.waiting[place]
        stub.behave(read_ns)
        del cls.waiting[place]
        if cls.waiting:
            asyncio.get_running_loop().call_soon(cls._take_any)

    def behave(self, read_ns: int) -> None:
        """Apply the options of the command line to one request."""
        Stub.count += 1
        count, behaviour = Stub.count, self.behaviour
        if behaviour.is_past("silent_after", count):
            return
        if behaviour.is_past("die_after", count):
            print("I am about to die", flush=True)  # noqa: T201 - its log
            os.kill(os.getpid(), signal.SIGKILL)
        if behaviour.count["freeze_after"] == count:
            freeze(behaviour.freeze_s, self.trace)
        for _ in range(behaviour.draw_work(self.draw)):
            pass
        if behaviour.is_due("pause_every", count):
            time.sleep(behaviour.pause_s)
        if behaviour.delay_s:
            asyncio.get_running_loop().call_later(behaviour.delay_s, self._answer, count, read_ns)
        else:
            self._answer(count, read_ns)

    def _answer(self, count: int, read_ns: int) -> None:
        behaviour = self.behaviour
        if behaviour.is_due("cut_every", count):
            self.trace.add(self._number, read_ns, correct=False)
            self._transport.write(_reply(200, GOOD)[:-3])
            self._transport.close()
            return
        is_wrong = behaviour.is_due("wrong_every", count)
        self.trace.add(self._number, read_ns, correct=not is_wrong)
        if behaviour.count["chunked"]:
            head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n" + GOOD[:4] + b"\r\n"
            self._transport.write(head)
            asyncio.get_running_loop().call_soon(self._transport.write, b"%x\r\n%b\r\n0\r\n\r\n" % (len(GOOD[4:]), GOOD[4:]))
        else:
            self._transport.write(_reply(behaviour.status, WRONG if is_wrong else GOOD, closing=bool(behaviour.count["closing"])))
        if behaviour.count["closing"]:
            self._transport.close()


def freeze(seconds: float, trace: Trace) -> None:
    """Let a child process stop this process at once and continue it later; the child logs both times in ns."""
    if os.fork():
        return
    os.kill(os.getppid(), signal.SIGSTOP)
    begin_ns = time.perf_counter_ns()
    time.sleep(seconds)
    end_ns = time.perf_counter_ns()
    os.kill(os.getppid(), signal.SIGCONT)
    trace.log(f"frozen {begin_ns} {end_ns}")
    os._exit(0)


def _reply(status: int, body: bytes, *, closing: bool = False) -> bytes:
    head = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n" % (status, len(body))
    return head + (b"Connection: close\r\n" if closing else b"") + b"\r\n" + body


async def serve(host: str, port: int) -> None:
    """Serve until SIGTERM."""
    loop = asyncio.get_running_loop()
    Stub.trace.log("start")
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, (lambda: None) if Stub.behaviour.count["deaf"] else stopped.set)
    await loop.create_server(Stub, host, port, family=socket.AF_INET)
    await stopped.wait()
    Stub.trace.close()
    Stub.trace.log("stop")
    os._exit(0)


if __name__ == "__main__":
    _name, _port, *_pairs = sys.argv[1:]
    _options = dict(pair.split("=", 1) for pair in _pairs)
    Stub.behaviour = Behaviour(_options)
    Stub.trace = Trace(_name, Path(_options["record"]) if "record" in _options else None)
    Stub.draw = random.Random(Stub.behaviour.seed)  # noqa: S311 - reproducible cost, no secret
    asyncio.run(serve(_options.get("host", "127.0.0.1"), int(_port)))
