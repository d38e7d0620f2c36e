"""Every notebook in a real JupyterLab, as the person in front of it has it."""

import json
import re

import pytest

# What others print on JupyterLab's console at error level, whatever notebook is open.
HARMLESS = ()
# Findings of axe-core that belong to a library, by its rule and a text in the element: a slider's
# handle has no name (so a named number field stands beside each).
UPSTREAM = (("aria-input-field-name", "noUi-handle"),)
WIDTHS = {"a narrow window": 1024, "a projector at 150 %": 853}
# A long line of a traceback may be scrolled to.
OVERFLOW = """() => [...document.querySelectorAll(
    ".jp-OutputArea-output:not([data-mime-type='application/vnd.jupyter.error'])"
)].flatMap(output => {
    const edge = output.getBoundingClientRect().right + 1;
    const parts = [...output.querySelectorAll('*')].filter(part =>
        part.getClientRects().length && part.getBoundingClientRect().right > edge);
    const wide = output.scrollWidth > output.clientWidth + 1;
    return wide || parts.length
        ? [output.innerText.slice(0, 60) + ' | ' + (parts[0] || output).outerHTML.slice(0, 120)]
        : [];
})"""


def findings(page):
    """axe-core's critical and serious findings in the outputs: ours, and how many of others."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = axe.run(page, context=".jp-OutputArea-output", options={"resultTypes": ["violations"]})
    ours, upstream = [], 0
    for violation in found.response["violations"]:
        for node in violation["nodes"]:
            if violation["impact"] not in ("critical", "serious"):
                continue
            rule, element = violation["id"], node["html"]
            if any(rule == known and part in element for known, part in UPSTREAM):
                upstream += 1
            else:
                ours.append(f"{rule}: {element[:160]} ({node['failureSummary'][:200]})")
    return ours, upstream


def test_the_pictures_are_there_before_anything_runs(lesson):
    committed = [
        output for _, output in lesson.file.outputs if "image/png" in output.get("data", {})
    ]
    assert lesson.before.pictures >= len(committed)
    assert "model not found" not in lesson.before.text
    assert "Error displaying widget" not in lesson.before.text


def test_run_all_ends_with_no_error_that_is_not_meant(lesson):
    numbers = [re.sub(r"\D", "", prompt) for prompt in lesson.opened.prompts()]
    assert numbers == [str(n) for n in range(1, len(lesson.file.code) + 1)]
    raised = lesson.page.locator(
        ".jp-CodeCell:has([data-mime-type='application/vnd.jupyter.error'])"
    ).count()
    meant = [c for c in lesson.file.code if "raises-exception" in c.metadata.get("tags", [])]
    assert raised == len(meant)
    assert lesson.page.locator("[data-mime-type='application/vnd.jupyter.stderr']").count() == 0


def test_every_control_is_moved_by_keyboard_and_picture_and_sentence_change(
    lesson, driver, file_name
):
    from tests.browser.controls import controls

    still = []
    for number, control in controls(lesson.page):
        name = control.name
        if not control.move():
            still.append(f"explorer {number}: {name}")
            continue
        control.explorer.screenshot(path=lesson.shots / f"explorer-{number}-{file_name(name)}.png")
        control.move_back()
    assert not still, "moved by a key, and picture or sentence stayed as they were"


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS.keys())
def test_nothing_is_cut_off(lesson, width):
    lesson.page.set_viewport_size({"width": width, "height": 900})
    try:
        lesson.opened.settle()
        cut = lesson.page.evaluate(OVERFLOW)
        lesson.opened.pieces(lesson.shots, f"width-{width}")
    finally:
        lesson.page.set_viewport_size({"width": 1600, "height": 1400})
    assert not cut, json.dumps(cut, indent=1)


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_axe_finds_nothing_serious_that_is_ours(lesson, theme, record_property):
    lesson.page.evaluate(
        "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme
    )
    lesson.page.wait_for_selector(f"body[data-jp-theme-name='{theme}']", state="attached")
    lesson.opened.settle()
    if "Dark" in theme:
        lesson.opened.pieces(lesson.shots, "dark")
    ours, upstream = findings(lesson.page)
    record_property("upstream findings", upstream)
    assert not ours, "\n".join(ours)


def test_nothing_is_said_on_the_console_and_nobody_outside_is_asked(lesson):
    said = [e for e in lesson.opened.heard.errors if not any(known in e for known in HARMLESS)]
    assert not said
    assert not lesson.opened.heard.outside


def test_a_saved_notebook_opens_again_with_its_pictures(lesson, driver, browser):
    lab = lesson.opened.lab
    lesson.page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    lesson.page.wait_for_timeout(1000)
    lab.end_kernels()
    again = driver.open_notebook(browser, lab, lesson.opened.name)
    try:
        again.page.wait_for_timeout(1500)
        text = again.page.locator(".jp-Notebook").inner_text()
        again.pieces(lesson.shots, "reopened")
        pictures = again.page.locator(".lstm-picture img").count()
        explorers = lesson.page.locator(".lstm-picture img").count()
    finally:
        again.page.context.close()
    assert "Error displaying widget" not in text
    assert "model not found" not in text
    assert pictures == explorers
