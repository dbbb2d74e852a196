// @ts-check
/**
 * The publish page.
 *
 * Parameters: `app`, `stream`, `source` (camera, screen, pattern), `codec`, `bitrate` (bits a
 * second), `width`, `height`, `fps`, `degradation`, `layers` (a scalability mode such as
 * `L2T3_KEY`), `simulcast=1` (smaller pictures too), `stereo`, `url` (a WHIP endpoint elsewhere), `autostart=1`. `token`,
 * `username` with `password`, and whatever else there is (`key`, `expires` …) go to the endpoint.
 */

import { FanlightError, Publisher } from '../sdk/fanlight.js';
import './sign-in.js';
import { copies } from './copy.js';
import { credentialsFor, forgetCredentials, isSomething, keepCredentials } from './credentials.js';
import { badge, drawCurtain, openCurtain } from './curtain.js';
import { endpointOf, parameters, watchLink, watchPath } from './links.js';
import { clearPublishTiles, showPublishTiles } from './publish-tiles.js';
import { describeSimulcast, fillForm, keepForm, readForm } from './settings.js';
import { devices, open } from './sources.js';
import { wordsOfCapture, wordsOfError, wordsOfSignIn } from './words.js';

const asked = parameters();
const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const video = /** @type {HTMLVideoElement} */ (byId('video'));
const form = /** @type {HTMLFormElement} */ (byId('settings'));
const signIn = /** @type {any} */ (byId('sign-in'));

/** @type {import('./sources.js').Capture|null} */
let capture = null;

/** Names of the server's last notices, for diagnostics. */
const NOTICES_KEPT = 50;

/** For diagnostics and tests; see web/README.md. */
const diagnostics = {
  publisher: /** @type {Publisher|null} */ (null),
  state: 'new',
  lastStats: /** @type {object|null} */ (null),
  firstFrameMs: null,
  latency: { median: null, p99: null, samples: 0 },
  audioLevel: /** @type {number|null} */ (null),
  lastError: /** @type {object|null} */ (null),
  notices: /** @type {string[]} */ ([]),
};
Object.assign(window, { fanlight: diagnostics });

// The source ---------------------------------------------------------------------------------------

const CURTAINS = {
  camera: [
    'Camera and microphone',
    'Your browser will ask before it shows them.',
    'Turn on the camera',
  ],
  screen: ['Your screen', 'Choose a window or the whole screen.', 'Choose what to show'],
  pattern: ['Test pattern', 'A running clock that measures the delay to each viewer.', 'Show it'],
};

/** What is chosen, but not yet shown. */
function showSource() {
  const { source } = readForm();
  const [title, text, action] = CURTAINS[source];
  drawCurtain(title, text);
  signIn.hidden = true;
  byId('preview').textContent = action;
  byId('preview').hidden = false;
}

/**
 * Opens the chosen source and shows it; while live, it takes the place of the old one.
 *
 * @returns {Promise<boolean>} Whether there is a picture or a sound now.
 */
async function openSource() {
  byId('preview').hidden = true;
  try {
    const next = await open(readForm());
    const old = capture;
    capture = next;
    await replaceOnAir(next.stream);
    old?.stop();
    show(next.stream);
    await showDevices();
    return true;
  } catch (error) {
    const words =
      error instanceof FanlightError
        ? { title: 'Not possible', text: error.message }
        : wordsOfCapture(error);
    if (capture === null) {
      drawCurtain(words.title, words.text);
      byId('preview').hidden = false;
    } else {
      notice(`${words.title}. ${words.text}`);
    }
    return false;
  }
}

/** @param {MediaStream} stream */
async function replaceOnAir(stream) {
  const { publisher, state } = diagnostics;
  if (publisher === null || state === 'ended' || state === 'failed') return;
  for (const kind of /** @type {const} */ (['video', 'audio'])) {
    const track = stream.getTracks().find((one) => one.kind === kind) ?? null;
    try {
      await publisher.replaceTrack(track, kind);
    } catch (error) {
      // A kind that the stream began without cannot be added to it.
      if (track !== null && error instanceof FanlightError)
        notice(`${error.message} Stop, and go live again.`);
    }
  }
}

