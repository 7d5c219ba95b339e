"""The digest of what is served follows names and contents of sources and lock, and nothing else."""

import pytest

from bench.plan.served import digest_folders, digest_served
from bench.plan.stacks import BUNDLED_STACKS, load_stacks

FILES = {"model/model.py": "a", "model/data/rows.csv": "1", "app/app.py": "b", "app/variants/other.py": "c", "requirements.lock": "d==1"}


@pytest.fixture
def digest(tmp_path):
    """Return a function that writes files anew and gives their digest."""
    count = 0

    def digest(**changes):
        nonlocal count
        count += 1
        root = tmp_path / str(count)
        for name, text in {**FILES, **changes}.items():
            if text is not None:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
        return digest_folders(root, [root / "model", root / "app", root / "app"])

    return digest


def test_equal_files_have_one_digest_wherever_they_are(digest):
    assert digest() == digest()


@pytest.mark.parametrize("name", FILES)
def test_a_change_of_any_file_is_seen_and_so_is_its_absence(digest, name):
    assert len({digest(), digest(**{name: "x"}), digest(**{name: None})}) == 3


def test_a_new_name_is_seen(digest):
    assert digest(**{"app/app.py": None, "app/apps.py": "b"}) != digest()


def test_what_is_no_source_is_not_seen(digest):
    assert digest(**{"app/notes.txt": "x", "other/app.py": "y", "app/steps/hello.py": "s", "model/artefacts/model.joblib": "z"}) == digest()


def test_parts_of_the_bundled_comparison_have_the_digest_of_all_of_it():
    stacks = load_stacks(BUNDLED_STACKS)
    both = [stacks["flask-gthread"], stacks["fastapi-uvicorn"]]
    assert digest_served(both) == digest_served(stacks.values()) != digest_served(both[:1])
