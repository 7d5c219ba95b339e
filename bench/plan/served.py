"""The version of the applications that a run measures: one digest of the served sources and of the locked versions.

Two runs with the same digest measured the same code, even if other files of the project changed between them.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import shared_model
from bench.plan.stacks import Stack

MODEL = Path(shared_model.__file__).parent
BENCH = Path(__file__).parents[1]
LOCK = "requirements.lock"
NOT_SERVED = "steps"  # applications to read, which no stack serves


def digest_served(stacks: Iterable[Stack]) -> str:
    """Return the SHA-256 of the Python files that the stacks serve, of the shared model and its data, and of the lock file."""
    return digest_folders(MODEL.parent, [MODEL, *(stack.source for stack in stacks if stack.source)])


def digest_bench() -> str:
    """Return the SHA-256 of the bench's own Python files and of the lock file: who resumes a run must have the same."""
    return digest_folders(MODEL.parent, [BENCH])


def digest_folders(root: Path, folders: Iterable[Path]) -> str:
    """Return the SHA-256 over name and content of the Python and CSV files of folders, and of the lock file in `root` if there is one."""
    files = {
        path.relative_to(folder.parent).as_posix(): path
        for folder in folders
        for pattern in ("*.py", "*.csv")
        for path in folder.rglob(pattern)
        if NOT_SERVED not in path.relative_to(folder).parts
    }
    if (root / LOCK).exists():
        files[LOCK] = root / LOCK
    lines = [f"{hashlib.sha256(files[name].read_bytes()).hexdigest()}  {name}\n" for name in sorted(files)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
