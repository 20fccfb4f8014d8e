// Boxes in an image: draw with the mouse or a finger, or by keyboard alone; places in pixels of the
// image as it is seen upright.

import { el, svg, announce, name, visible } from "./dom.js";
import { Classes } from "./label_classes.js";
import { expected } from "./label_content.js";

const LEAST = 1; // pixels of the image

export class Boxes {
  constructor({ session, about, submit }) {
    this.submit = submit;
    this.classes = new Classes({ classes: session.classes, place: about.key, colors: true, picked: (label) => this.put(label) });
    this.active = session.classes[0];
    this.layer = svg("svg", { class: "boxes", role: "group", "aria-label": "Boxes",
      onpointerdown: (event) => this.down(event), onpointermove: (event) => this.move(event), onpointerup: (event) => this.up(event), onpointercancel: () => { this.drag = null; } });
    this.list = el("ul", { class: "marks", "aria-label": "Boxes" });
    this.hint = el("span", { class: "soft small" });
    this.node = el("div", {}, this.list, this.classes.node,
      el("div", { class: "submit-line" }, el("button", { class: "main", type: "button", onclick: () => submit(this.value()) }, "Save ", el("kbd", {}, "Enter")), this.hint));
    this.keys = [[["drag"], "draw a box of the class that is pressed"], [["1 … 9", "A … Y"], "choose the class, or change that of the box that is selected"],
      [["+"], "new box in the middle"], [["← ↑ → ↓"], "move it; with Shift, its far corner; with Alt, by one pixel"], [["[", "]"], "go to a box"],
      [["Delete"], "remove it"], [["Esc"], "select none"], [["Enter"], "save, also without any box"]];
  }

  // `frame` holds the image; the boxes lie over it.
  show(row, frame) {
    const [width, height] = row.content.size ?? [1, 1];
    this.size = { width, height };
    this.layer.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.boxes = (row.given ?? []).map((box) => ({ ...box }));
    this.selected = null;
    this.expected = expected(row);
    frame.classList.add("with-boxes");
    frame.append(this.layer);
    this.draw();
  }

  value() { return this.boxes.map(({ x, y, width, height, label }) => ({ x, y, width, height, label })); }

  draw() {
    const unit = this.size.width / Math.max(1, this.layer.clientWidth || 640);
    this.layer.replaceChildren(...this.boxes.flatMap((box) => {
      const chosen = box === this.selected;
      const parts = [svg("rect", { ...placed(box), class: `box ${this.classes.color(box.label)} ${chosen ? "chosen" : ""}` },
        svg("title", {}, visible(box.label)))];
      if (chosen) {
        for (const [x, y] of [[box.x, box.y], [box.x + box.width, box.y + box.height]]) parts.push(svg("circle", { cx: x, cy: y, r: 6 * unit, class: `grip ${this.classes.color(box.label)}` }));
      }
      return parts;
    }));
    this.classes.mark({ chosen: [this.selected?.label ?? this.active] });
    this.list.replaceChildren(...this.boxes.map((box) => el("li", { class: box === this.selected ? "chosen" : null },
      el("button", { class: "plain", type: "button", "aria-pressed": String(box === this.selected), onclick: () => this.select(box) }, name(box.label, { class: `swatch ${this.classes.color(box.label)}` })),
      el("span", { class: "soft small" }, `${whole(box.width)} × ${whole(box.height)} at ${whole(box.x)}, ${whole(box.y)}`),
      el("button", { class: "plain", type: "button", "aria-label": `Remove ${visible(box.label)}`, onclick: () => this.remove(box) }, "Remove"))));
    this.hint.textContent = [this.expected, this.boxes.length ? "" : "Draw a box, or press + for one in the middle."].filter(Boolean).join(" ");
  }

  select(box) {
    this.selected = box;
    if (box) announce(`${visible(box.label)}, ${whole(box.width)} by ${whole(box.height)} at ${whole(box.x)}, ${whole(box.y)}`);
    this.draw();
  }

  put(label) {
    this.active = label;
    if (this.selected) this.selected.label = label;
    announce(visible(label));
    this.draw();
  }

  remove(box) {
    this.boxes = this.boxes.filter((other) => other !== box);
    if (this.selected === box) this.selected = null;
    this.draw();
  }

