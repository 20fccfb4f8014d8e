// Spans of a text: select with the mouse, or walk over the words with the arrow keys; a class's key
// marks what is selected. Places are counted in characters as Python counts them.

import { get } from "./api.js";
import { el, announce, name, visible } from "./dom.js";
import { Classes } from "./label_classes.js";
import { expected } from "./label_content.js";

export class Spans {
  constructor({ session, about, submit }) {
    this.submit = submit;
    this.classes = new Classes({ classes: session.classes, place: about.key, colors: true, picked: (label) => this.put(label) });
    this.text = el("div", { class: "text spans", dir: "auto", role: "textbox", "aria-readonly": "true", "aria-multiline": "true", "aria-label": "Text of the row",
      onmouseup: () => this.fromMouse(), ontouchend: () => setTimeout(() => this.fromMouse(), 0) });
    this.list = el("ul", { class: "marks", "aria-label": "Spans" });
    this.hint = el("span", { class: "soft small" });
    this.more = el("button", { class: "plain", type: "button", onclick: () => this.showAll() });
    this.node = el("div", {}, this.more, this.list, this.classes.node,
      el("div", { class: "submit-line" }, el("button", { class: "main", type: "button", onclick: () => submit(this.value()) }, "Save ", el("kbd", {}, "Enter")), this.hint));
    this.keys = [[["←", "→"], "select the word before or after; with Shift, more words"], [["Alt ←", "Alt →"], "move the end of the selection by a character"],
      [["1 … 9", "A … Y"], "mark the selection"], [["[", "]"], "go to a span"], [["Delete"], "remove the span that is selected"], [["Enter"], "save, also without any span"]];
  }

  show(row) {
    this.row = row;
    this.read(row.content.text);
    this.spans = (row.given ?? []).map((span) => ({ ...span }));
    this.selection = null;
    this.classes.mark({});
    const cut = row.content.length > this.characters.length;
    this.more.hidden = !cut;
    this.more.disabled = false;
    this.more.textContent = `Show all ${row.content.length.toLocaleString("en")} characters`;
    this.hint.textContent = [expected(row),
      cut ? `Only the first ${this.characters.length.toLocaleString("en")} characters are shown and can be marked.` : ""].filter(Boolean).join(" ");
    this.draw();
    if (this.spans.some((span) => span.end > this.characters.length)) this.showAll();
  }

  read(text) {
    this.characters = [...text];
    this.words = wordsOf(this.characters);
  }

  // The rest of a long text. What is marked stays, since places count from the beginning.
  async showAll() {
    const row = this.row;
    this.more.disabled = true;
    try {
      const { text } = await get(`/api/label/text/${row.row}`);
      if (row !== this.row) return;
      this.read(text);
      this.more.hidden = true;
      this.hint.textContent = expected(row);
      this.draw();
    } catch (error) {
      if (row !== this.row) return;
      this.more.disabled = false;
      this.more.textContent = `${error.message} Show all again`;
    }
  }

  value() { return this.spans.map(({ start, end, label }) => ({ start, end, label })); }

  // The text in pieces between all ends of spans and of the selection.
  draw() {
    const ends = new Set([0, this.characters.length]);
    for (const span of this.spans) { ends.add(span.start); ends.add(span.end); }
    if (this.selection) { ends.add(this.selection.start); ends.add(this.selection.end); }
    const cuts = [...ends].sort((one, other) => one - other);
    const pieces = cuts.slice(0, -1).map((start, at) => {
      const end = cuts[at + 1];
      const over = this.spans.filter((span) => span.start <= start && span.end >= end);
      const chosen = this.selection && this.selection.start <= start && this.selection.end >= end;
      const style = [over.length ? `mark ${this.classes.color(over[over.length - 1].label)}` : "", over.length > 1 ? "nested" : "", chosen ? "chosen" : ""].join(" ").trim();
      const node = el("span", { class: style || null, "data-start": start, title: over.length ? over.map((span) => visible(span.label)).join(", ") : null },
        this.characters.slice(start, end).join(""));
      if (over.length && over[over.length - 1].end === end) return [node, el("sup", { class: `tag ${this.classes.color(over[over.length - 1].label)}`, "aria-hidden": "true" }, visible(over[over.length - 1].label))];
      return node;
    });
    this.text.replaceChildren(...pieces.flat());
    this.list.replaceChildren(...this.spans.map((span) => el("li", {},
      name(span.label, { class: `swatch ${this.classes.color(span.label)}` }), el("q", { dir: "auto" }, visible(this.words_of(span))),
      el("button", { class: "plain", type: "button", "aria-label": `Remove ${visible(span.label)}: ${visible(this.words_of(span))}`, onclick: () => this.remove(span) }, "Remove"))));
    this.text.querySelector(".chosen")?.scrollIntoView({ block: "nearest" });
  }

