"""Disks of a known size: a file system in memory, mounted for one test and gone after it."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def small_disk(path: Path, kilobytes: int) -> Iterator[Path]:
    """Return an empty folder that is a disk of its own; the test is skipped where none may be mounted."""
    path.mkdir()
    mount, unmount = (shutil.which(name) or "" for name in ("mount", "umount"))
    command = [mount, "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", path]
    if not mount or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here: that needs root")
    try:
        yield path
    finally:
        subprocess.run([unmount, "--lazy", path], check=True)