  at(event) {
    const area = this.layer.getBoundingClientRect();
    const x = ((event.clientX - area.left) / area.width) * this.size.width;
    const y = ((event.clientY - area.top) / area.height) * this.size.height;
    return { x: Math.min(this.size.width, Math.max(0, x)), y: Math.min(this.size.height, Math.max(0, y)), unit: this.size.width / area.width };
  }

  down(event) {
    if (event.button !== 0) return;
    const point = this.at(event);
    this.layer.setPointerCapture(event.pointerId);
    const near = (x, y) => Math.hypot(point.x - x, point.y - y) < 12 * point.unit;
    const box = this.selected;
    if (box && near(box.x, box.y)) this.drag = { box, from: { x: box.x + box.width, y: box.y + box.height } };
    else if (box && near(box.x + box.width, box.y + box.height)) this.drag = { box, from: { x: box.x, y: box.y } };
    else this.drag = { box: null, from: point, over: this.under(point) };
    event.preventDefault();
  }

  under({ x, y }) {
    return this.boxes.filter((box) => x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height)
      .sort((one, other) => one.width * one.height - other.width * other.height)[0];
  }

  move(event) {
    if (!this.drag) return;
    const point = this.at(event);
    const { from } = this.drag;
    if (!this.drag.box) {
      if (Math.abs(point.x - from.x) < 4 * point.unit && Math.abs(point.y - from.y) < 4 * point.unit) return;
      this.drag.box = { x: from.x, y: from.y, width: LEAST, height: LEAST, label: this.active };
      this.boxes.push(this.drag.box);
      this.selected = this.drag.box;
    }
    Object.assign(this.drag.box, between(from, point));
    this.draw();
  }

  up(event) {
    if (!this.drag) return;
    const { box, over } = this.drag;
    this.drag = null;
    if (!box) { this.select(over ?? null); return; }
    Object.assign(box, this.inside(box));
    this.layer.releasePointerCapture(event.pointerId);
    this.select(box);
  }

  inside(box) {
    const width = Math.min(this.size.width, Math.max(LEAST, box.width));
    const height = Math.min(this.size.height, Math.max(LEAST, box.height));
    const x = Math.min(this.size.width - width, Math.max(0, box.x));
    const y = Math.min(this.size.height - height, Math.max(0, box.y));
    return { x: tenth(x), y: tenth(y), width: tenth(width), height: tenth(height) };
  }

  key(event) {
    if (event.key === "Enter") { this.submit(this.value()); return true; }
    if (event.key === "+" || event.key === "=") { this.add(); return true; }
    if (event.key === "[" || event.key === "]") { this.go(event.key === "]" ? 1 : -1); return true; }
    if (event.key === "Escape") { this.select(null); return true; }
    if ((event.key === "Delete" || event.key === "Backspace") && this.selected) { this.remove(this.selected); return true; }
    if (event.key.startsWith("Arrow")) { if (this.selected) { this.nudge(event); event.preventDefault(); return true; } return false; }
    return this.classes.key(event);
  }

  add() {
    const { width, height } = this.size;
    const box = { x: width / 3, y: height / 3, width: width / 3, height: height / 3, label: this.active };
    Object.assign(box, this.inside(box));
    this.boxes.push(box);
    this.select(box);
  }

  nudge(event) {
    const step = event.altKey ? 1 : Math.max(1, Math.max(this.size.width, this.size.height) / 50);
    const [right, down] = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    const box = this.selected;
    if (event.shiftKey) {
      box.width = Math.min(this.size.width - box.x, Math.max(LEAST, box.width + right));
      box.height = Math.min(this.size.height - box.y, Math.max(LEAST, box.height + down));
    } else {
      box.x += right;
      box.y += down;
    }
    Object.assign(box, this.inside(box));
    this.select(box);
  }

  go(step) {
    if (!this.boxes.length) return;
    const at = this.boxes.indexOf(this.selected);
    this.select(this.boxes[at < 0 ? (step > 0 ? 0 : this.boxes.length - 1) : (at + step + this.boxes.length) % this.boxes.length]);
  }
}

const placed = ({ x, y, width, height }) => ({ x, y, width, height });
const tenth = (value) => Math.round(value * 10) / 10;
const whole = (value) => Math.round(value);
const between = (one, other) => ({ x: tenth(Math.min(one.x, other.x)), y: tenth(Math.min(one.y, other.y)),
  width: Math.max(LEAST, tenth(Math.abs(one.x - other.x))), height: Math.max(LEAST, tenth(Math.abs(one.y - other.y))) });
