"""A real browser for tests: Debian's chromium without a window, driven by Selenium."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless=new",
    "--no-sandbox",  # CI is root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def missing() -> str:
    """What a browser test lacks here, or nothing."""
    lacking = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
    if not lacking:
        return ""
    return f"no {' and no '.join(lacking)} here: apt-get install chromium chromium-driver"


@contextmanager
def chromium(profile: Path) -> Iterator[Any]:
    """A browser with a fresh profile, its console recorded."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def resize(driver: Any, width: int, height: int = 800) -> None:
    """Give the page a screen of this size, in CSS pixels; a narrow one is a phone's."""
    screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)


def prefer(driver: Any, scheme: str) -> None:
    """``light`` or ``dark``, as the user's system would ask for it; and nothing that moves."""
    wanted = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
    features = [{"name": name, "value": value} for name, value in wanted.items()]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
