// A row as a person sees it: an image, a text (folded where it is long), or its columns.

import { get } from "./api.js";
import { el, name, visible } from "./dom.js";
import { media, picture } from "./shell.js";

const PIXELS_SEEN = 128;
const ENLARGED = 480;

// A small image is enlarged in its own shape, so that marks on it stay in place.
function enlarge(image) {
  const longest = Math.max(image.naturalWidth, image.naturalHeight);
  image.classList.toggle("tiny", longest <= PIXELS_SEEN);
  image.classList.toggle("enlarged", longest < ENLARGED);
  image.style.setProperty("--wide", image.naturalWidth / longest);
}

// Fetched and decoded before it is wanted.
export function imageOf(row, about) {
  return picture(media(about, row.row), {
    label: `Image of row ${visible(row.id)}`, className: "whole",
    onload: (image) => { if (image) enlarge(image); },
  });
}

export function contentOf(row, { frame }) {
  if (row.content.image) return frame;
  if (row.content.text !== undefined) return textOf(row);
  return columnsOf(row.content.columns);
}

function textOf(row) {
  const { text, length } = row.content;
  const node = el("div", { class: "text", dir: "auto", lang: "" }, visible(text));
  if (length <= text_length(text)) return node;
  const more = el("button", { class: "plain", type: "button", onclick: async () => {
    more.disabled = true;
    try {
      node.textContent = visible((await get(`/api/label/text/${row.row}`)).text);
      more.remove();
    } catch (error) {
      more.disabled = false;
      more.textContent = `${error.message} Show all again`;
    }
  } }, `Show all ${length.toLocaleString("en")} characters`);
  return el("div", {}, node, more);
}

// In characters as Python counts them, not in halves of pairs.
export const text_length = (text) => [...text].length;

function columnsOf(columns) {
  return el("div", { class: "columns-scroll" }, el("table", { class: "columns" }, el("tbody", {},
    columns.map(([title, value]) => el("tr", {}, el("th", { scope: "row" }, name(title)), el("td", { dir: "auto" }, value === null ? el("i", { class: "soft" }, "missing") : visible(value)))))));
}

// What the model expects of a row in which it cannot say where.
export const expected = (row) => (row.suggestion_text ? `The model expects that the row ${visible(row.suggestion_text)}.` : "");
