// @ts-check
/**
 * The watch page. `watch?app=live&stream=stage` plays at once, muted.
 *
 * Parameters: `app`, `stream`, `url` (a WHEP endpoint elsewhere), `muted` (default 1),
 * `autostart` (default 1 if there is a stream), `jitter` (target of the jitter buffer in ms), and of
 * streams with several layers `layer` (one by name), `max_height` (pixels) and `fit=0` (no less for a
 * small window or a hidden page). `token`, `username` with `password`, and whatever else there is
 * (`expires`, `signature` …) go to the endpoint.
 */

import { Viewer, codecNames } from '../sdk/fanlight.js';
import './sign-in.js';
import { controls } from './controls.js';
import { credentialsFor, forgetCredentials, isSomething, keepCredentials } from './credentials.js';
import { badge, drawCurtain, openCurtain } from './curtain.js';
import { Fit } from './fit.js';
import { Hints } from './hints.js';
import { LatencyMeter } from './latency.js';
import { LayerMenu } from './layer-menu.js';
import { endpointOf, parameters } from './links.js';
import { LipSyncMeter } from './lip-sync.js';
import { Pauses } from './pauses.js';
import { SoundLevel } from './sound-level.js';
import { clearWatchTiles, showWatchTiles } from './watch-tiles.js';
import { wordsOfError, wordsOfSignIn } from './words.js';

const asked = parameters();
const app = asked.app ?? 'live';
const stream = asked.stream ?? '';
const endpoint = endpointOf(asked, { app, stream, role: 'viewer' });
const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const video = /** @type {HTMLVideoElement} */ (byId('video'));
const signIn = /** @type {any} */ (byId('sign-in'));
const meter = new LatencyMeter(video);
const sound = new SoundLevel();
const lipSync = new LipSyncMeter(meter);
const hints = new Hints(byId('hint'));

/** Names of the server's last notices, for diagnostics. */
const NOTICES_KEPT = 50;

/** For diagnostics and tests; see web/README.md. */
const diagnostics = {
  viewer: /** @type {Viewer|null} */ (null),
  state: 'new',
  lastStats: /** @type {object|null} */ (null),
  firstFrameMs: /** @type {number|null} */ (null),
  latency: {
    median: /** @type {number|null} */ (null),
    p99: /** @type {number|null} */ (null),
    samples: 0,
  },
  lipSync: { median: /** @type {number|null} */ (null), heard: 0 },
  audioLevel: /** @type {number|null} */ (null),
  layer: /** @type {import('../sdk/viewer.js').LayerNotice|null} */ (null),
  lastError: /** @type {object|null} */ (null),
  notices: /** @type {string[]} */ ([]),
};
Object.assign(window, { fanlight: diagnostics });

function newViewer() {
  const { jitter } = asked;
  const viewer = new Viewer({
    url: endpoint,
    ...credentialsFor(asked, endpoint),
    ...(jitter === undefined ? {} : { jitterBufferTargetMs: Number(jitter) }),
    waitForStream: true,
  });
  void viewer.prefer({ layer: asked.layer ?? 'auto', ...fit.first });
  viewer.attach(video);
  viewer.addEventListener('state', (event) => showState(detailOf(event)));
  viewer.addEventListener('retry', (event) => showRetry(detailOf(event).reason));
  viewer.addEventListener('error', (event) => {
    const { code, status, message, detail, reason } = detailOf(event);
    diagnostics.lastError = { code, status, message, detail, reason };
  });
  viewer.addEventListener('firstframe', (event) => {
    diagnostics.firstFrameMs = detailOf(event).ms;
    if (!viewer.paused.video) openCurtain();
  });
  viewer.addEventListener('track', (event) => {
    const { track } = detailOf(event);
    if (track.kind !== 'audio') return;
    sound.follow(track);
    if (sound.source !== null) void lipSync.follow(sound.source);
  });
  viewer.addEventListener('stats', (event) => showStats(detailOf(event)));
  viewer.addEventListener('notice', (event) => {
    const notice = detailOf(event);
    diagnostics.notices = [...diagnostics.notices, notice.name].slice(-NOTICES_KEPT);
    hints.take(notice);
    pauses.show();
    showLayers();
  });
  return viewer;
}

const pauses = new Pauses({
  viewer: () => diagnostics.viewer,
  changed: showPaused,
  failed: (error) => hints.say(wordsOfError(error, { stream, role: 'viewer' }).text),
});

const fit = new Fit({
  video,
  viewer: () => diagnostics.viewer,
  heightMax: Number(asked.max_height) || null,
  on: asked.fit !== '0',
  changed: () => pauses.show(),
});

const layerMenu = new LayerMenu({
  select: /** @type {HTMLSelectElement} */ (byId('layer')),
  chosen: (layer) => void prefer(layer),
});

/** @param {string} layer */
async function prefer(layer) {
  const viewer = diagnostics.viewer;
  if (viewer === null) return;
  try {
    // What somebody asks for by name is not measured against the window.
    await viewer.prefer(layer === 'auto' ? { layer } : { layer, ...fit.first });
  } catch (error) {
    hints.say(wordsOfError(/** @type {any} */ (error), { stream, role: 'viewer' }).text);
  }
  showLayers();
}

function showLayers() {
  const { viewer } = diagnostics;
  const live = viewer?.state === 'live';
  diagnostics.layer = live ? viewer.layer : null;
  layerMenu.show(diagnostics.layer, viewer?.preferred.layer ?? 'auto');
  fit.look();
}

