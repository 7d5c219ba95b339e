"""The requests of a run, read from its samples one slice at a time: those of one launch of a cell are in memory at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.errors import RunFolderError
from bench.judge.ordered import Ordered, Spool
from bench.records import SliceRecord
from bench.records.folder import RunFolder
from bench.records.samples import SampleFile, Settled, settled_requests


@dataclass(frozen=True)
class Times:
    """The settled requests of all slices of a cell, in ms, and how many were due; see `Settled`."""

    due: int
    response_ms: Ordered
    service_ms: Ordered
    send_lag_ms: Ordered


class Requests:
    """The samples of the launches of a run."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._files: dict[int, SampleFile] = {}

    def settled(self, record: SliceRecord) -> Settled:
        """Return the settled requests of a slice; raise `RunFolderError` if the samples of its launch cannot be read."""
        return settled_requests(self._file(record.launch).read(record.slice), record.settled_ns, record.end_ns)

    def count_wrong(self, record: SliceRecord) -> int:
        """Return how many answers of a slice were whole, and not the accepted one; raise as `settled` does."""
        columns = self._file(record.launch).read(record.slice, ("status", "correct"))
        return int(((columns["status"] > 0) & (columns["correct"] == 0)).sum())

    def _file(self, launch: int) -> SampleFile:
        if launch not in self._files:
            path = self._folder.samples_path(launch)
            try:
                self._files[launch] = SampleFile(path)
            except OSError as error:
                message = f"{path} cannot be read ({error.strerror or error}); without its samples a run cannot be judged again."
                raise RunFolderError(message) from None
        return self._files[launch]


class TimesSpool:
    """The settled requests of a cell, on their way to be `Times`."""

    def __init__(self) -> None:
        self._due = 0
        self._response, self._service, self._lag = Spool(), Spool(), Spool()

    def add(self, settled: Settled) -> None:
        """Take in the requests of a slice."""
        self._due += settled.due
        self._response.add(settled.response_ms)
        self._service.add(settled.service_ms)
        self._lag.add(settled.send_lag_ms)

    def times(self) -> Times:
        """Return what was taken in."""
        return Times(self._due, self._response.ordered(), self._service.ordered(), self._lag.ordered())

    def close(self) -> None:
        """Forget everything."""
        for spool in (self._response, self._service, self._lag):
            spool.close()


@contextmanager
def spooled() -> Iterator[TimesSpool]:
    """Give a spool that is closed at the end of the block."""
    spool = TimesSpool()
    try:
        yield spool
    finally:
        spool.close()
