// The labeling page: one row at a time, drawn before the last answer is saved.

import { get, post, fresh, Outbox, Offline } from "./api.js";
import { el, announce, name, show, visible } from "./dom.js";
import { banner, helpDialog, start, typing } from "./shell.js";
import { contentOf } from "./label_content.js";
import { Progress } from "./label_progress.js";
import { Queue } from "./label_queue.js";
import { OneNumber, OneClass, SeveralClasses, percent } from "./label_tasks.js";
import { Spans } from "./label_spans.js";
import { Boxes } from "./label_boxes.js";

const INPUTS = { classification: OneClass, multi_label: SeveralClasses, regression: OneNumber, spans: Spans, boxes: Boxes };
const MOST_UNSENT = 20;
const main = document.getElementById("main");

class Labeler {
  constructor({ about, session, annotator, right }) {
    Object.assign(this, { about, session, annotator, right });
    this.history = [];
    this.current = null;
    this.late = 0;
    this.outbox = new Outbox({
      path: "/api/label/answers", place: about.key,
      taken: (message, reply) => this.taken(message, reply), changed: () => this.unsent(),
    });
    this.input = new INPUTS[session.task]({ session, about, submit: (label) => this.answer("label", label) });
    this.progress = new Progress({ annotator });
    this.queue = new Queue({ annotator, about, held: () => this.held(), changed: () => this.arrived() });
    this.build();
    this.outbox.start();
    this.unsent();
    document.addEventListener("keydown", (event) => this.key(event));
    addEventListener("beforeunload", (event) => { if (this.outbox.size && this.outbox.unkept) event.preventDefault(); });
    document.addEventListener("visibilitychange", () => this.paused());
  }

  build() {
    this.help = helpDialog([...this.input.keys, [["Space"], "skip: no label is possible"], [["Z"], "take the last answer back, and the one before"], [["?"], "these keys"]],
      el("p", { class: "small soft" }, "A blind row is drawn at random to measure the model, and shown without its suggestion, so that it is measured against what you see and not against what it said."));
    this.reason = el("p", { class: "reason soft small" });
    this.content = el("div", { class: "content" });
    this.card = el("article", { class: "card", "aria-live": "off" }, this.reason, this.content);
    const undo = el("button", { type: "button", onclick: () => this.undo() }, "Undo ", el("kbd", {}, "Z"));
    const skip = el("button", { type: "button", onclick: (event) => { if (event.detail > 0) event.currentTarget.blur(); this.answer("skip"); } }, "Skip ", el("kbd", {}, "Space"));
    this.actions = el("div", { class: "actions" }, undo, skip);
    this.pad = el("div", { class: "pad" }, this.input.node, this.actions);
    this.waiting = el("div", { class: "waiting", hidden: true });
    show(main, el("div", { class: "work" }, this.card, this.waiting, this.pad), this.progress.node);
    this.saved = el("span", { class: "saved small soft", "aria-hidden": "true" });
    show(this.right, this.saved,
      this.annotator ? el("button", { class: "plain who", type: "button", title: "Somebody else labels", onclick: () => changePerson() }, name(this.annotator)) : el("button", { class: "plain who", type: "button", onclick: () => changePerson() }, "unnamed"),
      el("button", { class: "plain", type: "button", "aria-label": "Show the keys", onclick: () => this.help.showModal() }, "Keys ", el("kbd", {}, "?")));
    const fit = () => this.fit();
    new ResizeObserver(fit).observe(this.pad);
    addEventListener("resize", fit);
    this.advance();
  }

  // Leaves an image the room that the page has beside the head and the classes.
  fit() {
    const above = this.content.getBoundingClientRect().top + window.scrollY;
    const room = window.innerHeight - above - this.pad.offsetHeight - 32;
    this.card.style.setProperty("--room", `${Math.max(200, Math.floor(room))}px`);
    document.documentElement.style.scrollPaddingBottom = `${this.pad.offsetHeight}px`; // nothing is scrolled behind it
  }

  // The next row, or why there is none.
  advance() {
    if (this.outbox.size >= MOST_UNSENT) { this.current = null; this.wait(); return; }
    const row = this.queue.take();
    if (row) this.draw(row);
    else { this.current = null; this.wait(); }
  }

