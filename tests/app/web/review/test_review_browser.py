"""The review page in a browser: keys, threshold, undo, map, hostile rows, a server that dies."""

from __future__ import annotations

import shlex
import shutil
import time

import cv2
import numpy as np
import pandas as pd
import pytest

from thresher.app import run
from thresher.app.review_opening import open_desk
from thresher.app.settings import Settings
from thresher.core.manifest import Manifest

from ...conftest import call_thresher
from .conftest import serving

pytestmark = pytest.mark.browser
PATIENCE = 60


class Page:
    """What a person does and sees in the page."""

    def __init__(self, driver, served):
        self.driver, self.served = driver, served
        self.size(1280, 800)
        driver.get_log("browser")
        driver.get(served.link)
        self.wait("window.review && review.list && review.cards.size")

    def size(self, width, height):
        view = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", view)

    def js(self, program):
        return self.driver.execute_script(f"return ({program})")

    def wait(self, program):
        limit = time.monotonic() + PATIENCE
        while not self.js(f"Boolean({program})"):
            assert time.monotonic() < limit, program
            time.sleep(0.03)

    def key(self, key, text=None, **more):
        text = key if len(key) == 1 else text
        event = {"type": "keyDown", "key": key, **more} | ({"text": text} if text else {})
        if key == "Escape":
            event["windowsVirtualKeyCode"] = 27
        self.driver.execute_cdp_cmd("Input.dispatchKeyEvent", event)
        self.driver.execute_cdp_cmd("Input.dispatchKeyEvent", {**event, "type": "keyUp"})

    def type(self, text):
        self.driver.execute_cdp_cmd("Input.insertText", {"text": text})

    def open(self, name):
        self.driver.execute_script("review.open(arguments[0])", name)
        self.wait(f"review.list && review.list.name === '{name}'")
        self.wait("!document.querySelector('.card.waits')")

    def saved(self):
        self.wait("review.outbox.size === 0")

    def verdicts(self):
        """Return the verdicts on disk by row id."""
        self.saved()
        self.served.desk.journal.catch_up()
        return {
            self.served.desk.journal.row_ids[row]: (step.verdict, step.label)
            for row, step in self.served.desk.journal.verdicts()
        }

    def here(self):
        """Return the id of the row in focus."""
        number = self.js("review.rowAt(review.focus)")
        return self.served.desk.journal.row_ids[number]

    def troubles(self):
        """Return what the browser complained about, the icon aside."""
        found = [one["message"] for one in self.driver.get_log("browser")]
        return [one for one in found if "icon" not in one]


@pytest.fixture
def page(chromium, decisions, reviews, tmp_path):
    folder = shutil.copytree(decisions, tmp_path / "found")
    with serving(folder, str(reviews)) as served:
        page = Page(chromium, served)
        yield page
        assert page.troubles() == []
        chromium.get("about:blank")


def test_verdicts_by_keys_alone_are_on_disk_and_undone_to_any_depth(page):
    page.open("near_duplicate")
    first = page.here()
    page.key("a")
    second = page.here()
    assert second != first
    page.key("r")
    page.key("ArrowLeft")
    page.key("k")
    assert page.verdicts() == {first: ("accept", None), second: ("keep_other", None)}
    page.wait("document.querySelector('.badge')")
    for left in (
        {first: ("accept", None), second: ("reject", None)},
        {first: ("accept", None)},
        {},
    ):
        page.key("z")
        page.wait(f"review.verdicts.count === {len(left)} && review.outbox.size === 0")
        assert page.verdicts() == left
    page.key("z")
    page.wait("document.getElementById('live').textContent.startsWith('Nothing is left')")


def test_a_label_is_chosen_by_typing_and_a_new_one_confirmed(page):
    page.open("conflict")
    first = page.here()
    page.key("l")
    page.wait("document.querySelector('dialog[open] input')")
    page.type("go")
    page.key("Enter", "\r")
    second = page.here()
    page.key("l")
    page.wait("document.querySelector('dialog[open] input')")
    page.type("neither")
    page.wait("document.querySelector('dialog[open] li').textContent.includes('a new label')")
    page.key("Enter", "\r")
    assert page.verdicts() == {first: ("relabel", "good"), second: ("relabel", "neither")}
    page.key("l")
    page.wait("document.querySelector('dialog[open] input')")
    page.key("Escape")
    page.wait("!document.querySelector('dialog[open]')")


