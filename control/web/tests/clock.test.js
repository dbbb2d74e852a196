// @ts-check
import { decodeClock, drawClock, encodeClock, readClock } from '../sdk/clock.js';
import { equal, ok, test } from './harness.js';

const TIME = 1_763_814_896_217;
const SIZES = [[1920, 1080], [1280, 720], [854, 480], [640, 360], [480, 480], [320, 180]]; // prettier-ignore

/**
 * @param {number} width
 * @param {number} height
 * @param {number} time
 */
function picture(width, height, time) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d');
  ok(context, 'no canvas');
  context.fillStyle = '#7a4';
  context.fillRect(0, 0, width, height);
  drawClock(context, width, height, time);
  return { canvas, context };
}

/** @param {number} time @returns {number[][]} */
const levels = (time) => encodeClock(time).map((row) => row.map((bit) => (bit ? 235 : 16)));

// Players scale the picture as they like; the clock is found by proportion.
test('the time is read back at every size', () => {
  for (const [width, height] of SIZES) {
    for (const time of [0, TIME, TIME + 1, 2 ** 48 - 1]) {
      equal(readClock(picture(width, height, time).canvas), time, `${width}×${height}`);
    }
  }
});

// One wrong square, wherever it is, must never become a wrong latency.
test('each single flipped square is rejected', () => {
  const rows = levels(TIME);
  equal(decodeClock(rows), TIME);
  for (const row of rows) {
    for (let index = 2; index < row.length - 2; index += 1) {
      const before = row[index];
      row[index] = before > 128 ? 16 : 235;
      equal(decodeClock(rows), null, `square ${index}`);
      row[index] = before;
    }
  }
});

// Codecs at low rates blend a frame with the one before.
test('two blended times are rejected', () => {
  const [first, second] = [levels(TIME), levels(TIME + 33)];
  const blended = first.map((row, y) => row.map((level, x) => (level + second[y][x]) / 2));
  equal(decodeClock(blended), null);
});

// The CRC would pass it, but a guess that is right by luck is still a guess.
test('a square that is neither black nor white is not guessed', () => {
  const rows = levels(TIME);
  const [row] = rows;
  row[row.indexOf(235, 2)] = 16 + 0.54 * (235 - 16);
  equal(decodeClock(rows), null);
});

// A washed-out picture is still a picture: the guards give the levels.
test('a pale clock is read, a faded one is not', () => {
  const scaled = (/** @type {number} */ contrast) =>
    levels(TIME).map((row) => row.map((level) => 60 + level * contrast));
  equal(decodeClock(scaled(0.5)), TIME);
  equal(decodeClock(scaled(0.2)), null);
});

// Most videos have no clock; the watch page looks for one all the same.
test('other pictures have no time', () => {
  const { canvas, context } = picture(640, 360, TIME);
  for (const fill of ['#000', '#fff', '#808080']) {
    context.fillStyle = fill;
    context.fillRect(0, 0, 640, 360);
    equal(readClock(canvas), null, fill);
  }
  const noise = context.createImageData(640, 360);
  for (let round = 0; round < 20; round += 1) {
    for (let at = 0; at < noise.data.length; at += 65_536) {
      crypto.getRandomValues(noise.data.subarray(at, at + 65_536));
    }
    context.putImageData(noise, 0, 0);
    equal(readClock(canvas), null, 'noise');
  }
});
