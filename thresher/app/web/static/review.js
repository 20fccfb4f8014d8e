// The review page: lists of findings, a threshold, verdicts by key, a map, and what it all will do.

import { get, Offline, Outbox, Refused } from "./api.js";
import { announce, el, name, show, visible } from "./dom.js";
import { arrays, List, listOfRows, Verdicts } from "./review_data.js";
import { cardNode, DECISIONS, figure, inspect, short, waitingNode, WORDS } from "./review_card.js";
import { applyDialog, bulkDialog, exportRows, noteDialog, personDialog, relabelDialog } from "./review_dialogs.js";
import { Grid } from "./review_grid.js";
import { PlotMap } from "./review_map.js";
import { Toolbar } from "./review_tools.js";
import { banner, helpDialog, start, typing } from "./shell.js";

const MOST_UNSENT = 200;
const KEEP_CARDS = 4000;
const FAR_RIGHT = 1e9;
const KEPT = "thresher/reviewer";
const KEYS = { a: "accept", r: "reject", k: "keep_other", d: "drop", u: "none" };
const narrow = () => matchMedia("(max-width: 1020px)").matches;
const number = (value) => value.toLocaleString("en");
const main = document.getElementById("main");

class Review {
  constructor({ about, right, overview }) {
    Object.assign(this, { about, right, overview });
    this.lists = new Map();
    this.cards = new Map();
    this.wanted = new Set();
    this.chosen = new Set();
    this.verdicts = new Verdicts(overview.rows, overview.verdicts);
    this.titles = Object.fromEntries(overview.lists.map((one) => [one.name, one.title]));
    this.person = remembered() || about.annotators[0] || "";
    this.focus = { place: 0, inner: 0 };
    this.grid = new Grid({ draw: (place, columns) => this.line(place, columns), sign: (place, columns) => this.sign(place, columns), scrolled: (from, to) => this.scrolled(from, to) });
    this.grid.measure = (width) => this.measure(width);
    this.outbox = new Outbox({ path: "/api/review/messages", place: `${about.key}/review`, taken: (message, reply) => this.taken(message, reply), changed: () => this.unsent() });
    this.tools = new Toolbar(this);
    document.body.classList.toggle("with-images", about.pictures);
    this.build();
    document.addEventListener("keydown", (event) => this.key(event));
    addEventListener("beforeunload", (event) => { if (this.outbox.size && this.outbox.unkept) event.preventDefault(); });
  }

  build() {
    this.help = helpDialog([[["A"], "accept: do what is proposed"], [["R"], "reject: keep the row as it is"], [["L"], "relabel; Enter takes what is suggested"], [["K"], "keep this copy, drop its twin instead"],
      [["D"], "drop the row whatever is proposed"], [["U"], "take the verdict away"], [["E"], "a note beside the verdict"], [["Z"], "undo, to any depth"], [["←", "→", "↑", "↓"], "move"], [["Space"], "choose; Shift with an arrow chooses more"], [["Esc"], "choose none"],
      [["Shift", "A"], "accept all copies of the group"], [["Shift", "R"], "reject all copies of the group"], [["B"], "verdicts for many rows at once"], [["[", "]"], "move the threshold"], [["/"], "search"], [["N"], "next row without a verdict"], [["Enter"], "look at it at large"], [["?"], "these keys"]]);
    this.sidebar = el("nav", { class: "lists", "aria-label": "Lists" });
    this.picker = el("select", { class: "picker", "aria-label": "List", onchange: () => this.open(this.picker.value) });
    this.side = el("aside", { class: "inspector", "aria-label": "The row at large" });
    this.grid.node.setAttribute("role", "grid");
    this.grid.node.setAttribute("aria-label", "Findings");
    this.grid.node.addEventListener("click", (event) => this.clicked(event));
    this.grid.node.addEventListener("dblclick", () => this.large(true));
    this.grid.node.addEventListener("focusin", (event) => { const card = event.target.closest(".card"); if (card) this.focused(card); });
    this.empty = el("div", { class: "empty", hidden: true });
    this.stage = el("div", { class: "stage" }, this.grid.node, this.empty);
    this.acts = this.actions();
    this.center = el("div", { class: "center" }, this.picker, this.tools.node, this.stage, this.acts);
    show(main, this.sidebar, this.center, this.side);
    this.drawLists();
    this.progress = el("span", { class: "small soft", role: "status" });
    this.who = el("button", { class: "plain who", type: "button", title: "Who reviews", onclick: () => this.askPerson() });
    show(this.right, this.progress, this.who,
      el("button", { class: "main", type: "button", onclick: () => this.apply() }, "Apply…"),
      el("button", { class: "plain", type: "button", "aria-label": "Show the keys", onclick: () => this.help.showModal() }, "Keys ", el("kbd", {}, "?")));
    this.named();
  }

