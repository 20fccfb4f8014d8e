// What every page has: the head with its navigation, help, and what the server is about.

import { get, Offline } from "./api.js";
import { el, name, show } from "./dom.js";

// Fetches /api/about, draws the head, and returns what it said.
export async function start(page) {
  const about = await get("/api/about");
  document.title = `${page.title} · ${about.title}`;
  const links = about.pages.map((other) => el("a", {
    href: `/${other.name}${location.search}`,
    "aria-current": other.name === page.name ? "page" : null,
  }, other.title));
  const right = el("div", { class: "head-right" });
  show(document.querySelector("header"),
    el("strong", { class: "brand" }, "Thresher"),
    links.length > 1 ? el("nav", { "aria-label": "Pages" }, links) : el("span", { class: "place" }, page.title),
    name(about.title, { class: "place soft" }), right);
  return { about, right };
}

// The address of a picture; the key keeps browsers from mixing up two data sets on one port.
export const media = (about, number) => `/media/${number}?v=${about.key}`;
export const thumb = (about, number) => `/thumb/${number}?v=${about.key}`;

// An <img> that turns into words where the file cannot be shown.
export function picture(source, { label, className, onload } = {}) {
  const image = el("img", { class: className, alt: label ?? "", decoding: "async", draggable: "false" });
  const frame = el("div", { class: "picture" }, image);
  image.addEventListener("load", () => { onload?.(image); });
  image.addEventListener("error", async () => {
    const words = await reason(source);
    show(frame, el("div", { class: "broken", role: "img", "aria-label": words.text },
      el("b", {}, words.name ? name(words.name) : "This image"), el("span", {}, words.text)));
    onload?.(null);
  });
  image.src = source;
  return frame;
}

async function reason(source) {
  try {
    await get(source);
    return { text: "The browser cannot show it." };
  } catch (error) {
    if (error instanceof Offline) return { text: "The server does not answer; it is shown once it does." };
    return { name: error.body?.name, text: error.message };
  }
}

// A dialog with the keys of the page; `keys` is a list of [keys, what they do].
export function helpDialog(keys, more) {
  const dialog = el("dialog", { class: "help", "aria-label": "Keys" },
    el("h2", {}, "Keys"),
    el("dl", {}, keys.map(([key, what]) => [el("dt", {}, [key].flat().map((one) => el("kbd", {}, one))), el("dd", {}, what)])),
    more ?? null,
    el("form", { method: "dialog" }, el("button", { class: "plain" }, "Close")));
  document.body.append(dialog);
  return dialog;
}

// True where keys belong to what is being typed into.
export function typing(event) {
  const at = event.target;
  return at instanceof HTMLElement && (at.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName)
    && !/^(button|checkbox|radio|range|submit)$/.test(at.type ?? ""));
}

// A line across the top of the page, for what stays true until it is mended.
export function banner(text, { kind = "warn", action } = {}) {
  const place = document.getElementById("banner");
  if (!text) { place.hidden = true; place.replaceChildren(); return; }
  place.hidden = false;
  place.className = `banner ${kind}`;
  show(place, el("span", {}, text), action ? el("button", { onclick: action.run }, action.text) : null);
}
