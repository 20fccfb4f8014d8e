// The map of all rows: a million points drawn into the pixels of a canvas, moved, zoomed and lassoed.

import { el, show, visible } from "./dom.js";

const FAR = 1e9;
const NEAR = 14; // pixels from a point at which it is meant

const channels = (color) => {
  const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  probe.fillStyle = color;
  probe.fillRect(0, 0, 1, 1);
  const [r, g, b] = probe.getImageData(0, 0, 1, 1).data;
  return (255 << 24) | (b << 16) | (g << 8) | r;
};

export class PlotMap {
  // places: x and y of each row, NaN for none; color(mode): {codes, names} of all rows.
  constructor({ places, modes, lassoed, pointed }) {
    Object.assign(this, { places, modes, lassoed, pointed });
    this.rows = places.length / 2;
    this.canvas = el("canvas", { tabindex: "0", role: "img", "aria-label": `Map of ${this.rows} rows. Drag around rows to choose them; arrow keys move, plus and minus zoom.` });
    this.over = el("canvas", { class: "over", "aria-hidden": "true" });
    this.legend = el("ul", { class: "legend" });
    this.note = el("p", { class: "small soft", role: "status" });
    const select = el("select", { "aria-label": "Color by", onchange: () => this.colorBy(select.value) }, Object.entries(modes).map(([key, mode]) => el("option", { value: key }, mode.title)));
    this.tool = "lasso";
    const tools = [["lasso", "Lasso"], ["move", "Move"]].map(([tool, text]) => el("button", { type: "button", "aria-pressed": String(tool === this.tool), onclick: () => this.use(tool) }, text));
    this.tools = tools;
    this.node = el("section", { class: "map", "aria-label": "Map" },
      el("div", { class: "map-tools" }, el("label", {}, "Color by ", select), el("span", { class: "group" }, tools),
        el("span", { class: "group" }, el("button", { type: "button", "aria-label": "Zoom in", onclick: () => this.zoom(1.6) }, "+"), el("button", { type: "button", "aria-label": "Zoom out", onclick: () => this.zoom(1 / 1.6) }, "−"), el("button", { type: "button", onclick: () => this.reset() }, "All")), this.note),
      el("div", { class: "canvases" }, this.canvas, this.over), this.legend);
    this.view = { x: 0, y: 0, scale: 1 };
    this.pointers = new Map();
    this.listen();
    this.mode = Object.keys(modes)[0];
    new ResizeObserver(() => this.resized()).observe(this.node.querySelector(".canvases"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.colorBy(this.mode));
  }

  use(tool) {
    this.tool = tool;
    for (const [at, button] of this.tools.entries()) button.setAttribute("aria-pressed", (at === 0) === (tool === "lasso"));
  }

  resized() {
    const box = this.canvas.parentElement;
    this.ratio = Math.min(2, devicePixelRatio || 1);
    this.width = Math.max(1, Math.round(box.clientWidth * this.ratio));
    this.height = Math.max(1, Math.round(box.clientHeight * this.ratio));
    for (const canvas of [this.canvas, this.over]) { canvas.width = this.width; canvas.height = this.height; }
    this.image = new ImageData(this.width, this.height);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.colorBy(this.mode);
  }

  colorBy(mode) {
    this.mode = mode;
    const { codes, names } = this.modes[mode].colors();
    const style = getComputedStyle(document.documentElement);
    const inks = Array.from({ length: 8 }, (_, at) => style.getPropertyValue(`--c${at}`).trim());
    const quiet = style.getPropertyValue("--quiet").trim() || "#c4ccd4";
    this.codes = codes;
    // A code of 255, and any beyond the colors there are, is drawn quietly and first.
    this.palette = Uint32Array.from({ length: 256 }, (_, code) => channels(code < Math.min(names.length, 8) ? inks[code] : quiet));
    this.named = Math.min(names.length, 8);
    const there = new Uint8Array(256);
    for (const code of codes) there[code] = 1;
    show(this.legend, ...names.slice(0, 8).map((each, code) => (there[code] ? el("li", {}, el("i", { class: `dot c${code}`, "aria-hidden": "true" }), el("bdi", {}, visible(each))) : null)),
      names.length > 8 || there[255] ? el("li", { class: "soft" }, el("i", { class: "dot quiet", "aria-hidden": "true" }), names.length > 8 ? `${names.length - 8} more` : "others") : null);
    this.draw();
  }

  // From places on the map to pixels: x · a + b.
  frame() {
    const side = (Math.min(this.width, this.height) / 2) * 0.94 * this.view.scale;
    return { side, left: this.width / 2 - this.view.x * side, top: this.height / 2 + this.view.y * side };
  }

  draw() {
    if (!this.pixels) return;
    const { side, left, top } = this.frame();
    const { places, codes, palette, pixels, width, height, rows, named } = this;
    const large = this.dot();
    pixels.fill(0);
    for (const loud of [false, true]) {
      for (let row = 0; row < rows; row += 1) {
        const code = codes[row];
        if (code < named !== loud) continue;
        const x = (places[2 * row] * side + left) | 0;
        const y = (top - places[2 * row + 1] * side) | 0;
        if (!(x >= 0 && y >= 0 && x < width - large && y < height - large)) continue;
        if (places[2 * row] !== places[2 * row]) continue;
        const color = palette[code];
        let at = y * width + x;
        for (let line = 0; line < large; line += 1, at += width) for (let step = 0; step < large; step += 1) pixels[at + step] = color;
      }
    }
    this.canvas.getContext("2d").putImageData(this.image, 0, 0);
    this.ring();
  }

  // Side of a point in pixels: larger where there are few, or where one is near.
  dot() {
    const base = this.rows > 200_000 ? 1 : this.rows > 20_000 ? 2 : this.rows > 2_000 ? 3 : 5;
    return Math.min(9, Math.round((base + Math.log2(Math.max(1, this.view.scale))) * (this.ratio > 1 ? 1.5 : 1)));
  }

  soon() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => { this.waiting = false; this.draw(); });
  }

  listen() {
    const canvas = this.canvas;
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, (event) => this.up(event));
    canvas.addEventListener("wheel", (event) => { event.preventDefault(); this.zoom(Math.exp(-event.deltaY / 400), this.at(event)); }, { passive: false });
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  at(event) {
    const box = this.canvas.getBoundingClientRect();
    return { x: (event.clientX - box.left) * this.ratio, y: (event.clientY - box.top) * this.ratio };
  }

  down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    const here = this.at(event);
    this.pointers.set(event.pointerId, here);
    this.began = here;
    const moving = this.tool === "move" || event.button === 1 || event.shiftKey || this.pointers.size > 1;
    this.path = moving ? null : [here];
  }

  move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const here = this.at(event);
    if (this.path) { this.path.push(here); this.ring(); return; }
    if (this.pointers.size === 2) {
      const [other] = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
      const spread = (place) => Math.hypot(place.x - other.x, place.y - other.y);
      this.zoom(spread(here) / Math.max(1, spread(before)), { x: (here.x + other.x) / 2, y: (here.y + other.y) / 2 });
    }
    this.shift((here.x - before.x) / this.pointers.size, (here.y - before.y) / this.pointers.size);
    this.pointers.set(event.pointerId, here);
  }

  up(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    const here = this.at(event);
    const path = this.path;
    this.path = null;
    const still = Math.hypot(here.x - this.began.x, here.y - this.began.y) < 4 && (!path || path.length < 5);
    if (event.type === "pointerup" && still) this.point(here);
    else if (path && path.length > 2 && event.type === "pointerup") this.choose(path);
    this.ring();
  }

  point(here) {
    const row = this.nearest(here);
    this.marked = row;
    this.ring();
    if (row >= 0) this.pointed(row);
  }

  nearest(here) {
    const { side, left, top } = this.frame();
    let best = (NEAR * this.ratio) ** 2;
    let found = -1;
    for (let row = 0; row < this.rows; row += 1) {
      const away = (this.places[2 * row] * side + left - here.x) ** 2 + (top - this.places[2 * row + 1] * side - here.y) ** 2;
      if (away < best) { best = away; found = row; }
    }
    return found;
  }

  choose(path) {
    const rows = this.inside(path);
    this.marked = -1;
    this.note.textContent = `${rows.length.toLocaleString("en")} rows in the lasso`;
    this.lassoed(rows);
  }

  // The rows within a line drawn in pixels: its area is filled once, then each row looks up its pixel.
  inside(path) {
    const sketch = new OffscreenCanvas(this.width, this.height).getContext("2d", { willReadFrequently: true });
    sketch.beginPath();
    for (const { x, y } of path) sketch.lineTo(x, y);
    sketch.closePath();
    sketch.fill();
    const area = new Uint32Array(sketch.getImageData(0, 0, this.width, this.height).data.buffer);
    const { side, left, top } = this.frame();
    const { places, width, height, rows } = this;
    const found = new Int32Array(rows);
    let count = 0;
    for (let row = 0; row < rows; row += 1) {
      const x = places[2 * row] * side + left;
      const y = top - places[2 * row + 1] * side;
      if (x >= 0 && y >= 0 && x < width && y < height && area[(y | 0) * width + (x | 0)] >>> 31) found[count++] = row;
    }
    return found.slice(0, count);
  }

  // The lasso while it is drawn, and the row that was pointed at.
  ring() {
    const pen = this.over.getContext("2d");
    pen.clearRect(0, 0, this.width, this.height);
    const ink = getComputedStyle(document.documentElement).getPropertyValue("--ink");
    pen.strokeStyle = ink;
    if (this.path) {
      pen.lineWidth = 1.5 * this.ratio;
      pen.setLineDash([5, 4]);
      pen.beginPath();
      for (const { x, y } of this.path) pen.lineTo(x, y);
      pen.closePath();
      pen.stroke();
      pen.setLineDash([]);
    }
    if (this.marked >= 0) {
      const { side, left, top } = this.frame();
      pen.lineWidth = 2 * this.ratio;
      pen.beginPath();
      pen.arc(this.places[2 * this.marked] * side + left, top - this.places[2 * this.marked + 1] * side, 8 * this.ratio, 0, 7);
      pen.stroke();
    }
  }

  mark(row) { this.marked = row; if (this.pixels) this.ring(); }

  shift(x, y) {
    const { side } = this.frame();
    this.view.x -= x / side;
    this.view.y += y / side;
    this.soon();
  }

  zoom(by, here = { x: this.width / 2, y: this.height / 2 }) {
    const scale = Math.min(FAR, Math.max(0.5, this.view.scale * by));
    const { side, left, top } = this.frame();
    const place = { x: (here.x - left) / side, y: (top - here.y) / side };
    const next = (side / this.view.scale) * scale;
    this.view = { scale, x: place.x - (here.x - this.width / 2) / next, y: place.y + (here.y - this.height / 2) / next };
    this.soon();
  }

  reset() { this.view = { x: 0, y: 0, scale: 1 }; this.soon(); }

  key(event) {
    const steps = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
    if (steps[event.key]) this.shift(...steps[event.key]);
    else if (event.key === "+" || event.key === "=") this.zoom(1.4);
    else if (event.key === "-") this.zoom(1 / 1.4);
    else if (event.key === "0") this.reset();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