/** @param {MediaStream} stream */
function show(stream) {
  video.srcObject = stream;
  void video.play().catch(() => {});
  signIn.hidden = true;
  openCurtain();
  for (const [id, tracks] of /** @type {const} */ ([
    ['microphone', stream.getAudioTracks()],
    ['camera', stream.getVideoTracks()],
  ])) {
    byId(id).hidden = tracks.length === 0;
    byId(id).setAttribute('aria-pressed', 'false');
  }
  labelToggles();
  stream.getVideoTracks()[0]?.addEventListener('ended', () => {
    // The user stopped sharing in the browser's own bar.
    if (capture?.stream === stream) void stop();
  });
}

function closeSource() {
  capture?.stop();
  capture = null;
  video.srcObject = null;
  byId('microphone').hidden = true;
  byId('camera').hidden = true;
}

async function showDevices() {
  const camera = readForm().source === 'camera';
  byId('devices').hidden = !camera;
  if (!camera) return;
  for (const [id, kind] of /** @type {const} */ ([
    ['video-device', 'videoinput'],
    ['audio-device', 'audioinput'],
  ])) {
    const select = /** @type {HTMLSelectElement} */ (byId(id));
    const before = select.value;
    const options = (await devices(kind)).map(({ label, deviceId }) => new Option(label, deviceId));
    select.replaceChildren(...options);
    if (options.some(({ value }) => value === before)) select.value = before;
  }
}

function labelToggles() {
  const off = (/** @type {string} */ id) => byId(id).getAttribute('aria-pressed') === 'true';
  byId('microphone').textContent = off('microphone') ? 'Unmute sound' : 'Mute sound';
  byId('camera').textContent = off('camera') ? 'Show picture' : 'Hide picture';
}

/**
 * @param {'microphone'|'camera'} id
 * @param {'audio'|'video'} kind
 */
function toggle(id, kind) {
  const off = byId(id).getAttribute('aria-pressed') !== 'true';
  byId(id).setAttribute('aria-pressed', String(off));
  for (const track of capture?.stream.getTracks() ?? []) {
    if (track.kind === kind) track.enabled = !off;
  }
  labelToggles();
}

// On air -------------------------------------------------------------------------------------------

async function goLive() {
  notice('');
  keepForm();
  if (capture === null && !(await openSource())) return;
  if (capture === null) return;
  if (!signIn.hidden) show(capture.stream);
  const publisher = newPublisher(capture.stream);
  diagnostics.publisher = publisher;
  // What goes wrong has been shown by the events.
  publisher.start().catch(() => {});
}

function endpoint() {
  const { app, stream } = readForm();
  return endpointOf(asked, { app, stream, role: 'publisher' });
}

/** What the form says counts before the page's address, from which it was filled in. */
function credentials() {
  const { token, ...others } = asked;
  const typed = readForm().token;
  return credentialsFor(typed === '' ? others : { ...others, token: typed }, endpoint());
}

/** @param {MediaStream} media */
function newPublisher(media) {
  const { codec, bitrate, fps, degradation, simulcast, stereo, source } = readForm();
  const publisher = new Publisher({
    url: endpoint(),
    ...credentials(),
    media,
    video: {
      ...(codec === '' ? {} : { codec }),
      ...(degradation === '' ? {} : { degradation }),
      ...(asked.layers === undefined ? {} : { scalabilityMode: asked.layers }),
      ...(source === 'screen' ? { contentHint: 'detail' } : {}),
      simulcast,
      bitrate,
      maxFramerate: fps,
    },
    audio: { stereo },
  });
  publisher.addEventListener('state', (event) => showState(detailOf(event)));
  publisher.addEventListener('error', (event) => showError(detailOf(event)));
  publisher.addEventListener('stats', (event) => {
    const sample = detailOf(event);
    diagnostics.lastStats = sample;
    diagnostics.audioLevel = sample.audio?.level ?? null;
    showPublishTiles(sample);
  });
  publisher.addEventListener('notice', (event) => {
    const { name } = detailOf(event);
    diagnostics.notices = [...diagnostics.notices, name].slice(-NOTICES_KEPT);
  });
  publisher.addEventListener('source-silent', (event) => notice(detailOf(event).text));
  publisher.addEventListener('source-back', () => notice(''));
  return publisher;
}

