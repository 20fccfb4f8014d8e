// Lists of findings and verdicts as typed arrays: cutting a list at a score is a binary search.

import { Offline, Refused } from "./api.js";

const TYPES = { Uint8Array, Int16Array, Int32Array, Float32Array };

// Arrays as `packing.py` lays them down: used where they lie, without being copied.
export async function arrays(path) {
  let reply;
  try { reply = await fetch(path, { credentials: "same-origin" }); } catch { throw new Offline(); }
  if (!reply.ok) throw new Refused(reply.status, await reply.json().catch(() => null));
  return unpack(await reply.arrayBuffer());
}

export function unpack(buffer) {
  const bytes = new Uint8Array(buffer);
  const end = bytes.indexOf(10);
  const head = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)));
  const found = {};
  for (const one of head.arrays) found[one.name] = new TYPES[one.kind](buffer, end + 1 + one.start, one.count);
  return { head, arrays: found };
}

// How many of the first `count` rising values lie at or below a limit.
export function upTo(values, limit, count = values.length) {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle] <= limit) low = middle + 1; else high = middle;
  }
  return low;
}

// A list of units: single findings, or groups of copies of one row. Units come by rising score, so
// that what a threshold leaves is a beginning of the list.
export class List {
  constructor(about, { rows, twins, scores, suggested }, grouped) {
    Object.assign(this, { name: about.name, title: about.title, meaning: about.meaning, rows, twins, scores, suggested, grouped });
    this.sorted = grouped ? scores.slice().sort() : scores;
    this.starts = grouped ? startsOf(twins) : null;
    this.units = grouped ? this.starts.length - 1 : rows.length;
    this.lowest = grouped ? firsts(this.starts, scores) : scores;
    this.low = rows.length ? this.sorted[0] : 0;
    this.high = rows.length ? this.sorted[rows.length - 1] : 0;
    this.cuttable = this.high > this.low && !Number.isNaN(this.low) && !Number.isNaN(this.high) && about.name !== "decisions";
    this.limit = this.high;
    this.shown = null; // units that pass the filters, in rising order; null for all
    this.order = "first";
    this.refresh();
  }

  get similarity() { return this.name === "near_duplicate" || this.name === "exact_duplicate" || this.name === "leakage"; }

  // What remains at a threshold, without a new search.
  cut(limit) {
    this.limit = limit;
    this.refresh();
  }

  filter(passes) {
    if (!passes) { this.shown = null; this.refresh(); return; }
    const found = new Uint32Array(this.units);
    let count = 0;
    for (let unit = 0; unit < this.units; unit += 1) if (this.passes(unit, passes)) found[count++] = unit;
    this.shown = found.subarray(0, count);
    this.shownLowest = new Float32Array(count);
    for (let at = 0; at < count; at += 1) this.shownLowest[at] = this.lowest[found[at]];
    this.refresh();
  }

  passes(unit, passes) {
    if (!this.grouped) return passes(this.rows[unit]);
    if (this.twins[this.starts[unit]] >= 0 && passes(this.twins[this.starts[unit]])) return true;
    for (let at = this.starts[unit]; at < this.starts[unit + 1]; at += 1) if (passes(this.rows[at])) return true;
    return false;
  }

  refresh() {
    const whole = this.shown ? this.shownLowest : this.lowest;
    this.count = this.cuttable ? upTo(whole, this.limit) : whole.length;
    this.findings = this.cuttable ? upTo(this.sorted, this.limit) : this.rows.length;
    this.placed = this.order === "first" || this.order === "last" ? null : this.byLabel();
  }

  sort(order, key) {
    this.order = order;
    this.key = key;
    this.refresh();
  }

  // Counting sort by a label of the first finding of each unit; rows without one come last.
  byLabel() {
    const key = (place) => this.key(this.first(this.plain(place)));
    let most = 0;
    for (let place = 0; place < this.count; place += 1) most = Math.max(most, key(place));
    const places = new Uint32Array(most + 3);
    const slot = (place) => { const code = key(place); return code < 0 ? most + 1 : code; };
    for (let place = 0; place < this.count; place += 1) places[slot(place) + 1] += 1;
    for (let code = 1; code < places.length; code += 1) places[code] += places[code - 1];
    const found = new Uint32Array(this.count);
    for (let place = 0; place < this.count; place += 1) found[places[slot(place)]++] = this.plain(place);
    return found;
  }

