// @ts-check
/** Numbers for people. A value that is not known is a dash, never 0. */

const NONE = '–';

/** @param {number|null|undefined} bps Bits a second. */
export function bitrate(bps) {
  if (bps === null || bps === undefined) return NONE;
  if (bps < 999_500) return `${Math.round(bps / 1000)} kbit/s`;
  return `${(bps / 1e6).toFixed(bps < 9_995_000 ? 2 : 1)} Mbit/s`;
}

/** @param {number|null|undefined} ms */
export function milliseconds(ms) {
  if (ms === null || ms === undefined) return NONE;
  return ms < 9_999.5 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** @param {number|null|undefined} ms A difference: its sign says which way. */
export function signed(ms) {
  if (ms === null || ms === undefined) return NONE;
  const whole = Math.round(ms);
  return `${whole > 0 ? '+' : whole < 0 ? '−' : ''}${Math.abs(whole)} ms`;
}

/** @param {number|null|undefined} level 0 to 1; 1 is as loud as the format can say. */
export function decibels(level) {
  if (level === null || level === undefined) return NONE;
  return level < 0.0001 ? 'silent' : `${Math.round(20 * Math.log10(level))} dB`.replace('-', '−');
}

/** @param {number|null|undefined} ratio 0 to 1. */
export function percent(ratio) {
  if (ratio === null || ratio === undefined) return NONE;
  const value = ratio * 100;
  return `${value === 0 || value >= 10 ? Math.round(value) : value.toFixed(1)} %`;
}

/** @param {number|null|undefined} value */
export function whole(value) {
  return value === null || value === undefined ? NONE : String(Math.round(value));
}

/**
 * @param {number|null|undefined} width
 * @param {number|null|undefined} height
 */
export function size(width, height) {
  return width && height ? `${width}×${height}` : NONE;
}

/** @param {number} ms How long something lasts: `42 s`, `3 min`, `2 h 05 min`. */
export function duration(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/**
 * @param {number} count
 * @param {string} one `viewer`
 * @param {string} [many] `viewers`
 */
export function counted(count, one, many = `${one}s`) {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}