/** The curtain is drawn because of a pause. */
let drawnByPause = false;

/** @param {{audio: boolean, video: boolean}} paused */
function showPaused(paused) {
  if (diagnostics.state !== 'live') {
    drawnByPause = false;
  } else if (paused.video) {
    drawCurtain('Picture paused', paused.audio ? 'So is the sound.' : 'The sound goes on.');
    drawnByPause = true;
  } else if (drawnByPause) {
    openCurtain();
    drawnByPause = false;
  }
}

async function watch() {
  await diagnostics.viewer?.stop();
  byId('again').hidden = true;
  signIn.hidden = true;
  hints.clear();
  diagnostics.viewer = newViewer();
  // What goes wrong has been shown by the events.
  diagnostics.viewer.start().catch(() => {});
}

/** @param {import('../sdk/participant.js').StateDetail} detail */
function showState({ state, reason }) {
  diagnostics.state = state;
  if (state === 'connecting') drawCurtain('Connecting…', '', 'wait');
  if (state === 'live') {
    meter.reset();
    lipSync.reset();
    badge('live', 'Live');
    void play();
    // The first frame opens the curtain; a stream without video has none.
    if (!video.videoWidth) drawCurtain('Connected', 'Waiting for the first frame.', 'wait');
  } else {
    badge(state, '');
    hints.clear();
    clearWatchTiles();
    diagnostics.firstFrameMs = null;
    diagnostics.audioLevel = null;
  }
  if (state === 'reconnecting' && reason !== null) showRetry(reason);
  if (state === 'failed' || state === 'ended') byId('again').hidden = false;
  if (state === 'failed' && reason !== null) void showFailure(reason);
  if (state === 'ended') drawCurtain('Stopped', 'You are no longer watching.');
  pauses.show();
  showLayers();
}

/** @param {import('../sdk/fanlight.js').FanlightError} reason */
function showRetry(reason) {
  if (reason.code === 'not-live') {
    drawCurtain(
      'Waiting for the publisher…',
      `“${stream}” is not live yet. It starts here as soon as it is.`,
      'wait',
    );
  } else if (reason.code === 'closed-by-server') {
    drawCurtain('The stream has ended', 'It goes on here if the publisher comes back.', 'wait');
  } else {
    const { title, text } = wordsOfError(reason, { stream, role: 'viewer' });
    drawCurtain(title, text, 'wait');
  }
}

/** @param {import('../sdk/fanlight.js').FanlightError} reason */
async function showFailure(reason) {
  if (reason.code === 'unauthorized') {
    showSignIn();
    return;
  }
  const words = wordsOfError(reason, { stream, role: 'viewer' });
  drawCurtain(words.title, words.text);
  if (reason.code !== 'no-common-codec') return;
  const codec = await unplayableCodec();
  if (codec === null) return;
  drawCurtain(words.title, `This browser cannot play ${codec}, which is being published.`);
}

function showSignIn() {
  const refused = isSomething(credentialsFor(asked, endpoint));
  const words = wordsOfSignIn({ stream, refused, endpoint });
  forgetCredentials(endpoint);
  drawCurtain(words.title, words.text);
  byId('again').hidden = true;
  signIn.open();
}

/** The published codec that this browser lacks, or null. */
async function unplayableCodec() {
  try {
    const path = app.split('/').map(encodeURIComponent).join('/');
    const response = await fetch(`/${path}/streams`, { cache: 'no-store' });
    /** @type {import('./home.js').LiveStream[]} */
    const streams = await response.json();
    const live = streams.find((one) => one.app === app && one.name === stream);
    const video = live?.tracks.find(({ kind }) => kind === 'video')?.codec ?? null;
    return video !== null && !codecNames('receiver', 'video').includes(video) ? video : null;
  } catch {
    return null;
  }
}

/** @param {any} sample */
function showStats(sample) {
  diagnostics.lastStats = sample;
  diagnostics.audioLevel = sound.now ?? (video.muted ? null : (sample.audio?.level ?? null));
  diagnostics.latency = { median: meter.median, p99: meter.p99, samples: meter.samples.length };
  diagnostics.lipSync = { median: lipSync.median, heard: lipSync.heard };
  showWatchTiles(sample, { meter, lipSync, layer: diagnostics.layer });
  if (sample.video === null && sample.audio !== null) {
    drawCurtain('Sound only', 'This stream has no picture.');
  }
}

/** Sound needs a gesture in most browsers; a muted picture does not. */
async function play() {
  try {
    await video.play();
  } catch {
    video.muted = true;
    await video.play().catch(() => {});
  }
}

/** @param {Event} event @returns {any} */
function detailOf(event) {
  return /** @type {CustomEvent} */ (event).detail;
}

video.muted = asked.muted !== '0';
controls(video);
byId('again').addEventListener('click', watch);
signIn.addEventListener('signin', (/** @type {Event} */ event) => {
  keepCredentials(asked, endpoint, detailOf(event));
  void watch();
});
if (stream === '' && asked.url === undefined) {
  drawCurtain('Which stream?', 'Its name is in the link that you were sent.');
  byId('chooser').hidden = false;
} else {
  document.title = `${stream || 'Watch'} – Fanlight`;
  byId('name').textContent = stream || 'Watch';
  byId('about').textContent = asked.url ?? (app === 'live' ? '' : app);
  if (asked.autostart === '0') {
    drawCurtain('Ready', `Press to watch “${stream}”.`);
    byId('again').textContent = 'Watch';
    byId('again').hidden = false;
  } else {
    void watch();
  }
}