def test_groups_and_many_rows_at_once(page):
    page.open("exact_duplicate")
    heads = "[...document.querySelectorAll('.group-head span')].map((e) => e.textContent)"
    assert sorted(page.js(heads)) == [
        *["1 copy of the row that stays"] * 4,
        "2 copies of the row that stays",
    ]
    at = page.js(f"{heads}.indexOf('2 copies of the row that stays')")
    line = f"document.querySelectorAll('.group-line')[{at}]"
    kept, *copies = page.js(f"[...{line}.querySelectorAll('.card')].map((e) => +e.dataset.row)")
    ids = page.served.desk.journal.row_ids
    assert (ids[kept], {ids[row] for row in copies}) == ("k009", {"k051", "k052"})
    assert page.js(f"{line}.querySelector('.card.kept .role').textContent") == "stays"
    page.driver.execute_script("review.go({place: arguments[0], inner: 1})", at)
    page.key("A", modifiers=8)
    assert page.verdicts() == dict.fromkeys(("k051", "k052"), ("accept", None))
    page.open("decisions")
    page.key("b")
    page.wait("document.querySelector('dialog[open] .scopes')")
    page.driver.execute_script("document.querySelector('input[value=shown]').click()")
    page.driver.execute_script(
        "[...document.querySelectorAll('dialog[open] button')]"
        ".find((button) => button.textContent === 'Reject').click()"
    )
    said = page.verdicts()
    assert len(said) == page.js("review.list.rows.length")
    assert {verdict for verdict, _ in said.values()} == {"accept", "reject"}
    page.key("z")
    page.wait("review.verdicts.count === 2")


def test_the_threshold_cuts_without_a_request(page):
    page.open("near_duplicate")
    scores = sorted(page.served.desk.table.listed("near_duplicate").scores.tolist())
    page.driver.execute_script(
        "window.asked = 0; const old = fetch;"
        "window.fetch = (...all) => { asked += 1; return old(...all); }"
    )
    for limit in (scores[0], (scores[0] + scores[-1]) / 2, scores[-1]):
        page.driver.execute_script("review.tools.cut(arguments[0])", limit)
        assert page.js("review.list.findings") == sum(score <= limit for score in scores)
        shown = page.js("review.list.rowsShown().length + review.list.rowsBelow().length")
        assert shown == len(scores)
        drawn = page.js(
            "[...document.querySelectorAll('.group-line')].map((line) => "
            "[line.querySelectorAll('.card').length, line.querySelectorAll('.here').length])"
        )
        expected = page.js(
            "Array.from({length: review.list.count}, (_, at) => "
            "review.list.members(review.list.unit(at)).length + 1)"
        )
        assert sorted(cards for cards, _ in drawn) == sorted(expected)
        assert sum(rings for _, rings in drawn) == 1
    before = page.js("review.list.findings")
    for _ in range(30):
        page.key("]")
    assert page.js("review.list.findings") < before
    assert "similarity ≥" in page.js("document.querySelector('.value').textContent")
    assert page.js("asked") == 0


def test_search_filters_and_order(page):
    page.open("decisions")
    whole = page.js("review.list.count")
    page.key("/")
    page.type("k05")
    page.wait(f"review.list.count < {whole}")
    rows = page.js("review.list.rowsShown()")
    assert {page.served.desk.journal.row_ids[row][:3] for row in rows} == {"k05"}
    page.driver.execute_script(
        "const s = document.querySelector('input[type=search]'); s.value = ''; "
        "s.dispatchEvent(new Event('input'))"
    )
    page.wait(f"review.list.count === {whole}")
    order = page.js("Array.from({length: review.list.count}, (_, at) => review.list.unit(at))")
    page.driver.execute_script("review.tools.order.value = 'last'; review.tools.sorted()")
    turned = page.js("Array.from({length: review.list.count}, (_, at) => review.list.unit(at))")
    assert turned == order[::-1]
    page.driver.execute_script("review.tools.order.value = 'given'; review.tools.sorted()")
    page.wait("review.list.order === 'given'")
    units = page.js("Array.from({length: review.list.count}, (_, at) => review.list.unit(at))")
    table = page.served.desk.table
    codes = table.given[table.listed("decisions").rows[units]].tolist()
    assert sorted(units) == sorted(order)
    assert codes == sorted(codes)
    page.driver.execute_script("review.focus = {place: 0, inner: 0}; review.say('accept')")
    page.driver.execute_script(
        "review.tools.verdict.value = 'open';"
        "review.tools.verdict.dispatchEvent(new Event('change'))"
    )
    page.wait(f"review.list.count === {whole - 1}")


