// @ts-check
/**
 * A source that needs no camera: a fan of colour bars, a sweeping hand, a running clock that people
 * and programs can read (`clock.js`), and a tone with a beep and a flash on each second.
 *
 * Where the browser can, a worker paints and feeds the track itself, so that the pattern runs on at
 * full rate in a tab that nobody looks at (`MediaStreamTrackGenerator`: Chromium, on https or
 * localhost). Elsewhere the page paints to the beat of the worker, and a hidden tab may stand still.
 */

import { wallClockMs } from './clock.js';
import { newPainter } from './testpattern-picture.js';
import { newTone } from './testpattern-tone.js';

export { readClock } from './clock.js';

/**
 * @typedef {object} TestPatternOptions
 * @property {number} [width] Pixels, 160 to 3840, even. Default 1280.
 * @property {number} [height] Pixels, 90 to 2160, even. Default 720.
 * @property {number} [fps] Frames a second, 1 to 60. Default 30.
 * @property {boolean} [audio] Default true.
 */

/**
 * @typedef {object} TestPattern
 * @property {MediaStream} stream
 * @property {() => void} stop Ends the tracks and frees everything.
 */

/**
 * Must be called in a user gesture for the tone to sound at once; else it begins with the first
 * click or key.
 *
 * @param {TestPatternOptions} [options]
 * @returns {TestPattern}
 */
export function createTestPattern(options = {}) {
  const size = {
    width: even(options.width ?? 1280, 160, 3840),
    height: even(options.height ?? 720, 90, 2160),
    fps: clamp(options.fps ?? 30, 1, 60),
  };
  const tone = (options.audio ?? true) ? newTone() : null;
  const video = newVideo(size, (secondMs) => tone?.beepAt(secondMs));
  const tracks = tone === null ? [video.track] : [video.track, tone.track];
  return {
    stream: new MediaStream(tracks),
    stop() {
      for (const track of tracks) track.stop();
      video.stop();
      tone?.stop();
    },
  };
}

/** @typedef {{width: number, height: number, fps: number}} Size */

/**
 * @param {Size} size
 * @param {(secondMs: number) => void} onSecond Told of each second before it comes.
 * @returns {{track: MediaStreamTrack, stop: () => void}}
 */
function newVideo(size, onSecond) {
  const Generator = /** @type {any} */ (globalThis).MediaStreamTrackGenerator;
  const worker = newWorker();
  if (worker === null || Generator === undefined) return paintedHere(size, worker, onSecond);
  const generator = new Generator({ kind: 'video' });
  worker.onmessage = ({ data }) => onSecond(data.secondMs);
  worker.postMessage({ ...size, writable: generator.writable }, [generator.writable]);
  return { track: generator, stop: () => worker.terminate() };
}

/**
 * The page paints; the worker only beats time, for its timers are not slowed down in the background.
 *
 * @param {Size} size
 * @param {Worker|null} worker
 * @param {(secondMs: number) => void} onSecond
 */
function paintedHere(size, worker, onSecond) {
  const canvas = document.createElement('canvas');
  const paint = newPainter(canvas, size);
  let second = 0;
  const beat = () => {
    const now = wallClockMs();
    paint(now);
    const next = Math.floor(now / 1000) + 1;
    if (next !== second) onSecond(next * 1000);
    second = next;
  };
  beat();
  const track = canvas.captureStream(size.fps).getVideoTracks()[0];
  if (worker === null) {
    const timer = setInterval(beat, 1000 / size.fps);
    return { track, stop: () => clearInterval(timer) };
  }
  worker.onmessage = beat;
  worker.postMessage(size);
  return { track, stop: () => worker.terminate() };
}

/** @returns {Worker|null} Null where workers of this origin are not allowed to the page. */
function newWorker() {
  try {
    return new Worker(new URL('./testpattern-worker.js', import.meta.url), { type: 'module' });
  } catch {
    return null;
  }
}

/**
 * @param {number} value
 * @param {number} least
 * @param {number} most
 */
function clamp(value, least, most) {
  return Math.min(Math.max(value, least), most);
}

/**
 * Encoders halve the colour planes: an odd size would be cut.
 *
 * @param {number} value
 * @param {number} least
 * @param {number} most
 */
function even(value, least, most) {
  return 2 * Math.round(clamp(value, least, most) / 2);
}
