// How far it is, how fast, how good the model is, and whether to go on.

import { get } from "./api.js";
import { el, name, show } from "./dom.js";

const EVERY_MS = 8000;
const RECENT = 60;

export class Progress {
  constructor({ annotator }) {
    this.annotator = annotator;
    this.node = el("aside", { class: "progress", "aria-label": "Progress" });
    this.times = [];
    this.mine = 0;
    this.found = null;
    this.refresh();
    setInterval(() => { if (!document.hidden) this.refresh(); }, EVERY_MS);
  }

  async refresh() {
    try { this.found = await get("/api/label/progress"); } catch { return; }
    this.at = Date.now();
    this.unseen = 0;
    this.draw();
  }

  // Counts a label at once, before the server has told of it.
  count(step, seconds) {
    this.mine += step;
    this.unseen = (this.unseen ?? 0) + step;
    if (step > 0 && seconds !== undefined) this.times = [...this.times, Math.min(seconds, 120)].slice(-RECENT);
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => setTimeout(() => this.draw(), 0)); // after the next row is seen
  }

  get perHour() {
    const total = this.times.reduce((sum, one) => sum + one, 0);
    return this.times.length >= 5 && total > 0 ? (3600 * this.times.length) / total : null;
  }

  draw() {
    const { found } = this;
    if (!found) return;
    const labeled = Math.min(found.pool, Math.max(0, found.labeled + (this.unseen ?? 0)));
    const share = found.pool ? labeled / found.pool : 0;
    const bar = el("div", { class: "bar", role: "progressbar", "aria-valuenow": labeled, "aria-valuemin": 0, "aria-valuemax": found.pool, "aria-label": "Rows with a label" }, el("div", {}));
    bar.firstChild.style.width = `${Math.max(share * 100, labeled ? 0.6 : 0)}%`;
    show(this.node,
      el("section", {}, el("div", { class: "line" }, el("b", {}, number(labeled)), el("span", { class: "soft" }, `of ${number(found.pool)} rows`)), bar,
        el("div", { class: "line soft small" }, el("span", {}, `${number(this.mine)} in this visit`), el("span", {}, this.perHour === null ? "" : `${number(Math.round(this.perHour))} an hour`))),
      this.quality(found), this.advice(found), this.people(found),
      found.problem ? el("section", { class: "small problem" }, found.problem) : null);
  }

  quality({ report }) {
    if (!report || !report.labels) return el("section", { class: "small soft" }, "The model is measured in the background, once there are labels.");
    const age = ageInWords(report.age + (Date.now() - this.at) / 1000);
    if (!report.accuracy) return el("section", { class: "small soft" }, `Not known yet how good the model is: ${report.why_unknown}. Audited rows are those marked as blind. · ${age}`);
    const { value, low, high } = report.accuracy;
    const shown = report.is_share ? (each) => `${(100 * each).toFixed(1)} %` : (each) => each.toPrecision(3);
    return el("section", {}, el("div", { class: "line" }, el("b", {}, shown(value)), el("span", { class: "soft" }, report.measure)),
      report.is_share ? interval({ value, low, high }) : null,
      el("div", { class: "soft small" }, `95 % interval ${shown(low)} to ${shown(high)}, on ${report.accuracy_of} · ${age}`));
  }

  advice({ report }) {
    if (!report || !report.labels) return null;
    const { stop, reasons } = report.advice;
    return el("section", { class: `advice ${stop ? "stop" : ""}` }, el("b", {}, stop ? "You can stop" : "Go on"),
      reasons.length ? el("ul", {}, reasons.map((reason) => el("li", {}, reason))) : null);
  }

  people({ annotators }) {
    const others = Object.entries(annotators ?? {});
    if (others.length < 2) return null;
    return el("section", { class: "small" }, el("table", { class: "people" }, el("tbody", {}, others.map(([who, count]) =>
      el("tr", { class: who === this.annotator ? "me" : null }, el("th", { scope: "row" }, who ? name(who) : "unnamed"), el("td", {}, number(count)))))));
  }
}

function interval({ value, low, high }) {
  const node = el("div", { class: "interval", "aria-hidden": "true" }, el("i", {}), el("b", {}));
  node.firstChild.style.left = `${100 * low}%`;
  node.firstChild.style.width = `${100 * Math.max(0.01, high - low)}%`;
  node.lastChild.style.left = `${100 * value}%`;
  return node;
}

const number = (value) => Number(value).toLocaleString("en");

function ageInWords(seconds) {
  if (seconds < 45) return "just now";
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${Math.max(1, minutes)} min ago` : `${Math.round(minutes / 60)} h ago`;
}
