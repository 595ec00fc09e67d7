"""The sandbox's page in a real browser: `make test-browser`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from airflow_provider_segment.sandbox import Sandbox

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
]

ATTACK = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield browser
        browser.close()


def opened(browser: Any, sandbox: Sandbox, width: int, **options: Any) -> Iterator[Any]:
    """The page, with a test that nothing in it failed, and that it asked nobody but the sandbox."""
    context = browser.new_context(viewport={"width": width, "height": 844}, **options)
    context.set_default_timeout(60_000)
    page = context.new_page()
    failures: list[str] = []
    page.on("console", lambda message: failures.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda failure: failures.append(str(failure)))
    page.on(
        "request",
        lambda asked: None if asked.url.startswith(sandbox.url) else failures.append(asked.url),
    )
    page.goto(sandbox.url)
    yield page
    context.close()
    assert failures == []


@pytest.fixture
def page(browser: Any, segment_sandbox: Sandbox) -> Iterator[Any]:
    yield from opened(browser, segment_sandbox, 1280, permissions=["clipboard-read", "clipboard-write"])


@pytest.fixture
def phone(browser: Any, segment_sandbox: Sandbox) -> Iterator[Any]:
    yield from opened(browser, segment_sandbox, 390, color_scheme="dark", has_touch=True)


def send(sandbox: Sandbox, **event: Any) -> None:
    body = {"userId": "u1", "writeKey": sandbox.write_key, **event}
    httpx.post(f"{sandbox.url}/v1/track", json=body, timeout=600).raise_for_status()


def row(page: Any, text: str) -> Any:
    return page.locator("#list a.row", has_text=text)


def test_events_appear_while_they_come_and_are_filtered(page: Any, segment_sandbox: Sandbox) -> None:
    page.get_by_text("Events appear here as they come").wait_for()
    assert page.url == f"{segment_sandbox.url}/_sandbox"
    send(segment_sandbox, event="Order Completed")
    row(page, "Order Completed").wait_for()
    send(segment_sandbox, event="Cart Viewed", userId="u2")
    row(page, "Cart Viewed").wait_for()
    page.locator("#counts a", has_text="Cart Viewed").wait_for()
    assert page.locator("#chart rect").count() >= 1

    page.keyboard.press("/")
    page.keyboard.type("order")
    page.get_by_text("1 found").wait_for()
    assert page.locator("#list a.row").count() == 1
    assert page.url.endswith("#/events?text=order")
    page.get_by_role("button", name="Clear").click()
    row(page, "Cart Viewed").wait_for()
    page.locator("#counts a", has_text="Cart Viewed").click()
    page.get_by_text("1 found").wait_for()
    page.reload()  # the address says it all
    page.get_by_text("1 found").wait_for()


def test_an_event_is_opened_by_keyboard(page: Any, segment_sandbox: Sandbox) -> None:
    for n in range(3):
        send(segment_sandbox, event=f"Event {n}", messageId=f"m/{n}", properties={"n": n})
    send(segment_sandbox, event="Event 0", messageId="m/0")
    row(page, "Event 0").wait_for()
    page.locator("#list a.row", has_text="again").wait_for()
    for key in ("j", "j", "k", "j", "j", "j", "Enter"):
        page.keyboard.press(key)
    page.locator("#event h2", has_text="Event 0").wait_for()
    assert page.url.endswith("#/event/m%2F0")
    shown = json.loads(page.locator("#event pre").text_content())
    assert (shown["event"], shown["properties"]) == ("Event 0", {"n": 0})
    story = page.locator("#event .story").inner_text()
    assert "accepted" in story
    assert "An event with this messageId came in the 24 hours before." in story

    page.keyboard.press("k")
    page.locator("#event h2", has_text="Event 1").wait_for()
    page.locator("#event").get_by_role("link", name="POST /v1/track").click()
    page.locator("#request h2", has_text="POST /v1/track").wait_for()
    page.keyboard.press("Escape")
    page.locator("#request").wait_for(state="hidden")
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("3")
    page.locator("#tree a.row").first.wait_for()


def test_what_an_event_says_is_text(page: Any, segment_sandbox: Sandbox) -> None:
    send(segment_sandbox, event=ATTACK, userId=ATTACK, messageId=ATTACK, properties={ATTACK: ATTACK})
    row(page, "onerror").click()
    page.locator("#event h2", has_text=ATTACK).wait_for()
    assert json.loads(page.locator("#event pre").text_content())["properties"] == {ATTACK: ATTACK}
    page.goto(f"{segment_sandbox.url}/_sandbox#/source/{ATTACK}")
    page.get_by_text("The workspace has none with the id").wait_for()
    assert page.title() == "Segment sandbox"
    assert page.locator("main img").count() == page.locator("main script").count() == 0


def test_addresses_lead_to_things(page: Any, segment_sandbox: Sandbox) -> None:
    send(segment_sandbox, event="", messageId="bad")
    send(segment_sandbox, event="Good", messageId="good")
    page.goto(f"{segment_sandbox.url}/_sandbox#/rejects")
    page.locator("#list .badge", has_text="missing event").wait_for()
    assert page.locator("#list a.row").count() == 1
    page.goto(f"{segment_sandbox.url}/_sandbox#/event/bad")
    page.locator("#event", has_text="A track needs the name of its event.").wait_for()
    page.goto(f"{segment_sandbox.url}/_sandbox#/source/{segment_sandbox.source_id}")
    thing = page.locator("#thing")
    thing.locator("h2", has_text="sandbox").wait_for()
    thing.locator("dt", has_text="Write key").locator("+ dd").get_by_role("button").click()
    thing.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == segment_sandbox.write_key


def test_controls(page: Any, segment_sandbox: Sandbox) -> None:
    page.get_by_role("link", name="Controls").click()
    page.get_by_role("button", name="Add the fault").click()
    page.get_by_text("The fault is added.").wait_for()
    assert [(fault.kind, fault.next) for fault in segment_sandbox.faults] == [("status", 1)]
    page.locator("#faults li", has_text="status: 503").wait_for()
    before = segment_sandbox.state.clock.now()
    page.get_by_role("button", name="+1 hour").click()
    page.get_by_text("The clock is moved.").wait_for()
    assert segment_sandbox.state.clock.now() >= before + 3600
    for button, is_frozen in (("Freeze it", True), ("Let it run", False)):
        page.get_by_role("button", name=button).click()
        page.get_by_role("button", name="Let it run" if is_frozen else "Freeze it").wait_for()
        assert segment_sandbox.state.clock.is_frozen is is_frozen
    page.get_by_role("button", name="Script the sync").click()
    page.get_by_text("The sync is scripted.").wait_for()
    assert [script.status for script in segment_sandbox.scripts] == ["SUCCESS"]
    page.get_by_role("button", name="Reset the sandbox").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert len(list(segment_sandbox.faults)) == 1
    page.get_by_role("button", name="Reset the sandbox").click()
    page.get_by_role("dialog").get_by_role("button", name="Reset", exact=True).click()
    page.get_by_text("The sandbox is reset.").wait_for()
    assert list(segment_sandbox.faults) == list(segment_sandbox.scripts) == []


def test_older_events_do_not_move_while_newer_ones_come(page: Any, segment_sandbox: Sandbox) -> None:
    for n in range(101):
        send(segment_sandbox, event=f"Event {n}")
    row(page, "Event 100").wait_for()
    page.get_by_role("button", name="Older").click()
    row(page, "Event 0").wait_for()
    page.get_by_text("Older events").wait_for()
    send(segment_sandbox, event="Newer")
    page.locator("#totals", has_text="102 accepted").wait_for()
    assert page.locator("#list a.row").count() == 1
    page.get_by_role("button", name="Back to the newest").click()
    row(page, "Newer").wait_for()


def test_a_sandbox_that_ends_is_told(browser: Any) -> None:
    page = browser.new_page()
    with Sandbox() as sandbox:
        page.goto(sandbox.url)
        page.get_by_text("Live").wait_for()
    page.get_by_text("The sandbox does not answer: it may have been stopped.").wait_for()
    page.close()


def test_every_view_fits_a_phone(phone: Any, segment_sandbox: Sandbox) -> None:
    expect = pytest.importorskip("playwright.sync_api").expect
    send(segment_sandbox, event="A name without end " * 20, messageId="x" * 90, userId="u" * 300)
    ground = phone.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(map(int, ground.removeprefix("rgb(").removesuffix(")").split(", "))) < 60  # dark
    request = segment_sandbox.requests[0]["requestId"]
    for place, selector in {
        "events": "#list a.row",
        f"event/{'x' * 90}": "#event h2",
        "requests": "#request-list a.row",
        f"request/{request}": "#request h2",
        "workspace": "#tree a.row",
        f"source/{segment_sandbox.source_id}": "#thing h2",
        "controls": "#fault",
        "code": "#snippets pre",
    }.items():
        phone.goto(f"{segment_sandbox.url}/_sandbox#/{place}")
        expect(phone.locator(selector).first).to_be_in_viewport()
        assert phone.evaluate("document.documentElement.scrollWidth") == 390, place
