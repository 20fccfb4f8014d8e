// What stands above a list: its threshold, search, filters and order.

import { el, show, visible } from "./dom.js";
import { DECISIONS } from "./review_card.js";
import { arrays } from "./review_data.js";

const number = (value) => value.toLocaleString("en");
const STEPS = 1000;
const VERDICTS = { any: "any verdict or none", open: "without a verdict", said: "with a verdict" };

export class Toolbar {
  constructor(review) {
    this.review = review;
    this.title = el("h2", {});
    this.meaning = el("p", { class: "small soft meaning" });
    this.count = el("span", { class: "counted", role: "status" });
    this.search = el("input", { type: "search", placeholder: "Search name, label, text", "aria-label": "Search", oninput: () => this.searchSoon() });
    this.verdict = this.choice("Verdict", Object.entries(VERDICTS));
    this.action = this.choice("Decision", [["any", "any decision"], ...review.overview.actions.map((one) => [one, DECISIONS[one] ?? one])]);
    this.label = el("input", { type: "search", list: "all-labels", placeholder: "Any label", "aria-label": "Label", oninput: () => this.filterSoon() });
    this.labels = el("datalist", { id: "all-labels" }, review.overview.labels.slice(0, 1000).map((one) => el("option", { value: one })));
    this.split = this.choice("Split", [["any", "any split"], ...review.overview.splits.map((one) => [one, one || "set aside"])]);
    this.split.hidden = review.overview.splits.length < 2;
    this.order = el("select", { "aria-label": "Order", onchange: () => this.sorted() }, [["first", "surest first"], ["last", "least sure first"], ...(review.overview.labels.length ? [["given", "by label"], ["suggested", "by suggestion"]] : [])].map(([key, text]) => el("option", { value: key }, text)));
    this.slider = el("input", { type: "range", min: 0, max: STEPS, step: 1, "aria-label": "Threshold", oninput: () => this.cutSoon() });
    this.bars = el("div", { class: "bars", "aria-hidden": "true" });
    this.value = el("output", { class: "value" });
    this.threshold = el("div", { class: "threshold" }, this.bars, this.slider, this.value);
    const filters = el("div", { class: "filters" }, this.search, this.verdict, this.action, review.overview.labels.length ? [this.label, this.labels] : null, this.split, this.order);
    this.node = el("div", { class: "toolbar" },
      el("div", { class: "head-line" }, this.title, this.count, this.threshold), this.meaning,
      el("details", { class: "more-filters", open: matchMedia("(min-width: 761px)").matches }, el("summary", {}, "Search, filter, order"), filters));
    this.hits = null;
  }

  choice(label, options) {
    return el("select", { "aria-label": label, onchange: () => this.filterSoon() }, options.map(([value, text]) => el("option", { value }, text)));
  }

  opened(list) {
    this.list = list;
    this.node.hidden = !list;
    if (!list) return;
    this.title.textContent = visible(list.title);
    this.meaning.textContent = visible(list.meaning ?? "");
    this.threshold.hidden = !list.cuttable;
    this.order.value = list.order;
    this.order.hidden = list.count < 2;
    if (list.cuttable) {
      const parts = list.histogram(60);
      const most = Math.max(...parts, 1);
      const bars = list.similarity ? parts.reverse() : parts;
      show(this.bars, ...bars.map((count) => { const bar = el("i", {}); bar.style.height = `${count ? Math.max(6, 100 * Math.sqrt(count / most)) : 0}%`; return bar; }));
      this.slider.value = this.place(list.limit);
      this.showValue();
    }
    this.filterAgain(false);
  }

  // The slider goes from what is surest at its right end to all that was found at its left.
  place(limit) {
    const share = (limit - this.list.low) / (this.list.high - this.list.low);
    return Math.round(STEPS * (this.list.similarity ? 1 - share : share));
  }

  limit() {
    const share = Number(this.slider.value) / STEPS;
    const { low, high, similarity } = this.list;
    const place = similarity ? 1 - share : share;
    return place >= 1 ? high : low + (high - low) * place;
  }

