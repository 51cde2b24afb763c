"""The page in a real browser: at phone and desk width, in light and dark, without scripts, on paper, by axe's rules."""

import io
from pathlib import Path

import pytest
from PIL import Image

from export.page.measured import Measured
from export.page.write import write
from tests.export.page import pages

SIZES = {"desk": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
PAPER = 718  # pixels between the margins of 1 cm that Chromium leaves on A4
LOOKS = [(size, scheme) for size in SIZES for scheme in ("light", "dark")]


@pytest.fixture(scope="module")
def page_file(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    pages.full_page(folder / "report.html", folder / "artifacts")
    return folder / "report.html"


class Opened:
    """A page that was opened, what it wrote to the console, what it asked for, and its tab."""

    def __init__(self, browser, path, size="desk", scheme="light", **options):
        self.context = browser.new_context(viewport=SIZES[size], color_scheme=scheme, **options)
        self.tab = self.context.new_page()
        self.said, self.requests = [], []
        self.tab.set_default_timeout(120_000)  # other tests may have the processors
        self.tab.on("console", lambda message: self.said.append(message.text))
        self.tab.on("pageerror", lambda error: self.said.append(str(error)))
        self.tab.on("request", lambda request: self.requests.append(request.url))
        self.tab.goto(path.as_uri())

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.context.close()


def violations(tab, *rules):
    """What breaks axe's rules: all of them, or those that are named."""
    from axe_playwright_python.sync_playwright import Axe

    options = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = {"type": "rule", "values": rules}
    found = Axe().run(tab, options=options).response["violations"]
    return [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in found]


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
def test_it_looks_right_and_breaks_none_of_axes_rules(browser, page_file, tmp_path, size, scheme):
    with Opened(browser, page_file, size, scheme) as opened:
        for closed in opened.tab.locator("summary").all():
            closed.click()
        assert violations(opened.tab) == []
        wide = opened.tab.evaluate("document.documentElement.scrollWidth")
        assert wide <= SIZES[size]["width"], "the page scrolls sideways"
        assert opened.said == []
        assert [url for url in opened.requests if not url.startswith("data:")] == [page_file.as_uri()]
        assert_colours(opened.tab.screenshot(full_page=True, path=tmp_path / "page.png"), scheme)
        assert opened.tab.locator("figure svg").count() >= 6
        for picture in opened.tab.locator("figure svg").all():
            box = picture.bounding_box()
            assert 250 < box["width"] <= SIZES[size]["width"] and 140 < box["height"] < 400


def assert_colours(png, scheme):
    """Most of a page is its ground, light or dark."""
    small = Image.open(io.BytesIO(png)).convert("L").resize((200, 400))
    values = sorted(small.tobytes())
    median = values[len(values) // 2]
    assert median > 230 if scheme == "light" else median < 50


def test_axe_and_the_console_would_show_a_fault(browser, page_file, tmp_path):
    text = page_file.read_text()
    spoilt = text.replace('alt="sample', 'no="sample').replace("<main>", "<main><script>oops()</script>")
    assert spoilt != text
    path = tmp_path / "spoilt.html"
    path.write_text(spoilt.replace("</main>", "<img src='https://example.org/a.png'></main>"))
    with Opened(browser, path) as opened:
        assert "image-alt" in {name for name, _ in violations(opened.tab, "image-alt")}
        assert any("oops" in line for line in opened.said)
        # The page's own policy refuses what it did not bring along.
        assert any("Content Security Policy" in line for line in opened.said)


def column(tab, table, heading):
    """The texts of a column, row by row, of the rows that are shown."""
    heads = [
        text.strip("↕↑↓\u2009 ") for text in tab.locator(f"{table} thead tr:last-child th").all_inner_texts()
    ]
    at = heads.index(heading) + 1
    return tab.locator(f"{table} tbody tr:visible > :nth-child({at})").all_inner_texts()


def test_tables_are_sorted_and_filtered_by_keyboard_too(browser, page_file):
    with Opened(browser, page_file) as opened:
        tab = opened.tab
        button = tab.get_by_role("button", name="p50 µs").first
        button.focus()
        tab.keyboard.press("Enter")
        shown = column(tab, "#m0t2", "p50 µs")
        numbers = [float(text.replace(",", "")) for text in shown if text != "–"]
        assert numbers == sorted(numbers) and shown[-1] == "–"
        assert tab.locator("#m0t2 th[aria-sort='ascending']").inner_text().startswith("p50")
        tab.keyboard.press("Enter")
        shown = column(tab, "#m0t2", "p50 µs")
        numbers = [float(text.replace(",", "")) for text in shown if text != "–"]
        assert numbers == sorted(numbers, reverse=True) and shown[-1] == "–"
        lost = tab.get_by_role("button", name="loses, points").first
        lost.click()
        found = [float(text.split()[0].replace("−", "-")) for text in column(tab, "#m0t1", "loses, points")]
        assert found == sorted(found) and found[0] < 0
        tab.locator("#filter-m0t1").fill("int8 litert")
        assert set(column(tab, "#m0t1", "variant")) == {"tflite-int8"}
        assert tab.locator(".filter", has=tab.locator("#filter-m0t1")).inner_text().endswith("1 of 15 rows")
        tab.locator("#filter-m0t1").fill("")
        assert len(column(tab, "#m0t1", "variant")) == 15
        tab.locator("#filter-index").fill("hopeless")
        assert column(tab, "#index", "model") == ["hopeless"]
        assert opened.said == []


def test_without_scripts_everything_is_there(browser, page_file):
    with Opened(browser, page_file, java_script_enabled=False) as opened:
        tab = opened.tab
        assert tab.locator(".filter, button").count() == 0
        assert tab.locator("#m0t1 tbody tr:visible").count() == 15
        assert tab.locator("figure svg:visible").count() >= 6
        assert tab.locator("#m0 .ship").first.is_visible()
        tab.locator("#m0 summary").click()
        assert tab.locator("#m0 details pre").is_visible()


def test_it_prints_light_and_whole(browser, page_file, tmp_path):
    with Opened(browser, page_file, scheme="dark") as opened:
        opened.tab.emulate_media(media="print", color_scheme="dark")
        assert opened.tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert opened.tab.locator("#m0 details pre").is_visible(), "what is folded away is on paper"
        assert not opened.tab.locator(".filter").first.is_visible()
        assert len(opened.tab.pdf(path=tmp_path / "page.pdf", format="A4")) > 50_000


@pytest.mark.parametrize("devices", [("pi5",), ("host", "pi4", "pi5")])
def test_the_widest_tables_fit_on_paper(browser, tmp_path, devices):
    """With every column that rows can fill: threads, outputs, memory, energy, disturbed blocks."""
    measured = []
    for number, device in enumerate(devices):
        rows = [
            row._replace(
                threads=threads, output="probabilities", samples=10_000 - at, energy_mj=0.713 + 12 * threads,
                peak_rss_mib=1051.5, blocks=20, blocks_disturbed=at, size_bytes=(row.size_bytes or 0) * 100,
            )
            for threads in (1, 4)
            for at, row in enumerate(pages.rows("reviews-lstm", slower=1 + 99 * number))
        ]  # fmt: skip
        measured.append(Measured(device, rows))
    write(measured, tmp_path / "report.html")
    with Opened(browser, tmp_path / "report.html") as opened:
        opened.tab.set_viewport_size({"width": PAPER, "height": 1000})
        opened.tab.emulate_media(media="print")
        headings = opened.tab.locator("#m0t1 thead th, #m0t2 thead th").all_inner_texts()
        assert {"threads", "output", "samples", "MiB", "mJ", "disturbed", "p99 µs"} <= {*headings}
        wide = opened.tab.evaluate(
            "[...document.querySelectorAll('table')].map(table => [table.id, table.getBoundingClientRect().width])"
        )
        assert len(wide) == 1 + len(opened.tab.locator("table.rows").all())
        assert [each for each in wide if each[1] > PAPER] == []
        assert opened.tab.evaluate("document.documentElement.scrollWidth") <= PAPER


def test_pictures_are_said_in_words(browser, page_file):
    with Opened(browser, page_file) as opened:
        named = opened.tab.get_by_role("img").all()
        assert len(named) >= 10
        svg = opened.tab.locator("figure svg").first
        assert svg.get_attribute("role") == "img"
        assert "On the front of host, from left to right: " in svg.locator("desc").text_content()
