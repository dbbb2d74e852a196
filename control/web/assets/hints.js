// @ts-check
/** What the server has to say while the picture runs: one line over it, as long as it holds. */

/** Notices that say that something lasts, and those that say that it is over. */
const OVER = {
  constrained: 'unconstrained',
  'source-silent': 'source-back',
};

/** How long a remark without an end stays. */
const REMARK_MS = 6_000;

export class Hints {
  #line;
  /** What lasts, by what ends it. @type {Map<string, string>} */
  #lasting = new Map();
  #remark = '';
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #timer;

  /** @param {HTMLElement} line */
  constructor(line) {
    this.#line = line;
  }

  /** @param {import('../sdk/participant.js').Notice} notice */
  take({ name, kind, text }) {
    const end = OVER[/** @type {keyof typeof OVER} */ (name)];
    if (end !== undefined) this.#lasting.set(`${end} ${kind}`, text);
    this.#lasting.delete(`${name} ${kind}`);
    this.#show();
  }

  /** A remark that goes by itself. @param {string} text */
  say(text) {
    clearTimeout(this.#timer);
    this.#remark = text;
    this.#timer = setTimeout(() => this.say(''), REMARK_MS);
    this.#show();
  }

  clear() {
    clearTimeout(this.#timer);
    this.#lasting.clear();
    this.#remark = '';
    this.#show();
  }

  #show() {
    const text = this.#remark || ([...this.#lasting.values()].at(-1) ?? '');
    this.#line.textContent = text;
    this.#line.hidden = text === '';
  }
}
