// @ts-check
/** The landing page: what is live, asked every two seconds, and how to publish. */

import './copy.js';
import { bitrate, counted, duration } from './format.js';
import { watchPath } from './links.js';
import { recipes } from './recipes.js';
import { tabs } from './tabs.js';

const POLL_MS = 2000;
/** As long as the style sheet lets a row fade. */
const FADE_MS = 350;

/**
 * @typedef {object} LiveStream As `GET /streams` tells it.
 * @property {string} app
 * @property {string} name
 * @property {string} since RFC 3339.
 * @property {{kind: string, codec: string}[]} tracks
 * @property {number} viewers
 * @property {number} bitrate_bps
 */

const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** Rows on the page, by path. @type {Map<string, HTMLElement>} */
const rows = new Map();

async function poll() {
  if (!document.hidden) {
    try {
      const response = await fetch('/streams', { cache: 'no-store' });
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      show(await response.json());
    } catch {
      showUnreachable();
    }
  }
  setTimeout(poll, POLL_MS);
}

/** @param {LiveStream[]} streams */
function show(streams) {
  streams.sort((a, b) => b.viewers - a.viewers || pathOf(a).localeCompare(pathOf(b)));
  const viewers = streams.reduce((sum, stream) => sum + stream.viewers, 0);
  byId('window').setAttribute('lit', String(streams.length));
  say('headline', streams.length === 0 ? 'All dark' : `${counted(streams.length, 'stream')} live`);
  say(
    'summary',
    streams.length === 0
      ? 'Nobody is publishing at the moment. The first stream lights the window.'
      : `${counted(viewers, 'person', 'people')} watching`,
  );
  byId('begin').hidden = streams.length > 0;
  place(streams);
}

function showUnreachable() {
  byId('window').setAttribute('lit', '0');
  say('headline', 'The server does not answer');
  say('summary', 'Trying again every two seconds.');
}

/**
 * Keeps the rows that stay, so that focus and hover survive.
 *
 * @param {LiveStream[]} streams In the order to show.
 */
function place(streams) {
  const list = byId('streams');
  const live = new Set(streams.map(pathOf));
  for (const [path, row] of rows) {
    if (live.has(path)) continue;
    rows.delete(path);
    row.classList.add('leaving');
    setTimeout(() => row.remove(), FADE_MS);
  }
  streams.forEach((stream, index) => {
    const path = pathOf(stream);
    const row = rows.get(path) ?? newRow(stream);
    rows.set(path, row);
    fill(row, stream);
    if (list.children[index] !== row) list.insertBefore(row, list.children[index] ?? null);
    if (row.classList.contains('arriving')) {
      requestAnimationFrame(() => requestAnimationFrame(() => row.classList.remove('arriving')));
    }
  });
}

/** @param {LiveStream} stream */
function newRow(stream) {
  const row = document.createElement('li');
  row.className = 'stream arriving';
  const link = document.createElement('a');
  link.href = watchPath(stream.app, stream.name);
  for (const part of ['name', 'facts', 'viewers', 'watch']) {
    const span = document.createElement('span');
    span.className = part;
    link.append(span);
  }
  const count = document.createElement('b');
  /** @type {HTMLElement} */ (link.querySelector('.viewers')).append(count, '');
  /** @type {HTMLElement} */ (link.querySelector('.watch')).textContent = 'Watch';
  row.append(link);
  return row;
}

/**
 * @param {HTMLElement} row
 * @param {LiveStream} stream
 */
function fill(row, stream) {
  const part = (/** @type {string} */ name) => /** @type {HTMLElement} */ (row.querySelector(name));
  const codecs = stream.tracks.map(({ codec }) => codec).join(' + ') || 'no tracks yet';
  const age = duration(Date.now() - Date.parse(stream.since));
  part('.name').textContent = stream.app === 'live' ? stream.name : pathOf(stream);
  part('.facts').textContent = [codecs, bitrate(stream.bitrate_bps), `for ${age}`].join(' · ');
  part('.viewers b').textContent = stream.viewers.toLocaleString('en');
  const word = part('.viewers').lastChild;
  if (word !== null) word.textContent = stream.viewers === 1 ? 'viewer' : 'viewers';
}

/** @param {LiveStream} stream */
function pathOf({ app, name }) {
  return `${app}/${name}`;
}

/**
 * Writes only what changed: a screen reader repeats what is written.
 *
 * @param {string} id
 * @param {string} words
 */
function say(id, words) {
  const element = byId(id);
  if (element.textContent !== words) element.textContent = words;
}

function showRecipes() {
  const app = /** @type {HTMLInputElement} */ (byId('app')).value.trim() || 'live';
  const stream = /** @type {HTMLInputElement} */ (byId('stream')).value.trim() || 'stage';
  const token = /** @type {HTMLInputElement} */ (byId('token')).value.trim();
  const texts = recipes(location.origin, app, stream, token);
  byId('bearer').textContent = token || 'leave empty, unless this server asks for one';
  for (const box of document.querySelectorAll('copy-text')) {
    const name = /** @type {HTMLElement} */ (box).dataset.is ?? '';
    /** @type {any} */ (box).text = texts[/** @type {keyof typeof texts} */ (name)];
  }
  const link = /** @type {HTMLAnchorElement} */ (byId('publish-link'));
  link.href = `/publish?${new URLSearchParams({ app, stream })}`;
}

byId('secure-note').hidden = window.isSecureContext;
for (const id of ['app', 'stream', 'token']) byId(id).addEventListener('input', showRecipes);
tabs(/** @type {HTMLElement} */ (document.querySelector('[role=tablist]')));
showRecipes();
void poll();
