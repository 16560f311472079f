"""Real headless Chromium, driven over its DevTools protocol through two pipes: no package, no port."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")
SWITCHES = (
    "--headless=new", "--remote-debugging-pipe", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-default-apps", "--disable-extensions", "--disable-sync",
    "--disable-dev-shm-usage", "--no-first-run", "--mute-audio",
)  # fmt: skip
PATIENCE = 60.0
"""Seconds in which the browser must answer: far more than it needs, on however busy a machine."""
CODES = {
    "ArrowLeft": 37,
    "ArrowUp": 38,
    "ArrowRight": 39,
    "ArrowDown": 40,
    "Tab": 9,
    "Enter": 13,
    "Escape": 27,
}
WATCHED = ("Page", "Runtime", "Network", "Log")


class Browser:
    """One Chromium with a fresh profile in `folder`, where its downloads go too."""

    def __init__(self, folder: Path) -> None:
        assert PROGRAM is not None
        self.downloads = folder / "downloads"
        self.downloads.mkdir(parents=True)
        theirs_in, self._to = os.pipe()
        self._from, theirs_out = os.pipe()
        switches = [*SWITCHES, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}', "bash", PROGRAM, *switches,
             f"--user-data-dir={folder / 'profile'}", "about:blank"],
            pass_fds=(theirs_in, theirs_out), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        self._number, self._held = 0, b""
        self.events: list[dict[str, Any]] = []
        where = {"behavior": "allowAndName", "downloadPath": str(self.downloads), "eventsEnabled": True}
        self.call("Browser.setDownloadBehavior", where)

    def close(self) -> None:
        """End it, whatever state it is in."""
        with contextlib.suppress(OSError, TimeoutError):
            self.call("Browser.close")
        os.close(self._to)
        os.close(self._from)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def open(self, address: str, width: int = 1280, height: int = 800) -> Tab:
        """A new tab with `address`, loaded."""
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        tab = Tab(self, session)
        for domain in WATCHED:
            tab.call(f"{domain}.enable")
        tab.call("Page.setLifecycleEventsEnabled", enabled=True)
        tab.resize(width, height)
        tab.visit(address)
        return tab

    def call(self, method: str, told: dict[str, Any] | None = None, session: str | None = None) -> Any:
        """The result of one command."""
        self._number += 1
        number = self._number
        message = {"id": number, "method": method, "params": told or {}}
        message |= {"sessionId": session} if session else {}
        os.write(self._to, json.dumps(message).encode() + b"\0")
        for answer in self._answers():
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
        raise TimeoutError(f"Chromium does not answer {method}")

    def wait(self, method: str, session: str | None = None, **wanted: Any) -> dict[str, Any]:
        """What came, or will come, with an event that was not waited for yet."""

        def fits(event: dict[str, Any]) -> bool:
            told = event.get("params", {})
            return (
                event.get("method") == method
                and (session is None or event.get("sessionId") == session)
                and all(told.get(key) == value for key, value in wanted.items())
            )

        end = time.monotonic() + PATIENCE
        while not (found := [event for event in self.events if fits(event)]):
            if next(self._answers(), None) is None or time.monotonic() > end:
                raise TimeoutError(f"Chromium does not tell of {method}")
        self.events.remove(found[0])
        return dict(found[0]["params"])

    def _answers(self) -> Iterator[dict[str, Any]]:
        """Messages as they come; events are kept as well."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            while b"\0" in self._held:
                line, _, self._held = self._held.partition(b"\0")
                message: dict[str, Any] = json.loads(line)
                if "id" not in message:
                    self.events.append(message)
                yield message
            if select.select([self._from], [], [], 1.0)[0]:
                read = os.read(self._from, 1 << 20)
                if not read:
                    raise TimeoutError("Chromium has ended")
                self._held += read


