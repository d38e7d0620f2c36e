"""Every notebook in a real JupyterLab, as the person in front of it has it."""

import json
import re
from contextlib import suppress

import pytest
import torch
from torch import nn

import lstm_teach
from lstm_teach.language import translated
from tests.notebook import first_line, raises_as_meant, tagged

# What others print on JupyterLab's console at error level, whatever notebook is open.
HARMLESS = ()
# Findings of axe-core that belong to a library, by its rule and a text in the element: a slider's
# handle has no name (so a named number field stands beside each).
UPSTREAM = (("aria-input-field-name", "noUi-handle"),)
WIDTHS = {"a narrow window": 1024, "a projector at 150 %": 853}
# A long line of a traceback may be scrolled to.
OVERFLOW = """() => [...document.querySelectorAll(
    ".jp-OutputArea-output:not([data-mime-type='application/vnd.jupyter.stderr'])"
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
        output
        for cell, output in lesson.file.outputs
        if "image/png" in output.get("data", {}) and not tagged(cell, "predict")
    ]
    assert lesson.before.pictures >= len(committed)
    assert "model not found" not in lesson.before.text
    assert "Error displaying widget" not in lesson.before.text


def test_the_answer_to_a_prediction_is_seen_only_after_its_cell_was_run(lesson):
    asked = [cell for cell in lesson.file.code if tagged(cell, "predict")]
    assert [text.strip() for text in lesson.before.folded] == [""] * len(asked)
    assert lesson.page.locator(".jp-OutputPlaceholder").count() == 0


def test_run_all_ends_with_no_error_that_is_not_meant(lesson):
    numbers = [re.sub(r"\D", "", prompt) for prompt in lesson.opened.prompts()]
    assert numbers == [str(n) for n in range(1, len(lesson.file.code) + 1)]
    for cell, outputs in zip(lesson.file.code, lesson.opened.outputs(), strict=True):
        assert raises_as_meant(cell, outputs), first_line(cell)
        assert all(output.get("name") != "stderr" for output in outputs), first_line(cell)


def test_every_control_is_moved_by_keyboard_and_picture_and_sentence_change(
    lesson, driver, file_name
):
    from tests.browser.controls import controls

    still = []
    for number, control in controls(lesson.page):
        name = control.name
        if same := control.move():
            still.append(f"explorer {number}, {name}: the {' and the '.join(same)}")
        control.explorer.screenshot(path=lesson.shots / f"explorer-{number}-{file_name(name)}.png")
        control.move_back()
    assert not still, "stayed as it was: " + "; ".join(still)


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS.keys())
def test_nothing_is_cut_off(lesson, driver, width):
    lesson.page.set_viewport_size({"width": width, "height": driver.SIZE["height"]})
    try:
        lesson.opened.settle()
        cut = lesson.page.evaluate(OVERFLOW)
        if width == WIDTHS["a narrow window"]:
            lesson.opened.pieces(lesson.shots, "narrow")
    finally:
        lesson.page.set_viewport_size(driver.SIZE)
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


def test_a_solution_typed_into_the_stub_turns_its_check_to_right(lesson):
    lstm_teach.use(lesson.language)
    exercise = lesson.file.exercises[0]
    lesson.opened.run_cell(lesson.file.cells.index(exercise.stub), exercise.solution)
    place = lesson.file.cells.index(exercise.checks[0])
    lesson.opened.run_cell(place)
    lesson.opened.cell(place).screenshot(path=lesson.shots / "exercise-solved.png")
    assert translated("Right") in lesson.opened.cell(place).locator(".jp-OutputArea").inner_text()


def test_the_quiz_names_a_mistake_takes_the_right_answer_and_shows_tags_as_text(lesson):
    seed = re.search(r"ShapeQuiz\(seed=(\d+)\)", "".join(c.source for c in lesson.file.code))
    if not seed:
        pytest.skip("no quiz in this notebook")
    from lstm_teach.explorers.quiz import ShapeQuiz

    lstm_teach.use(lesson.language)
    here = ShapeQuiz(seed=int(seed[1]))
    output, (h_n, c_n) = nn.LSTM(**here.round.arguments)(torch.zeros(here.round.input_shape))
    right = {"output": output, "h_n": h_n, "c_n": c_n}[here.round.which].shape
    quiz = lesson.page.locator(".lstm-quiz")
    field = quiz.locator("input[type=text]")
    asked = []
    lesson.page.on("request", lambda request: asked.append(request.url))
    wicked = "<img id='typed' src='/typed.png' onerror='alert(1)'>"
    for typed in (wicked, str(list(here.round.input_shape)), str(list(right))):
        title = str(here.answer(typed)).splitlines()[0]
        field.fill(typed)
        field.press("Enter")
        quiz.get_by_text(title).first.wait_for(timeout=10_000)
    assert title == translated("Right.")
    quiz.screenshot(path=lesson.shots / "quiz.png")
    assert lesson.page.locator("#typed").count() == 0
    assert not [url for url in asked if "typed" in url]
    assert not lesson.opened.heard.dialogs


def test_nothing_is_said_on_the_console_and_nobody_outside_is_asked(lesson):
    said = [e for e in lesson.opened.heard.errors if not any(known in e for known in HARMLESS)]
    assert not said
    assert not lesson.opened.heard.outside


def test_a_saved_notebook_opens_again_with_its_pictures(lesson, driver):
    opened, page = lesson.opened, lesson.page
    pictures = page.locator(".jp-Notebook .lstm-picture svg")
    shown = pictures.count()
    opened.command("docmanager:save")
    page.goto("about:blank")
    opened.lab.end_kernels()
    saved = json.loads((opened.lab.folder / opened.name).read_text(encoding="utf-8"))
    states = saved["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    assert len(states) >= shown
    for _ in range(2):
        opened.open()
        with suppress(driver.PlaywrightTimeout):
            pictures.nth(shown - 1).wait_for(timeout=20_000)
        opened.settle()
        text = page.locator(".jp-Notebook").inner_text()
        # A kernel that connects late makes ipywidgets draw before it has read what was saved.
        if "model not found" not in text:
            break
    page.screenshot(path=lesson.shots / "reopened.png")
    assert "Error displaying widget" not in text
    assert "model not found" not in text
    assert pictures.count() == shown


def test_a_link_to_a_section_leads_there(lesson):
    from playwright.sync_api import expect

    links = lesson.page.locator(".jp-Notebook a[href^='#']:not(.jp-InternalAnchorLink)")
    if not links.count():
        pytest.skip("no link to a section in this notebook")
    number = re.search(r"#(?:zh-\d\d-)?(\d+)", links.last.get_attribute("href"))[1]
    links.last.click()
    heading = lesson.page.locator(".jp-Notebook h2", has_text=re.compile(rf"^{number}\. "))
    expect(heading).to_be_in_viewport(timeout=5_000)
