"""The label page in a real browser, against a real server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from setpoint.labels.queue import Queue
from setpoint.labels.votes import current_votes
from tests.e2e.browser import PROGRAM, Page, browsing
from tests.e2e.label_server import EVIL, NAMES, label_queue, open_store

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no chromium")


@dataclass
class Desk:
    """A page that is open, its address, and the queue behind it."""

    page: Page
    url: str
    queue: Queue

    def sign(self, name: str) -> None:
        """Open the page and say who labels."""
        self.page.open(self.url)
        self.page.wait("!document.getElementById('sign').hidden")
        self.page.write(name)
        self.page.press("Enter")
        self.page.wait("!document.getElementById('work').hidden")

    def shown(self) -> str:
        """The key of the item that is shown."""
        return str(self.page.value("document.getElementById('key').textContent"))

    def status(self, words: str) -> None:
        """Wait until the page says this."""
        self.page.wait(f"document.getElementById('status').textContent === {words!r}")

    def votes(self) -> list[tuple[str, str, str | None, str]]:
        """What stands: item, annotator, value and note."""
        return [(one.item, one.annotator, one.value, one.note) for one in current_votes(self.queue.history())]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, list[str]]]:
    """The address of a server, its folder, and the queues that no test has taken yet."""
    folder = tmp_path_factory.mktemp("labels")
    command = [sys.executable, "-m", "tests.e2e.label_server", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), folder, list(NAMES)
        process.kill()


@pytest.fixture
def desk(server: tuple[str, Path, list[str]], tmp_path: Path) -> Iterator[Desk]:
    """A queue without a vote, and a browser of its own."""
    url, folder, names = server
    name, store = names.pop(), open_store(folder)
    with browsing(tmp_path / "profile") as page:
        yield Desk(page, f"{url}/v1/{name}/label", label_queue(name, store))
    store.close()


def test_labelling_needs_the_keyboard_only(desk: Desk) -> None:
    """Name, note, class, skip, undo and guidelines by keys; every vote is in the store with its note and time."""
    desk.sign("ann")
    assert desk.shown() == "a"
    desk.page.press("n")
    desk.page.wait("document.activeElement.id === 'note'")
    desk.page.write("seen 12 of these")
    desk.page.press("Escape")
    desk.page.press("1")
    desk.status("a: fraud")
    assert desk.shown() == "b"
    desk.page.press("s")
    desk.status("b skipped")
    desk.page.press("u")
    desk.status("b: taken back")
    assert desk.shown() == "b"
    desk.page.press("2")
    desk.status("b: fine")
    assert desk.votes() == [("a", "ann", "fraud", "seen 12 of these"), ("b", "ann", "fine", "")]
    assert all(vote.seconds is not None for vote in current_votes(desk.queue.history()))
    before = desk.page.value("document.getElementById('guidelines').open")
    desk.page.press("g")
    desk.page.wait(f"document.getElementById('guidelines').open === {str(not before).lower()}")
    assert desk.page.value("document.getElementById('count').textContent") == "0 of 3 items, 2 by you"


def test_nothing_of_an_item_is_run_or_asked_for(desk: Desk) -> None:
    """A field, a key, a blob and guidelines with a script in them are words; an image is shown from the data."""
    desk.sign("ann")
    desk.page.wait("document.querySelector('#fields img')?.naturalWidth === 1")
    shown = desk.page.value("document.getElementById('fields').innerText")
    assert EVIL in shown
    assert "Grüße\n<b>" in shown
    assert "18 bytes (application/octet-stream)" in shown
    assert (
        desk.page.value("document.querySelectorAll('#fields script, #guidelines script, #guidelines img').length") == 0
    )
    for key, words in (("1", "a: fraud"), ("1", "b: fraud")):
        desk.page.press(key)
        desk.status(words)
    assert desk.shown() == EVIL
    assert desk.page.value("document.title") == f"{desk.queue.name}: labels"
    asked = desk.page.value("performance.getEntriesByType('resource').map((one) => new URL(one.name).host)")
    assert set(asked) == {desk.url.split("/")[2]}
    assert desk.page.complaints == []


def test_a_disagreement_is_settled_on_the_page(desk: Desk) -> None:
    """Whoever decides sees who said what, and what he decides is the label."""
    desk.queue.vote("ann", "b", value="fraud", note="odd total")
    desk.queue.vote("bob", "b", value="fine")
    desk.sign("cy")
    desk.page.press("d")
    desk.page.wait("document.querySelectorAll('#disputes-list > li').length === 1")
    words = desk.page.value("document.querySelector('#disputes-list .votes').innerText")
    assert words.splitlines() == ["ann: fraud – odd total", "bob: fine"]
    desk.page.value("document.querySelector('#disputes-list fieldset button').click()")
    desk.status("b: decided, fraud")
    desk.page.wait("document.querySelectorAll('#disputes-list > li').length === 0")
    desk.page.press("Escape")
    desk.page.wait("!document.getElementById('work').hidden")
    (label,) = [votes for item, votes in desk.queue.labelled() if item == "b"]
    assert ("cy", -1, "fraud") in [(vote.annotator, vote.look, vote.value) for vote in label]


def test_two_annotators_finish_and_the_page_says_so(desk: Desk) -> None:
    """When nothing is left for an annotator the page says it, and no key votes any more."""
    desk.sign("ann")
    for words in ("a: unclear", "b: unclear"):
        desk.page.press("3")
        desk.status(words)
    desk.page.press("3")
    desk.page.wait("document.getElementById('key').textContent === 'Nothing is left for you.'")
    desk.page.press("1")
    assert len(desk.votes()) == 3
    assert desk.page.value("document.querySelector('#classes button').disabled")


def test_the_name_is_asked_once(desk: Desk) -> None:
    """The browser remembers who labels; another name is a click away."""
    desk.sign("bob")
    desk.page.open(desk.url)
    desk.page.wait("!document.getElementById('work').hidden")
    assert desk.page.value("document.getElementById('who').textContent") == "bob"
    desk.page.value("document.getElementById('who').click()")
    assert desk.page.value("document.activeElement.id") == "name"


@pytest.mark.parametrize(("width", "dark"), [(320, False), (360, True), (1280, False)])
def test_nothing_sticks_out_of_the_page(desk: Desk, width: int, dark: bool) -> None:
    """From a phone to a desk, light and dark, the page is never wider than the screen, and buttons can be hit."""
    desk.page.size(width)
    desk.page.dark(on=dark)
    desk.sign("ann")
    for words in ("a: fine", "b: fine"):
        assert desk.page.value("document.documentElement.scrollWidth") <= width
        desk.page.press("2")
        desk.status(words)
    assert desk.page.value("document.documentElement.scrollWidth") <= width
    assert (
        desk.page.value("Math.min(...[...document.querySelectorAll('#work button')].map((b) => b.offsetHeight))") >= 44
    )
    paper = desk.page.value("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(16, 19, 22)" if dark else "rgb(255, 255, 255)")


def test_everything_has_a_name_and_colours_can_be_told_apart(desk: Desk) -> None:
    """Each control has words for those who do not see it; text has a contrast of 4.5 or more, light and dark."""
    desk.sign("ann")
    nameless = desk.page.value(
        "[...document.querySelectorAll('button, input, textarea, img, progress, section')].filter((each) =>"
        " !(each.textContent.trim() || each.getAttribute('aria-label') || each.getAttribute('aria-labelledby')"
        " || each.alt || each.labels?.length || each.id === 'who')).map((each) => each.outerHTML)"
    )
    assert nameless == []
    script = """(() => {
      const light = (c) => { const [r, g, b] = c.match(/[0-9.]+/g).slice(0, 3).map((v) => v / 255)
        .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126*r + 0.7152*g + 0.0722*b; };
      const behind = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
        if (!c.endsWith(", 0)")) return c; } return "rgb(255,255,255)"; };
      return [...document.querySelectorAll("#work *, header *")].filter((e) => e.offsetHeight && [...e.childNodes]
        .some((n) => n.nodeType === 3 && n.textContent.trim())).map((e) => {
          const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
          return [(a + 0.05) / (b + 0.05), e.outerHTML.slice(0, 80)]; }).filter(([ratio]) => ratio < 4.5);
    })()"""
    for dark in (False, True):
        desk.page.dark(on=dark)
        assert desk.page.value(script) == []


def test_a_server_that_is_gone_loses_nothing(desk: Desk) -> None:
    """A vote that could not be sent is told, the item stays, and the same key sends it again."""
    desk.sign("ann")
    desk.page.send(
        "Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0
    )
    desk.page.press("1")
    desk.page.wait("document.getElementById('status').classList.contains('bad')")
    assert desk.shown() == "a"
    desk.page.send(
        "Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1, uploadThroughput=-1
    )
    desk.page.press("1")
    desk.status("a: fraud")
    assert [vote[:3] for vote in desk.votes()] == [("a", "ann", "fraud")]
