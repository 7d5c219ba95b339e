"""The requests of a run, read from its samples one slice at a time: no more of them are in memory than those of one cell."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bench.errors import RunFolderError
from bench.records import SliceRecord
from bench.records.folder import RunFolder
from bench.records.samples import Floats, SampleFile, Settled, settled_requests


@dataclass(frozen=True)
class Times:
    """Settled requests of one or more slices, in ms; see `Settled`."""

    response_ms: Floats
    service_ms: Floats
    send_lag_ms: Floats


class Requests:
    """The samples of the launches of a run."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._files: dict[int, SampleFile] = {}

    def settled(self, record: SliceRecord) -> Settled:
        """Return the settled requests of a slice; raise `RunFolderError` if the samples of its launch cannot be read."""
        return settled_requests(self._file(record.launch).read(record.slice), record.settled_ns, record.end_ns)

    def settled_of(self, slices: Iterable[SliceRecord]) -> Iterator[Settled]:
        """Yield the settled requests of each slice."""
        return (self.settled(record) for record in slices)

    def _file(self, launch: int) -> SampleFile:
        if launch not in self._files:
            path = self._folder.samples_path(launch)
            try:
                self._files[launch] = SampleFile(path)
            except OSError as error:
                message = f"{path} cannot be read ({error.strerror or error}); without its samples a run cannot be judged again."
                raise RunFolderError(message) from None
        return self._files[launch]


def pool(parts: Sequence[Settled]) -> Times:
    """Return the requests of several slices together."""
    names = ("response_ms", "service_ms", "send_lag_ms")
    return Times(*(np.concatenate([getattr(part, name) for part in parts]) if parts else np.empty(0) for name in names))