def test_only_what_is_on_screen_is_in_the_page(page):
    page.driver.execute_script(
        "review.openRows(Array.from({length: 60}, (_, at) => at % 80), 'Many rows')"
    )
    page.driver.execute_script(
        "review.openRows(new Int32Array(1000000).map((_, at) => at % 80), 'More')"
    )
    page.wait("review.list.title === 'More' && review.list.count === 1000000")
    page.wait("!document.querySelector('.card.waits')")
    assert page.js("document.querySelectorAll('.card').length") < 60
    page.key("End")
    page.wait("review.focus.place === 999999")
    page.wait("document.querySelector('.card[data-place=\"999999\"]')")
    assert page.js("document.querySelectorAll('.card').length") < 60
    page.key("Home")
    page.wait("document.querySelector('.card[data-place=\"0\"]')")


def test_hostile_texts_labels_and_names_are_only_text(chromium, thresher, tmp_path):
    evil = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>'
    texts = [f"{evil} number {at}" for at in range(30)]
    texts[20], texts[21] = texts[2], "\u202egnp.exe\u0000 " + texts[3]
    labels = [evil if at % 2 else "'\" onload=x" for at in range(30)]
    data = tmp_path / "<b>evil&.csv"
    rows = {"id": [f"<i>{at}</i>" for at in range(30)], "text": texts, "label": labels}
    pd.DataFrame(rows).to_csv(data, index=False)
    found = tmp_path / "<u>found</u>"
    options = ["--label", "label", "--text", "text", "--manifest", found, "--json"]
    thresher("curate", "duplicates", data, *options)
    with serving(found, str(data)) as served:
        page = Page(chromium, served)
        page.open("decisions")
        page.key("l")
        page.wait("document.querySelector('dialog[open] li')")
        page.key("Escape")
        page.key("Enter", "\r")
        assert "onerror" in page.js("document.querySelector('.card').textContent")
        assert (
            page.js("document.querySelectorAll('main img, main script, main i, main u').length")
            == 0
        )
        assert page.js("window.hit") is None
        assert page.troubles() == []
        chromium.get("about:blank")


def test_verdicts_survive_a_dead_server_and_a_closed_page(page, chromium):
    page.open("near_duplicate")
    first = page.here()
    page.served.stop()
    page.key("a")
    second = page.here()
    page.key("d")
    page.wait("!document.getElementById('banner').hidden")
    assert "2 steps are kept" in page.js("document.getElementById('banner').textContent")
    page.served.start()
    page.wait("review.outbox.size === 0")
    assert page.verdicts() == {first: ("accept", None), second: ("drop", None)}
    page.wait("document.getElementById('banner').hidden")
    page.served.stop()
    page.key("r")
    page.wait("review.outbox.size === 1")
    page.served.start()
    chromium.get("about:blank")
    again = Page(chromium, page.served)
    again.wait("review.outbox.size === 0")
    assert len(again.verdicts()) == 3
    chromium.get_log("browser")  # requests that failed while the server was gone


def test_other_people_are_seen_and_undo_takes_back_ones_own(page):
    page.open("near_duplicate")
    row = page.js("review.rowAt(review.focus)")
    page.key("a")
    page.saved()
    page.served.desk.say("reject", [row], person="bob")
    page.driver.execute_script("review.reload()")
    page.wait(f"review.verdicts.of({row}).person === 'bob'")
    page.key("z")
    page.wait("review.outbox.size === 0")
    assert page.js(f"review.verdicts.of({row}).verdict") == "reject"


def test_applying_says_what_it_will_do_and_writes_it(page, tmp_path, reviews):
    before = reviews.read_bytes()
    page.open("near_duplicate")
    kept = page.here()
    page.key("r")
    page.saved()
    page.driver.execute_script("review.apply()")
    page.wait("document.querySelector('dialog .counts')")
    table = page.js("document.querySelector('dialog .counts').textContent")
    assert "1 by verdicts" in table
    out = tmp_path / "it's clean.csv"
    page.driver.execute_script(
        "document.querySelector('dialog[open] input').value = arguments[0];"
        "document.querySelector('dialog[open] button.main').click()",
        str(out),
    )
    page.wait("document.querySelector('dialog[open]').textContent.includes('Written')")
    way = shlex.split(page.js("document.querySelector('dialog[open] code').textContent"))
    assert way == ["thresher", "curate", "undo", f"{out}.manifest", str(out), "--out", "FILE"]
    assert kept in out.read_text()
    assert reviews.read_bytes() == before
    assert Manifest.load(f"{out}.manifest").header["verdicts"][0]["by"] == "ann"


