// @ts-check
/**
 * How long to wait before the next try.
 *
 * Exponential with "equal jitter": half of the delay is certain, half is drawn at random, so that a
 * crowd of viewers that lost the same server does not come back in one wave.
 */

/**
 * @typedef {object} BackoffOptions
 * @property {number} [initialMs] First delay. Default 500.
 * @property {number} [maxMs] Longest delay that we choose ourselves. Default 8000.
 * @property {() => number} [random] In [0, 1). Default Math.random.
 */

export class Backoff {
  #initialMs;
  #maxMs;
  #random;
  #attempts = 0;

  /** @param {BackoffOptions} [options] */
  constructor({ initialMs = 500, maxMs = 8000, random = Math.random } = {}) {
    this.#initialMs = initialMs;
    this.#maxMs = maxMs;
    this.#random = random;
  }

  /** Tries since the last `reset`. */
  get attempts() {
    return this.#attempts;
  }

  /**
   * @param {number|null} [atLeastMs] The server's Retry-After: never sooner, and spread over a
   *   further half of it, for it was told to everybody.
   * @returns {number} Milliseconds to wait.
   */
  next(atLeastMs = null) {
    // 2^30 initial delays are beyond any maximum; the cap keeps the arithmetic finite.
    const grown = Math.min(this.#maxMs, this.#initialMs * 2 ** Math.min(this.#attempts, 30));
    this.#attempts += 1;
    const own = grown / 2 + (this.#random() * grown) / 2;
    if (atLeastMs === null) return Math.round(own);
    return Math.round(Math.max(own, atLeastMs * (1 + this.#random() / 2)));
  }

  reset() {
    this.#attempts = 0;
  }
}

/**
 * Waits, but not after the signal is aborted, nor longer than until the browser is online again.
 *
 * @param {number} ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export function pause(ms, signal) {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', finish);
      globalThis.removeEventListener('online', finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal.addEventListener('abort', finish);
    globalThis.addEventListener('online', finish);
    if (signal.aborted) finish();
  });
}
