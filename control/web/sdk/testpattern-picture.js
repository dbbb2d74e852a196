// @ts-check
/**
 * The picture of the test pattern, painted from the time alone: the same time, the same picture.
 *
 * What never changes is painted once and copied; a frame adds the sweep, the lit second, the
 * digits, the counter and the clock. Colours of the panes: 75 % bars in their usual order.
 */

import { clockHeight, drawClock } from './clock.js';

const PANES = ['#bfbfbf', '#bfbf00', '#00bfbf', '#00bf00', '#bf00bf', '#bf0000', '#0000bf'];
const NIGHT = '#0b1411';
const LEAD = '#dfe8e2';
const LAMP = '#ffc44d';
/** Half a gap between two panes, in radians. */
const BAR = 0.012;
/** The hand passes from left to right in this time. */
const SWEEP_MS = 2000;
const TRAIL = 14;
const FLASH_MS = 100;
const SECONDS = 60;

/** @typedef {CanvasRenderingContext2D|OffscreenCanvasRenderingContext2D} Context */
/** @typedef {{width: number, height: number, fps: number}} Size */
/** @typedef {{x: number, y: number, radius: number, hub: number}} Fan */

/**
 * @param {HTMLCanvasElement|OffscreenCanvas} canvas Is given the size.
 * @param {Size} size
 * @returns {(timeMs: number) => void} Paints the picture of that time.
 */
export function newPainter(canvas, size) {
  const { width, height, fps } = size;
  canvas.width = width;
  canvas.height = height;
  // Every frame is read back for the encoder, so the canvas had better be in main memory.
  const context = /** @type {Context|null} */ (
    canvas.getContext('2d', { alpha: false, willReadFrequently: true })
  );
  if (context === null) throw new TypeError('No 2D canvas.');
  const fan = fanOf(size);
  paintBackdrop(context, size, fan);
  const backdrop = context.getImageData(0, 0, width, height);
  return (timeMs) => {
    context.putImageData(backdrop, 0, 0);
    paintSecond(context, fan, timeMs);
    paintSweep(context, fan, timeMs);
    paintHub(context, fan, timeMs, fps);
    drawClock(context, width, height, timeMs);
  };
}

/** @param {Size} size @returns {Fan} */
function fanOf({ width, height }) {
  const free = height - clockHeight(width);
  const radius = Math.min(width * 0.44, free * 0.86);
  return { x: width / 2, y: free - free * 0.03, radius, hub: radius * 0.36 };
}

/**
 * @param {Context} context
 * @param {Size} size
 * @param {Fan} fan
 */
function paintBackdrop(context, size, fan) {
  context.fillStyle = NIGHT;
  context.fillRect(0, 0, size.width, size.height);
  paintGratings(context, size);
  paintGreys(context, size);
  const share = Math.PI / PANES.length;
  PANES.forEach((colour, index) => {
    const from = Math.PI + index * share;
    pane(context, fan, fan.hub * 1.08, fan.radius * 0.94, from + BAR, from + share - BAR);
    context.fillStyle = colour;
    context.fill();
  });
  for (let second = 0; second < SECONDS; second += 1) tick(context, fan, second, '#38504a');
  context.fillStyle = LEAD;
  context.font = `600 ${Math.round(fan.radius * 0.052)}px system-ui, sans-serif`;
  context.textBaseline = 'top';
  context.textAlign = 'right';
  // On the right: players put their own marks at the top left.
  const margin = size.width * 0.025;
  context.fillText(`${size.width}×${size.height}`, size.width - margin, margin);
  context.fillText(`${size.fps} fps`, size.width - margin, margin + fan.radius * 0.07);
}

/**
 * Lines of one, two and three pixels: where they turn grey, sharpness is lost.
 *
 * @param {Context} context
 * @param {Size} size
 */
function paintGratings(context, { width, height }) {
  const side = Math.round(width * 0.05);
  const left = Math.round(width * 0.025);
  const top = Math.round(height - clockHeight(width) - side * 1.4);
  context.fillStyle = LEAD;
  [1, 2, 3].forEach((pitch, index) => {
    for (let x = 0; x + pitch <= side; x += 2 * pitch) {
      context.fillRect(left + x, top - index * side * 1.15, pitch, side);
    }
  });
}

