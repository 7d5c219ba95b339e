"""A set of model files is saved as a whole, checked as a whole, and refused in one line that says what to run."""

import hashlib
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError

import pytest

from shared_model import Options, Service, artefacts
from shared_model.artefacts import CARD, DEFAULT_FOLDER, FILES, LINK, SERVING, SUMS, ArtefactError, Serving, load_set, resolve_set, save_set
from shared_model.contract import Failure, Kind
from shared_model.features import COLUMNS

pytestmark = pytest.mark.xdist_group("scikit-learn")
# Saves small sets without end; the mark of a set stands in two of its files.
SAVER = """
import itertools, sys
from pathlib import Path
from shared_model.artefacts import PINNED_LIBRARIES, Serving, save_set, version
from shared_model.features import COLUMNS

objects = {name: list(range(2000)) for name in ("model.joblib", "model_columns.joblib", "forest.joblib")}
libraries = {name: version(name) for name in PINNED_LIBRARIES}
for mark in itertools.islice(itertools.count(), int(sys.argv[2]) or None):
    serving = Serving(COLUMNS, (0.0,) * len(COLUMNS), 0.0, 28.0, float(mark))
    save_set(Path(sys.argv[1]), objects, serving, {"mark": mark, "libraries": libraries})
    print(mark, flush=True)
"""


@pytest.fixture
def folder(tmp_path):
    """A copy of the trained model."""
    copy = tmp_path / "model"
    shutil.copytree(DEFAULT_FOLDER, copy, symlinks=True)
    return copy


def refusal(folder):
    with pytest.raises(ArtefactError) as caught:
        load_set(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(f" Run: python -m shared_model.train --out {folder}")
    return message


def renew_checksums(folder):
    current = folder / LINK
    (current / SUMS).write_text("".join(f"{hashlib.sha256((current / name).read_bytes()).hexdigest()}  {name}\n" for name in FILES))


def change_json(folder, name, **values):
    """Change members of a JSON file of the set as someone would who also renews the checksums."""
    path = folder / LINK / name
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **values}))
    renew_checksums(folder)


def snapshot(folder):
    """Return where the link leads and what each file under `folder` holds."""
    return (folder / LINK).readlink(), {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}


def saving(folder, count=0):
    return subprocess.Popen([sys.executable, "-c", SAVER, str(folder), str(count)], stdout=subprocess.PIPE, text=True)


def sets(folder):
    return sorted(path.name for path in folder.iterdir())


# --- loading --------------------------------------------------------------------------------------------------------


def test_a_whole_set_is_loaded(folder):
    artefacts = load_set(folder)
    assert artefacts.serving.columns == COLUMNS
    assert artefacts.card["data"]["rows"] == 1309
    assert artefacts.load_estimator("model_columns.joblib") == list(COLUMNS)


def test_estimators_stay_available_when_the_files_are_gone(folder):
    artefacts = load_set(folder)
    shutil.rmtree(folder)
    assert artefacts.load_estimator("model.joblib").coef_.shape == (1, len(COLUMNS))