  words_of({ start, end }) { return this.characters.slice(start, end).join(""); }

  fromMouse() {
    const chosen = document.getSelection();
    if (!chosen || chosen.isCollapsed || !this.text.contains(chosen.anchorNode) || !this.text.contains(chosen.focusNode)) return;
    const ends = [this.placeOf(chosen.anchorNode, chosen.anchorOffset), this.placeOf(chosen.focusNode, chosen.focusOffset)].sort((one, other) => one - other);
    let [start, end] = ends;
    while (start < end && /\s/.test(this.characters[start])) start += 1;
    while (end > start && /\s/.test(this.characters[end - 1])) end -= 1;
    chosen.removeAllRanges();
    if (start < end) this.select(start, end);
  }

  // The character at which a place in the page lies; the small tags behind spans have no characters.
  placeOf(node, offset) {
    if (node === this.text) {
      const after = [...this.text.children].slice(offset).find((child) => child.dataset.start !== undefined);
      return after ? Number(after.dataset.start) : this.characters.length;
    }
    let piece = node instanceof Element ? node : node.parentElement;
    if (piece.tagName === "SUP") {
      const after = piece.nextElementSibling;
      return after ? Number(after.dataset.start) : this.characters.length;
    }
    const before = node.nodeType === Node.TEXT_NODE ? node.textContent.slice(0, offset) : "";
    return Number(piece.dataset.start) + [...before].length;
  }

  select(start, end) {
    this.selection = { start, end };
    announce(visible(this.words_of(this.selection)));
    this.draw();
  }

  put(label) {
    if (!this.selection) { announce("Select words first."); this.hint.textContent = "Select words first: with the mouse, or with the arrow keys."; return; }
    const { start, end } = this.selection;
    const same = this.spans.find((span) => span.start === start && span.end === end);
    if (same && same.label === label) this.spans.splice(this.spans.indexOf(same), 1);
    else if (same) same.label = label;
    else this.spans.push({ start, end, label });
    this.spans.sort((one, other) => one.start - other.start || one.end - other.end);
    this.hint.textContent = "";
    announce(`${visible(label)}: ${visible(this.words_of({ start, end }))}`);
    this.draw();
  }

  remove(span) {
    this.spans = this.spans.filter((other) => other !== span);
    this.draw();
  }

  key(event) {
    if (event.key === "Enter") { this.submit(this.value()); return true; }
    if (event.key === "ArrowRight" || event.key === "ArrowLeft") { this.walk(event); event.preventDefault(); return true; }
    if (event.key === "[" || event.key === "]") { this.go(event.key === "]" ? 1 : -1); return true; }
    if (event.key === "Delete" || event.key === "Backspace") {
      const at = this.selection;
      const found = at && this.spans.find((span) => span.start === at.start && span.end === at.end);
      if (found) this.remove(found);
      return true;
    }
    return this.classes.key(event);
  }

  walk(event) {
    const step = event.key === "ArrowRight" ? 1 : -1;
    const now = this.selection;
    if (event.altKey && now) {
      const end = Math.min(this.characters.length, Math.max(now.start + 1, now.end + step));
      this.select(now.start, end);
      return;
    }
    if (!this.words.length) return;
    if (!now) { const [start, end] = this.words[step > 0 ? 0 : this.words.length - 1]; this.select(start, end); return; }
    if (event.shiftKey) {
      const last = this.words.findLastIndex(([start]) => start < now.end);
      const first = this.words.findIndex(([, end]) => end > now.start);
      if (step > 0 && last + 1 < this.words.length) this.select(now.start, this.words[last + 1][1]);
      if (step < 0 && last > first) this.select(now.start, this.words[last - 1][1]);
      return;
    }
    const next = step > 0 ? this.words.find(([start]) => start >= now.end) : this.words.findLast(([, end]) => end <= now.start);
    if (next) this.select(...next);
  }

  go(step) {
    if (!this.spans.length) return;
    const at = this.selection ? this.spans.findIndex((span) => span.start === this.selection.start && span.end === this.selection.end) : -1;
    const to = this.spans[(at + step + this.spans.length + (at < 0 && step < 0 ? 1 : 0)) % this.spans.length];
    this.select(to.start, to.end);
  }
}

// Runs of letters and digits, or of other signs: names and the points behind them are apart.
export function wordsOf(characters) {
  const found = [];
  let kind = "";
  characters.forEach((character, at) => {
    const now = /[\p{L}\p{M}\p{N}_'’-]/u.test(character) ? "word" : /[\s\u0000]/.test(character) ? "" : "sign";
    if (now && now === kind) found[found.length - 1][1] = at + 1;
    else if (now) found.push([at, at + 1]);
    kind = now;
  });
  return found;
}