/**
 * Steps from black to white: the darkest and the brightest pair show crushed levels.
 *
 * @param {Context} context
 * @param {Size} size
 */
function paintGreys(context, { width, height }) {
  const side = Math.round(width * 0.05);
  const left = width - Math.round(width * 0.025) - side;
  const top = Math.round(height - clockHeight(width) - side * 0.4);
  const steps = 11;
  const step = (side * 3.3) / steps;
  for (let index = 0; index < steps; index += 1) {
    const level = Math.round((255 * index) / (steps - 1));
    context.fillStyle = `rgb(${level},${level},${level})`;
    context.fillRect(left, top - (index + 1) * step, side, Math.ceil(step));
  }
}

/**
 * @param {Context} context
 * @param {Fan} fan
 * @param {number} timeMs
 */
function paintSecond(context, fan, timeMs) {
  const now = Math.floor(timeMs / 1000) % SECONDS;
  for (let second = 0; second <= now; second += 1) tick(context, fan, second, LAMP);
}

/**
 * A hand of light with a fading trail. Its edge shows judder, its trail shows banding.
 *
 * @param {Context} context
 * @param {Fan} fan
 * @param {number} timeMs
 */
function paintSweep(context, fan, timeMs) {
  const head = Math.PI * (1 + (timeMs % SWEEP_MS) / SWEEP_MS);
  const width = 0.02;
  for (let step = TRAIL; step >= 0; step -= 1) {
    const from = Math.max(Math.PI, head - (step + 1) * width);
    const to = Math.max(Math.PI, head - step * width);
    if (to <= from) continue;
    pane(context, fan, fan.hub * 1.08, fan.radius * 0.94, from, to);
    context.fillStyle = `rgba(255,255,255,${step === 0 ? 1 : 0.5 * (1 - step / (TRAIL + 1))})`;
    context.fill();
  }
}

/**
 * The digits; and on each full second, for 100 ms, the flash that goes with the beep.
 *
 * @param {Context} context
 * @param {Fan} fan
 * @param {number} timeMs
 * @param {number} fps
 */
function paintHub(context, { x, y, hub }, timeMs, fps) {
  const flash = timeMs % 1000 < FLASH_MS;
  context.fillStyle = flash ? '#fff' : '#14211d';
  context.beginPath();
  context.arc(x, y, hub, Math.PI, 2 * Math.PI);
  context.fill();
  context.fillStyle = flash ? '#000' : '#fff';
  context.textAlign = 'center';
  context.textBaseline = 'alphabetic';
  context.font = `600 ${Math.round(hub * 0.27)}px ui-monospace, monospace`;
  context.fillText(new Date(timeMs).toISOString().slice(11, 23), x, y - hub * 0.16, hub * 1.8);
  context.font = `${Math.round(hub * 0.16)}px ui-monospace, monospace`;
  const frame = Math.floor((timeMs * fps) / 1000) % 1_000_000;
  context.fillText(String(frame).padStart(6, '0'), x, y - hub * 0.52, hub);
}

/**
 * @param {Context} context
 * @param {Fan} fan
 * @param {number} second 0 to 59, left to right.
 * @param {string} colour
 */
function tick(context, fan, second, colour) {
  const angle = Math.PI * (1 + (second + 0.5) / SECONDS);
  const half = (Math.PI / SECONDS) * 0.3;
  pane(context, fan, fan.radius * 0.965, fan.radius, angle - half, angle + half);
  context.fillStyle = colour;
  context.fill();
}

/**
 * The path of a sector of a ring.
 *
 * @param {Context} context
 * @param {Fan} fan
 * @param {number} inner
 * @param {number} outer
 * @param {number} from Radians; π is left, 2π is right.
 * @param {number} to
 */
function pane(context, { x, y }, inner, outer, from, to) {
  context.beginPath();
  context.arc(x, y, outer, from, to);
  context.arc(x, y, inner, to, from, true);
  context.closePath();
}