def test_contradictions_are_shown_with_their_rows(page):
    desk = page.served.desk
    rows = desk.table.numbers_of(["k000", "k040"]).tolist()
    desk.say("accept", rows, person="ann")
    page.driver.execute_script("review.apply()")
    page.wait("document.querySelector('dialog .problem')")
    assert "equal content" in page.js("document.querySelector('dialog .problem').textContent")
    page.driver.execute_script("document.querySelector('dialog[open] button.main').click()")
    page.wait("review.list.title === 'Rows that contradict each other'")
    assert sorted(page.js("Array.from(review.list.rows)")) == sorted(rows)


CARD = """
const {cardNode} = await import('/static/review_card.js');
const finding = {check: 'label', score: 0.02, twin: -1, suggested: 'fish', detail: ''};
const card = {row: 0, id: 'a', name: 'a.jpg', given: 'dog', better: null, action: 'drop',
  proposal: 'drop this row', findings: [finding], picture: false,
  fields: [{name: 'text', text: ' ', length: 1}]};
const [change, verdict] = arguments;
const node = cardNode({pictures: false}, Object.assign(card, change), {verdict});
const text = (part) => node.querySelector(part).textContent;
return [text('.labels'), text('.shown'), node.getAttribute('aria-label')];
"""


def test_a_card_says_what_its_row_looks_like_and_that_a_text_is_empty(page):
    said, content, spoken = page.driver.execute_script(
        f"return (async function () {{{CARD}}}).apply(null, arguments)", {}, None
    )
    assert (said, content) == ("dog, looks like fish", "empty")
    assert "looks like fish" in spoken
    ask = f"return (async function () {{{CARD}}}).apply(null, arguments)"
    relabeled, _, _ = page.driver.execute_script(ask, {}, {"verdict": "relabel", "label": "cat"})
    assert relabeled == "dog → cat"
    unread = {"fields": [], "given": None}
    said, content, _ = page.driver.execute_script(ask, unread, None)
    assert (said, content) == ("no label, looks like fish", "Its content was not read.")


def test_a_group_whose_first_row_goes_does_not_say_that_it_stays(page):
    page.open("near_duplicate")
    head = "document.querySelector('.group-head span').textContent"
    kept = "document.querySelector('.card.kept .role').textContent"
    assert page.js(f"[{head}, {kept}]") == ["1 copy of the row that stays", "stays"]
    page.driver.execute_script("review.go({place: 0, inner: 0})")
    page.key("d")
    page.wait(f"{head} === '1 copy of a row that goes as well'")
    page.key("z")
    page.wait(f"{head} === '1 copy of the row that stays'")


def test_a_phone_has_everything_within_its_width(page):
    page.size(412, 900)
    page.open("near_duplicate")
    assert page.js("document.documentElement.scrollWidth") <= 412
    boxes = page.js(
        "[...document.querySelectorAll('button')].filter((b) => b.offsetParent).map((b) => "
        "[b.getBoundingClientRect().left, b.getBoundingClientRect().right, b.closest('.strip')])"
    )
    assert all(left >= 0 and right <= 412 for left, right, strip in boxes if not strip)
    tap = "new MouseEvent('click', {bubbles: true, detail: 1})"
    for _ in range(2):
        page.driver.execute_script(f"document.querySelectorAll('.card')[1].dispatchEvent({tap})")
    page.wait("document.querySelector('main.large .inspector figure')")
    page.key("Escape")
    page.wait("!document.querySelector('main.large')")


def test_everything_that_acts_has_a_name(page):
    page.open("near_duplicate")
    nameless = page.js(
        "[...document.querySelectorAll('button, select, input, [role=gridcell], canvas')].filter("
        "(e) => !(e.getAttribute('aria-label') || e.textContent.trim())).map((e) => e.outerHTML)"
    )
    assert nameless == []
    spoken = page.js("document.querySelector('.card.here').getAttribute('aria-label')")
    assert spoken.startswith("copy 0.")
    assert "near copy" in spoken
    assert "no verdict" in spoken
    assert page.js("document.querySelectorAll('.card[tabindex=\"0\"]').length") == 1