  plain(place) { return this.shown ? this.shown[place] : place; }

  // The unit at a place of what is shown.
  unit(place) {
    if (this.placed) return this.placed[place];
    return this.plain(this.order === "last" ? this.count - 1 - place : place);
  }

  first(unit) { return this.grouped ? this.starts[unit] : unit; }

  // The findings of a unit that the threshold leaves: positions in `rows`.
  members(unit) {
    if (!this.grouped) return [unit];
    const start = this.starts[unit];
    const end = this.starts[unit + 1];
    const count = this.cuttable ? upTo(this.scores.subarray(start, end), this.limit) : end - start;
    return Array.from({ length: count }, (_, at) => start + at);
  }

  // The rows of all findings shown, each once.
  rowsShown() { return this.rowsOf((place) => place < this.count); }

  rowsOf(wanted) {
    const found = new Set();
    for (let place = 0; place < this.count; place += 1) {
      if (wanted(place)) for (const at of this.members(this.unit(place))) found.add(this.rows[at]);
    }
    return [...found];
  }

  // The rows that the threshold takes out.
  rowsBelow() {
    const left = new Set(this.rowsShown());
    const found = new Set();
    const whole = this.shown ? this.shown.length : this.units;
    for (let place = 0; place < whole; place += 1) {
      const unit = this.plain(place);
      const end = this.grouped ? this.starts[unit + 1] : unit + 1;
      for (let at = this.first(unit); at < end; at += 1) if (!left.has(this.rows[at])) found.add(this.rows[at]);
    }
    return [...found];
  }

  // Numbers of findings in equal parts of the scores, for the picture above the slider.
  histogram(parts) {
    const edges = Array.from({ length: parts + 1 }, (_, at) => this.low + ((this.high - this.low) * at) / parts);
    const below = edges.map((edge) => upTo(this.sorted, edge));
    return below.slice(1).map((count, at) => count - (at ? below[at] : 0));
  }
}

function startsOf(twins) {
  const found = new Uint32Array(twins.length + 1);
  let count = 0;
  for (let at = 0; at < twins.length; at += 1) if (at === 0 || twins[at] < 0 || twins[at] !== twins[at - 1]) found[count++] = at;
  found[count] = twins.length;
  return found.slice(0, count + 1);
}

function firsts(starts, scores) {
  const found = new Float32Array(starts.length - 1);
  for (let unit = 0; unit < found.length; unit += 1) found[unit] = scores[starts[unit]];
  return found;
}

// A list of any rows, such as those in a lasso.
export function listOfRows(rows, about) {
  const none = new Int32Array(rows.length).fill(-1);
  const scores = new Float32Array(rows.length).fill(NaN);
  return new List(about, { rows: Int32Array.from(rows), twins: none, scores, suggested: none }, false);
}

// The verdicts of all rows by number, as this page knows them.
export class Verdicts {
  constructor(rows, names) {
    this.names = names;
    this.codes = new Uint8Array(rows);
    this.steps = new Int32Array(rows).fill(-1);
    this.said = [];
    this.last = 0;
    this.count = 0;
  }

  load({ head, arrays: found }) {
    this.last = head.last;
    if (!found.rows) return false;
    this.codes.fill(0);
    this.steps.fill(-1);
    this.said = head.steps;
    for (let at = 0; at < found.rows.length; at += 1) {
      this.codes[found.rows[at]] = found.codes[at];
      this.steps[found.rows[at]] = found.said[at];
    }
    this.count = found.rows.length;
    return true;
  }

  // What is being sent, so that it is seen at once.
  set(rows, verdict, { label = null, person, note = null }) {
    const code = this.names.indexOf(verdict);
    this.said.push({ label, person, note });
    for (const row of rows) {
      this.count += (code > 0) - (this.codes[row] > 0);
      this.codes[row] = code;
      this.steps[row] = this.said.length - 1;
    }
  }

  of(row) {
    const code = this.codes[row];
    return code ? { verdict: this.names[code], ...this.said[this.steps[row]] } : null;
  }
}
