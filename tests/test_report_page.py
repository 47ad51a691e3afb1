"""The report in a real browser: keys, hover, themes, a phone, paper, no script, no network."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from study_folder import write_study

from imgcollapse.report.page import draw_report
from imgcollapse.report.score_names import worded
from imgcollapse.scores import percent, select
from imgcollapse.store.run_directory import RunDirectory

selenium = pytest.importorskip("selenium", reason="selenium is not installed")
from selenium import webdriver  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.remote.webelement import WebElement  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no chromium and chromedriver")

SWITCHES = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-dev-shm-usage",
    "--window-size=1280,900",
)  # fmt: skip
ODD = (
    "<img src=x onerror='window.hit=1'>",
    "</script><script>window.hit=1</script>",
    "a, \"b\" & 'c'",
)
CONTRAST = """
const luminance = ([r, g, b]) => [r, g, b].map((one) => one / 255)
  .map((one) => one <= 0.03928 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4)
  .reduce((sum, one, place) => sum + one * [0.2126, 0.7152, 0.0722][place], 0);
const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const rgba = (text) => {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = text;
  canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data];
};
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
  const holder = node.parentElement;
  if (!node.textContent.trim() || !holder.checkVisibility() || holder.closest("script")) continue;
  const style = getComputedStyle(holder);
  const ink = rgba(holder.closest("svg") ? style.fill : style.color);
  let ground = holder;
  while (ground && rgba(getComputedStyle(ground).backgroundColor)[3] < 200) {
    ground = ground.parentElement;
  }
  const paper = rgba(getComputedStyle(ground ?? document.body).backgroundColor);
  const [light, dark] = [luminance(ink), luminance(paper)].sort((one, other) => other - one);
  found.push([(light + 0.05) / (dark + 0.05), node.textContent.trim().slice(0, 40)]);
}
return found;
"""


class Browser:
    """A headless Chromium, and what a reader does with a page in it."""

    def __init__(self, profile: Path) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = str(CHROMIUM)
        for switch in (*SWITCHES, f"--user-data-dir={profile}"):
            options.add_argument(switch)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options, webdriver.ChromeService(str(DRIVER)))
        self.ask("Network.enable")

    def ask(self, command: str, **arguments: Any) -> Any:
        return self.driver.execute_cdp_cmd(command, arguments)

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def open(self, page: Path) -> None:
        self.driver.get(page.as_uri())

    def emulate(self, width: int = 1280, height: int = 900, **features: str) -> None:
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 500,
        )  # fmt: skip
        asked = [{"name": name.replace("_", "-"), "value": one} for name, one in features.items()]
        self.ask("Emulation.setEmulatedMedia", features=asked)

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def shown(self, selector: str) -> list[WebElement]:
        return [one for one in self.all(selector) if one.is_displayed()]

    def press(self, *keys: str, at: str = "body") -> None:
        self.one(at).send_keys(*keys)

    def set_slider(self, generation: int) -> None:
        self.run(
            "const slider = document.getElementById('generation'); slider.value = arguments[0];"
            "slider.dispatchEvent(new Event('input'))",
            generation,
        )

    def open_all(self) -> None:
        self.run("for (const one of document.querySelectorAll('details')) one.open = true")

    def point(self, selector: str, right: float, down: float) -> None:
        """Moves the mouse to a part of an element's width and height."""
        self.run("document.querySelector(arguments[0]).scrollIntoView({block: 'center'})", selector)
        box = self.run(
            "const box = document.querySelector(arguments[0]).getBoundingClientRect();"
            "return [box.left, box.top, box.width, box.height]",
            selector,
        )
        x, y = box[0] + right * box[2], box[1] + down * box[3]
        self.ask("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def wait_for(self, selector: str, text: str) -> None:
        WebDriverWait(self.driver, 20).until(lambda _: self.one(selector).text == text)

    def state(self) -> tuple[list[str], list[str], str]:
        """Pictures that are shown, widths of the bars, and the slider's words."""
        pictures = [str(one.get_attribute("src")) for one in self.shown(".film img")]
        widths = self.run(
            "return [...document.querySelectorAll('.bar')].map((one) => one.getAttribute('width'))"
        )
        return pictures, widths, str(self.one("#generation").get_attribute("aria-valuetext"))

    def complaints(self) -> list[str]:
        return [
            str(entry["message"])
            for entry in self.driver.get_log("browser")  # type: ignore[no-untyped-call]
            if entry["level"] in ("SEVERE", "WARNING")
        ]

    def requests(self) -> list[str]:
        """Addresses that a page asked for, but for the browser's own pages."""
        entries = self.driver.get_log("performance")  # type: ignore[no-untyped-call]
        events = [json.loads(entry["message"])["message"] for entry in entries]
        asked = [
            str(event["params"]["request"]["url"])
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]
        return [address for address in asked if not address.startswith(("chrome:", "devtools:"))]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    made = Browser(tmp_path_factory.mktemp("profile"))
    yield made
    made.driver.quit()


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Callable[[Path], Browser]:
    """Opens the report of a folder in a fresh window on a desktop."""

    def opened(folder: Path) -> Browser:
        browser.ask("Emulation.setScriptExecutionDisabled", value=False)
        browser.emulate()
        browser.complaints(), browser.requests()
        file = tmp_path / "report.html"
        file.write_bytes(draw_report(folder))
        browser.open(file)
        return browser

    return opened


Opened = Callable[[Path], Browser]


@pytest.fixture(scope="module")
def study(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three arms × two seeds; the second seed's pictures are those of other generations."""
    path = tmp_path_factory.mktemp("study")
    cells = [(arm, seed) for arm in ("replace", "mix", "all") for seed in (0, 1)]
    for arm, seed in cells:
        folder = Path(shutil.copytree(finished, path / arm / f"seed{seed}"))
        if seed:
            shutil.copy(folder / "gen_000/grid.npz", folder / "gen_001/grid.npz")
    write_study(
        path, {(arm, seed): RunDirectory(path / arm / f"seed{seed}") for arm, seed in cells}
    )
    return path


@pytest.fixture
def odd(copy_of_finished: Path) -> Path:
    """A run whose classes have names that would be markup, and one that is very long."""
    names = list(RunDirectory(copy_of_finished).initial_counts())
    others = [*ODD, "long " * 40, *names[4:]]
    for path in copy_of_finished.rglob("*.json"):
        text = path.read_text(encoding="utf-8")
        for name, other in zip(names, others, strict=True):
            text = text.replace(json.dumps(name), json.dumps(other))
        path.write_text(text, encoding="utf-8")
    return copy_of_finished


def test_keys_and_the_slider_move_pictures_bars_and_tables_together(
    finished: Path, page: Opened
) -> None:
    browser = page(finished)
    run = RunDirectory(finished)
    first = browser.state()
    assert first[2] == "generation 0 of 1"
    assert len(first[0]) == 1
    steps: list[Callable[[], None]] = [
        lambda: browser.press(Keys.ARROW_RIGHT),
        lambda: browser.press(Keys.ARROW_LEFT),
        lambda: browser.press(Keys.END),
        lambda: browser.press(Keys.HOME),
        lambda: browser.press(Keys.ARROW_RIGHT, at="#generation"),
        lambda: browser.press(Keys.HOME, at="#generation"),
        lambda: browser.set_slider(1),
        lambda: browser.press(Keys.ARROW_LEFT, at=".plot"),
    ]
    last = None
    for place, step in enumerate(steps):
        step()
        now = browser.state()
        generation = (place + 1) % 2
        assert now[2] == f"generation {generation} of 1", place
        if generation:
            last = last or now
            assert now[0] != first[0]
            assert now[1] != first[1]
        assert now == (last if generation else first)
        scores = [one for one in run.scores() if one.generation == generation]
        told = browser.one(".histogram").get_attribute("aria-label") or ""
        for one in select(scores, "share_raw"):
            assert f"{one.class_} {percent(one.value)}" in told
        distance = select(scores, "fd_judge", reference="initial")[0].value
        row = next(one for one in browser.all("#scores tr") if "Fréchet" in one.text)
        assert worded(distance, "number") in row.text
    assert browser.complaints() == []


def test_numbers_are_worded_alike_in_the_page_and_in_its_tables_without_script(
    finished: Path, page: Opened, browser: Browser
) -> None:
    """The static table of the last generation against the one that the script makes."""
    page(finished)
    browser.press(Keys.END)
    made = [re.sub(r"[()\s*]+", " ", one.text) for one in browser.all("#scores tbody tr")]
    browser.ask("Emulation.setScriptExecutionDisabled", value=True)
    browser.driver.refresh()
    static = browser.all("#scores tbody tr")
    for row, dynamic in zip(static, made, strict=True):
        cells = row.find_elements(By.CSS_SELECTOR, "th, td")
        texts = [cells[place].text or "–" for place in (0, 1, 3)]
        assert re.sub(r"[()\s]+", " ", " ".join(texts)).strip() == dynamic.strip()


def test_without_a_script_first_and_last_generation_and_tables_are_there(
    finished: Path, page: Opened, browser: Browser
) -> None:
    page(finished)
    browser.ask("Emulation.setScriptExecutionDisabled", value=True)
    browser.driver.refresh()
    captions = [one.text for one in browser.shown(".film figcaption")]
    assert captions == ["generation 0", "generation 1"]
    assert len(browser.shown(".film img")) == 2
    assert browser.shown(".controls, .histogram, .chart, button") == []
    assert len(browser.shown("table")) == 2
    assert "Shumailov" in browser.one("#methods-text").text


def test_nothing_leaves_and_nothing_is_complained_of(study: Path, page: Opened) -> None:
    browser = page(study)
    browser.press(Keys.END)
    browser.one("#log").click()
    for selector in (".histogram", ".plot", ".film:not([hidden]) figure:not([hidden]) img"):
        browser.point(selector, 0.5, 0.5)
    browser.open_all()
    browser.run("window.dispatchEvent(new Event('beforeprint'))")
    assert browser.complaints() == []
    assert {address.partition(":")[0] for address in browser.requests()} == {"file", "data"}


def test_the_two_instruments_see_what_they_are_for(browser: Browser, tmp_path: Path) -> None:
    """A page that asks for more, and one whose policy forbids what it does."""
    browser.ask("Emulation.setScriptExecutionDisabled", value=False)
    browser.complaints(), browser.requests()
    guilty = tmp_path / "guilty.html"
    guilty.write_text("<!doctype html><img src='http://127.0.0.1:9/x.png'>")
    browser.open(guilty)
    assert "http" in {address.partition(":")[0] for address in browser.requests()}
    browser.complaints()
    policy = "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'\">"
    guilty.write_text(f"<!doctype html>{policy}<p style='color:red'>x</p>")
    browser.open(guilty)
    assert any("Content Security Policy" in one for one in browser.complaints())


def test_odd_names_are_text(odd: Path, page: Opened) -> None:
    browser = page(odd)
    assert browser.run("return window.hit") is None
    names = browser.run(
        "const names = [...document.querySelectorAll('#shares tbody th')];"
        "return names.map((one) => one.textContent.trim())"
    )
    assert names[:3] == list(ODD)
    assert browser.one("h1").text
    browser.point(".histogram", 0.5, 0.1)
    assert browser.one("#tooltip strong").text == ODD[0]
    assert browser.run("return document.querySelectorAll('script').length") == 2
    assert browser.complaints() == []
    assert {address.partition(":")[0] for address in browser.requests()} == {"file", "data"}


@pytest.mark.parametrize("which", ["odd", "study"])
def test_a_phone_needs_no_scrolling_to_the_side(
    which: str, page: Opened, request: pytest.FixtureRequest
) -> None:
    browser = page(request.getfixturevalue(which))
    browser.emulate(360, 740)
    browser.open_all()
    for generation in (0, 1):
        browser.set_slider(generation)
        assert browser.run("return document.documentElement.scrollWidth") == 360
        assert browser.run("return document.body.scrollWidth") == 360
    pictures = browser.shown(".film img")
    assert pictures
    assert all(one.size["width"] > 100 for one in pictures)
    browser.emulate()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(scheme: str, study: Path, page: Opened) -> None:
    browser = page(study)
    browser.emulate(prefers_color_scheme=scheme)
    browser.open_all()
    browser.point(".plot", 0.5, 0.5)
    found = browser.run(CONTRAST)
    assert len(found) > 300
    assert min(found)[0] >= 4.5, min(found)
    ground = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert (max(map(int, re.findall(r"\d+", ground))) < 60) == (scheme == "dark")
    colour = browser.one(".bar").get_attribute("fill")
    assert colour == "#E69F00", "a class keeps its colour"
    browser.emulate()


def test_hover_and_focus_tell_values(finished: Path, page: Opened) -> None:
    browser = page(finished)
    scores = [one for one in RunDirectory(finished).scores() if one.generation == 1]
    value = select(scores, "reject")[0].value
    selector = "[data-score='reject'] .plot"
    browser.point(selector, 0.95, 0.4)
    assert "Rejects, generation 1" in browser.one("#tooltip").text
    assert percent(value) in browser.one("#tooltip").text
    browser.ask("Input.dispatchMouseEvent", type="mouseMoved", x=2, y=2)
    assert not browser.one("#tooltip").is_displayed()
    browser.run("document.querySelector(arguments[0]).focus()", selector)
    assert "Rejects, generation 0" in browser.one("#tooltip").text
    browser.press(Keys.ARROW_RIGHT, at=selector)
    assert "Rejects, generation 1" in browser.one("#tooltip").text
    assert percent(value) in (browser.one(selector).get_attribute("aria-label") or "")
    browser.press(Keys.ESCAPE, at=selector)
    assert not browser.one("#tooltip").is_displayed()


def test_a_tile_tells_its_class(finished: Path, page: Opened) -> None:
    browser = page(finished)
    described = browser.shown(".film img")[0].get_attribute("alt") or ""
    told = re.findall(r"(\d+) ([^,]+)(?:,|$)", described.partition(": ")[2])
    assert sum(int(count) for count, _ in told) == 12
    tile = ".film:not([hidden]) figure:not([hidden]) img"
    browser.point(tile, 0.1, 0.1)
    assert browser.one("#tooltip").text == told[0][1]
    browser.point(tile, 0.9, 0.9)
    assert browser.one("#tooltip").text == told[-1][1]


def test_a_seed_is_picked_for_all_arms(study: Path, page: Opened) -> None:
    browser = page(study)
    browser.set_slider(1)
    first = browser.state()
    assert len(first[0]) == 3
    browser.run(
        "const one = document.getElementById('seed'); one.value = '1';"
        "one.dispatchEvent(new Event('change'))"
    )
    second = browser.state()
    assert len(second[0]) == 3
    assert second[0] != first[0]
    assert "seed 1" in browser.one("#scores thead").text
    assert "mean over chains" in browser.one("#scores thead").text


def test_the_play_button_goes_on_to_the_end_and_stops(finished: Path, page: Opened) -> None:
    browser = page(finished)
    button = browser.one("#play")
    assert (button.get_attribute("aria-pressed"), button.accessible_name) == ("false", "Play")
    button.click()
    assert (button.get_attribute("aria-pressed"), button.accessible_name) == ("true", "Pause")
    wait = WebDriverWait(browser.driver, 20)
    wait.until(lambda _: browser.state()[2] == "generation 1 of 1")
    wait.until(lambda _: button.get_attribute("aria-pressed") == "false")
    assert browser.state()[2] == "generation 1 of 1"


def test_bars_do_not_move_by_themselves_where_motion_is_unwelcome(
    finished: Path, page: Opened
) -> None:
    browser = page(finished)
    moves = "return getComputedStyle(document.querySelector('.bar')).transitionDuration"
    assert browser.run(moves) == "0.25s"
    browser.emulate(prefers_reduced_motion="reduce")
    assert browser.run(moves) == "0s"


def test_buttons_copy_what_they_say(finished: Path, page: Opened) -> None:
    browser = page(finished)
    browser.ask(
        "Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"]
    )
    browser.open_all()
    for what in ("methods-text", "methods-latex", "bibtex"):
        button = browser.one(f"[data-copy='{what}']")
        browser.run("arguments[0].scrollIntoView({block: 'center'})", button)
        button.click()
        browser.wait_for(f"[data-copy='{what}']", "Copied")
        copied = browser.driver.execute_async_script(
            "navigator.clipboard.readText().then(arguments[0], (no) => arguments[0](String(no)))"
        )
        assert copied == browser.one(f"#{what}").get_property("textContent")
    assert browser.complaints() == []


def test_the_keyboard_reaches_everything_and_shows_where_it_is(study: Path, page: Opened) -> None:
    browser = page(study)
    reached = []
    for _ in range(60):
        browser.press(Keys.TAB)
        name, outline = browser.run(
            "const one = document.activeElement; return [one.id || one.className || one.tagName,"
            "getComputedStyle(one).outlineStyle]"
        )
        reached.append(name)
        assert outline != "none", name
        if name == "SUMMARY" and reached.count("SUMMARY") > 3:
            break
    assert {"play", "generation", "seed", "log", "histogram live-only", "plot", "scroll"} <= set(
        reached
    )


def test_paper_gets_the_first_and_the_last_generation(study: Path, page: Opened) -> None:
    browser = page(study)
    printed = base64.b64decode(browser.ask("Page.printToPDF", printBackground=True)["data"])
    pages = len(re.findall(rb"/Type\s*/Page\b", printed))
    assert 3 <= pages <= 30
    browser.run("window.dispatchEvent(new Event('beforeprint'))")
    lines = "return [...document.querySelectorAll('.plot')].map((one) => one.querySelectorAll"
    assert min(browser.run(f"{lines}('.line').length)")) >= 3, "charts of closed parts too"
    browser.ask("Emulation.setEmulatedMedia", media="print")
    captions = [one.text for one in browser.shown(".film figcaption")]
    assert captions == ["generation 0", "generation 1"] * 3
    assert browser.shown(".controls, button") == []
    ground = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(255, 255, 255)"
    browser.ask("Emulation.setEmulatedMedia", media="")


def test_one_generation_and_one_class_make_a_page(copy_of_finished: Path, page: Opened) -> None:
    run = copy_of_finished
    shutil.rmtree(run / "gen_001")
    for path in (run / "reference/scores.json", run / "gen_000/scores.json"):
        rows = json.loads(path.read_text())
        kept = [one for one in rows if one["class"] in ("", "golden-retriever")]
        path.write_text(json.dumps([one for one in kept if one["metric"] != "share_null"]))
    counts = json.loads((run / "reference/counts.json").read_text())
    counts["pool"] = {"golden-retriever": 60}
    (run / "reference/counts.json").write_text(json.dumps(counts))
    from imgcollapse.store.run_directory import read_npz, write_npz

    images, verdicts = read_npz(run / "gen_000/grid.npz", "arr_0", "arr_1")
    write_npz(run / "gen_000/grid.npz", arr_0=images[:1], arr_1=verdicts[:1].clip(-1, 0))
    browser = page(run)
    assert browser.state()[2] == "generation 0 of 0"
    assert len(browser.shown(".histogram .name")) == 2
    assert len(browser.shown(".plot .point")) > 5
    assert "no ribbon of chance" in browser.one(".legend").text
    browser.press(Keys.END, Keys.ARROW_RIGHT)
    assert browser.state()[2] == "generation 0 of 0"
    assert browser.complaints() == []