  named() { show(this.who, name(this.person || "unnamed")); }

  actions() {
    const button = (key, text, run, more = {}) => el("button", { type: "button", ...more, onclick: run }, text, " ", el("kbd", {}, key));
    this.target = el("span", { class: "target small soft" });
    return el("div", { class: "acts", role: "toolbar", "aria-label": "Verdict" },
      button("A", "Accept", () => this.say("accept"), { class: "main" }), button("R", "Reject", () => this.say("reject")), button("L", "Relabel…", () => this.relabel()),
      button("K", "Keep this", () => this.say("keep_other")), button("D", "Drop", () => this.say("drop")), button("Z", "Undo", () => this.undo()), button("B", "Many…", () => this.bulk()), this.target);
  }

  drawLists() {
    const entries = [...this.overview.lists.map((one) => ({ ...one, count: this.lists.get(one.name)?.rows.length ?? one.count }))];
    const more = [...this.lists.values()].filter((list) => list.own).map((list) => ({ name: list.name, title: list.title, count: list.rows.length }));
    if (this.overview.has_map) more.push({ name: "map", title: "Map of all rows", count: null });
    const all = [...entries, ...more];
    show(this.sidebar, ...all.map((one) => el("button", { type: "button", class: "list", "aria-current": one.name === this.current ? "true" : null, title: one.meaning ?? null, onclick: () => this.open(one.name) },
      el("span", {}, visible(one.title)), one.count === null ? null : el("span", { class: "count" }, number(one.count)))),
    el("div", { class: "grow" }),
    el("div", { class: "export" }, el("span", { class: "small soft" }, "What is shown, as a file"), el("div", { class: "group" },
      ["csv", "jsonl"].map((kind) => el("button", { type: "button", onclick: () => this.export(kind) }, kind.toUpperCase())))));
    show(this.picker, ...all.map((one) => el("option", { value: one.name }, one.count === null ? one.title : `${visible(one.title)} (${number(one.count)})`)));
    this.picker.value = this.current ?? "";
  }

  // Opens a list by name: fetched once, kept.
  async open(which) {
    if (which === this.current) return;
    this.current = which;
    this.chosen.clear();
    if (which === "map") { this.drawLists(); await this.openMap(); return; }
    this.side.hidden = false;
    if (!this.lists.has(which)) {
      const about = this.overview.lists.find((one) => one.name === which);
      const { head, arrays: found } = await this.trying(arrays(`/api/review/list?of=${encodeURIComponent(which)}`));
      this.lists.set(which, new List(about, found, head.grouped));
    }
    if (this.current !== which) return;
    this.list = this.lists.get(which);
    this.drawLists();
    show(this.stage, this.grid.node, this.empty);
    this.center.classList.remove("with-map");
    this.tools.opened(this.list);
    this.grid.node.scrollTop = 0;
    this.focus = { place: 0, inner: this.list.count ? this.begin(0) : 0 };
    this.refill();
    this.look();
  }

  async trying(promise) {
    try { return await promise; } catch (error) { banner(error.message, { kind: "bad" }); throw error; }
  }

