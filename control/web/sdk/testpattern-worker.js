// @ts-check
/**
 * The test pattern's own thread. Told `{width, height, fps, writable}` it paints frames into that
 * sink; told `{width, height, fps}` it only beats time for a page that must paint by itself.
 */

import { wallClockMs } from './clock.js';
import { newPainter } from './testpattern-picture.js';

/** @typedef {{width: number, height: number, fps: number, writable?: WritableStream}} Task */

self.onmessage = (/** @type {MessageEvent<Task>} */ { data }) => {
  const { fps, writable } = data;
  everyFrame(fps, writable === undefined ? () => self.postMessage({}) : newFeed(data, writable));
};

/**
 * @param {Task} size
 * @param {WritableStream} writable
 * @returns {() => void} Paints and sends one frame.
 */
function newFeed(size, writable) {
  const canvas = new OffscreenCanvas(size.width, size.height);
  const paint = newPainter(canvas, size);
  const writer = writable.getWriter();
  let second = 0;
  return () => {
    const now = wallClockMs();
    const next = Math.floor(now / 1000) + 1;
    if (next !== second) self.postMessage({ secondMs: next * 1000 });
    second = next;
    if ((writer.desiredSize ?? 0) <= 0) return; // The encoder is behind: this frame is left out.
    // Taken with the clock, before painting: the frame is as old as what it shows.
    const timestamp = Math.round(performance.now() * 1000);
    paint(now);
    const frame = new VideoFrame(canvas, { timestamp });
    writer.write(frame).catch(() => frame.close()); // The track was stopped.
  };
}

/**
 * Beats on a grid, so that lateness does not add up; beats that were missed are left out.
 *
 * @param {number} fps
 * @param {() => void} beat
 */
function everyFrame(fps, beat) {
  const period = 1000 / fps;
  let due = performance.now();
  const turn = () => {
    beat();
    const now = performance.now();
    due += period * Math.max(1, Math.ceil((now - due) / period));
    setTimeout(turn, due - now);
  };
  turn();
}
