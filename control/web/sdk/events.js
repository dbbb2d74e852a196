// @ts-check
/**
 * What the server has to tell of a session while it runs: Server-Sent Events (WHATWG HTML §9.2).
 *
 * Read with `fetch`, as all else is, and without credentials: their URL is as secret as the session's. Events are a
 * convenience: where they cannot be had, the session goes on without.
 *
 * Limits: a browser has six connections to a host over HTTP/1.1, for all of its pages together. Of
 * these, events take three at most; further sessions wait until one is free.
 */

import { Backoff, pause } from './backoff.js';
import { parseRetryAfter } from './errors.js';

const STREAMS_MAX = 3;
/** Between looks for a free stream. */
const QUEUE_MS = 5_000;
/** A Fanlight server says something every 15 seconds; a stream that is silent for longer is dead. */
const SILENCE_MS = 45_000;

export class EventFeed {
  #endpoint;
  #url;
  #hear;
  #closing = new AbortController();

  /**
   * @param {import('./signalling.js').Endpoint} endpoint
   * @param {string} url
   * @param {(name: string, data: any) => void} hear
   */
  constructor(endpoint, url, hear) {
    this.#endpoint = endpoint;
    this.#url = url;
    this.#hear = hear;
    void this.#run();
  }

  close() {
    this.#closing.abort();
  }

  async #run() {
    const { signal } = this.#closing;
    const backoff = new Backoff({ initialMs: 1_000, maxMs: 30_000 });
    while (!signal.aborted) {
      /** @type {number|null|'over'} */
      let retryMs = null;
      const had = await withStream(async () => {
        retryMs = await this.#follow(() => backoff.reset());
      });
      if (retryMs === 'over') return;
      await pause(had ? backoff.next(retryMs) : QUEUE_MS, signal);
    }
  }

  /**
   * @param {() => void} begun
   * @returns {Promise<number|null|'over'>} When to come back: the server's wish, if it has one.
   */
  async #follow(begun) {
    const { fetch } = this.#endpoint;
    const headers = { Accept: 'text/event-stream' };
    const dead = new AbortController();
    const signal = AbortSignal.any([this.#closing.signal, dead.signal]);
    let watch = setTimeout(() => dead.abort(), SILENCE_MS);
    try {
      const response = await fetch(this.#url, { headers, cache: 'no-store', signal });
      if (response.status === 429 || response.status >= 500) {
        return parseRetryAfter(response.headers.get('Retry-After'), Date.now());
      }
      // There is no such session, or there are no events to be had.
      if (!response.ok || response.body === null) return 'over';
      begun();
      const reader = response.body.getReader();
      const parser = new Parser();
      const decoder = new TextDecoder();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return null;
        clearTimeout(watch);
        watch = setTimeout(() => dead.abort(), SILENCE_MS);
        for (const { name, data } of parser.push(decoder.decode(value, { stream: true }))) {
          if (!signal.aborted) this.#hear(name, data);
        }
      }
    } catch {
      return null; // Broken off; a later one may hold.
    } finally {
      clearTimeout(watch);
    }
  }
}

/** Takes text as it comes, and gives the events that are complete. */
export class Parser {
  #text = '';

  /**
   * @param {string} text
   * @returns {{name: string, data: any}[]} Without those whose data are no JSON.
   */
  push(text) {
    const blocks = (this.#text + text.replaceAll('\r', '')).split('\n\n');
    this.#text = blocks.pop() ?? '';
    return blocks.flatMap((block) => {
      let name = 'message';
      /** @type {string[]} */
      const data = [];
      for (const line of block.split('\n')) {
        const [, field, value] = /^(\w+): ?(.*)$/.exec(line) ?? [];
        if (field === 'event') name = value;
        if (field === 'data') data.push(value);
      }
      try {
        return data.length === 0 ? [] : [{ name, data: JSON.parse(data.join('\n')) }];
      } catch {
        return [];
      }
    });
  }
}

/** Streams of this page, where the browser has no locks that pages share. */
let open = 0;

/**
 * Does the work with one of the browser's streams, if one is free.
 *
 * @param {() => Promise<void>} work
 * @returns {Promise<boolean>} Whether one was.
 */
async function withStream(work) {
  // Not on pages of plain HTTP, other than localhost.
  if (navigator.locks === undefined) {
    if (open >= STREAMS_MAX) return false;
    open += 1;
    await work().finally(() => (open -= 1));
    return true;
  }
  for (let stream = 0; stream < STREAMS_MAX; stream += 1) {
    const had = await navigator.locks.request(
      `fanlight-events-${stream}`,
      { ifAvailable: true },
      async (lock) => {
        if (lock !== null) await work();
        return lock !== null;
      },
    );
    if (had) return true;
  }
  return false;
}