  // How many cards stand side by side, and how high a line is, for a width.
  measure(width) {
    const image = this.about.pictures;
    const paired = this.list && this.list.name !== "label" && !this.list.grouped && this.hasTwins();
    const wide = image ? (paired ? 360 : 188) : 330;
    if (this.list?.grouped) return { columns: 1, height: image ? 306 : 252 };
    return { columns: Math.max(1, Math.floor((width - 12) / (wide + 12))), height: image ? 272 : paired ? 272 : 212 };
  }

  hasTwins() {
    if (this.list.twinned === undefined) this.list.twinned = this.list.twins.some((twin) => twin >= 0) && this.list.name !== "decisions";
    return this.list.twinned;
  }

  // Draws the list anew after it was cut, filtered or sorted.
  refill() {
    this.grid.sift();
    this.grid.shape(this.measure(this.grid.node.clientWidth || 800), this.list.count);
    this.focus.place = Math.min(this.focus.place, Math.max(0, this.list.count - 1));
    this.ring(this.here());
    this.empty.hidden = this.list.count > 0;
    this.grid.node.setAttribute("aria-rowcount", this.list.count);
    if (!this.list.count) show(this.empty, el("p", {}, this.list.rows.length ? "Nothing is left at this threshold and with these filters." : "Nothing was found here."));
    this.tools.counted();
  }

  // What a line holds: of a group also how many copies the threshold leaves.
  sign(place, columns) {
    const { list } = this;
    if (place >= list.count) return "";
    if (list.grouped) return `${list.name} ${list.unit(place)} ${list.members(list.unit(place)).length}`;
    return `${list.name} ${Array.from({ length: Math.min(columns, list.count - place) }, (_, at) => list.unit(place + at))}`;
  }

  line(place, columns) {
    const node = el("div", { role: "row", "aria-rowindex": place + 1 });
    if (this.list.grouped) { node.className = "group-line"; this.group(node, place); return node; }
    node.className = "cell-line";
    for (let at = place; at < Math.min(this.list.count, place + columns); at += 1) {
      const found = this.list.unit(at);
      node.append(this.cell(this.list.rows[found], { place: at, inner: 0, pair: this.hasTwins() ? this.list.twins[found] : -1 }));
    }
    return node;
  }

  group(node, place) {
    const unit = this.list.unit(place);
    const members = this.list.members(unit);
    const kept = this.list.twins[members[0]];
    const strip = el("div", { class: "strip" });
    if (kept >= 0) strip.append(this.cell(kept, { place, inner: 0, role: this.goes(kept) ? "goes as well" : "stays", kept: true }));
    const shown = members.slice(0, 40);
    for (const [at, found] of shown.entries()) strip.append(this.cell(this.list.rows[found], { place, inner: at + (kept >= 0), role: `copy ${(1 - this.list.scores[found]).toFixed(2)}` }));
    if (members.length > shown.length) strip.append(el("button", { type: "button", class: "more", onclick: () => this.openRows(members.map((at) => this.list.rows[at]), `Copies of one row`) }, `${number(members.length - shown.length)} more`));
    node.append(el("div", { class: "group-head" }, el("span", {}, `${number(members.length)} ${members.length === 1 ? "copy" : "copies"} of ${kept >= 0 && this.goes(kept) ? "a row that goes as well" : "the row that stays"}`),
      el("button", { type: "button", class: "plain small", onclick: () => this.sayGroup("accept", place) }, "Accept all"), el("button", { type: "button", class: "plain small", onclick: () => this.sayGroup("reject", place) }, "Reject all")), strip);
  }

  // Whether a row is dropped, by its verdict or else by what was decided.
  goes(row) {
    const verdict = this.verdicts.of(row)?.verdict;
    if (verdict && verdict !== "accept") return verdict === "drop";
    const card = this.cards.get(row);
    return (verdict ? card?.proposed : card?.action) === "drop";
  }

