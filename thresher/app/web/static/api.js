// Talking to the server: reads, changes, and answers that survive a dead server or a closed browser.

export class Refused extends Error {
  constructor(status, body) {
    super(body?.error ?? `The server said ${status}.`);
    this.status = status;
    this.body = body;
  }
}

export class Offline extends Error {
  constructor() { super("The server does not answer."); }
}

async function call(path, options, patience = 20000) {
  let reply;
  try {
    reply = await fetch(path, { credentials: "same-origin", signal: AbortSignal.timeout(patience), ...options });
  } catch {
    throw new Offline();
  }
  const body = await reply.json().catch(() => null);
  if (!reply.ok) throw new Refused(reply.status, body);
  return body;
}

export const get = (path, patience) => call(path, {}, patience);

const sent = (body, more) => ({ method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body), ...more });

export const post = (path, body, patience) => call(path, sent(body), patience);

// For the moment in which the page goes away: nobody waits for the answer.
export function tell(path, body) {
  fetch(path, sent(body, { keepalive: true })).catch(() => {});
}

// A name that no other tab and no other message has.
export function fresh() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// Messages in the order in which they were put in, each kept in localStorage until the server has it.
// The server takes a message once however often it comes, so that another tab may send it too.
export class Outbox {
  // path: where messages go, several at once; the reply lists one {key, ...} for each.
  // place: under which name they are kept; taken(message, reply): called for each, also when refused.
  constructor({ path, place, taken, changed }) {
    this.path = path;
    this.place = `thresher/${place}/`;
    this.taken = taken;
    this.changed = changed ?? (() => {});
    this.trouble = null;
    this.messages = this.kept();
    this.sending = false;
    this.wake = () => {};
    addEventListener("online", () => this.wake());
  }

  get size() { return this.messages.length; }

  kept() {
    const found = [];
    try {
      for (let at = 0; at < localStorage.length; at += 1) {
        const key = localStorage.key(at);
        if (key.startsWith(this.place)) found.push(JSON.parse(localStorage.getItem(key)));
      }
    } catch { /* a browser that keeps nothing */ }
    return found.sort((one, other) => one.at - other.at || one.order - other.order);
  }

  put(message) {
    this.order = (this.order ?? 0) + 1;
    const whole = { key: fresh(), at: Date.now(), order: this.order, ...message };
    this.messages.push(whole);
    this.keep(whole);
    this.changed();
    this.start();
    return whole;
  }

  keep(message) {
    try {
      localStorage.setItem(this.place + message.key, JSON.stringify(message));
    } catch {
      this.unkept = true; // full or forbidden: leaving the page is asked about
    }
  }

  start() {
    if (!this.sending && this.messages.length) {
      this.sending = true;
      this.send().finally(() => { this.sending = false; });
    }
  }

  async send() {
    let wait = 250;
    while (this.messages.length) {
      const part = this.messages.slice(0, 50);
      try {
        const { replies } = await post(this.path, { messages: part });
        this.trouble = this.done(part, replies);
      } catch (error) {
        this.trouble = error; // of the whole, not of a message: the network, the key of the server
      }
      this.changed();
      if (!this.trouble) { wait = 250; continue; }
      await Promise.race([pause(wait), new Promise((go) => { this.wake = go; })]);
      wait = Math.min(wait * 2, 8000);
    }
  }

  // Takes out what the server has or will never take; returns what stands in the way of the rest.
  done(part, replies) {
    const byKey = new Map(replies.map((reply) => [reply.key, reply]));
    let trouble = null;
    for (const message of part) {
      const reply = byKey.get(message.key);
      if (!reply || reply.retry) { trouble ??= new Refused(reply?.status ?? 503, reply); continue; }
      this.messages = this.messages.filter((other) => other.key !== message.key);
      try { localStorage.removeItem(this.place + message.key); } catch { /* as above */ }
      this.taken(message, reply);
    }
    return trouble;
  }
}
