// @ts-check
/**
 * Hears the beep of the test pattern, to the sample: runs on the audio thread and posts the time, on the
 * context's clock in seconds, at which each beep has risen to half of its loudness.
 */

/** Between the steady tone (0.04) and the beep's peak (0.25), both of `testpattern-tone.js`. */
const LOUD = 0.15;
/** The beep takes 8 ms to rise; at half of that it is half as loud. */
const RISE_HALF_S = 0.004;
/** Beeps are a second apart and last 100 ms: what follows sooner belongs to the same one. */
const QUIET_S = 0.5;

/** The globals of an AudioWorklet, which no library of types for pages knows. @type {any} */
const worklet = globalThis;

class BeepListener extends worklet.AudioWorkletProcessor {
  #loudAt = Number.NEGATIVE_INFINITY;

  /** @param {Float32Array[][]} inputs */
  process([[samples] = []]) {
    samples?.forEach((sample, index) => {
      if (Math.abs(sample) < LOUD) return;
      const at = worklet.currentTime + index / worklet.sampleRate;
      if (at - this.#loudAt > QUIET_S) this.port.postMessage(at - RISE_HALF_S);
      this.#loudAt = at;
    });
    return true;
  }
}

worklet.registerProcessor('beep-listener', BeepListener);
