"""A headless Chromium on the labeling page, and a server of it in a process of its
own.
"""

import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
_FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-dev-shm-usage",
]
WITHOUT_WEBGL = "--disable-3d-apis"  # which is slow where no GPU draws it
# Bokeh's widgets live in shadow trees; this finds an element in any of them.
_DEEP = """
const [css, text] = arguments
const found = []
const walk = (root) => {
  for (const element of root.querySelectorAll("*")) {
    const begins = () => text == null || element.textContent.trim().startsWith(text)
    if (element.matches(css) && begins()) found.push(element)
    if (element.shadowRoot) walk(element.shadowRoot)
  }
}
walk(document)
return found
"""


@contextmanager
def serving(*arguments, wait: float = 60):
    """Run `embetter-reg label` and yield its process, with ``address``; it is ended by
    its own id.
    """
    code = "from embetter_reg.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "label", *map(str, arguments), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        found = re.search(r"http://\S+", line)
        if found is None:
            process.kill()
            raise RuntimeError(f"the server did not start: {process.stderr.read()}")
        process.address = found.group()
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        process.stdout.close()
        process.stderr.close()


@contextmanager
def serving_here(work, **options):
    """Serve a workspace from a thread of this process, and yield the server."""
    import asyncio

    from tornado.ioloop import IOLoop

    from embetter_reg.label import LabelServer

    started, found = threading.Event(), {}

    def run() -> None:
        asyncio.set_event_loop(asyncio.new_event_loop())
        found["loop"], found["server"] = (
            IOLoop.current(),
            LabelServer(work, port=0, **options),
        )
        found["server"].server.start()
        found["loop"].add_callback(started.set)
        found["loop"].start()
        found["server"].server.stop(wait=False)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert started.wait(20)
    try:
        yield found["server"]
    finally:
        found["loop"].add_callback(found["loop"].stop)
        thread.join(20)
        work.stop_tuning()


