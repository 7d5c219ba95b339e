"""The page as a browser shows it: wide, narrow, dark, printed, by keyboard, offline, without scripts and without its style."""

import contextlib
import io
import shutil
from functools import cache
from pathlib import Path

import psutil
import pytest
from PIL import Image
from playwright.sync_api import sync_playwright

from bench.show.drawing.sheet import FRAMEWORK_COLOURS

# One browser serves all these tests where they are run in one process.
pytestmark = pytest.mark.xdist_group("browser")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DESK, PHONE = (1280, 720), (390, 844)
A4 = (672, 1000)  # within margins of 16 mm
TEXTS = "[...document.querySelectorAll('svg text')].filter(text => text.checkVisibility())"
CHARTS = "[...document.querySelectorAll('svg')].filter(svg => svg.checkVisibility()).map(svg => svg.getAttribute('aria-labelledby'))"
# All that is seen before a fold is opened: neither a fold's own caption nor what is drawn.
WORDS = """(() => {
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), texts = [];
    while (walk.nextNode()) {
        const parent = walk.currentNode.parentElement;
        if (parent.checkVisibility() && !parent.closest('svg, details')) texts.push(walk.currentNode.textContent);
    }
    return texts.join(' ');
})()"""
# A host that lets a page have no style at all.
STRICT_HOST, STRICT_POLICY = "http://host.example/report.html", "default-src 'none'; style-src 'none'"


@pytest.fixture(scope="module")
def browser():
    """Return a headless browser, playwright's own or one of this system; it leaves no process behind."""
    before = set(psutil.Process().children(recursive=True))
    with sync_playwright() as playwright:
        own = Path(playwright.chromium.executable_path)
        path = own if own.exists() else next(filter(None, map(shutil.which, BROWSERS)), None)
        if path is None:
            pytest.skip("no chromium is installed: the page was not opened in a browser")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
    _, alive = psutil.wait_procs(set(psutil.Process().children(recursive=True)) - before, timeout=5)
    assert alive == []


@pytest.fixture(params=["whole", "invalid", "smoke"], scope="module")
def drawn(request, reports):
    """Return the report of a run."""
    return reports.report_of(request.param)


@pytest.fixture(scope="module")
def report(drawn):
    """Return the address of the page of a run."""
    return address_of(drawn)


def address_of(drawn):
    return (drawn.folder.path / "report.html").as_uri()


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


def pixels(place):
    """Return what is shown of a page, or of an element of it."""
    return Image.open(io.BytesIO(place.screenshot())).convert("RGB")


def corner(page):
    """Return the colour of the corner of what is shown."""
    return pixels(page).getpixel((2, 2))


def titles_of(drawn):
    """Return the ids of the titles of all charts, which name them, in their order."""
    return [f"{name}-title" for name in drawn.pictures]


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


@pytest.mark.parametrize("viewport", [DESK, (800, 600), PHONE])
def test_the_page_is_as_wide_as_the_window_and_each_chart_is_there_once_and_fits(shown, drawn, viewport):
    page = shown(viewport)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport[0]
    assert page.evaluate(CHARTS) == titles_of(drawn)
    boxes = page.evaluate("[...document.querySelectorAll('svg')].map(svg => svg.getBoundingClientRect().toJSON())")
    assert [box for box in boxes if box["left"] < 0 or box["right"] > viewport[0] or box["width"] < 300 or box["height"] < 100] == []


@pytest.mark.parametrize("viewport", [DESK, (740, 600), PHONE])
def test_no_text_of_a_chart_is_smaller_than_eleven_pixels(shown, viewport):
    sizes = shown(viewport).evaluate(
        f"""{TEXTS}.map(text => {{
            const svg = text.ownerSVGElement;
            return parseFloat(text.getAttribute('font-size')) * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
        }})"""
    )
    assert len(sizes) > 25
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


def test_what_a_reader_sees_of_a_whole_run_is_read_in_ten_minutes(browser, reports):
    """A minute of reading is 250 words."""
    with opened(browser, address_of(reports.report_of("whole"))) as page:
        words = page.evaluate(WORDS).split()
    assert 1000 < len(words) < 2500


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
def test_a_host_that_refuses_the_style_shows_each_chart_once_and_in_its_colours(browser, drawn, scheme):
    with open_context(browser, DESK, color_scheme=scheme) as context:
        page = context.new_page()
        policy = {"Content-Security-Policy": STRICT_POLICY, "Content-Type": "text/html"}
        page.route(STRICT_HOST, lambda route: route.fulfill(body=(drawn.folder.path / "report.html").read_text("utf-8"), headers=policy))
        page.goto(STRICT_HOST)
        assert page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--page')") == ""
        assert page.evaluate(CHARTS) == titles_of(drawn)
        seen = {name: pixels(svg) for name, svg in zip(drawn.pictures, page.locator("svg").all(), strict=True)}
    counts = {name: {colour: count for count, colour in image.getcolors(1 << 24)} for name, image in seen.items()}
    white = {name: own.get((255, 255, 255), 0) / sum(own.values()) for name, own in counts.items()}
    assert {name: share for name, share in white.items() if share < 0.6} == {}
    assert {tuple(bytes.fromhex(colour[1:])) for colour in FRAMEWORK_COLOURS.values()} <= set().union(*counts.values())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_the_page_in_both_themes(browser, report, scheme):
    with opened(browser, report, color_scheme=scheme) as page:
        background = rgb(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        charts = set(page.evaluate(f"{TEXTS}.map(text => getComputedStyle(text).fill)"))
        words = set(page.evaluate("[...document.querySelectorAll('p, li, th, td, a, h1, h2')].map(e => getComputedStyle(e).color)"))
        ground = pixels(page.locator("svg").first).getpixel((2, 2))
        seen = corner(page)
    assert background == seen == ground
    assert (max(background) < 50) if scheme == "dark" else (min(background) > 240)
    assert {colour: contrast(rgb(colour), background) for colour in charts | words if contrast(rgb(colour), background) < 4.5} == {}


def test_paper_is_white_without_contents_and_with_all_that_is_folded(browser, report, drawn):
    with opened(browser, report, A4, color_scheme="dark") as page:
        page.emulate_media(media="print", color_scheme="dark")
        assert page.evaluate("Math.max(...[...document.querySelectorAll('body *')].map(e => e.getBoundingClientRect().right))") <= A4[0]
        assert corner(page) == (255, 255, 255)
        assert rgb(page.evaluate("getComputedStyle(document.body).backgroundColor")) == (255, 255, 255)
        assert contrast(rgb(page.evaluate("getComputedStyle(document.body).color")), (255, 255, 255)) > 7
        assert not page.locator("nav").is_visible()
        assert page.evaluate(CHARTS) == titles_of(drawn)
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
                const goals = [...document.querySelectorAll('.skip, nav a, .scroll, summary, pre')];
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