  cell(row, { place, inner, role = "", kept = false, pair = -1 }) {
    const card = this.cards.get(row);
    const twin = pair >= 0 ? this.cards.get(pair) : null;
    let node;
    if (!card || (pair >= 0 && !twin)) { this.want(row); if (pair >= 0) this.want(pair); node = waitingNode(row); }
    else node = cardNode(this.about, card, { verdict: this.verdicts.of(row), role, kept, chosen: this.chosen.has(row), twin });
    Object.assign(node.dataset, { place, inner });
    if (place === this.focus.place && inner === this.focus.inner) { node.tabIndex = 0; node.classList.add("here"); }
    return node;
  }

  want(row) {
    this.wanted.add(row);
    if (!this.asking) this.asking = setTimeout(() => { this.asking = null; this.fetchCards(); }, 8);
  }

  async fetchCards() {
    const rows = [...this.wanted].filter((row) => !this.cards.has(row)).slice(0, 200);
    this.wanted.clear();
    if (!rows.length) return;
    try {
      const found = await get(`/api/review/cards?rows=${rows.join(",")}`);
      if (this.cards.size > KEEP_CARDS) this.cards.clear();
      for (const card of found) this.cards.set(card.row, card);
      this.paint();
      this.firstPaint ??= performance.now();
    } catch (error) {
      if (error instanceof Offline) setTimeout(() => { for (const row of rows) this.want(row); }, 1000);
      else banner(error.message, { kind: "bad" });
    }
  }

  // Draws what is on screen anew, with the focus where it was.
  paint() {
    if (this.current === "map") { this.look(); return; }
    const held = this.grid.node.contains(document.activeElement) && document.activeElement !== this.grid.node;
    const scrolled = new Map([...this.grid.lines].map(([at, line]) => [at, line.querySelector(".strip")?.scrollLeft]));
    this.grid.redraw();
    for (const [at, left] of scrolled) if (left) { const strip = this.grid.lines.get(at)?.querySelector(".strip"); if (strip) strip.scrollLeft = left; }
    if (held) this.here()?.focus({ preventScroll: true });
    this.look();
  }

  scrolled(from, to) {
    if (!this.list || this.current === "map") return;
    this.list.seen ??= new Set();
    for (let place = from; place < to; place += 1) this.list.seen.add(this.list.unit(place));
  }

  here() { return this.grid.node.querySelector(`.card[data-place="${this.focus.place}"][data-inner="${this.focus.inner}"]`); }

  // Shows which card is in focus: the only one that Tab leads to.
  ring(card) {
    for (const old of this.grid.node.querySelectorAll('.card[tabindex="0"]')) { old.tabIndex = -1; old.classList.remove("here"); }
    if (card) { card.tabIndex = 0; card.classList.add("here"); }
  }

  focused(card) {
    this.ring(card);
    this.focus = { place: Number(card.dataset.place), inner: Number(card.dataset.inner) };
    this.look();
  }

  clicked(event) {
    const card = event.target.closest(".card");
    if (!card) return;
    card.focus({ preventScroll: true });
    const row = Number(card.dataset.row);
    if (event.ctrlKey || event.metaKey) this.toggle(row);
    else if (event.shiftKey && this.anchor) this.chooseTo(this.focus);
    else this.anchor = { ...this.focus };
    if (narrow() && event.detail === 1 && this.lastTap === row) this.large(true);
    this.lastTap = row;
  }

  rowAt({ place, inner }) {
    if (!this.list || place >= this.list.count) return -1;
    const unit = this.list.unit(place);
    if (!this.list.grouped) return this.list.rows[unit];
    const members = this.list.members(unit);
    const kept = this.list.twins[members[0]];
    if (kept >= 0 && inner === 0) return kept;
    const at = members[inner - (kept >= 0)];
    return at === undefined ? -1 : this.list.rows[at];
  }

  // How many cards a line of a group has.
  length(place) {
    if (!this.list.grouped) return 1;
    const members = this.list.members(this.list.unit(place));
    return Math.min(40, members.length) + (this.list.twins[members[0]] >= 0);
  }

  toggle(row) {
    if (!this.chosen.delete(row)) this.chosen.add(row);
    this.paint();
  }