def test_a_set_is_loaded_from_a_plain_copy_without_links(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    assert load_set(tmp_path / "copy").contents == load_set(folder).contents


@pytest.mark.parametrize("exists", [True, False])
def test_a_folder_without_a_model_is_refused(tmp_path, exists):
    folder = tmp_path / "none"
    if exists:
        folder.mkdir()
    assert refusal(folder).startswith(f"There is no trained model in {folder} ")


def test_a_link_that_leads_nowhere_is_refused(tmp_path):
    (tmp_path / LINK).symlink_to("set-gone")
    assert refusal(tmp_path).startswith(f"There is no trained model in {tmp_path} ")


def test_for_the_bundled_folder_the_remedy_is_make_train():
    assert str(ArtefactError("Reason.", DEFAULT_FOLDER)) == "Reason. Run: make train"


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(folder, name):
    path = (folder / LINK / name).resolve()
    path.unlink()
    assert refusal(folder).startswith(f"{path} cannot be read (No such file or directory).")


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_named(folder, name):
    path = (folder / LINK / name).resolve()
    path.write_bytes(path.read_bytes()[:-1])
    assert refusal(folder).startswith(f"{path} is damaged")


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_read_is_named(folder, name):
    path = (folder / LINK / name).resolve()
    path.unlink()
    path.mkdir()  # the superuser can read any file, but no folder
    assert refusal(folder).startswith(f"{path} cannot be read (Is a directory).")


def test_a_file_of_another_set_is_named(folder, tmp_path):
    save(tmp_path / "other")
    path = (folder / LINK / SERVING).resolve()
    shutil.copy(tmp_path / "other" / LINK / SERVING, path)
    assert refusal(folder).startswith(f"{path} is damaged")


@pytest.mark.parametrize("name", FILES)
def test_a_tampered_file_is_named(folder, name):
    path = (folder / LINK / name).resolve()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert refusal(folder).startswith(f"{path} is damaged")


@pytest.mark.parametrize("content", [None, b"rubbish\n", b"\xff\xfe"])
def test_unreadable_checksums_are_refused(folder, content):
    path = folder / LINK / SUMS
    path.unlink() if content is None else path.write_bytes(content)
    assert refusal(folder).startswith(f"There is no trained model in {folder} ({LINK}/{SUMS} cannot be read)")


@pytest.mark.parametrize("content", ["", f"{'0' * 64}  model.joblib\n", f"{'0' * 64}  ../../etc/passwd\n"])
def test_checksums_of_other_files_are_refused(folder, content):
    (folder / LINK / SUMS).write_text(content)
    assert "lists other files than a model has" in refusal(folder)


def test_an_unknown_format_is_refused_with_its_number(folder):
    change_json(folder, CARD, schema=2)
    assert refusal(folder).startswith("The model files have format 2; this version reads format 1.")


def test_another_scikit_learn_is_refused_with_both_versions(folder):
    libraries = load_set(folder).card["libraries"]
    change_json(folder, CARD, libraries={**libraries, "scikit-learn": "0.1"})
    assert refusal(folder).startswith(f"The model was made with scikit-learn 0.1; installed is {libraries['scikit-learn']}.")


@pytest.mark.parametrize("columns", [["Age"], [*COLUMNS[1:], COLUMNS[0]], []])
def test_other_columns_are_refused(folder, columns):
    change_json(folder, SERVING, columns=columns)
    assert "was trained with other columns" in refusal(folder)


def test_fewer_coefficients_than_columns_are_refused(folder):
    change_json(folder, SERVING, coefficients=[1.0])
    assert "was trained with other columns" in refusal(folder)


@pytest.mark.parametrize(
    "values",
    [{"schema": 2}, {"coefficients": "x"}, {"intercept": None}, {"median_age": float("nan")}, {"columns": None}, {"base_rate": []}],
)
def test_a_light_artefact_of_another_form_is_refused(folder, values):
    change_json(folder, SERVING, **values)
    assert "have a form that this version does not know" in refusal(folder)


@pytest.mark.parametrize("name", [CARD, SERVING])
@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"{}", b"{", b"\xff"])
def test_json_that_is_no_object_of_ours_is_refused(folder, name, content):
    (folder / LINK / name).write_bytes(content)
    renew_checksums(folder)
    assert "have a form that this version does not know" in refusal(folder)


def test_an_estimator_that_is_no_pickle_is_refused_when_it_is_asked_for(folder):
    (folder / LINK / "model.joblib").write_bytes(b"no pickle")
    renew_checksums(folder)
    artefacts = load_set(folder)
    with pytest.raises(ArtefactError, match=r"model\.joblib cannot be read \(\w+\)\. Run: python -m shared_model\.train --out "):
        artefacts.load_estimator("model.joblib")


@pytest.mark.parametrize("engine", ["numpy", "sklearn"])
def test_a_service_with_a_model_of_another_scikit_learn_lives_but_is_not_ready(folder, engine):
    change_json(folder, CARD, libraries={"scikit-learn": "0.1"})
    service = Service(Options(engine=engine, model_dir=folder))
    assert service.describe().startswith("The model is not ready: The model was made with scikit-learn 0.1;")
    with pytest.raises(Failure) as caught:
        service.check_ready()
    assert caught.value.kind is Kind.NOT_READY


# --- saving ---------------------------------------------------------------------------------------------------------


def save(folder, base_rate=0.5, **objects):
    serving = Serving(COLUMNS, (0.5,) * len(COLUMNS), 0.25, 28.0, base_rate)
    card = {"libraries": load_set().card["libraries"]}
    save_set(folder, {"model.joblib": 1, "model_columns.joblib": 2, "forest.joblib": 3, **objects}, serving, card)
    return serving


def test_without_scikit_learn_the_default_engine_serves_and_one_that_needs_it_is_not_ready(folder, monkeypatch):
    def find_none(library):
        raise PackageNotFoundError(library)

    monkeypatch.setattr(artefacts, "version", find_none)
    for name in ("joblib", "sklearn"):
        monkeypatch.setitem(sys.modules, name, None)
    assert Service(Options(model_dir=folder)).check_ready()
    assert f"{folder}/model.joblib cannot be read (ModuleNotFoundError)." in Service(Options(model_dir=folder, engine="sklearn")).describe()


def test_what_is_saved_is_loaded(tmp_path):
    serving = save(tmp_path / "new" / "folder")
    artefacts = load_set(tmp_path / "new" / "folder")
    assert artefacts.serving == serving
    assert [artefacts.load_estimator(f"{name}.joblib") for name in ("model", "model_columns", "forest")] == [1, 2, 3]


def test_the_card_lists_the_hash_of_each_other_file(tmp_path):
    save(tmp_path)
    hashes = load_set(tmp_path).card["files"]
    assert hashes == {name: hashlib.sha256((tmp_path / LINK / name).read_bytes()).hexdigest() for name in FILES if name != CARD}


def test_the_checksums_satisfy_the_sha256sum_tool(folder):
    check = ["sha256sum", "--check", "--strict", "--quiet", SUMS]
    subprocess.run(check, cwd=folder / LINK, check=True)


def in_use(folder):
    return (folder / LINK).readlink().name


