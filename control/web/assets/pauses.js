// @ts-check
/** The buttons that pause picture and sound at the server, and their keys (v, a). */

import { isShortcut } from './controls.js';

const byId = (/** @type {string} */ id) =>
  /** @type {HTMLButtonElement} */ (document.getElementById(id));

const WORDS = {
  video: ['Pause picture', 'Resume picture'],
  audio: ['Pause sound', 'Resume sound'],
};

/**
 * @typedef {object} PausesOptions
 * @property {() => import('../sdk/fanlight.js').Viewer|null} viewer Who watches now.
 * @property {(paused: {audio: boolean, video: boolean}) => void} changed
 * @property {(error: any) => void} failed
 */

export class Pauses {
  #options;

  /** @param {PausesOptions} options */
  constructor(options) {
    this.#options = options;
    for (const kind of /** @type {const} */ (['video', 'audio'])) {
      byId(`pause-${kind}`).addEventListener('click', () => this.#toggle(kind));
    }
    document.addEventListener('keydown', (event) => {
      if (!isShortcut(event)) return;
      if (event.key.toLowerCase() === 'v') void this.#toggle('video');
      if (event.key.toLowerCase() === 'a') void this.#toggle('audio');
    });
  }

  /** Shows what is paused, and whether anything can be. */
  show() {
    const viewer = this.#options.viewer();
    const paused = viewer?.paused ?? { audio: false, video: false };
    for (const kind of /** @type {const} */ (['video', 'audio'])) {
      const button = byId(`pause-${kind}`);
      button.disabled = viewer?.state !== 'live';
      button.setAttribute('aria-pressed', String(paused[kind]));
      button.textContent = WORDS[kind][paused[kind] ? 1 : 0];
    }
    this.#options.changed(paused);
  }

  /** @param {'audio'|'video'} kind */
  async #toggle(kind) {
    const viewer = this.#options.viewer();
    if (viewer?.state !== 'live') return;
    try {
      const change = viewer.paused[kind] ? viewer.resume(kind) : viewer.pause(kind);
      this.show();
      await change;
    } catch (error) {
      this.#options.failed(error);
    }
    this.show();
  }
}