  draw(row) {
    this.current = row;
    this.shownAt = performance.now();
    this.away = 0;
    this.hiddenAt = document.hidden ? performance.now() : null;
    const frame = row.content.image ? this.queue.frame(row) : null;
    const ownText = this.session.task === "spans";
    this.content.replaceChildren(ownText ? this.input.text : contentOf(row, { frame }));
    this.card.dataset.row = row.row;
    this.reason.textContent = row.blind ? "Blind row: drawn at random to measure the model, so its suggestion is not shown." : `${row.reason}${this.suggested(row)}`;
    this.reason.classList.toggle("blind", row.blind);
    this.card.hidden = this.pad.hidden = false;
    this.waiting.hidden = true;
    this.input.show(row, frame);
    this.input.shown?.();
    window.scrollTo(0, 0);
    announce(this.inWords(row));
    if (row.content.image) this.queue.forgetImages(new Set([row.row, ...this.queue.rows.map((other) => other.row), ...this.history.slice(-3).map((entry) => entry.row.row)]));
  }

  suggested(row) {
    if (this.session.task !== "classification" || row.suggestion === null) return "";
    const sure = row.probability === null ? "" : ` (${percent(row.probability)})`;
    return ` It suggests ${visible(row.suggestion_text)}${sure}.`.replace(/^ It/, row.reason.startsWith("The model") ? " It" : " The model");
  }

  inWords(row) {
    const what = row.content.image ? `Image of row ${row.id}` : row.content.text !== undefined ? row.content.text.slice(0, 300) : row.content.columns.slice(0, 12).map(([title, value]) => `${title} ${value}`).join(", ");
    return visible(`${what}. ${this.reason.textContent}`);
  }

  wait() {
    const { state, trouble } = this.queue;
    const words = this.outbox.size >= MOST_UNSENT
      ? ["Labeling pauses", `${this.outbox.size} answers are kept in this browser and not saved by the server yet. The next row comes once they are.`]
      : state === "done" ? ["Nothing is left to label", "Every row that you may label has an answer."]
      : state === "taken" ? ["Nothing is left for you now", "All other rows are with somebody else. Rows that come free are shown here by themselves."]
      : state === "empty" ? ["There is nothing to label", "The session has no row that may be asked."]
        : state === "offline" ? ["No rows are left here", trouble instanceof Offline ? "The server does not answer. The page goes on by itself once it does." : trouble.message]
          : ["Choosing rows", "The first batch is being chosen; later ones are ready before you need them."];
    this.card.hidden = this.pad.hidden = true;
    this.waiting.hidden = false;
    const text = words.join(". ");
    if (this.waiting.dataset.text === text) return;
    this.waiting.dataset.text = text;
    show(this.waiting, el("h2", {}, words[0]), el("p", { class: "soft" }, words[1]),
      this.history.length && (state === "done" || state === "taken") ? el("button", { type: "button", onclick: () => this.undo() }, "Undo ", el("kbd", {}, "Z")) : null);
    announce(text);
  }

  // Numbers of the rows that are on the page or answered and not saved.
  held() {
    const unsaved = this.outbox.messages.map((message) => message.row);
    return [...new Set(this.current ? [this.current.row, ...unsaved] : unsaved)];
  }

  arrived() { if (!this.current) this.advance(); }

  // Seconds that the row was in front of the person.
  seconds() {
    const now = performance.now();
    const away = this.away + (this.hiddenAt === null ? 0 : now - this.hiddenAt);
    return Math.round((now - this.shownAt - away) / 10) / 100;
  }

  paused() {
    if (document.hidden) this.hiddenAt = performance.now();
    else if (this.hiddenAt !== null) { this.away += performance.now() - this.hiddenAt; this.hiddenAt = null; }
  }

  answer(kind, label) {
    const row = this.current;
    if (!row) return;
    const seconds = this.seconds();
    this.history.push({ row, kind, label, seconds });
    const message = { annotator: this.annotator, lease: this.queue.lease, row: row.row, kind, seconds };
    if (kind === "label") message.label = label;
    this.outbox.put(message);
    if (kind === "label") this.progress.count(1, seconds);
    this.advance(); // once: what the outbox reports finds a row on the page until here
  }

  async undo() {
    const entry = this.history.pop();
    if (entry) {
      this.outbox.put({ annotator: this.annotator, lease: this.queue.lease, row: entry.row.row, kind: "undo" });
      if (entry.kind === "label") this.progress.count(-1);
      this.again({ ...entry.row, given: entry.kind === "label" ? entry.label : undefined });
      return;
    }
    if (this.outbox.size) { announce("The last answers are still being saved."); return; }
    try {
      const { row } = await post("/api/label/undo", { ...this.queue.who, key: fresh() });
      if (row) { this.again(row); this.progress.refresh(); } else { announce("There is nothing to undo."); this.note("There is nothing to undo."); }
    } catch (error) {
      this.note(error.message);
    }
  }

  // Shows a row once more, and the one that was shown after it.
  again(row) {
    if (this.current) this.queue.putBack(this.current);
    this.draw(row);
    this.note("Undone.");
  }

