// The dialogs of the review page: a new label, many verdicts at once, who reviews, and applying.

import { get, post } from "./api.js";
import { el, name, show, visible } from "./dom.js";

const number = (value) => value.toLocaleString("en");

function dialog(title, ...inside) {
  const node = el("dialog", { "aria-label": title }, el("h2", {}, title), ...inside);
  node.addEventListener("close", () => node.remove());
  document.body.append(node);
  node.showModal();
  return node;
}

const cancel = (text = "Cancel") => el("form", { method: "dialog" }, el("button", { class: "plain" }, text));

// One label by typing a part of it; Enter takes the first, or the one that was suggested.
export function relabelDialog(overview, { rows, offered, given, chosen }) {
  const known = overview.labels;
  const list = el("ul", { class: "matches", role: "listbox", id: "matches", "aria-label": "Labels" });
  const input = el("input", { type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": "matches", "aria-label": "New label", autocomplete: "off", value: "" });
  let at = 0;
  let found = [];
  const take = (label, fresh) => { node.close(); chosen(label, fresh); };
  const draw = () => {
    const part = input.value.trim().toLowerCase();
    const ranked = known.map((label, code) => ({ label, code, place: label.toLowerCase().indexOf(part) })).filter((one) => one.place >= 0 && one.label !== given);
    ranked.sort((a, b) => (b.label === offered) - (a.label === offered) || (part ? a.place - b.place : 0) || a.code - b.code);
    found = ranked.slice(0, 50).map(({ label, code }) => ({ label, fresh: code >= overview.own_labels, note: label === offered ? "suggested" : code >= overview.own_labels ? "no row has it yet" : "" }));
    const typed = input.value.trim();
    if (typed && !known.includes(typed)) found.push({ label: typed, fresh: true, note: "a new label" });
    at = Math.max(0, Math.min(at, found.length - 1));
    show(list, ...found.map((one, place) => el("li", { role: "option", id: `match-${place}`, "aria-selected": place === at ? "true" : "false", onclick: () => take(one.label, one.fresh) }, name(one.label), one.note ? el("span", { class: "soft small" }, ` ${one.note}`) : null)));
    if (found.length) input.setAttribute("aria-activedescendant", `match-${at}`); else input.removeAttribute("aria-activedescendant");
    list.children[at]?.scrollIntoView({ block: "nearest" });
  };
  input.addEventListener("input", () => { at = 0; draw(); });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") { at += event.key === "ArrowDown" ? 1 : -1; at = (at + found.length) % Math.max(1, found.length); draw(); event.preventDefault(); }
    if (event.key === "Enter" && found[at]) { event.preventDefault(); take(found[at].label, found[at].fresh); }
  });
  const node = dialog(rows === 1 ? "New label" : `New label for ${number(rows)} rows`, given ? el("p", { class: "soft" }, "Now ", name(given)) : null, input, list, cancel());
  draw();
  input.focus();
}

// Verdicts for many rows: which rows, and what.
export function bulkDialog({ scopes, open, said }) {
  const only = el("input", { type: "checkbox", checked: true });
  let rows = [];
  const choices = scopes.map(([key, text, of]) => ({ key, text, of, input: el("input", { type: "radio", name: "scope", value: key }), count: el("span", { class: "count" }) }));
  const act = (verdict, text, main) => el("button", { type: "button", class: main ? "main" : null, onclick: () => { node.close(); if (rows.length) said(verdict, rows); } }, text);
  const acts = el("div", { class: "group" }, act("accept", "Accept", true), act("reject", "Reject"), act("drop", "Drop"), act("none", "Take verdicts away"));
  const told = el("p", { role: "status" });
  const count = () => {
    const keep = only.checked ? open : () => true;
    for (const one of choices) { one.rows = one.of().filter(keep); one.count.textContent = number(one.rows.length); one.input.disabled = !one.rows.length; }
    const now = choices.find((one) => one.input.checked && one.rows.length) ?? choices.find((one) => one.rows.length);
    if (now) now.input.checked = true;
    rows = now?.rows ?? [];
    told.textContent = rows.length ? `${number(rows.length)} rows get the verdict. Undo takes it back in one step.` : "There are no such rows.";
    for (const button of acts.children) button.disabled = !rows.length;
  };
  const node = dialog("Many at once", el("div", { class: "scopes", onchange: count }, choices.map((one) => el("label", {}, one.input, el("span", {}, one.text), one.count))),
    el("label", { class: "check" }, only, " Only rows without a verdict"), told, acts, cancel());
  only.addEventListener("change", count);
  count();
}

