"""The built book and the browser that reads it: what the tests of pages share."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
HTML = ROOT / "_build" / "html"
PAGES = HTML / "chapters"
# What keeps Chromium itself from talking to anybody, so that a foreign request is the page's.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
OURS = ("file:", "data:", "blob:")  # addresses that ask nobody


def complaints(page):
    """A list that fills with what goes wrong on a page: errors, warnings, failed requests, requests to other hosts."""
    found = []
    page.on("console", lambda m: found.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("requestfailed", lambda request: found.append(f"failed: {request.url}"))
    page.on("request", lambda request: None if request.url.startswith(OURS) else found.append(request.url))
    return found


def formulas_are_set(page):
    """Wait until MathJax has written every formula of a page."""
    if page.locator(".math").count():
        page.wait_for_selector("mjx-container", state="attached")
        page.evaluate("MathJax.startup.promise.then(() => true)")
