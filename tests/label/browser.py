"""A headless Chromium on the labelling page, and a server of it in a process of its own."""

import re
import shutil
import signal
import subprocess
import sys
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
# Bokeh's widgets live in shadow trees; this finds an element in any of them.
_DEEP = """
const [css, text] = arguments
const found = []
const walk = (root) => {
  for (const element of root.querySelectorAll("*")) {
    if (element.matches(css) && (text == null || element.textContent.trim().startsWith(text))) found.push(element)
    if (element.shadowRoot) walk(element.shadowRoot)
  }
}
walk(document)
return found
"""


@contextmanager
def serving(*arguments, wait: float = 60):
    """Run `embetter-reg label` and yield its process, with ``address``; it is ended by its own id."""
    code = "from embetter_reg.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "label", *map(str, arguments), "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
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
def browsing(width: int = 1400, height: int = 1000):
    """Yield a `Browser` with a profile of its own."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    with TemporaryDirectory(prefix="chromium-") as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        downloads = Path(profile) / "downloads"
        downloads.mkdir()
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
        for flag in [*_FLAGS, f"--user-data-dir={profile}/data", f"--window-size={width},{height}"]:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(options=options, service=Service(DRIVER))
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
        raise AssertionError(f"not within {seconds} s: {what}; the page says {self.says()!r}; {self.errors()}")

    def says(self) -> str:
        return " ".join(element.text for element in self.find(".notice")[:1])

    def click(self, text: str) -> None:
        self.until(lambda: self.find("button:not([disabled])", text), f"the button {text!r} can be pressed")[0].click()

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
        option = self.until(lambda: self.find("select option", shown), f"there is an option {shown!r}")[0]
        self.js(
            "const s = arguments[0].parentElement; s.value = arguments[0].value;"
            "s.dispatchEvent(new Event('change', {bubbles: true}))",
            option,
        )

    @property
    def n_selected(self) -> int:
        return int(re.match(r"[\d,]+", self.find("h2")[0].text).group().replace(",", "")) if self.find("h2") else -1

    def frame(self) -> dict[str, float]:
        """Where the map's frame is on the screen."""
        return self.js(
            "const v = Object.values(Bokeh.documents[0].get_model_by_name('map') && Bokeh.index)[0];"
            "const view = v.views ? null : null; const canvas = arguments[0];"
            "const r = canvas.getBoundingClientRect(); return {x: r.x, y: r.y, width: r.width, height: r.height}",
            self.find("canvas")[0],
        )

    def drag(self, path, held=None) -> None:
        """Draw with the button held, through points given as shares of the map."""
        from selenium.webdriver import ActionChains
        from selenium.webdriver.common.actions.action_builder import ActionBuilder
        from selenium.webdriver.common.actions.mouse_button import MouseButton

        self.js("arguments[0].scrollIntoView({block: 'center'})", self.find("canvas")[0])
        box = self.frame()
        points = [(round(box["x"] + x * box["width"]), round(box["y"] + y * box["height"])) for x, y in path]
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
        """What went wrong in the browser."""
        found = [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]
        return [message for message in found if "favicon" not in message]


_IDLE = "return Bokeh.documents.length > 0 && Bokeh.documents[0].is_idle"