  chooseTo(there) {
    const [from, to] = [this.anchor.place, there.place].sort((a, b) => a - b);
    for (let place = from; place <= to; place += 1) {
      const end = this.length(place);
      for (let inner = this.begin(place); inner < end; inner += 1) this.chosen.add(this.rowAt({ place, inner }));
    }
    this.paint();
  }

  move(key, extend) {
    const { place, inner } = this.focus;
    const before = { ...this.focus };
    const columns = this.grid.columns;
    const lines = Math.max(1, Math.floor(this.grid.node.clientHeight / this.grid.height));
    const jump = { ArrowUp: -columns, ArrowDown: columns, PageUp: -columns * lines, PageDown: columns * lines, Home: -place, End: this.list.count - 1 - place }[key];
    let next;
    if (jump !== undefined) next = { place: Math.max(0, Math.min(this.list.count - 1, place + jump)), inner };
    else if (key === "ArrowRight") next = inner + 1 < this.length(place) ? { place, inner: inner + 1 } : { place: place + 1, inner: 0 };
    else next = inner > 0 ? { place, inner: inner - 1 } : { place: place - 1, inner: FAR_RIGHT };
    if (next.place < 0 || next.place >= this.list.count) return;
    next.inner = Math.min(next.inner, this.length(next.place) - 1);
    if (extend) { this.anchor ??= before; this.focus = next; this.chooseTo(next); } else this.anchor = null;
    this.go(next);
  }

  go(where) {
    this.focus = where;
    this.grid.reveal(where.place);
    const card = this.here();
    if (card) { card.focus({ preventScroll: true }); card.scrollIntoView({ block: "nearest", inline: "nearest" }); }
    this.look();
  }

  // On to the next row that a verdict is asked about: of a group its copies, not the row that stays.
  advance() {
    const { place, inner } = this.focus;
    if (inner + 1 < this.length(place)) this.go({ place, inner: inner + 1 });
    else if (place + 1 < this.list.count) this.go({ place: place + 1, inner: this.begin(place + 1) });
  }

  begin(place) { return this.list.grouped && this.length(place) > 1 ? 1 : 0; }

  next() {
    const row = (where) => this.verdicts.codes[this.rowAt(where)] === 0;
    let { place, inner } = this.focus;
    for (; place < this.list.count; place += 1, inner = -1) {
      const end = this.length(place);
      for (let at = Math.max(this.begin(place), inner + 1); at < end; at += 1) if (row({ place, inner: at })) { this.go({ place, inner: at }); return; }
    }
    announce("No row without a verdict after this one.");
  }

  // The rows that a verdict is about: those chosen, else the one in focus.
  targets() {
    if (this.chosen.size) return [...this.chosen];
    const row = this.current === "map" ? this.looked ?? -1 : this.rowAt(this.focus);
    return row >= 0 ? [row] : [];
  }

  say(verdict, rows = this.targets(), more = {}) {
    if (!rows.length || this.outbox.size >= MOST_UNSENT) return;
    const single = rows.length === 1 && !this.chosen.size && !more.stay && this.current !== "map";
    const person = this.person || "unnamed";
    const said = { ...(more.label ? { label: more.label, new_label: Boolean(more.fresh) } : {}), ...(more.note ? { note: more.note } : {}) };
    this.verdicts.set(rows, verdict, { ...said, person });
    this.outbox.put({ kind: "say", verdict, rows, person, ...said });
    announce(`${rows.length === 1 ? "" : `${number(rows.length)} rows `}${WORDS[verdict] ?? "no verdict"}`);
    this.chosen.clear();
    this.counted();
    if (this.current === "map") this.map?.colorBy(this.map.mode);
    this.paint();
    if (single) this.advance();
  }

  sayGroup(verdict, place = this.focus.place) {
    if (!this.list?.grouped) { this.say(verdict); return; }
    this.say(verdict, this.list.members(this.list.unit(place)).map((at) => this.list.rows[at]), { stay: true });
    if (place + 1 < this.list.count && place === this.focus.place) this.go({ place: place + 1, inner: this.begin(place + 1) });
  }

