// How each kind of label is given. Every input has: node, show(row), key(event) -> taken, value() -> a
// label or undefined where there is none yet, and what its keys do.

import { el, announce, visible } from "./dom.js";
import { Classes } from "./label_classes.js";

export const percent = (share) => (share === null || share === undefined ? "" : share > 0.995 ? "> 99 %" : `${Math.round(share * 100)} %`);

// One class: its key is the whole answer.
export class OneClass {
  constructor({ session, about, submit }) {
    this.submit = submit;
    this.classes = new Classes({ classes: session.classes, place: about.key, picked: (label) => submit(label) });
    this.node = this.classes.node;
    this.keys = [[["1 … 9", "A … Y"], "label the row"], [["Enter"], "take the model's suggestion"]];
    if (this.classes.many) this.keys[0] = [["a name"], "type its beginning, Enter takes the first; classes in use get 1 … 9"];
  }

  show(row) {
    this.row = row;
    this.classes.mark({ suggested: row.suggestion === null ? [] : [row.suggestion], words: percent(row.probability), chosen: row.given === undefined ? [] : [row.given] });
  }

  key(event) {
    if (event.key === "Enter" && this.row.suggestion !== null) { this.submit(this.row.suggestion); return true; }
    return this.classes.key(event);
  }
}

// Any number of classes, filled in with the model's suggestion where there is one.
export class SeveralClasses {
  constructor({ session, about, submit }) {
    this.submit = submit;
    this.order = session.classes;
    this.classes = new Classes({ classes: session.classes, place: about.key, picked: (label) => this.toggle(label) });
    this.done = el("button", { class: "main", type: "button", onclick: () => submit(this.value()) }, "Save ", el("kbd", {}, "Enter"));
    this.node = el("div", {}, this.classes.node, el("div", { class: "submit-line" }, this.done, this.hint = el("span", { class: "soft small" })));
    this.keys = [[["1 … 9", "A … Y"], "put a class on or take it off"], [["Enter"], "save, also with no class at all"]];
  }

  show(row) {
    this.suggested = row.suggestion === null ? [] : JSON.parse(row.suggestion);
    this.chosen = new Set(row.given ?? this.suggested);
    this.hint.textContent = row.suggestion === null ? "" : "The model's suggestion is filled in.";
    this.mark();
  }

  mark() { this.classes.mark({ chosen: [...this.chosen], suggested: this.suggested, words: "suggested" }); }

  toggle(label) {
    if (!this.chosen.delete(label)) this.chosen.add(label);
    announce(`${visible(label)} ${this.chosen.has(label) ? "on" : "off"}`);
    this.mark();
  }

  value() { return this.order.filter((label) => this.chosen.has(label)); }

  key(event) {
    if (event.key === "Enter") { this.submit(this.value()); return true; }
    return this.classes.key(event);
  }
}

// A number.
export class OneNumber {
  constructor({ session, submit }) {
    this.limits = session.limits;
    this.submit = submit;
    const { low, high } = session.limits;
    const range = [low === null ? "" : `from ${low}`, high === null ? "" : `to ${high}`].filter(Boolean).join(" ");
    this.field = el("input", { type: "text", inputmode: "decimal", class: "number", "aria-label": `Number ${range}`.trim(), autocomplete: "off",
      oninput: () => this.check() });
    this.problem = el("span", { class: "problem", role: "alert" });
    this.node = el("div", { class: "submit-line" }, this.field,
      el("button", { class: "main", type: "button", onclick: () => this.save() }, "Save ", el("kbd", {}, "Enter")),
      el("span", { class: "soft small" }, range), this.hint = el("span", { class: "soft small" }), this.problem);
    this.keys = [[["0 … 9"], "the number"], [["Enter"], "save"]];
  }

  show(row) {
    const filled = row.given ?? row.suggestion;
    this.field.value = filled ?? "";
    this.hint.textContent = row.suggestion === null || row.given !== undefined ? "" : "The model's suggestion is filled in; typing replaces it.";
    this.problem.textContent = "";
    this.focusing = true;
  }

  shown() {
    this.field.focus({ preventScroll: true });
    this.field.select();
  }

  check() {
    const value = Number(this.field.value.trim().replace(",", "."));
    const { low, high } = this.limits;
    if (this.field.value.trim() === "") return undefined;
    const good = Number.isFinite(value) && (low === null || value >= low) && (high === null || value <= high);
    this.problem.textContent = good ? "" : `A number${low === null ? "" : ` from ${low}`}${high === null ? "" : ` to ${high}`} is needed.`;
    return good ? value : undefined;
  }

  save() {
    const value = this.check();
    if (value !== undefined) this.submit(value);
    else this.shown();
  }

  key(event) {
    if (event.key === "Enter") { this.save(); return true; }
    return false;
  }
}
