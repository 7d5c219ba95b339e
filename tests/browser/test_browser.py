"""The page as a browser shows it: wide, narrow, dark, printed, by keyboard, offline and without scripts."""

import contextlib
import io
import shutil
from functools import cache

import psutil
import pytest
from PIL import Image
from playwright.sync_api import sync_playwright

# One browser serves all these tests where they are run in one process.
pytestmark = pytest.mark.xdist_group("browser")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DESK, PHONE = (1280, 720), (390, 844)
A4 = (672, 1000)  # within margins of 16 mm
TEXTS = "[...document.querySelectorAll('svg text')].filter(text => text.checkVisibility())"


@pytest.fixture(scope="module")
def browser():
    """Return a headless browser of this system; it leaves no process behind."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip("no chromium is installed: the page was not opened in a browser")
    before = set(psutil.Process().children(recursive=True))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
    _, alive = psutil.wait_procs(set(psutil.Process().children(recursive=True)) - before, timeout=5)
    assert alive == []


@pytest.fixture(params=["whole", "invalid", "smoke"], scope="module")
def report(request, reports):
    """Return the address of the page of a run."""
    return (reports.report_of(request.param).folder.path / "report.html").as_uri()


def open_context(browser, viewport, **options):
    width, height = viewport
    return contextlib.closing(browser.new_context(viewport={"width": width, "height": height}, **options))


@contextlib.contextmanager
def opened(browser, address, viewport=DESK, **options):
    """Open a page as a reader whose browser has these options."""
    with open_context(browser, viewport, **options) as context:
        page = context.new_page()
        page.goto(address)
        yield page


@pytest.fixture(scope="module")
def shown(browser, report):
    """Return a function from the size of a window to the page in it; a test may look at it, and change nothing in it."""
    with contextlib.ExitStack() as pages:
        yield cache(lambda viewport: pages.enter_context(opened(browser, report, viewport)))


def rgb(colour):
    """Return `rgb(20, 23, 26)` as numbers."""
    return tuple(int(part) for part in colour.partition("(")[2].rstrip(")").split(",")[:3])


def contrast(one, other):
    """Return the contrast of two colours as in WCAG 2."""
    lights = []
    for colour in (one, other):
        parts = [value / 255 for value in colour]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)
    return max(lights) / min(lights)


def paper(page):
    """Return the colour of the corner of what is shown."""
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB").getpixel((2, 2))


def shown_charts(page):
    return set(page.evaluate("[...document.querySelectorAll('svg')].filter(svg => svg.checkVisibility()).map(svg => svg.classList[0])"))


def test_the_page_gives_no_message_and_asks_for_nothing_but_itself(browser, report):
    with open_context(browser, DESK, offline=True) as context:
        page = context.new_page()
        said, asked = [], []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(report, wait_until="networkidle")
        page.set_viewport_size(dict(zip(("width", "height"), PHONE, strict=True)))
        page.emulate_media(media="print", color_scheme="dark")
        page.screenshot()
    assert said == []
    assert asked == [report]


@pytest.mark.parametrize(("viewport", "form"), [(DESK, "wide"), ((800, 600), "wide"), (PHONE, "narrow")])
def test_the_page_is_as_wide_as_the_window_and_its_charts_fit(shown, viewport, form):
    page = shown(viewport)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport[0]
    assert shown_charts(page) == {form}
    assert page.evaluate("Math.max(...[...document.querySelectorAll('svg')].map(svg => svg.getBoundingClientRect().right))") <= viewport[0]


@pytest.mark.parametrize("viewport", [DESK, (740, 600), PHONE])
def test_no_text_of_a_chart_is_smaller_than_eleven_pixels(shown, viewport):
    sizes = shown(viewport).evaluate(
        f"""{TEXTS}.map(text => {{
            const svg = text.ownerSVGElement;
            return parseFloat(text.getAttribute('font-size')) * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
        }})"""
    )
    assert len(sizes) > 50
    assert min(sizes) >= 11


@pytest.mark.parametrize("viewport", [DESK, PHONE])
def test_no_text_of_a_chart_is_cut_at_its_border(shown, viewport):
    """The fonts of the system are others than those that the charts were laid out with."""
    cut = shown(viewport).evaluate(
        f"""{TEXTS}.filter(text => {{
            const box = text.getBoundingClientRect(), sheet = text.ownerSVGElement.getBoundingClientRect();
            return box.left < sheet.left || box.right > sheet.right || box.top < sheet.top || box.bottom > sheet.bottom;
        }}).map(text => text.textContent)"""
    )
    assert cut == []


def test_the_page_is_complete_without_scripts(browser, report, shown):
    whole = shown(DESK).text_content("body")
    with opened(browser, report, java_script_enabled=False) as page:
        assert page.text_content("body") == whole
        shown = page.inner_text("body")
        headings = page.locator("h2").all_inner_texts()
        captions = page.locator("caption:not(details caption)").all_text_contents()
        answer = page.locator(".answer li").all_inner_texts()
    assert len(headings) >= 4
    assert len(answer) >= 3
    assert [text for text in (*headings, *captions, *answer) if text not in shown] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_the_page_in_both_themes(browser, report, scheme):
    with opened(browser, report, color_scheme=scheme) as page:
        background = rgb(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        charts = set(page.evaluate(f"{TEXTS}.map(text => getComputedStyle(text).fill)"))
        words = set(page.evaluate("[...document.querySelectorAll('p, li, th, td, a, h1, h2')].map(e => getComputedStyle(e).color)"))
        corner = paper(page)
    assert background == corner
    assert (max(background) < 50) if scheme == "dark" else (min(background) > 240)
    assert {colour: contrast(rgb(colour), background) for colour in charts | words if contrast(rgb(colour), background) < 4.5} == {}


def test_paper_is_white_without_contents_and_with_all_that_is_folded(browser, report):
    with opened(browser, report, A4, color_scheme="dark") as page:
        page.emulate_media(media="print", color_scheme="dark")
        assert page.evaluate("Math.max(...[...document.querySelectorAll('body *')].map(e => e.getBoundingClientRect().right))") <= A4[0]
        assert paper(page) == (255, 255, 255)
        assert rgb(page.evaluate("getComputedStyle(document.body).backgroundColor")) == (255, 255, 255)
        assert contrast(rgb(page.evaluate("getComputedStyle(document.body).color")), (255, 255, 255)) > 7
        assert not page.locator("nav").is_visible()
        assert shown_charts(page) == {"wide"}
        hidden = page.evaluate(
            "[...document.querySelectorAll('details table, details pre')].filter(e => !e.checkVisibility() || !e.offsetHeight).length"
        )
        assert page.locator("details").count() > 0
    assert hidden == 0


def test_the_tab_key_reaches_every_table_that_scrolls_and_every_fold(browser, report):
    with opened(browser, report) as page:
        page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
        wanted = page.evaluate(
            """(() => {
                const goals = [...document.querySelectorAll('.skip, nav a, .answer a, .scroll, summary, pre')];
                goals.forEach((goal, place) => { goal.dataset.place = place; });
                return goals.length;
            })()"""
        )
        reached = []
        for _ in range(wanted):
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.dataset.place"))
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert reached == [str(place) for place in range(wanted)]


def test_the_link_to_the_answer_shows_when_it_has_the_focus(browser, report):
    with opened(browser, report) as page:
        skip = page.locator(".skip")
        assert page.evaluate("document.querySelector('.skip').getBoundingClientRect().right") < 0
        page.keyboard.press("Tab")
        assert skip.bounding_box()["x"] >= 0
        page.keyboard.press("Enter")
        page.wait_for_url("**#answer")  # the key is pressed at once, the page goes there when it has been told of it