  cutSoon() {
    if (this.cutting) return;
    this.cutting = true;
    requestAnimationFrame(() => { this.cutting = false; this.cut(this.limit()); });
  }

  // A new threshold: no search, no request, only where the list ends.
  cut(limit) {
    this.list.cut(limit);
    this.showValue();
    this.review.refill();
    this.review.look();
  }

  nudge(by) {
    if (!this.list?.cuttable) return;
    this.slider.value = Number(this.slider.value) + by * 10;
    this.cut(this.limit());
  }

  showValue() {
    const { limit, similarity } = this.list;
    this.value.textContent = similarity ? `similarity ≥ ${(1 - limit).toFixed(3)}` : `score ≤ ${limit.toFixed(3)}`;
    this.slider.setAttribute("aria-valuetext", this.value.textContent);
  }

  counted() {
    if (!this.list) return;
    const { list } = this;
    const whole = list.rows.length;
    const left = list.shown || list.placed ? null : list.findings;
    const parts = list.grouped ? [`${number(list.count)} groups`] : [];
    parts.push(left === null || left === whole ? `${number(left ?? list.count)} ${list.grouped ? "copies" : "rows"}` : `${number(left)} of ${number(whole)} ${list.grouped ? "copies" : "rows"}`);
    this.count.textContent = (list.shown && list.grouped ? parts.slice(0, 1) : parts).join(", ");
  }

  sorted() {
    const given = () => { const codes = this.review.rows.arrays.given; return (at) => codes[this.list.rows[at]]; };
    const key = this.order.value === "given" ? given : () => (at) => this.list.suggested[at];
    const go = () => { this.list.sort(this.order.value, key()); this.review.refill(); };
    if (this.order.value === "given") this.review.columns().then(go); else go();
  }

  searchSoon() {
    clearTimeout(this.typing);
    this.typing = setTimeout(async () => {
      const text = this.search.value.trim();
      const found = text ? await this.review.trying(arrays(`/api/review/search?text=${encodeURIComponent(text)}`)) : null;
      if (text !== this.search.value.trim()) return;
      this.hits = found ? new Uint8Array(this.review.overview.rows) : null;
      if (found) for (const row of found.arrays.rows) this.hits[row] = 1;
      this.filterSoon();
    }, 180);
  }

  async filterSoon() {
    if (this.action.value !== "any" || this.label.value || this.split.value !== "any") await this.review.columns();
    this.filterAgain();
  }

  // One function that tells whether a row passes, or null where nothing is filtered.
  passes() {
    const tests = [];
    const { codes } = this.review.verdicts;
    if (this.hits) tests.push((row) => this.hits[row] === 1);
    if (this.verdict.value !== "any") { const open = this.verdict.value === "open"; tests.push((row) => (codes[row] === 0) === open); }
    const rows = this.review.rows;
    if (rows && this.action.value !== "any") { const code = this.review.overview.actions.indexOf(this.action.value); tests.push((row) => rows.arrays.actions[row] === code); }
    if (rows && this.split.value !== "any") { const code = rows.head.splits.indexOf(this.split.value); tests.push((row) => rows.arrays.splits[row] === code); }
    if (rows && this.label.value) {
      const part = this.label.value.toLowerCase();
      const exact = this.review.overview.labels.includes(this.label.value);
      const good = new Set(this.review.overview.labels.flatMap((one, code) => (exact ? one === this.label.value : one.toLowerCase().includes(part)) ? [code] : []));
      tests.push((row) => good.has(rows.arrays.given[row]));
    }
    if (!tests.length) return null;
    return tests.length === 1 ? tests[0] : (row) => tests.every((test) => test(row));
  }

  // A row that gets its verdict stays where it is until the filters are used again.
  filterAgain(drawn = true) {
    if (!this.list) return;
    const passes = this.passes();
    if (!passes && !this.list.shown) return;
    this.list.filter(passes);
    if (drawn) this.review.refill();
  }
}
