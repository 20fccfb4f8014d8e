// The next rows and their images, fetched before they are wanted. The lease is this tab's own: it is
// renewed while the page lives and given back when it closes.

import { post, tell, fresh, Refused } from "./api.js";
import { imageOf } from "./label_content.js";

const AHEAD = 20;
const RENEW_MS = 30000;

export class Queue {
  // held(): numbers of the rows that the page has beside those that wait here.
  // changed(): called when rows came, or when it became clear that none come.
  constructor({ annotator, about, held, changed }) {
    this.annotator = annotator;
    this.about = about;
    this.held = held;
    this.changed = changed;
    this.lease = fresh();
    this.rows = [];
    this.frames = new Map();
    this.state = "choosing"; // rows, choosing, taken, done, empty, offline
    this.timer = setInterval(() => this.renew(), RENEW_MS);
    addEventListener("pagehide", () => this.release());
    addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
    this.fill();
  }

  get who() { return { annotator: this.annotator, lease: this.lease }; }

  take() {
    const row = this.rows.shift();
    this.fill();
    return row;
  }

  // Puts a row in front: one that was taken back, or one that the server did not take.
  putBack(row) {
    this.rows = this.rows.filter((other) => other.row !== row.row);
    this.rows.unshift(row);
    this.keepImage(row);
  }

  // The image of a row, decoded already in most cases.
  frame(row) {
    const frame = this.frames.get(row.row) ?? imageOf(row, this.about);
    this.frames.set(row.row, frame);
    return frame;
  }

  keepImage(row) {
    if (!row.content.image) return;
    const frame = this.frame(row);
    frame.querySelector("img")?.decode?.().catch(() => {});
  }

  forgetImages(wanted) {
    for (const row of this.frames.keys()) if (!wanted.has(row)) this.frames.delete(row);
  }

  async fill() {
    if (this.filling || this.rows.length >= AHEAD || this.ended) return;
    this.filling = true;
    try {
      const have = [...this.held(), ...this.rows.map((row) => row.row)];
      const { rows, state } = await post("/api/label/next", { ...this.who, count: AHEAD, have });
      const here = new Set([...this.held(), ...this.rows.map((row) => row.row)]);
      const added = rows.filter((row) => !here.has(row.row));
      this.rows.push(...added);
      added.forEach((row) => this.keepImage(row));
      this.state = state;
      this.trouble = null;
      this.without = rows.length ? 0 : (this.without ?? 0) + 1;
      if (state === "choosing") this.later(400);
      else if (state !== "rows") this.later(this.without < 4 ? 800 : 5000); // rows may come free
    } catch (error) {
      this.state = "offline";
      this.trouble = error;
      this.later(error instanceof Refused ? 5000 : 1500);
    } finally {
      this.filling = false;
    }
    this.changed();
  }

  later(ms) {
    clearTimeout(this.again);
    this.again = setTimeout(() => this.fill(), ms);
  }

  renew() {
    post("/api/label/renew", this.who).catch(() => { /* said when an answer cannot be saved */ });
  }

  release() {
    if (this.ended) return;
    this.ended = true;
    clearInterval(this.timer);
    clearTimeout(this.again);
    tell("/api/label/release", this.who);
  }
}