class Tab:
    """One page."""

    def __init__(self, browser: Browser, session: str) -> None:
        self.browser, self._session = browser, session

    def call(self, method: str, **told: Any) -> Any:
        """The result of one command to this tab."""
        return self.browser.call(method, told, self._session)

    def visit(self, address: str) -> None:
        """Go there; returns when it is loaded."""
        self.address = address
        loader = self.call("Page.navigate", url=address)["loaderId"]
        self.browser.wait("Page.lifecycleEvent", self._session, loaderId=loader, name="load")

    def reload(self) -> None:
        """The same anew; returns when it is loaded."""
        self.visit(self.address)

    def resize(self, width: int, height: int) -> None:
        """The size of the window, in CSS pixels; a narrow one is a phone's."""
        phone = width < 600
        told = {"width": width, "height": height, "deviceScaleFactor": 2 if phone else 1, "mobile": phone}
        self.call("Emulation.setDeviceMetricsOverride", **told)

    def prefer(self, scheme: str) -> None:
        """Light or dark, and at once: colours that fade from one to the other are neither."""
        wanted = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
        features = [{"name": name, "value": value} for name, value in wanted.items()]
        self.call("Emulation.setEmulatedMedia", features=features)

    def value(self, expression: str) -> Any:
        """The value of a JavaScript expression, which may be a promise."""
        told = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        found = self.call("Runtime.evaluate", **told)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def until(self, expression: str) -> None:
        """Wait until a JavaScript expression is true, whatever page comes meanwhile."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                if self.value(expression):
                    return
            except AssertionError:
                pass  # between two pages there is none to ask
            time.sleep(0.05)
        raise TimeoutError(f"it never came true: {expression}")

    def settle(self) -> None:
        """Until what was typed has had its effect and is drawn."""
        self.value("new Promise(done => setTimeout(() => requestAnimationFrame(() => done(1)), 120))")

    def press(self, *keys: str) -> None:
        """Keys as a person presses them, to whatever has the focus."""
        for key in keys:
            letter = len(key) == 1
            code = (
                f"Key{key.upper()}" if key.isalpha() and letter else f"Digit{key}" if key.isdigit() else key
            )
            text = key if letter else "\r" if key == "Enter" else ""
            number = ord(key.upper()) if letter else CODES[key]
            told = {"key": key, "code": code, "windowsVirtualKeyCode": number}
            self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **told)
            self.call("Input.dispatchKeyEvent", type="keyUp", **told)

    def click(self, selector: str) -> None:
        """The element that `selector` finds, by the mouse."""
        middle = (
            "(e => { e.scrollIntoView({block: 'center'}); const r = e.getBoundingClientRect(); "
            "return [r.x + r.width / 2, r.y + r.height / 2]; })"
        )
        box = self.value(f"{middle}(document.querySelector({json.dumps(selector)}))")
        for kind in ("mousePressed", "mouseReleased"):
            told = {"x": box[0], "y": box[1], "button": "left", "clickCount": 1}
            self.call("Input.dispatchMouseEvent", type=kind, **told)

    def write(self, text: str) -> None:
        """Text into whatever has the focus."""
        self.call("Input.insertText", text=text)

    def download(self) -> str:
        """The text of the file whose download was begun last."""
        begun = self.browser.wait("Browser.downloadWillBegin")
        self.browser.wait("Browser.downloadProgress", guid=begun["guid"], state="completed")
        return (self.browser.downloads / begun["guid"]).read_text(encoding="utf-8")

    def picture(self, file: Path, whole: bool = False) -> None:
        """A screenshot; of the whole page, or of what is seen."""
        made = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(made["data"]))

    def complaints(self) -> list[str]:
        """What stands in the console, and errors that nobody caught."""
        kinds = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
        return [json.dumps(event["params"]) for event in self._own() if event["method"] in kinds]

    def requested(self) -> list[str]:
        """Every address that was asked for."""
        sent = [event for event in self._own() if event["method"] == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]

    def _own(self) -> list[dict[str, Any]]:
        return [event for event in self.browser.events if event.get("sessionId") == self._session]