async function stop() {
  await diagnostics.publisher?.stop();
  closeSource();
  showSource();
}

const BADGES = { connecting: 'Connecting…', live: 'Live', reconnecting: 'Reconnecting…' };

/** @param {import('../sdk/participant.js').StateDetail} detail */
function showState({ state, reason }) {
  diagnostics.state = state;
  const busy = state === 'connecting' || state === 'live' || state === 'reconnecting';
  badge(state, BADGES[/** @type {keyof typeof BADGES} */ (state)] ?? '');
  /** @type {HTMLFieldSetElement} */ (byId('locked')).disabled = busy;
  /** @type {HTMLElement} */ (document.querySelector('main')).toggleAttribute('data-live', busy);
  byId('go').textContent = busy ? 'Stop' : 'Go live';
  byId('go').toggleAttribute('data-live', busy);
  if (state === 'live') notice('');
  if (!busy) {
    clearPublishTiles();
    diagnostics.audioLevel = null;
  }
  if (state === 'failed' && reason !== null) showError(reason);
  if (state === 'failed' && reason?.code === 'unauthorized') showSignIn();
}

/** Over the picture, which goes on behind it. */
function showSignIn() {
  const refused = isSomething(credentials());
  const { stream } = readForm();
  const words = wordsOfSignIn({ stream, refused, endpoint: endpoint() });
  forgetCredentials(endpoint());
  notice('');
  drawCurtain(words.title, words.text);
  byId('preview').hidden = true;
  signIn.open();
}

/** @param {FanlightError} error */
function showError(error) {
  const { code, status, message, detail, reason } = error;
  diagnostics.lastError = { code, status, message, detail, reason };
  const { title, text } = wordsOfError(error, { stream: readForm().stream, role: 'publisher' });
  notice(`${title}. ${text}`);
}

/** @param {string} words */
function notice(words) {
  byId('notice').textContent = words;
  byId('notice').hidden = words === '';
}

function showLink() {
  const { app, stream } = readForm();
  /** @type {HTMLAnchorElement} */ (byId('open-link')).href = watchPath(app, stream);
}

/** @param {Event} event @returns {any} */
function detailOf(event) {
  return /** @type {CustomEvent} */ (event).detail;
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const live = byId('go').hasAttribute('data-live');
  void (live ? stop() : goLive());
});
form.addEventListener('change', ({ target }) => {
  const { name } = /** @type {HTMLInputElement} */ (target);
  showLink();
  describeSimulcast();
  if (name === 'source') {
    if (byId('go').hasAttribute('data-live')) {
      void openSource();
    } else {
      closeSource();
      showSource();
      byId('devices').hidden = true;
    }
  } else if (
    capture !== null &&
    ['videoDevice', 'audioDevice', 'resolution', 'fps', 'cleanUp'].includes(name)
  ) {
    void openSource();
  }
});
signIn.addEventListener('signin', (/** @type {Event} */ event) => {
  keepCredentials(asked, endpoint(), detailOf(event));
  /** @type {HTMLInputElement} */ (byId('token')).value = '';
  if (capture !== null) show(capture.stream);
  void goLive();
});
byId('preview').addEventListener('click', openSource);
byId('microphone').addEventListener('click', () => toggle('microphone', 'audio'));
byId('camera').addEventListener('click', () => toggle('camera', 'video'));
copies(/** @type {HTMLButtonElement} */ (byId('copy-link')), () => {
  const { app, stream } = readForm();
  return watchLink(app, stream);
});

fillForm(asked);
showLink();
showSource();
if (asked.autostart === '1') void goLive();
