// @ts-check
/** Camera, screen or test pattern as one kind of thing: a stream that can be stopped. */

import { createTestPattern } from '../sdk/fanlight.js';

/**
 * @typedef {object} Capture
 * @property {MediaStream} stream
 * @property {() => void} stop
 *
 * @typedef {object} Wish
 * @property {'camera'|'screen'|'pattern'} source
 * @property {number} width
 * @property {number} height
 * @property {number} fps
 * @property {string} videoDevice Empty: the browser's default.
 * @property {string} audioDevice
 * @property {boolean} cleanUp Echo and noise.
 * @property {boolean} stereo
 */

/** Can this page see cameras and screens at all? Not over plain HTTP. */
export const canCapture = Boolean(navigator.mediaDevices?.getUserMedia);
/** Phones cannot share their screen. */
export const canShareScreen = Boolean(navigator.mediaDevices?.getDisplayMedia);

/**
 * @param {Wish} wish
 * @returns {Promise<Capture>}
 * @throws {DOMException} As the browser says it.
 */
export async function open(wish) {
  if (wish.source === 'pattern') return createTestPattern(wish);
  const stream = wish.source === 'camera' ? await camera(wish) : await screen(wish);
  return {
    stream,
    stop() {
      for (const track of stream.getTracks()) track.stop();
    },
  };
}

/**
 * @param {Wish} wish
 * @returns {Promise<MediaStream>}
 */
async function camera({ width, height, fps, videoDevice, audioDevice, cleanUp, stereo }) {
  const video = {
    width: { ideal: width },
    height: { ideal: height },
    frameRate: { ideal: fps },
    ...chosen(videoDevice),
  };
  const audio = {
    echoCancellation: cleanUp,
    noiseSuppression: cleanUp,
    autoGainControl: cleanUp,
    channelCount: { ideal: stereo ? 2 : 1 },
    ...chosen(audioDevice),
  };
  try {
    return await navigator.mediaDevices.getUserMedia({ video, audio });
  } catch (error) {
    // A machine without a microphone can still show a picture, and the reverse.
    if (!(error instanceof DOMException) || error.name !== 'NotFoundError') throw error;
    return navigator.mediaDevices
      .getUserMedia({ video })
      .catch(() => navigator.mediaDevices.getUserMedia({ audio }));
  }
}

/**
 * @param {Wish} wish
 * @returns {Promise<MediaStream>}
 */
function screen({ width, height, fps }) {
  return navigator.mediaDevices.getDisplayMedia({
    video: { width: { max: width }, height: { max: height }, frameRate: { max: fps } },
    // The sound of what is shown, as it is.
    audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  });
}

/** @param {string} deviceId */
function chosen(deviceId) {
  return deviceId === '' ? {} : { deviceId: { exact: deviceId } };
}

/**
 * Cameras and microphones. Browsers name them only after the user has allowed one.
 *
 * @param {'videoinput'|'audioinput'} kind
 * @returns {Promise<MediaDeviceInfo[]>}
 */
export async function devices(kind) {
  const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  return all.filter((device) => device.kind === kind && device.deviceId !== '');
}
