// @ts-check
/**
 * How far the sound is behind the picture, measured with the test pattern: its picture carries a clock, and its beep
 * sounds on each full second. What the beep needs from there to here, less what the picture needs, is the error:
 * positive when the sound is late, negative when the picture is.
 *
 * The sound is taken as WebAudio gets it, with the time at which the context says that it is heard. That
 * counts a few milliseconds of WebAudio's own buffer in.
 */

import { wallClockMs } from '../sdk/clock.js';

/** Beeps that the median is of: browsers move sound and picture towards each other for half a minute. */
const WINDOW = 10;
/** Pictures near the beep whose delay counts: about a second of them. */
const PICTURES = 10;

export class LipSyncMeter {
  #latency;
  /** @type {number[]} */
  #errors = [];
  /** Beeps heard in this session. */
  heard = 0;
  /** @type {AudioWorkletNode|null} */
  #listener = null;

  /** @param {import('./latency.js').LatencyMeter} latency */
  constructor(latency) {
    this.#latency = latency;
  }

  /**
   * Listens to that source from now on.
   *
   * @param {MediaStreamAudioSourceNode} source
   */
  async follow(source) {
    const context = /** @type {AudioContext} */ (source.context);
    // Not to be had on pages that came over plain HTTP, localhost apart.
    if (context.audioWorklet === undefined) return;
    this.#listener?.disconnect();
    await context.audioWorklet.addModule(new URL('./beep-listener.js', import.meta.url));
    this.#listener = new AudioWorkletNode(context, 'beep-listener', { numberOfOutputs: 0 });
    this.#listener.port.onmessage = ({ data }) => this.#hear(context, data);
    source.connect(this.#listener);
  }

  /** Forgets the beeps: another session begins. */
  reset() {
    this.#errors = [];
    this.heard = 0;
  }

  /** @returns {number|null} Milliseconds that the sound is behind the picture, of the last beeps. */
  get median() {
    return median(this.#errors);
  }

  /**
   * @param {AudioContext} context
   * @param {number} at When the beep began, on the context's clock.
   */
  #hear(context, at) {
    const picture = median(this.#latency.samples.slice(-PICTURES));
    const { contextTime = 0, performanceTime = 0 } = context.getOutputTimestamp();
    if (!this.#latency.running || picture === null || performanceTime === 0) return;
    const heardIn = performanceTime + (at - contextTime) * 1000 - performance.now();
    const behind = wallClockMs() + heardIn - picture;
    const error = behind - Math.round(behind / 1000) * 1000;
    this.heard += 1;
    this.#errors.push(error);
    if (this.#errors.length > WINDOW) this.#errors.shift();
  }
}

/** @param {number[]} values @returns {number|null} */
function median(values) {
  if (values.length === 0) return null;
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}