  undo() { this.outbox.put({ kind: "undo", person: this.person || "unnamed" }); }

  relabel() {
    const rows = this.targets();
    if (!rows.length) return;
    const card = this.cards.get(rows[0]);
    const offered = rows.length === 1 ? card?.findings.find((one) => one.suggested)?.suggested ?? card?.better : null;
    relabelDialog(this.overview, { rows: rows.length, offered, given: rows.length === 1 ? card?.given : null, chosen: (label, fresh) => this.say("relabel", rows, { label, fresh }) });
  }

  // A note beside the verdict of the row in focus, which is said again with it.
  note() {
    const row = this.looked;
    const verdict = row >= 0 ? this.verdicts.of(row) : null;
    if (!verdict) { announce("A note goes with a verdict: give one first."); return; }
    noteDialog(verdict.note ?? "", (note) => this.say(verdict.verdict, [row], { label: verdict.label, fresh: true, note, stay: true }));
  }

  bulk() {
    if (this.current === "map" || !this.list) return;
    const seen = this.list.seen ?? new Set();
    const scopes = [
      ["chosen", "The chosen rows", () => [...this.chosen]],
      ["seen", "All that I have seen in this list", () => this.list.rowsOf((place) => seen.has(this.list.unit(place)))],
      ["shown", this.list.cuttable ? "All above the threshold, with these filters" : "All that is shown, with these filters", () => this.list.rowsShown()],
      ...(this.list.cuttable ? [["below", "All below the threshold, with these filters", () => this.list.rowsBelow()]] : []),
    ];
    bulkDialog({ scopes, open: (row) => this.verdicts.codes[row] === 0, said: (verdict, rows) => { this.chosen.clear(); this.say(verdict, rows, { stay: true }); } });
  }

  // What became of a message.
  async taken(message, reply) {
    if (reply.error) {
      banner(reply.error, { kind: "bad", action: { text: "Close", run: () => banner("") } });
      announce(reply.error);
      await this.reload(true);
    } else if (message.kind === "undo") {
      await this.reload(true);
      if (!reply.undone) { announce("Nothing is left to undo."); return; }
      announce(`Taken back: ${WORDS[reply.undone.verdict] ?? "no verdict"}, ${reply.undone.rows.length === 1 ? "one row" : `${number(reply.undone.rows.length)} rows`}`);
      this.find(reply.undone.rows[0]);
    } else if (reply.step === this.verdicts.last + 1) this.verdicts.last = reply.step;
    else if (!this.outbox.size) await this.reload();
  }

  // Shows a row where the list has it on hand.
  find(row) {
    if (!this.list || this.current === "map") return;
    const reach = Math.min(this.list.count, 200_000);
    for (let away = 0; away < reach; away += 1) {
      for (const place of [this.focus.place - away, this.focus.place + away]) {
        if (place < 0 || place >= this.list.count) continue;
        for (let inner = 0; inner < this.length(place); inner += 1) if (this.rowAt({ place, inner }) === row) { this.go({ place, inner }); return; }
      }
    }
  }

  async reload(anew = false) {
    try {
      const changed = this.verdicts.load(await arrays(`/api/review/verdicts${anew ? "" : `?since=${this.verdicts.last}`}`));
      for (const message of this.outbox.messages) if (message.kind === "say") this.verdicts.set(message.rows, message.verdict, message);
      if (changed) { this.counted(); this.tools.filterAgain(); if (this.list) this.paint(); this.map?.colorBy(this.map.mode); }
    } catch (error) { if (!(error instanceof Offline)) banner(error.message, { kind: "bad" }); }
  }

  counted() {
    this.progress.textContent = `${number(this.verdicts.count)} ${this.verdicts.count === 1 ? "verdict" : "verdicts"}`;
    this.tools.counted();
  }

