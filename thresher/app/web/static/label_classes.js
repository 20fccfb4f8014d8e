// The classes as buttons with keys: 1-9, then letters. With more classes than keys a name is typed
// and its beginning is enough; nine classes keep the digits, in the order in which they were first used.

import { el, name, visible } from "./dom.js";

const DIGITS = [..."123456789"];
const LETTERS = [..."abcdefghijklmnopqrstuvwxy"]; // z takes back
const SHOWN = 8;

const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

// Names that begin with what was typed, then those in which a word does, then those that hold it.
export function matches(typed, classes) {
  const wanted = plain(typed.trim());
  const ranked = [];
  classes.forEach((each, place) => {
    const found = plain(each).indexOf(wanted);
    if (found < 0) return;
    const rank = found === 0 ? 0 : /[\s_\-/.:]/.test(plain(each)[found - 1]) ? 1 : 2;
    ranked.push({ each, rank: plain(each) === wanted ? -1 : rank, place });
  });
  return ranked.sort((one, other) => one.rank - other.rank || one.place - other.place).map((found) => found.each);
}

export class Classes {
  // picked(name): called for a key, a click or a typed name.
  constructor({ classes, colors, place, picked }) {
    this.classes = classes;
    this.picked = picked;
    this.colors = colors;
    this.place = `thresher-keys/${place}`;
    this.many = classes.length > DIGITS.length + LETTERS.length;
    this.keys = new Map();
    this.buttons = new Map();
    if (this.many) this.typed();
    else this.listed();
  }

  color(label) { return `c${this.classes.indexOf(label) % 8}`; }

  listed() {
    [...DIGITS, ...LETTERS].slice(0, this.classes.length).forEach((key, at) => this.keys.set(key, this.classes[at]));
    const longest = Math.max(...this.classes.map((each) => each.length));
    const width = this.classes.length > 12 || longest <= 6 ? "short" : longest > 24 ? "long" : "";
    this.node = el("div", { class: `classes ${width}`, role: "group", "aria-label": "Classes" },
      [...this.keys].map(([key, label]) => this.button(label, key)));
  }

  button(label, key) {
    const made = el("button", {
      class: "class", type: "button", "aria-pressed": "false", "aria-keyshortcuts": key, title: visible(label),
      onclick: (event) => { if (event.detail > 0) event.currentTarget.blur(); this.picked(label); },
    }, el("kbd", { "aria-hidden": "true" }, key.toUpperCase()), name(label, { class: this.colors ? `swatch ${this.color(label)}` : null }),
    el("span", { class: "said", "aria-hidden": "true" }));
    this.buttons.set(label, made);
    return made;
  }

  typed() {
    this.field = el("input", {
      type: "text", role: "combobox", autocomplete: "off", spellcheck: "false", "aria-expanded": "false", "aria-controls": "matches",
      "aria-label": `Class: type the beginning of one of ${this.classes.length}`, placeholder: `Type one of ${this.classes.length} classes`,
      oninput: () => this.suggestNames(), onkeydown: (event) => this.fieldKey(event),
      onblur: () => { this.list.hidden = true; }, onfocus: () => this.suggestNames(),
    });
    this.list = el("ul", { id: "matches", class: "matches", role: "listbox", "aria-label": "Matching classes", hidden: true });
    this.pins = el("div", { class: "classes short", role: "group", "aria-label": "Classes with a key" });
    this.node = el("div", { class: "type-ahead" }, el("div", { class: "field" }, this.field, this.list), this.pins);
    let kept = [];
    try { kept = JSON.parse(localStorage.getItem(this.place) ?? "[]"); } catch { /* none kept */ }
    kept.filter((label) => this.classes.includes(label)).forEach((label) => this.pin(label));
  }

  pin(label) {
    if (this.buttons.has(label) || this.keys.size >= DIGITS.length) return;
    const key = DIGITS[this.keys.size];
    this.keys.set(key, label);
    this.pins.append(this.button(label, key));
    try { localStorage.setItem(this.place, JSON.stringify([...this.keys.values()])); } catch { /* for this visit only */ }
  }

  suggestNames() {
    this.found = this.field.value.trim() ? matches(this.field.value, this.classes).slice(0, SHOWN) : [];
    this.at = 0;
    this.drawNames();
  }

  drawNames() {
    this.list.replaceChildren(...this.found.map((label, at) => el("li", {
      id: `match-${at}`, role: "option", "aria-selected": String(at === this.at),
      onpointerdown: (event) => { event.preventDefault(); this.choose(label); },
    }, name(label))));
    const open = this.found.length > 0;
    const nothing = this.field.value.trim() && !open;
    this.list.hidden = !open && !nothing;
    if (nothing) this.list.replaceChildren(el("li", { class: "soft" }, "No class is called so."));
    this.field.setAttribute("aria-expanded", String(open));
    this.field.setAttribute("aria-activedescendant", open ? `match-${this.at}` : "");
  }

  fieldKey(event) {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const step = event.key === "ArrowDown" ? 1 : -1;
      this.at = (this.at + step + this.found.length) % Math.max(1, this.found.length);
      this.drawNames();
      event.preventDefault();
    } else if (event.key === "Enter" && this.found.length) {
      this.choose(this.found[this.at]);
      event.preventDefault();
      event.stopPropagation();
    } else if (event.key === "Escape") {
      this.clear();
      event.stopPropagation();
    }
  }

  choose(label) {
    this.clear();
    this.pin(label);
    this.picked(label);
  }

  clear() {
    this.field.value = "";
    this.found = [];
    this.drawNames();
    this.field.blur();
  }

  // Returns whether the key was one of a class, or began a name.
  key(event) {
    const label = this.keys.get(event.key.toLowerCase());
    if (label !== undefined) { this.picked(label); return true; }
    if (!this.many) return false;
    if (event.key === "/") { this.field.focus(); event.preventDefault(); return true; }
    if (/^[\p{L}\p{N}]$/u.test(event.key)) { this.field.focus(); return true; } // the field gets the character
    return false;
  }

  // Marks what is chosen, and what the model suggests.
  mark({ chosen = [], suggested = [], words = "" }) {
    if (this.many) suggested.forEach((label) => this.pin(label));
    for (const [label, button] of this.buttons) {
      const isSuggested = suggested.includes(label);
      const pressed = String(chosen.includes(label));
      if (button.getAttribute("aria-pressed") !== pressed) button.setAttribute("aria-pressed", pressed);
      if (button.classList.contains("suggested") !== isSuggested) button.classList.toggle("suggested", isSuggested);
      const said = isSuggested ? words : "";
      if (button.lastChild.textContent !== said) button.lastChild.textContent = said;
    }
  }
}
