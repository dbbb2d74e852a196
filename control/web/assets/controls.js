// @ts-check
/** Sound, full screen and picture in picture, by button and by key (m, f, p). */

const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** @param {HTMLVideoElement} video */
export function controls(video) {
  sound(video);
  const actions = {
    m: () => toggleSound(video),
    f: () => toggleFull(video),
    p: () => togglePip(video),
  };
  byId('mute').addEventListener('click', actions.m);
  byId('unmute').addEventListener('click', actions.m);
  byId('full').addEventListener('click', actions.f);
  byId('pip').addEventListener('click', actions.p);
  byId('pip').hidden = !document.pictureInPictureEnabled;
  video.addEventListener('dblclick', actions.f);
  document.addEventListener('keydown', (event) => {
    if (!isShortcut(event)) return;
    actions[/** @type {keyof typeof actions} */ (event.key.toLowerCase())]?.();
  });
}

/**
 * Is the key meant for the page, and not for a field that letters are typed into or chosen by?
 *
 * @param {KeyboardEvent} event
 */
export function isShortcut({ target, ctrlKey, metaKey, altKey }) {
  const typing =
    target instanceof HTMLSelectElement ||
    (target instanceof HTMLInputElement && target.type !== 'range');
  return !(typing || ctrlKey || metaKey || altKey);
}

/** @param {HTMLVideoElement} video */
function sound(video) {
  const volume = /** @type {HTMLInputElement} */ (byId('volume'));
  const show = () => {
    const silent = video.muted || video.volume === 0;
    byId('mute').textContent = silent ? 'Unmute' : 'Mute';
    byId('mute').setAttribute('aria-pressed', String(silent));
    byId('unmute').hidden = !silent || !hasSound(video);
    volume.value = String(silent ? 0 : video.volume);
  };
  volume.addEventListener('input', () => {
    video.volume = volume.valueAsNumber;
    video.muted = video.volume === 0;
  });
  for (const type of ['volumechange', 'playing', 'loadedmetadata'])
    video.addEventListener(type, show);
  show();
}

/** @param {HTMLVideoElement} video */
function hasSound(video) {
  const { srcObject } = video;
  return !video.paused && srcObject instanceof MediaStream && srcObject.getAudioTracks().length > 0;
}

/** @param {HTMLVideoElement} video */
function toggleSound(video) {
  video.muted = !video.muted;
  if (!video.muted && video.volume === 0) video.volume = 1;
}

/** @param {HTMLVideoElement} video */
function toggleFull(video) {
  if (document.fullscreenElement !== null) {
    void document.exitFullscreen();
    return;
  }
  const stage = byId('stage');
  // On iPhones only a video can fill the screen.
  if ('requestFullscreen' in stage) stage.requestFullscreen().catch(() => {});
  else /** @type {any} */ (video).webkitEnterFullscreen?.();
}

/** @param {HTMLVideoElement} video */
function togglePip(video) {
  const change =
    document.pictureInPictureElement === null
      ? video.requestPictureInPicture()
      : document.exitPictureInPicture();
  change.catch(() => {}); // Before the first frame there is no picture to take out.
}