  unsent() {
    const { size, trouble } = this.outbox;
    if (!size || !trouble) { if (this.troubled) { banner(""); this.troubled = false; } return; }
    this.troubled = true;
    const why = trouble instanceof Refused ? trouble.message : "The server does not answer.";
    banner(`${why} ${number(size)} ${size === 1 ? "step is" : "steps are"} kept in this browser and sent again.${size >= MOST_UNSENT ? " Go on when they are sent." : ""}`, { kind: "warn" });
  }

  // The row in focus at large, beside the list.
  look(row = this.current === "map" ? this.looked : this.rowAt(this.focus)) {
    this.looked = row;
    const count = this.chosen.size;
    this.target.textContent = count ? `${number(count)} chosen` : "";
    const card = this.cards.get(row);
    if (row === undefined || row < 0) { show(this.side, el("p", { class: "soft" }, this.current === "map" ? "Click on a point to see its row." : "")); return; }
    const other = card ? card.twin >= 0 ? card.twin : card.findings.find((one) => one.twin >= 0)?.twin ?? -1 : -1;
    const twin = other >= 0 ? this.cards.get(other) : null;
    if (!card || (other >= 0 && !twin)) { this.want(row); if (other >= 0) this.want(other); if (!card) return; }
    const shown = `${row}/${twin?.row}/${JSON.stringify(this.verdicts.of(row))}`;
    if (shown === this.lookedAt) return;
    this.lookedAt = shown;
    show(this.side, this.closing(),
      ...inspect(this.about, card, twin, { verdict: this.verdicts.of(row), titles: this.titles, onverdict: (verdict) => this.say(verdict, [row], { stay: true }), onnote: () => this.note(), onopen: (at, whole) => this.whole(at, whole) }).filter(Boolean));
  }

  closing() { return el("button", { class: "plain close", type: "button", onclick: () => this.large(false) }, this.current === "map" ? "Back to the map" : "Back to the list"); }

  async whole(row, full) {
    if (!full) { this.openRows([row], "Another row"); return; }
    const [card] = await this.trying(get(`/api/review/cards?rows=${row}&whole=`));
    this.cards.set(row, card);
    this.lookedAt = null;
    this.look(row);
  }

  large(on) { main.classList.toggle("large", on); if (on) this.side.querySelector("button")?.focus(); else this.here()?.focus(); }

  openRows(rows, title) {
    const list = listOfRows(rows, { name: `rows:${title}`, title, meaning: "" });
    list.own = true;
    this.lists.set(list.name, list);
    this.current = null;
    this.open(list.name);
  }

  async openMap() {
    this.tools.opened(null);
    this.empty.hidden = true;
    if (!this.map) {
      show(this.stage, el("p", { class: "soft waiting" }, "Placing all rows …"));
      const [{ arrays: found }] = await Promise.all([this.trying(arrays("/api/review/map")), this.columns()]);
      this.map = new PlotMap({ places: found.places, modes: this.modes(), lassoed: (rows) => this.lassoed(rows), pointed: (row) => this.pointed(row) });
    }
    if (this.current !== "map") return;
    this.center.classList.add("with-map");
    show(this.stage, this.map.node);
    this.lookedAt = null;
    this.look(this.looked ?? -1);
  }

  pointed(row) {
    this.chosen.clear();
    this.want(row);
    this.looked = row;
    this.look(row);
    if (narrow()) this.large(true);
  }

  lassoed(rows) {
    this.chosen = new Set(rows);
    this.target.textContent = `${number(rows.length)} chosen`;
    const opening = el("button", { type: "button", class: "main", onclick: () => { this.large(false); this.openRows(rows, "Rows in the lasso"); } }, `Show these ${number(rows.length)} rows`);
    show(this.side, this.closing(), el("h2", {}, `${number(rows.length)} rows in the lasso`), rows.length ? opening : null, el("p", { class: "soft" }, "A verdict now is about all of them."));
    this.lookedAt = null;
    if (rows.length && narrow()) this.large(true);
  }

  async columns() { this.rows ??= (await this.trying(arrays("/api/review/rows"))); return this.rows; }

