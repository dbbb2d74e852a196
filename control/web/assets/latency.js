// @ts-check
/**
 * Glass to glass: reads the clock of the test pattern from the picture that is shown, and compares
 * it with the clock on this machine.
 */

import { wallClockMs } from '../sdk/clock.js';
import { readClock } from '../sdk/fanlight.js';

/** Reading a picture back costs more than showing it, so not every one is read. */
const INTERVAL_MS = 90;
/** While no clock is to be seen. */
const SEARCH_INTERVAL_MS = 500;
/** Samples kept: about a minute. */
const WINDOW = 600;
/** Beyond this the two clocks disagree, and the difference is no latency. */
const PLAUSIBLE_MS = 30_000;
/** Clocks of two machines may be apart by a little; a small negative value is kept, to be seen. */
const PLAUSIBLE_MIN_MS = -1_000;

export class LatencyMeter {
  #video;
  /** @type {number[]} */
  #samples = [];
  #readAt = 0;
  #seenAt = Number.NEGATIVE_INFINITY;

  /** @param {HTMLVideoElement} video */
  constructor(video) {
    this.#video = video;
    if ('requestVideoFrameCallback' in video) this.#next();
  }

  /** Forgets the samples: another session begins. */
  reset() {
    this.#samples = [];
    this.#seenAt = Number.NEGATIVE_INFINITY;
  }

  /** Has a clock been read within the last two seconds? */
  get running() {
    return performance.now() - this.#seenAt < 2000;
  }

  /** The last samples in ms, oldest first. */
  get samples() {
    return this.#samples;
  }

  /** @returns {number|null} Milliseconds, of the last minute. */
  get median() {
    return this.#quantile(0.5);
  }

  /** @returns {number|null} Milliseconds, of the last minute. */
  get p99() {
    return this.#quantile(0.99);
  }

  #next() {
    this.#video.requestVideoFrameCallback((now, { expectedDisplayTime }) => {
      const interval = this.running ? INTERVAL_MS : SEARCH_INTERVAL_MS;
      if (now - this.#readAt >= interval) {
        this.#readAt = now;
        this.#read(expectedDisplayTime);
      }
      this.#next();
    });
  }

  /** @param {number} expectedDisplayTime When the picture reaches the glass, on the page's clock. */
  #read(expectedDisplayTime) {
    const ahead = Math.min(Math.max(expectedDisplayTime - performance.now(), 0), 50);
    const shownAt = wallClockMs() + ahead;
    const paintedAt = readClock(this.#video);
    if (paintedAt === null) return;
    const latency = shownAt - paintedAt;
    if (latency < PLAUSIBLE_MIN_MS || latency > PLAUSIBLE_MS) return;
    this.#seenAt = performance.now();
    this.#samples.push(latency);
    if (this.#samples.length > WINDOW) this.#samples.shift();
  }

  /** @param {number} part */
  #quantile(part) {
    if (this.#samples.length === 0) return null;
    const sorted = this.#samples.toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
  }
}
