// A list of any length in which only the lines on screen are in the page.

import { el } from "./dom.js";

// Browsers draw elements up to some 16 million pixels high; longer lists move in a window of that.
const TALLEST = 8_000_000;
const SPARE = 2;

export class Grid {
  // draw(place, columns): an element for the line that begins at a place; sign(place, columns): a
  // text that changes when the line has to be drawn anew.
  constructor({ draw, sign, scrolled }) {
    Object.assign(this, { draw, sign, scrolled });
    this.space = el("div", { class: "space", role: "rowgroup" });
    this.node = el("div", { class: "lines", tabindex: "-1" }, this.space);
    this.lines = new Map();
    this.count = 0;
    this.columns = 1;
    this.height = 200;
    this.offset = 0; // of the window, in pixels of the whole list
    this.node.addEventListener("scroll", () => this.soon(), { passive: true });
    new ResizeObserver(() => this.resized()).observe(this.node);
  }

  resized() {
    if (this.measure) this.shape(this.measure(this.node.clientWidth), this.count);
    else this.soon();
  }

  // Sets columns, the height of a line and how many things there are.
  shape({ columns, height }, count) {
    const keep = this.top();
    const same = columns === this.columns && height === this.height;
    Object.assign(this, { columns, height, count });
    this.total = Math.ceil(count / columns) * height;
    this.space.style.height = `${Math.min(this.total, TALLEST)}px`;
    if (!same) this.clear();
    this.scrollTo(Math.min(keep, Math.max(0, count - 1)));
    this.update();
  }

  clear() {
    for (const line of this.lines.values()) line.remove();
    this.lines.clear();
  }

  // Takes out the lines that hold something else now.
  sift() {
    for (const [at, line] of this.lines) {
      if (line.sign !== this.sign(at * this.columns, this.columns)) { line.remove(); this.lines.delete(at); }
    }
  }

  // Draws all lines on screen anew.
  redraw() { this.clear(); this.update(); }

  // The place of the first thing on screen.
  top() { return Math.floor((this.node.scrollTop + this.offset) / this.height) * this.columns; }

  soon() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => { this.waiting = false; this.rewind(); this.update(); });
  }

  // In a list taller than the window, a jump of the scroll bar goes to its share of the whole, and
  // at an edge of the window the window moves on.
  rewind() {
    if (this.total <= TALLEST) { this.offset = 0; this.last = this.node.scrollTop; return; }
    const page = this.node.clientHeight;
    const here = this.node.scrollTop;
    if (Math.abs(here - (this.last ?? 0)) > 4 * page) {
      this.offset = Math.round((this.total - TALLEST) * (here / (TALLEST - page)));
    } else {
      const whole = here + this.offset;
      const edge = here < 2 * page || here > TALLEST - 3 * page;
      if (edge && whole > 2 * page && whole < this.total - 3 * page) this.place(whole);
    }
    this.last = this.node.scrollTop;
  }

  place(whole) {
    const middle = Math.min(whole, TALLEST / 2);
    this.offset = Math.max(0, Math.min(whole - middle, this.total - TALLEST));
    this.node.scrollTop = whole - this.offset;
    this.last = this.node.scrollTop;
    this.clear();
  }

  scrollTo(place) {
    const whole = Math.floor(place / this.columns) * this.height;
    if (this.total > TALLEST) this.place(whole);
    else { this.offset = 0; this.node.scrollTop = whole; }
  }

  // Brings a thing on screen where it is not.
  reveal(place) {
    const whole = Math.floor(place / this.columns) * this.height - this.offset;
    const page = this.node.clientHeight;
    if (whole < this.node.scrollTop) this.node.scrollTop = whole;
    else if (whole + this.height > this.node.scrollTop + page) this.node.scrollTop = whole + this.height - page;
    if (whole < 0 || whole > TALLEST) this.scrollTo(place);
    this.update();
  }

  update() {
    const lines = Math.ceil(this.count / this.columns);
    const from = this.node.scrollTop + this.offset;
    const first = Math.max(0, Math.floor(from / this.height) - SPARE);
    const end = Math.min(lines, Math.ceil((from + this.node.clientHeight) / this.height) + SPARE);
    for (const [at, line] of this.lines) if (at < first || at >= end) { line.remove(); this.lines.delete(at); }
    for (let at = first; at < end; at += 1) {
      let line = this.lines.get(at);
      if (!line) {
        line = this.draw(at * this.columns, this.columns);
        line.classList.add("line");
        line.sign = this.sign(at * this.columns, this.columns);
        line.style.height = `${this.height}px`;
        this.lines.set(at, line);
        this.space.append(line);
      }
      line.style.transform = `translateY(${at * this.height - this.offset}px)`;
    }
    const last = Math.min(this.count, Math.ceil((from + this.node.clientHeight) / this.height) * this.columns);
    this.scrolled?.(Math.floor(from / this.height) * this.columns, last);
  }
}
