// @ts-check
/**
 * A clock that survives a video codec: Unix time in milliseconds as black and white squares.
 *
 * Drawn by the sender and read back by the viewer, it measures the time from glass to glass, if
 * both have the same wall clock (one machine, or NTP).
 *
 *   ┌──────────────────── 40 cells, the width of the picture ────────────────────┐
 *   │ quiet │ ■ □ │ 32 bits, most significant first: time, bits 47 to 16 │ □ ■ │ quiet │
 *   │ quiet │ ■ □ │ time, bits 15 to 0, then CRC-16 of all 48 bits       │ □ ■ │ quiet │
 *   └────────────────────────── one empty row below ─────────────────────────────┘
 *
 * A cell is a square of width/40: 16 pixels at 640, one macroblock, and no less than 12 at 480.
 * White is 1; outside of the bits all is black. The guards (■ white, □ black) give the levels to compare with.
 * A square that is neither clearly black nor clearly white, or a wrong CRC, makes the picture
 * unreadable; it is never guessed. Two frames blended into one are rejected the same way.
 */

const COLUMNS = 40;
const ROWS = 2;
const BITS_A_ROW = 32;
/** Cells before the guards on each side. */
const QUIET = 2;
const TIME_BITS = 48;
/** White minus black must be at least this, of 255, to be a clock at all. */
const CONTRAST_MIN = 80;
/** The grey middle, as a part of the contrast, in which a square counts as unreadable. */
const DOUBT = 0.2;
/** Pixels a cell when reading: the middle 2×2 are averaged, the rim is left to the codec. */
const SAMPLE = 4;

/** Unix time in milliseconds, following the system's clock as NTP disciplines it. */
export function wallClockMs() {
  // Not performance.timeOrigin + now(): that never hears of corrections made since the page opened,
  // and two pages opened hours apart disagree by as much as the clock has drifted.
  return Date.now();
}

/** Height of the clock, with its empty row, for a picture of that width. In pixels. */
export function clockHeight(/** @type {number} */ width) {
  return ((ROWS + 1) * width) / COLUMNS;
}

/**
 * Draws the time at the bottom of the picture.
 *
 * @param {CanvasRenderingContext2D|OffscreenCanvasRenderingContext2D} context
 * @param {number} width
 * @param {number} height
 * @param {number} timeMs
 */
export function drawClock(context, width, height, timeMs) {
  const cell = width / COLUMNS;
  const top = height - clockHeight(width);
  context.fillStyle = '#000';
  context.fillRect(0, top, width, height - top);
  context.fillStyle = '#fff';
  encodeClock(timeMs).forEach((row, y) => {
    row.forEach((bit, x) => {
      if (bit) context.fillRect((QUIET + x) * cell, top + y * cell, cell, cell);
    });
  });
}

/** @type {CanvasRenderingContext2D|null} */
let scratch = null;

/**
 * Reads the time back from what is shown now.
 *
 * @param {HTMLVideoElement|VideoFrame|ImageBitmap|HTMLCanvasElement|OffscreenCanvas} source
 * @returns {number|null} Unix milliseconds, or null if there is no readable clock.
 */
export function readClock(source) {
  const { width, height } = sizeOf(source);
  if (width === 0 || height === 0) return null;
  scratch ??= newScratch();
  const { canvas } = scratch;
  const cell = width / COLUMNS;
  scratch.drawImage(
    source,
    0,
    height - clockHeight(width),
    width,
    ROWS * cell,
    0,
    0,
    canvas.width,
    canvas.height,
  );
  return decodeClock(levelsOf(scratch.getImageData(0, 0, canvas.width, canvas.height)));
}

/**
 * The rows of cells between the quiet zones, guards included.
 *
 * @param {number} timeMs
 * @returns {boolean[][]}
 */
export function encodeClock(timeMs) {
  const time = BigInt(Math.round(timeMs));
  const word = (time << 16n) | BigInt(crc16(time));
  return Array.from({ length: ROWS }, (_, row) => {
    const bits = Array.from({ length: BITS_A_ROW }, (_, column) => {
      const shift = (ROWS - row) * BITS_A_ROW - 1 - column;
      return ((word >> BigInt(shift)) & 1n) === 1n;
    });
    return [true, false, ...bits, false, true];
  });
}

/**
 * @param {number[][]} rows Brightness of the same cells, 0 to 255.
 * @returns {number|null}
 */
export function decodeClock(rows) {
  let word = 0n;
  for (const row of rows) {
    const [first, second] = row;
    const [beforeLast, last] = row.slice(-2);
    const white = Math.min(first, last);
    const black = Math.max(second, beforeLast);
    const contrast = white - black;
    if (contrast < CONTRAST_MIN) return null;
    for (const level of row.slice(2, -2)) {
      const distance = (level - black) / contrast - 0.5;
      if (Math.abs(distance) < DOUBT / 2) return null;
      word = (word << 1n) | (distance > 0 ? 1n : 0n);
    }
  }
  const time = word >> 16n;
  return Number(word & 0xffffn) === crc16(time) ? Number(time) : null;
}

/**
 * CRC-16/CCITT-FALSE (polynomial 0x1021, initial value 0xFFFF) of the 48 bits.
 *
 * @param {bigint} time
 * @returns {number}
 */
function crc16(time) {
  let crc = 0xffff;
  for (let shift = TIME_BITS - 8; shift >= 0; shift -= 8) {
    crc ^= Number((time >> BigInt(shift)) & 0xffn) << 8;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
    }
  }
  return crc;
}

/**
 * Mean brightness of the middle of each cell between the quiet zones.
 *
 * @param {ImageData} image
 * @returns {number[][]}
 */
function levelsOf({ data, width }) {
  const columns = COLUMNS - 2 * QUIET;
  return Array.from({ length: ROWS }, (_, row) =>
    Array.from({ length: columns }, (_, column) => {
      let sum = 0;
      for (const [dx, dy] of [
        [1, 1],
        [2, 1],
        [1, 2],
        [2, 2],
      ]) {
        // prettier-ignore
        const x = (QUIET + column) * SAMPLE + dx;
        const y = row * SAMPLE + dy;
        sum += data[(y * width + x) * 4 + 1]; // Green carries most of the luma.
      }
      return sum / 4;
    }),
  );
}

function newScratch() {
  const canvas = document.createElement('canvas');
  canvas.width = COLUMNS * SAMPLE;
  canvas.height = ROWS * SAMPLE;
  const context = canvas.getContext('2d', { willReadFrequently: true, alpha: false });
  if (context === null) throw new TypeError('No 2D canvas.');
  return context;
}

/** @param {any} source */
function sizeOf(source) {
  return {
    width: source.videoWidth ?? source.displayWidth ?? source.width,
    height: source.videoHeight ?? source.displayHeight ?? source.height,
  };
}
