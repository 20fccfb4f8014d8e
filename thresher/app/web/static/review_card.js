// One row of the data as a card, and the same at large beside the list.

import { el, name, visible } from "./dom.js";
import { media, picture, thumb } from "./shell.js";

export const WORDS = {
  accept: "accepted", reject: "kept as it is", relabel: "relabeled", keep_other: "kept instead", drop: "to drop",
};
const MARKS = { accept: "✓", reject: "✗", relabel: "✎", keep_other: "⇄", drop: "⌫" };
const SHORT = {
  exact_duplicate: "copy", near_duplicate: "near copy", leakage: "leak", conflict: "conflict", label: "label?",
  outlier: "outlier", quality: "quality", coreset: "not in core set",
};

export const short = (check) => SHORT[check] ?? check;
const closeness = new Set(["exact_duplicate", "near_duplicate", "leakage"]);
export const figure = (finding) => (closeness.has(finding.check) ? (1 - finding.score).toFixed(2) : finding.score.toFixed(2));

// Decisions as they are called on the page.
export const DECISIONS = { keep: "stays", drop: "goes", relabel: "gets a new label", review: "to look at", outside: "nothing decided" };

// What is decided happens without a verdict; what is only asked needs one.
const INTENTS = { review: "If accepted: ", outside: "" };
const intent = (card) => INTENTS[card.action] ?? "Decided: ";

// An image of fewer pixels is enlarged so that each is seen as it is.
const TINY = 80;

const written = (field) => (field.text.trim() ? visible(field.text) : el("i", { class: "soft" }, "empty"));

// What the card is of: its image, or its texts.
function content(about, card, { whole = false } = {}) {
  if (card.picture || (card.fields.length === 0 && about.pictures)) {
    const crisp = (image) => { if (image && image.naturalWidth <= TINY) image.classList.add("tiny"); };
    return picture(whole ? media(about, card.row) : thumb(about, card.row), { label: `Image of ${visible(card.name)}`, className: whole ? "whole" : "small", onload: crisp });
  }
  if (card.fields.length === 0) return el("p", { class: "text soft" }, "Its content was not read.");
  if (card.fields.length === 1) return el("p", { class: "text", dir: "auto" }, written(card.fields[0]), card.fields[0].length > card.fields[0].text.length ? "…" : null);
  return el("dl", { class: "fields" }, card.fields.map((field) => [el("dt", {}, visible(field.name)), el("dd", { dir: "auto" }, written(field))]));
}

// What a row looks like by the finding that says so, where its label is not changed to that.
const looksLike = (card) => (card.better ? null : card.findings.find((one) => one.suggested && one.suggested !== card.given)?.suggested ?? null);

function labels(card, verdict, twin) {
  const next = verdict?.verdict === "relabel" ? verdict.label : card.better;
  const like = next ? null : looksLike(card);
  if (!card.given && !next && !like) return null;
  return el("span", { class: "labels" },
    card.given ? name(card.given, { class: "given" }) : el("i", { class: "soft" }, "no label"),
    next && next !== card.given ? [el("span", { "aria-label": "suggested" }, " → "), name(next, { class: "better" })] : null,
    like ? [el("span", { class: "soft like" }, ", looks like "), name(like, { class: "better" })] : null,
    twin?.given && twin.given !== card.given ? [el("span", { class: "soft", "aria-label": "the other row" }, " | "), name(twin.given)] : null);
}

export function badge(verdict) {
  return verdict ? el("span", { class: `badge ${verdict.verdict}`, title: verdict.person ? `by ${visible(verdict.person)}` : null },
    el("span", { "aria-hidden": "true" }, `${MARKS[verdict.verdict]} `), WORDS[verdict.verdict]) : null;
}

