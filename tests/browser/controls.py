"""Moving an explorer's controls with the keyboard, as somebody does who has no mouse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from playwright.sync_api import Locator, Page

# What takes the focus in each kind of control, the key that moves it, and the key that moves it
# back. A control at its end does not move forward, so both are tried.
KINDS = (
    (".noUi-handle", "ArrowRight", "ArrowLeft"),
    ("input[type=checkbox]", "Space", "Space"),
    ("input[type=radio]:checked", "ArrowDown", "ArrowUp"),
    ("select", "ArrowDown", "ArrowUp"),
    ("input[type=number]", "ArrowUp", "ArrowDown"),
    ("button:not(.mod-active)", "Enter", ""),
    ("button", "Enter", ""),
)
SHOWN = """explorer => {
    const image = explorer.querySelector('.lstm-picture img');
    const sentence = explorer.querySelector('.lstm-sentence');
    return [image && image.src, sentence && sentence.innerText];
}"""


@dataclass
class Control:
    """One control of one explorer."""

    page: Page
    explorer: Locator
    root: Locator

    @property
    def name(self) -> str:
        """The text that labels it."""
        box = self.root.locator("xpath=ancestor-or-self::*[contains(@class,'widget')][1]")
        label = self.root.locator("label, .widget-label").or_(box.locator("label")).first
        beside = self.root.locator("xpath=..").locator("label").first
        for place in (label, beside):
            if place.count() and place.inner_text().strip():
                return place.inner_text().strip()
        return self.root.inner_text().strip()[:20]

    def shown(self) -> tuple[str | None, str | None]:
        """The picture and the sentence that the explorer shows now."""
        picture, sentence = self.explorer.evaluate(SHOWN)
        return picture, sentence

    def handle(self) -> tuple[Locator, str, str]:
        """What takes the focus, and the keys that move it forward and back."""
        for selector, forward, back in KINDS:
            found = self.root.locator(selector)
            if found.count():
                return found.first, forward, back
        raise AssertionError(f"{self.name}: no part of this control takes the keyboard's focus")

    def move(self) -> bool:
        """Move the control by one key; whether the picture and the sentence have both changed."""
        before = self.shown()
        place, forward, back = self.handle()
        for key in filter(None, (forward, back)):
            place.focus()
            self.page.keyboard.press(key)
            if self._changed_from(before):
                return True
        return False

    def move_back(self) -> None:
        """Undo `move`, so that the next control starts from the explorer's first state."""
        before = self.shown()
        place, _, back = self.handle()
        if back:
            place.focus()
            self.page.keyboard.press(back)
            self._changed_from(before)

    def _changed_from(self, before: tuple[str | None, str | None]) -> bool:
        for _ in range(30):
            self.page.wait_for_timeout(50)
            now = self.shown()
            if now[0] != before[0] and now[1] != before[1]:
                return True
        return False


def controls(page: Page) -> Iterator[tuple[int, Control]]:
    """Every control of every explorer on the page, with the explorer's number."""
    for number, explorer in enumerate(page.locator(".lstm-explorer").all(), 1):
        for root in explorer.locator(".lstm-control").all():
            yield number, Control(page, explorer, root)