export function noteDialog(note, chosen) {
  const input = el("textarea", { "aria-label": "Note", rows: 3, maxlength: 2000 });
  input.value = note;
  const node = dialog("A note", el("p", { class: "soft" }, "It stands beside the verdict in the manifest."),
    el("form", { method: "dialog", onsubmit: () => chosen(input.value.trim()) }, input, el("button", { class: "main" }, "Keep it")), cancel());
  input.addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); node.close(); chosen(input.value.trim()); } });
  input.focus();
}

export function personDialog(person, names, chosen) {
  const input = el("input", { type: "text", "aria-label": "Your name", value: person, maxlength: "200", list: "people" });
  const node = dialog("Who reviews", el("p", { class: "soft" }, "Your name stands beside each verdict in the manifest, and undo takes back your own steps."),
    el("datalist", { id: "people" }, names.map((one) => el("option", { value: one }))),
    el("form", { method: "dialog", onsubmit: () => { if (input.value.trim()) chosen(input.value.trim()); } }, input, " ", el("button", { class: "main" }, "That is me")), cancel());
  input.select();
  return node;
}

const counted = (counts) => [["keep", "stay as they are"], ["relabel", "stay with a new label"], ["drop", "are dropped"], ["review", "are still to be looked at, and stay as they are"]].map(([action, text]) => [counts[action], text]);

// A path as a shell takes it.
const quoted = (path) => (/^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`);

// What applying will do, then does it.
export async function applyDialog({ person, waiting, open }) {
  const body = el("div", { class: "apply" }, el("p", { class: "soft" }, "Counting …"));
  const node = dialog("Apply the decisions", body, cancel());
  try {
    if (waiting()) { show(body, el("p", {}, "Some verdicts are not saved yet. Try again when they are.")); return; }
    draw(await get("/api/review/preview", 120_000));
  } catch (error) { show(body, el("p", { class: "problem" }, error.message)); }

  function draw(will) {
    if (will.error) {
      show(body, el("p", { class: "problem" }, visible(will.error)), el("button", { type: "button", class: "main", onclick: () => { node.close(); open(will.rows); } }, "Show these rows"));
      return;
    }
    const rows = Object.values(will.after).reduce((sum, one) => sum + one, 0);
    const table = el("table", { class: "counts" }, el("tbody", {}, counted(will.after).map(([count, text], at) => {
      const change = count - counted(will.before)[at][0];
      return el("tr", {}, el("td", {}, number(count)), el("td", {}, text), el("td", { class: "soft" }, change ? `${change > 0 ? "+" : "−"}${number(Math.abs(change))} by verdicts` : ""));
    })));
    const out = el("input", { type: "text", value: will.out, "aria-label": "File of the clean data" });
    const go = el("button", { class: "main" }, "Write the clean data");
    const told = el("p", { role: "status" });
    const form = el("form", { onsubmit: (event) => { event.preventDefault(); write(out, go, told); } }, el("label", {}, "Write the rows that stay to", out), go);
    show(body, el("p", {}, `${number(will.verdicts)} verdicts, ${number(rows)} rows:`), table,
      will.refused ? el("p", { class: "problem" }, will.refused) : el("p", {}, name(will.data), " itself is not touched. Beside the new file, a folder with the ending .undo keeps what was dropped, and one with the ending .manifest every decision with who made it."),
      will.refused ? null : form, told);
  }

  async function write(out, go, told) {
    go.disabled = out.disabled = true;
    told.textContent = "Writing …";
    try {
      const done = await post("/api/review/apply", { out: out.value, person }, 3_600_000);
      show(told, `Written: ${number(done.kept)} rows stay, ${number(done.relabeled)} with a new label; ${number(done.dropped)} were dropped. Take it back with: `, el("code", {}, `thresher curate undo ${quoted(`${done.path}.manifest`)} ${quoted(done.path)} --out FILE`));
      node.lastChild.replaceWith(cancel("Close"));
    } catch (error) { told.textContent = visible(error.message); go.disabled = out.disabled = false; }
  }
}

// What is shown, as a file that the browser saves.
export async function exportRows(rows, kind, title) {
  const reply = await fetch("/api/review/export", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ rows, format: kind }) });
  if (!reply.ok) throw new Error((await reply.json().catch(() => null))?.error ?? `The server said ${reply.status}.`);
  const link = el("a", { href: URL.createObjectURL(await reply.blob()), download: `review-${title.replace(/[^a-z0-9]+/gi, "-")}.${kind}` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
