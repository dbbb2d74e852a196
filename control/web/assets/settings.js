// @ts-check
/**
 * What the form of the publish page says: from the page's address first, else from last time, else
 * the defaults in the page. A token is never kept.
 */

import { codecNames, simulcastLayers } from '../sdk/fanlight.js';
import { bitrate } from './format.js';
import { canCapture, canShareScreen } from './sources.js';

const KEPT = 'fanlight.publish';
const FORGOTTEN = new Set(['token', 'videoDevice', 'audioDevice']);
/** Names for those who have none yet, so that two newcomers do not collide. */
const PARTS = [
  'arch',
  'cornice',
  'gable',
  'keystone',
  'lantern',
  'lintel',
  'mullion',
  'porch',
  'sash',
  'transom',
];

const form = /** @type {HTMLFormElement} */ (document.getElementById('settings'));

/**
 * @typedef {import('./sources.js').Wish & {
 *   app: string, stream: string, token: string, codec: string, bitrate: number,
 *   degradation: ''|'maintain-framerate'|'maintain-resolution', simulcast: boolean,
 * }} Settings
 */

/**
 * Fills the form.
 *
 * @param {Record<string, string>} asked Parameters of the page's address.
 */
export function fillForm(asked) {
  offerCodecs();
  for (const [name, value] of Object.entries(kept())) set(name, value);
  if (field('app').value === '') set('app', 'live');
  if (field('stream').value === '') set('stream', newName());
  for (const name of ['app', 'stream', 'source', 'codec', 'fps', 'degradation', 'token']) {
    if (asked[name] !== undefined) set(name, asked[name]);
  }
  if (asked.width && asked.height) set('resolution', `${asked.width}x${asked.height}`);
  if (asked.bitrate) set('kilobits', String(Number(asked.bitrate) / 1000));
  for (const name of ['stereo', 'simulcast']) {
    if (asked[name] !== undefined) set(name, asked[name] === '0' ? '' : 'on');
  }
  // Layers within one stream were asked for: both would be too much of it.
  if (asked.layers !== undefined) set('simulcast', '');
  barSources();
  describeSimulcast();
}

/** @returns {Settings} */
export function readForm() {
  const data = new FormData(form);
  // A disabled fieldset is left out of FormData; its fields still have their values.
  const text = (/** @type {string} */ name) =>
    String(data.get(name) ?? field(name)?.value ?? '').trim();
  const on = (/** @type {string} */ name) => /** @type {HTMLInputElement} */ (field(name)).checked;
  const [width, height] = text('resolution').split('x').map(Number);
  return {
    source: /** @type {Settings['source']} */ (text('source')),
    app: text('app').replace(/^\/+|\/+$/g, ''),
    stream: text('stream'),
    token: text('token'),
    width,
    height,
    fps: Number(text('fps')),
    codec: text('codec'),
    bitrate: Math.round(Number(text('kilobits')) * 1000),
    degradation: /** @type {Settings['degradation']} */ (text('degradation')),
    simulcast: on('simulcast'),
    stereo: on('stereo'),
    cleanUp: on('cleanUp'),
    videoDevice: text('videoDevice'),
    audioDevice: text('audioDevice'),
  };
}

/** Says which pictures are sent, and what that costs. */
export function describeSimulcast() {
  const { simulcast, width, height, bitrate: most } = readForm();
  const layers = simulcast ? simulcastLayers({ width, height, bitrate: most }) : [];
  const sizes = layers.map((layer) => `${layer.width}×${layer.height}`).reverse();
  const total = layers.reduce((sum, layer) => sum + layer.bitrate, 0);
  const hint = /** @type {HTMLElement} */ (document.getElementById('simulcast-hint'));
  if (layers.length === 0) hint.textContent = '';
  else if (layers.length === 1) hint.textContent = `${sizes[0]} is too small for more than one.`;
  else hint.textContent = `${sizes.join(', ')}: ${bitrate(total)} at most, while all are watched.`;
}

/** Remembers the form for the next time. */
export function keepForm() {
  /** @type {Record<string, string>} */
  const values = {};
  for (const element of form.elements) {
    const { name, type, value, checked } = /** @type {HTMLInputElement} */ (element);
    if (name === '' || FORGOTTEN.has(name) || (type === 'radio' && !checked)) continue;
    values[name] = type === 'checkbox' ? (checked ? 'on' : '') : value;
  }
  try {
    localStorage.setItem(KEPT, JSON.stringify(values));
  } catch {
    // A browser without storage forgets; nothing depends on it.
  }
}

/** @returns {Record<string, string>} */
function kept() {
  try {
    return JSON.parse(localStorage.getItem(KEPT) ?? '{}');
  } catch {
    return {};
  }
}

/** @param {string} name @returns {any} */
function field(name) {
  return form.elements.namedItem(name);
}

/**
 * Sets a field. A choice that a select does not have yet is added: an address may ask for any size.
 *
 * @param {string} name
 * @param {string} value
 */
function set(name, value) {
  const element = field(name);
  if (element === null) return;
  if (element instanceof HTMLInputElement && element.type === 'checkbox') {
    element.checked = value === 'on';
    return;
  }
  if (
    element instanceof HTMLSelectElement &&
    ![...element.options].some((one) => one.value === value)
  ) {
    if (name === 'degradation' || !/^[\w-]+$/.test(value)) return;
    element.add(new Option(value.replace('x', '×'), value));
  }
  element.value = value;
}

function offerCodecs() {
  const select = /** @type {HTMLSelectElement} */ (field('codec'));
  for (const name of codecNames('sender', 'video')) select.add(new Option(name, name));
}

/** Greys out what this browser, or this address, cannot do, and says why. */
function barSources() {
  const radio = (/** @type {string} */ value) =>
    /** @type {HTMLInputElement} */ (form.querySelector(`[name=source][value=${value}]`));
  radio('camera').disabled = !canCapture;
  radio('screen').disabled = !canShareScreen;
  const hint = /** @type {HTMLElement} */ (document.getElementById('source-hint'));
  if (!canCapture) {
    hint.textContent = window.isSecureContext
      ? 'This browser gives no camera.'
      : 'Camera and screen need HTTPS, or localhost: browsers keep them from pages that came over plain HTTP.';
  }
  if (form.querySelector('[name=source]:checked:not(:disabled)') === null) set('source', 'pattern');
}

function newName() {
  const part = PARTS[Math.floor(Math.random() * PARTS.length)];
  return `${part}-${10 + Math.floor(Math.random() * 90)}`;
}