@contextmanager
def browsing(width: int = 1400, height: int = 1000, flags: tuple[str, ...] = ()):
    """Yield a `Browser` with a profile of its own."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    with TemporaryDirectory(prefix="chromium-") as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        downloads = Path(profile) / "downloads"
        downloads.mkdir()
        options.add_experimental_option(
            "prefs", {"download.default_directory": str(downloads)}
        )
        for flag in [
            *_FLAGS,
            *flags,
            f"--user-data-dir={profile}/data",
            f"--window-size={width},{height}",
        ]:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(options=options, service=Service(DRIVER))
        driver.set_script_timeout(120)
        try:
            yield Browser(driver, downloads)
        finally:
            driver.quit()


class Browser:
    """What a person does with the page."""

    def __init__(self, driver, downloads: Path):
        self.driver, self.downloads = driver, downloads

    def open(self, address: str) -> None:
        self.driver.get(address)
        self.until(lambda: self.find("canvas"), "the map is drawn")
        self.until(lambda: self.says() and self.js(_IDLE), "the page is idle")

    def js(self, code: str, *arguments):
        return self.driver.execute_script(code, *arguments)

    def find(self, css: str, text: str | None = None) -> list:
        return self.js(_DEEP, css, text)

    def until(self, condition, what: str, seconds: float = 20):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := condition():
                return found
            time.sleep(0.05)
        raise AssertionError(
            f"not within {seconds} s: {what}; the page says {self.says()!r}; "
            f"{self.errors()}"
        )

    def says(self) -> str:
        return " ".join(self.texts(".notice")[:1])

    def texts(self, css: str) -> list[str]:
        """The texts of elements, read at once so that none is replaced meanwhile."""
        return self.js(
            f"const found = (function () {{ {_DEEP} }})(...arguments); return "
            "found.map(e => e.innerText)",
            css,
        )

    def click(self, text: str) -> None:
        self.until(
            lambda: self.find("button:not([disabled])", text),
            f"the button {text!r} can be pressed",
        )[0].click()

    def wait_for(self, text: str, seconds: float = 20) -> None:
        self.until(lambda: text in self.says(), f"the page says {text!r}", seconds)

    def press(self, *keys) -> None:
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def type(self, placeholder: str, text: str) -> None:
        from selenium.webdriver.common.keys import Keys

        box = self.find(f"input[placeholder^='{placeholder}']")[0]
        box.clear()
        box.send_keys(text, Keys.ENTER)

    def choose(self, shown: str) -> None:
        """Choose the option of a drop-down list that begins like this."""
        option = self.until(
            lambda: self.find("select option", shown), f"there is an option {shown!r}"
        )[0]
        self.js(
            "const s = arguments[0].parentElement; s.value = arguments[0].value;"
            "s.dispatchEvent(new Event('change', {bubbles: true}))",
            option,
        )

    @property
    def n_selected(self) -> int:
        found = [re.match(r"([\d,]+) selected", text) for text in self.texts("h2")]
        return next((int(match[1].replace(",", "")) for match in found if match), -1)

    def places(self, points) -> list[tuple[int, int]]:
        """Where points of the map, in its own coordinates, are on the screen."""
        self.js(
            "arguments[0].scrollIntoView({block: 'center'})", self.find("canvas")[0]
        )
        found = self.js(
            "const view = "
            "Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name('map'));"
            "const {x_scale, y_scale} = view.frame, box = "
            "view.canvas_view.el.getBoundingClientRect();"
            "return arguments[0].map(([x, y]) => [box.x + x_scale.compute(x), box.y + "
            "y_scale.compute(y)])",
            [[float(x), float(y)] for x, y in points],
        )
        return [(round(x), round(y)) for x, y in found]

    @property
    def view(self) -> list[float]:
        """What the map shows, but for a narrow edge: left, right, bottom, top."""
        return self.js(
            "const {x_range: x, y_range: y} = "
            "Bokeh.documents[0].get_model_by_name('map');"
            "return [x, y].flatMap(({start, end}) => [start + 0.01 * (end - start), "
            "end - 0.01 * (end - start)])"
        )

    def tap(self, point) -> None:
        """Click on a point of the map, given in its own coordinates."""
        from selenium.webdriver import ActionChains

        chain = ActionChains(self.driver)
        chain.w3c_actions.pointer_action.move_to_location(
            *self.places([point])[0]
        ).click()
        chain.perform()

    def drag(self, path, held=None) -> None:
        """Draw with the button held, through points of the map in its own coordinates,
        that start inside it.
        """
        from selenium.webdriver import ActionChains
        from selenium.webdriver.common.actions.action_builder import ActionBuilder
        from selenium.webdriver.common.actions.mouse_button import MouseButton

        points = self.places(path)
        if held:
            ActionChains(self.driver).key_down(held).perform()
        builder = ActionBuilder(self.driver, duration=15)
        pointer = builder.pointer_action
        pointer.move_to_location(*points[0])
        pointer.pointer_down(MouseButton.LEFT)
        for point in points[1:]:
            pointer.move_to_location(*point)
        pointer.pointer_up(MouseButton.LEFT)
        builder.perform()
        if held:
            ActionChains(self.driver).key_up(held).perform()

    def shoot(self, path) -> None:
        """Save a picture of the whole page."""
        height = self.js("return document.documentElement.scrollHeight")
        width = self.js("return window.innerWidth")
        self.driver.set_window_size(width, max(height + 20, 600))
        time.sleep(0.6)
        self.driver.save_screenshot(str(path))

    def errors(self) -> list[str]:
        """What went wrong in the browser, but for what it says of a server that has
        ended.
        """
        found = [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if entry["level"] == "SEVERE"
        ]
        ended = re.compile(
            "favicon|websocket|ERR_CONNECTION_REFUSED|Lost connection", re.IGNORECASE
        )
        return [message for message in found if not ended.search(message)]


_IDLE = "return Bokeh.documents.length > 0 && Bokeh.documents[0].is_idle"