  modes() {
    const { head, arrays: found } = this.rows;
    const bytes = (codes, most) => { const made = new Uint8Array(codes.length); for (let at = 0; at < made.length; at += 1) made[at] = codes[at] < 0 || codes[at] >= most ? 255 : codes[at]; return made; };
    const quiet = (codes) => { const made = Uint8Array.from(codes); for (let at = 0; at < made.length; at += 1) made[at] = made[at] === 0 ? 255 : made[at] - 1; return made; };
    const modes = {
      action: { title: "decision", colors: () => ({ codes: quiet(found.actions), names: this.overview.actions.slice(1).map((one) => DECISIONS[one] ?? one) }) },
      check: { title: "finding", colors: () => ({ codes: bytes(found.reasons, 255), names: this.overview.checks.map((check) => this.titles[check] ?? check) }) },
      verdict: { title: "verdict", colors: () => ({ codes: quiet(this.verdicts.codes), names: this.overview.verdicts.slice(1).map((one) => WORDS[one]) }) },
    };
    if (this.overview.labels.length) modes.label = { title: "label", colors: () => ({ codes: bytes(found.given, 8), names: this.overview.labels }) };
    if (head.splits.length > 1) modes.split = { title: "split", colors: () => ({ codes: found.splits, names: head.splits }) };
    return modes;
  }

  async export(kind) {
    if (!this.list) return;
    await this.trying(exportRows(this.chosen.size ? [...this.chosen] : this.list.rowsShown(), kind, this.list.name));
  }

  apply() { applyDialog({ person: this.person, waiting: () => this.outbox.size, open: (rows) => this.openRows(rows, "Rows that contradict each other") }); }

  askPerson() { personDialog(this.person, this.about.annotators, (chosen) => { this.person = chosen; remember(chosen); this.named(); }); }

  key(event) {
    if (event.key === "Escape" && main.classList.contains("large")) { this.large(false); return; }
    if (document.querySelector("dialog[open]") || typing(event) || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const run = this.command(key, event);
    if (!run) return;
    event.preventDefault();
    run();
  }

  command(key, event) {
    if (event.shiftKey && (key === "a" || key === "r")) return () => this.sayGroup(KEYS[key]);
    if (KEYS[key]) return () => this.say(KEYS[key]);
    if (/^(Arrow|Page|Home|End)/.test(key)) return this.list && this.current !== "map" && !event.target.closest?.(".toolbar, .lists") ? () => this.move(key, event.shiftKey) : null;
    const onButton = event.target.closest?.("button, summary, a");
    if ((key === " " || key === "Enter") && onButton) return null;
    return { l: () => this.relabel(), e: () => this.note(), z: () => this.undo(), b: () => this.bulk(), n: () => this.next(), "?": () => this.help.showModal(), "/": () => this.tools.search.focus(), "[": () => this.tools.nudge(-1), "]": () => this.tools.nudge(1),
      " ": () => { const [row] = [this.rowAt(this.focus)]; if (row >= 0) this.toggle(row); }, Enter: () => this.large(true), Escape: () => { this.chosen.clear(); this.paint(); } }[key];
  }
}

function remembered() {
  const asked = new URLSearchParams(location.search).get("as");
  try { if (asked) localStorage.setItem(KEPT, asked); return asked ?? localStorage.getItem(KEPT) ?? ""; } catch { return asked ?? ""; }
}

function remember(person) { try { localStorage.setItem(KEPT, person); } catch { /* for this visit only */ } }

async function begin() {
  try {
    const [{ about, right }, overview] = await Promise.all([start({ name: "review", title: "Review" }), get("/api/review/overview")]);
    const page = new Review({ about, right, overview });
    window.review = page; // for those who look from the console, and for measurements
    await Promise.all([page.reload(true), page.open(overview.lists.find((one) => one.name !== "decisions" && one.count)?.name ?? "decisions")]);
    page.outbox.start();
    setInterval(() => { if (!document.hidden && !page.outbox.size) page.reload(); }, 5000);
  } catch (error) {
    banner(error.message, { kind: "bad", action: { text: "Try again", run: () => location.reload() } });
  }
}

begin();