def test_the_new_set_stays_and_the_one_before_which_a_server_may_still_start_workers_with(folder):
    names = [in_use(folder)]
    for _ in range(3):
        save(folder)
        names.append(in_use(folder))
    assert sets(folder) == sorted([LINK, *names[-2:]])


def test_a_set_is_loaded_by_its_own_folder_whatever_is_in_use_now(folder):
    pinned, digest = resolve_set(folder), load_set(folder).digest
    save(folder)
    assert load_set(pinned).digest == digest != load_set(folder).digest
    assert resolve_set(pinned) == pinned


def test_a_set_that_is_gone_is_refused_and_no_other_is_taken(folder):
    pinned = resolve_set(folder)
    save(folder)
    save(folder)
    with pytest.raises(ArtefactError) as caught:
        load_set(pinned)
    assert str(caught.value) == (
        f"There is no trained model in {pinned} ({SUMS} cannot be read). Start the server again, or send HUP to its main process, "
        "so that it serves the set in use now."
    )


def test_what_a_killed_training_left_behind_breaks_nothing_and_goes_with_the_next(folder):
    (folder / "set-killed").mkdir()
    (folder / "set-killed" / "model.joblib").write_bytes(b"half a fi")
    (folder / "set-killed" / LINK).symlink_to("set-killed")
    before = in_use(folder)
    load_set(folder)
    save(folder)
    assert sets(folder) == sorted([LINK, before, in_use(folder)])


def test_an_object_that_cannot_be_saved_leaves_the_old_set(folder):
    before = snapshot(folder)
    with pytest.raises(TypeError):
        save(folder, **{"forest.joblib": (value for value in ())})
    assert snapshot(folder) == before


def test_a_disk_that_fills_in_the_middle_of_saving_ends_the_training_with_status_2_and_one_line_and_leaves_the_old_set(folder, tmp_path):
    rows = [f"{10 + number},{'male' if number % 3 else 'female'},{'CQS'[number % 3]},{number % 2}" for number in range(20)]
    (tmp_path / "train.csv").write_text("\n".join(["Age,Sex,Embarked,Survived", *rows]))
    before = snapshot(folder)
    too_small = 'ulimit -f 4; exec "$@"'  # 2 or 4 KiB, as the shell counts: the small files fit, the forest does not
    command = ["/bin/sh", "-c", too_small, "sh", sys.executable, "-m", "shared_model.train", "--data", tmp_path / "train.csv"]
    result = subprocess.run([*command, "--out", folder], capture_output=True, text=True, check=False)
    refused = (2, "", f"{folder}: cannot write the model (File too large).\n")
    assert (result.returncode, result.stdout, result.stderr) == refused
    assert snapshot(folder) == before


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileExistsError):
        save(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_after_a_kill_in_the_middle_of_saving_a_whole_set_is_in_use(tmp_path):
    for kill_after in (1, 2, 3, 5, 8):
        with saving(tmp_path) as saver:
            marks = [saver.stdout.readline() for _ in range(kill_after)]
            saver.send_signal(signal.SIGKILL)
        assert load_set(tmp_path).card["mark"] >= int(marks[-1])
    before = in_use(tmp_path)
    save(tmp_path)
    assert sets(tmp_path) == sorted([LINK, before, in_use(tmp_path)])


@pytest.mark.slow
def test_after_30_kills_at_any_moment_of_saving_a_whole_set_is_in_use_each_time(tmp_path):
    draw, marks = random.Random(20260101), []  # noqa: S311 - reproducible moments, no secret
    for _ in range(30):
        with saving(tmp_path) as saver:
            saver.stdout.readline()
            time.sleep(draw.uniform(0, 0.2))  # a set is saved in about 20 ms
            saver.send_signal(signal.SIGKILL)
        artefacts = load_set(tmp_path)
        assert artefacts.serving.base_rate == artefacts.card["mark"]
        assert artefacts.load_estimator("forest.joblib") == list(range(2000))
        assert Service(Options(model_dir=tmp_path)).describe().endswith("with engine numpy.")
        marks.append(artefacts.card["mark"])
    assert len(set(marks)) > 1


def test_a_reader_sees_an_old_set_or_a_new_one_while_sets_are_swapped(tmp_path):
    with saving(tmp_path) as saver:
        saver.stdout.readline()
        seen = set()
        deadline = time.monotonic() + 30
        while len(seen) < 20 and time.monotonic() < deadline:
            artefacts = load_set(tmp_path)
            assert artefacts.serving.base_rate == artefacts.card["mark"]
            assert artefacts.load_estimator("forest.joblib") == list(range(2000))
            seen.add(artefacts.card["mark"])
        saver.kill()
    assert len(seen) == 20


def test_two_trainings_at_once_both_succeed_and_the_last_two_sets_stay(tmp_path):
    savers = [saving(tmp_path, 20), saving(tmp_path, 20)]
    for saver in savers:
        saver.communicate(timeout=60)
    assert [saver.returncode for saver in savers] == [0, 0]
    assert load_set(tmp_path).card["mark"] == 19
    kept = sets(tmp_path)
    assert {LINK, in_use(tmp_path)} < set(kept)
    assert len(kept) == 3