  note(text) {
    this.saved.textContent = text;
    this.saved.removeAttribute("aria-hidden");
    clearTimeout(this.noted);
    this.noted = setTimeout(() => this.unsent(), 2500);
  }

  taken(message, reply) {
    if (reply.late) this.late += 1;
    if (!reply.error) return;
    // Refused for good: the row is shown again with what is wrong about the answer.
    const found = this.history.findIndex((entry) => entry.row.row === message.row);
    const text = `An answer was not taken. ${reply.error}`;
    banner(text, { kind: "bad", action: { text: "Understood", run: () => { this.refused = false; this.unsent(); } } });
    this.refused = true;
    announce(text);
    if (found < 0) return;
    const [entry] = this.history.splice(found, 1);
    if (entry.kind === "label") this.progress.count(-1);
    this.queue.putBack({ ...entry.row, given: entry.label });
    if (!this.current) this.advance();
  }

  unsent() {
    const { size, trouble, unkept } = this.outbox;
    this.saved.setAttribute("aria-hidden", "true");
    this.saved.textContent = size ? `${size} to save` : this.late ? `Saved; ${this.late} came late and count` : this.history.length ? "Saved" : "";
    if (this.refused) return;
    if (trouble && size) {
      const kept = unkept ? "This browser keeps nothing: leave the page open." : "They are kept in this browser and sent by themselves, also after it was closed.";
      const why = trouble instanceof Offline ? "The server does not answer." : trouble.message;
      banner(`${size} ${size === 1 ? "answer is" : "answers are"} not saved yet. ${why} ${kept}`, { kind: "warn" });
    } else banner("");
    if (!this.current && size < MOST_UNSENT) this.advance();
    else if (!this.current) this.wait();
  }

  key(event) {
    if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
    if (event.ctrlKey || event.metaKey) return;
    const inField = typing(event);
    const target = event.target;
    const pressed = target instanceof Element && target.closest("button, a, summary");
    if (pressed && (event.key === "Enter" || event.key === " ")) return; // the button's own
    const empty = inField && target.value?.trim() === "";
    const ours = !inField || this.session.task === "regression" || (empty && event.key === " ");
    if (!ours) return;
    if (event.key === "?") { this.help.showModal(); event.preventDefault(); return; }
    if (event.key === " " && !event.repeat) { if (inField) target.blur(); this.answer("skip"); event.preventDefault(); return; }
    if (event.key.toLowerCase() === "z" && !event.altKey) { if (!event.repeat) this.undo(); event.preventDefault(); return; }
    if (!this.current || (event.repeat && !event.key.startsWith("Arrow")) || (event.altKey && !event.key.startsWith("Arrow"))) return;
    if (this.input.key(event) && (event.key === "Enter" || event.key === "Backspace")) event.preventDefault();
  }
}

const remembered = "thresher-name";

function changePerson() {
  try { localStorage.removeItem(remembered); } catch { /* nothing was kept */ }
  const address = new URL(location.href);
  address.searchParams.delete("as");
  address.searchParams.set("who", "");
  location.href = address;
}

// Who labels: named in the link, chosen before, or asked for now.
async function person({ annotators }) {
  const given = new URLSearchParams(location.search).get("as");
  const allowed = (each) => each !== null && (annotators.length === 0 || annotators.includes(each));
  if (allowed(given)) return given;
  let kept = null;
  try { kept = localStorage.getItem(remembered); } catch { /* asked for each time */ }
  if (allowed(kept)) return kept;
  return new Promise((chosen) => {
    const take = (each) => { try { localStorage.setItem(remembered, each); } catch { /* as above */ } chosen(each); };
    const field = el("input", { type: "text", id: "name", autocomplete: "name", maxlength: "200" });
    const own = el("form", { class: "submit-line", onsubmit: (event) => { event.preventDefault(); take(field.value.trim()); } },
      el("label", { for: "name" }, "Your name"), field, el("button", { class: "main" }, "Start"));
    show(main, el("div", { class: "person" }, el("h2", {}, "Who labels?"),
      el("p", { class: "soft" }, "Answers are kept by name, so that people can be compared where they labeled the same rows."),
      annotators.length ? el("div", { class: "classes" }, annotators.map((each) => el("button", { class: "class", onclick: () => take(each) }, name(each)))) : own));
    (annotators.length ? main.querySelector("button") : field).focus();
  });
}

try {
  const { about, right } = await start({ name: "label", title: "Label" });
  const session = await get("/api/label/session");
  const annotator = await person({ annotators: about.annotators });
  new Labeler({ about, session, annotator, right });
} catch (error) {
  show(main, el("div", { class: "waiting" }, el("h2", {}, "The page cannot start"), el("p", {}, error.message),
    el("button", { onclick: () => location.reload() }, "Try again")));
}