@pytest.fixture(scope="module")
def mapped(reviews, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "first"
    settings = Settings(data={"label": "stars", "text": "text"})
    run(str(reviews), out=out, settings=settings, until="curate")
    return out


def test_a_lasso_takes_the_rows_inside_of_it(chromium, mapped):
    with serving(mapped, None) as served:
        page = Page(chromium, served)
        page.driver.execute_script("review.open('map')")
        page.wait("review.map && review.map.pixels")
        places = served.desk.map()
        for view in ({"x": 0, "y": 0, "scale": 1}, {"x": 0.2, "y": -0.1, "scale": 2.5}):
            page.driver.execute_script("review.map.view = arguments[0]; review.map.draw()", view)
            frame = page.js("review.map.frame()")
            pixels = places * [frame["side"], -frame["side"]] + [frame["left"], frame["top"]]
            low, high = np.quantile(pixels, [0.25, 0.7], axis=0).round()
            path = [(low[0], low[1]), (high[0], low[1]), (high[0], high[1]), (low[0], high[1])]
            corners = [{"x": float(x), "y": float(y)} for x, y in path]
            rows = page.driver.execute_script(
                "return Array.from(review.map.inside(arguments[0]))", corners
            )
            edge = page.js("[review.map.width, review.map.height]")
            shown = ((pixels >= 0) & (pixels < edge)).all(axis=1)
            inside = shown & ((pixels > low + 1) & (pixels < high - 1)).all(axis=1)
            outside = ((pixels < low - 1) | (pixels > high + 1)).any(axis=1)
            seen = np.zeros(len(places), dtype=bool)
            seen[rows] = True
            assert inside.any()
            assert seen[inside].all()
            assert not seen[outside].any()
        page.driver.execute_script("review.map.reset()")
        rows = page.driver.execute_script(
            "const rows = review.map.inside([{x:0,y:0},{x:5000,y:0},{x:5000,y:5000},{x:0,y:5000}]);"
            "review.lassoed(rows); return rows.length"
        )
        page.key("d")
        assert len(page.verdicts()) == rows
        for mode in page.js("Object.keys(review.modes())"):
            page.driver.execute_script("review.map.colorBy(arguments[0])", mode)
        assert page.troubles() == []
        chromium.get("about:blank")


def test_the_desk_is_closed_with_the_server(decisions, reviews, tmp_path):
    folder = shutil.copytree(decisions, tmp_path / "found")
    with serving(folder, str(reviews)):
        pass
    open_desk(folder, str(reviews)).close()


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Images with copies, and files that are none, one with a name that looks like markup."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("photos") / "photos"
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
    for at in range(24):
        small = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        pixels = cv2.resize(small, (240, 160), interpolation=cv2.INTER_CUBIC)
        name = "cat" if at % 2 else "dog"
        cv2.imwrite(str(folder / name / f"{at:02d}.png"), pixels)
        if at < 3:
            cv2.imwrite(str(folder / name / f"{at:02d}-copy.jpg"), pixels)
    (folder / "cat" / "<img src=x onerror=hit()>.jpg").write_bytes(b"no image")
    (folder / "dog" / "drawing.jpg").write_bytes(b"<svg onload='hit()'/>")
    return folder


@pytest.fixture(scope="module")
def found_photos(photos, tmp_path_factory):
    found = tmp_path_factory.mktemp("found") / "found"
    call_thresher("curate", "duplicates", photos, "--manifest", found, "--json")
    return found


def test_images_are_shown_and_broken_files_are_named(chromium, found_photos, photos, tmp_path):
    folder = shutil.copytree(found_photos, tmp_path / "found")
    with serving(folder, str(photos)) as served:
        page = Page(chromium, served)
        loaded = "[...document.querySelectorAll('.card img')].filter((i) => i.naturalWidth).length"
        page.driver.execute_script("review.openRows([0, 1, 2], 'Some')")
        page.wait(f"{loaded} === 3")
        page.open("quality")
        page.wait("document.querySelectorAll('.card .broken').length === 2")
        broken = page.js(
            "[...document.querySelectorAll('.card .broken')].map((e) => e.textContent)"
        )
        assert any("<img src=x onerror=hit()>.jpg" in text for text in broken)
        assert sum("not an image" in text for text in broken) == 1
        assert sum("SVG, which is not read" in text for text in broken) == 1
        assert page.js("document.querySelectorAll('.card svg').length") == 0
        page.key("a")
        page.wait("document.getElementById('banner').textContent.includes('nothing to decide')")
        assert page.verdicts() == {}
        unexpected = [one for one in page.troubles() if "422" not in one]
        assert unexpected == []
        chromium.get("about:blank")


def test_a_note_stands_beside_the_verdict(page):
    page.open("near_duplicate")
    page.key("r")
    page.driver.execute_script("review.go({place: 0, inner: 1})")
    page.key("e")
    page.wait("document.querySelector('dialog[open] textarea')")
    page.type("a better scan")
    page.key("Enter", "\r", windowsVirtualKeyCode=13)
    page.saved()
    ((_, step),) = page.served.desk.journal.verdicts()
    assert (step.verdict, step.note) == ("reject", "a better scan")
