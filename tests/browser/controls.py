"""Moving an explorer's controls with the keyboard, as somebody does who has no mouse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from playwright.sync_api import ElementHandle, Locator, Page

# What takes the focus in each kind of control, the key that moves it, and the key that moves it
# back. A control at its end does not move forward, so both are tried. Drop-down lists and radio
# buttons are not here: JupyterLab keeps the keys that would move them for its own commands.
KINDS = (
    (".noUi-handle", "ArrowRight", "ArrowLeft"),
    ("input[type=checkbox]", "Space", "Space"),
    ("input[type=number]", "ArrowUp", "ArrowDown"),
    ("button:not(.mod-active)", "Space", ""),
    ("button", "Space", ""),
)
SHOWN = """explorer => {
    const image = explorer.querySelector('.lstm-picture svg');
    const sentence = explorer.querySelector('.lstm-sentence');
    return [image && image.innerHTML, sentence && sentence.innerText];
}"""


@dataclass
class Control:
    """One control of one explorer."""

    page: Page
    explorer: Locator
    root: Locator
    _pressed: ElementHandle | None = None

    @property
    def name(self) -> str:
        """The text that labels it."""
        beside = self.root.locator("xpath=..")
        for place in (self.root, beside):
            for text in place.locator("label").all_inner_texts():
                if text.strip("\u200b \n"):
                    return text.strip()
        return self.root.inner_text().strip()

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

    def move(self) -> list[str]:
        """Move the control by one key; what has not changed, of the picture and the sentence."""
        before = self.shown()
        active = self.root.locator("button.mod-active")
        self._pressed = active.element_handle() if active.count() else None
        place, forward, back = self.handle()
        for key in filter(None, (forward, back)):
            place.focus()
            self.page.keyboard.press(key)
            same = self._same_as(before)
            if not same:
                break
        return same

    def move_back(self) -> None:
        """Undo `move`, so that the next control starts from the explorer's first state."""
        before = self.shown()
        if self._pressed is not None:
            self._pressed.focus()
            self.page.keyboard.press("Space")
        else:
            place, _, back = self.handle()
            place.focus()
            self.page.keyboard.press(back)
        self._same_as(before)

    def _same_as(self, before: tuple[str | None, str | None]) -> list[str]:
        for _ in range(60):
            self.page.wait_for_timeout(50)
            pairs = zip(("picture", "sentence"), before, self.shown(), strict=True)
            same = [what for what, then, now in pairs if then == now]
            if not same:
                break
        return same


def controls(page: Page) -> Iterator[tuple[int, Control]]:
    """Every control on the page that can be moved now, with its explorer's number."""
    for number, explorer in enumerate(page.locator(".lstm-explorer").all(), 1):
        for root in explorer.locator(".lstm-control").all():
            if not root.locator("[disabled]").count():
                yield number, Control(page, explorer, root)
