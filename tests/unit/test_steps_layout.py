"""The steps are the comparison feature by feature: the same files, functions and order on both sides, and data that describes them."""

import re
import tomllib

import pytest
from serving import ROOT
from test_layout import functions, imported

FLASK, FASTAPI = ROOT / "flask_app" / "steps", ROOT / "fastapi_app" / "steps"
STEPS = ("hello", "predict", "validated", "errors", "documented", "async_io", "tested")
FLASK_FILES = {"async_views.py"}  # `async_io` with a coroutine, which is possible in Flask and usual in FastAPI
MAX_LINE = 100  # as wide as an article prints

# What a step needs on one side alone.
FLASK_ALONE = {
    "validated": {"answer_invalid"},  # FastAPI answers by itself
    "documented": {"model_validate_json", "openapi", "docs"},  # the extension's decoding is undone, and has other addresses
    "async_io": {"answer_invalid"},
}
LIFESPAN = {"lifespan", "get_service"}  # Flask's factory loads the model itself, and its handlers find it there
FASTAPI_ALONE = {
    **dict.fromkeys(("predict", "validated", "errors", "documented"), LIFESPAN),
    "async_io": {*LIFESPAN, "get_client"},
}
FILES = [pytest.param(path, id=f"{path.parts[-3]}-{path.stem}") for side in (FLASK, FASTAPI) for path in sorted(side.glob("*.py"))]


def described(side):
    """Return what the data of one side say of its steps."""
    return tomllib.loads((side / "steps.toml").read_text("utf-8"))["steps"]


def test_both_sides_have_the_same_files():
    flask, fastapi = ({path.name for path in side.glob("*.py")} for side in (FLASK, FASTAPI))
    assert fastapi == {"__init__.py", *(f"{step}.py" for step in STEPS)}
    assert flask == fastapi | FLASK_FILES


@pytest.mark.parametrize("step", STEPS)
def test_a_step_has_the_same_functions_in_the_same_order(step):
    flask, fastapi = functions(FLASK / f"{step}.py"), functions(FASTAPI / f"{step}.py")
    assert set(flask) - set(fastapi) == FLASK_ALONE.get(step, set())
    assert set(fastapi) - set(flask) == FASTAPI_ALONE.get(step, set())
    assert [name for name in flask if name in fastapi] == [name for name in fastapi if name in flask]


def test_flasks_coroutine_has_the_functions_of_the_step_that_it_varies():
    assert functions(FLASK / "async_views.py") == functions(FLASK / "async_io.py")


@pytest.mark.parametrize("path", FILES)
def test_a_step_is_whole_by_itself(path):
    own = {"shared_model"} if path.stem not in {"hello", "__init__"} else set()
    adapters = {"flask_app", "fastapi_app", "bench"}
    assert imported(path) & (adapters | {"shared_model"}) == own | ({path.parts[-3]} if path.stem == "tested" else set())


@pytest.mark.parametrize("path", FILES)
def test_a_line_is_as_wide_as_an_article_prints(path):
    assert [line for line in path.read_text("utf-8").splitlines() if len(line) > MAX_LINE] == []


def test_both_sides_describe_the_same_steps_in_the_same_order():
    flask, fastapi = ([(step["name"], step["after"], step["feature"]) for step in described(side)] for side in (FLASK, FASTAPI))
    assert flask == fastapi
    assert [name for name, _, _ in flask] == list(STEPS)
    assert all(after in ("", *STEPS[:place]) for place, (_, after, _) in enumerate(flask))


@pytest.mark.parametrize("side", [FLASK, FASTAPI], ids=["flask", "fastapi"])
def test_a_description_says_who_does_the_work_and_counts_nothing(side):
    for step in described(side):
        assert step.keys() - {"requires"} == {"name", "after", "feature", "by", "how"}
        assert step["by"] in {"framework", "extension", "you"}
        assert re.search(r"(?<!httpx)\d", step["feature"] + step["how"]) is None, step
        assert not step["feature"].endswith(".")
        assert step["how"].endswith(".")