// What a screen reader says of a card.
function spoken(card, verdict, role) {
  const parts = [role, card.name, card.given ? `label ${card.given}` : null, card.better && card.better !== card.given ? `suggested ${card.better}` : null,
    looksLike(card) ? `looks like ${looksLike(card)}` : null,
    card.findings.map((one) => short(one.check)).join(", "), card.action === "keep" ? null : `${intent(card)}${card.proposal}`, verdict ? WORDS[verdict.verdict] : "no verdict"];
  return visible(parts.filter(Boolean).join("; "));
}

export function cardNode(about, card, { verdict, role = "", kept = false, chosen = false, twin = null }) {
  const node = el("article", { class: `card${kept ? " kept" : ""}${verdict ? ` has-${verdict.verdict}` : ""}`, role: "gridcell", tabindex: "-1", "data-row": card.row,
    "aria-label": spoken(card, verdict, role), "aria-selected": chosen ? "true" : "false" },
  el("div", { class: "shown" }, content(about, card), twin ? el("div", { class: "twin" }, content(about, twin)) : null),
  el("div", { class: "below" },
    el("div", { class: "top-line" }, labels(card, verdict, twin) ?? name(card.name, { class: "row-name" }), badge(verdict) ?? (role ? el("span", { class: "role" }, role) : null)),
    el("div", { class: "chips" }, card.findings.map((one) => el("span", { class: `chip ${one.check}` }, `${short(one.check)} ${figure(one)}`))),
    card.action === "keep" ? null : el("div", { class: "proposal" }, el("span", { class: "soft" }, intent(card)), visible(card.proposal))));
  return node;
}

export function waitingNode(row) {
  return el("article", { class: "card waits", role: "gridcell", tabindex: "-1", "data-row": row, "aria-label": "loading", "aria-selected": "false" });
}

// A row at large: its content, its twin beside it, and all that was found about it.
export function inspect(about, card, twin, { verdict, titles, onverdict, onnote, onopen }) {
  const one = (each, role) => el("figure", {}, content(about, each, { whole: true }),
    el("figcaption", {}, role ? el("b", {}, role) : null, name(each.name), each.split ? el("span", { class: "soft" }, ` · ${visible(each.split)}`) : null,
      each.given ? el("span", {}, " · ", name(each.given)) : null));
  const finding = (each) => el("li", {},
    el("div", {}, el("span", { class: `chip ${each.check}` }, visible(titles[each.check] ?? each.check)), el("span", { class: "score" }, figure(each))),
    each.suggested ? el("div", {}, "Looks like ", name(each.suggested, { class: "better" })) : null,
    each.detail ? el("div", { class: "soft" }, visible(each.detail)) : null,
    each.twin >= 0 ? el("button", { class: "plain small", type: "button", onclick: () => onopen(each.twin) }, "Show the other row") : null);
  const cut = card.fields.some((field) => field.length > field.text.length);
  return [
    el("div", { class: "pair" }, one(card, twin ? "This row" : null), twin ? one(twin, card.reason === "leakage" ? "The other row" : "Its twin") : null),
    cut ? el("button", { class: "plain", type: "button", onclick: () => onopen(card.row, true) }, `Show all ${card.fields.reduce((sum, field) => sum + field.length, 0).toLocaleString("en")} characters`) : null,
    el("p", { class: "will" }, verdict ? badge(verdict) : el("span", {}, el("b", {}, intent(card)), visible(card.proposal))),
    verdict?.label ? el("p", { class: "small" }, "New label: ", name(verdict.label)) : null,
    verdict?.note ? el("p", { class: "small" }, "Note: ", visible(verdict.note)) : null,
    verdict?.person ? el("p", { class: "small soft" }, "Said by ", name(verdict.person)) : null,
    el("ul", { class: "found" }, card.findings.map(finding)),
    card.findings.length ? null : el("p", { class: "soft" }, "Nothing was found about this row."),
    verdict ? el("div", { class: "group" }, el("button", { class: "plain", type: "button", onclick: () => onverdict("none") }, "Take this verdict away ", el("kbd", {}, "U")),
      el("button", { class: "plain", type: "button", onclick: onnote }, "Note ", el("kbd", {}, "E"))) : null,
  ];
}
