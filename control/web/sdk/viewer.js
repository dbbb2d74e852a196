// @ts-check
/**
 * Watches one stream over WHEP.
 *
 *   const viewer = new Viewer({ app: 'live', stream: 'lobby', waitForStream: true });
 *   viewer.attach(document.querySelector('video'));
 *   await viewer.start();
 */

import { codecPreferences } from './codecs.js';
import { offerDependencyDescriptor } from './layers.js';
import { Participant } from './participant.js';
import { withFormatParameters } from './sdp.js';
import { ViewerStats } from './stats.js';

/** @typedef {'audio'|'video'} Kind */

/**
 * What is wished of a stream with several layers.
 *
 * @typedef {object} Preference
 * @property {string} layer A layer by name, or `auto`: the best that fits network and size.
 * @property {number|null} maxWidth Pixels; null: any.
 * @property {number|null} maxHeight Pixels; null: any.
 *
 * @typedef {object} Layer
 * @property {string} layer Its name: a rid such as `h`, or of SVC such as `S1T2`.
 * @property {number|null} [width] Where it is known.
 * @property {number|null} [height]
 *
 * @typedef {object} LayerNotice Detail of a `layer` event.
 * @property {string|null} layer What is sent now.
 * @property {number|null} width
 * @property {number|null} height
 * @property {Layer[]} layers All that there are, in the publisher's order.
 */

/** @type {Readonly<Preference>} */
const ANY = { layer: 'auto', maxWidth: null, maxHeight: null };

/**
 * @typedef {import('./participant.js').ParticipantOptions & {
 *   waitForStream?: boolean,
 *   codec?: string|string[],
 *   stereo?: boolean,
 *   jitterBufferTargetMs?: number,
 *   serverOffer?: boolean,
 * }} ViewerOptions
 *
 * `waitForStream`: keep asking while nobody publishes, and again after the publisher has left
 * (default false). `codec`: play only these. `stereo`: default true. `jitterBufferTargetMs`: how
 * much to hold back against jitter, 0 to 4000; default: the browser's choice. `serverOffer`: let the
 * server make the offer, as some WHEP servers want it (default false); there is no data channel then,
 * and `codec` has no effect.
 */

/**
 * @fires track `{track, media}`: a track has arrived
 * @fires firstframe `{ms, sinceStartMs}`: the first picture is shown; `ms` counts from the request
 *   that brought it, `sinceStartMs` from `start()`, waiting for the stream included
 * @fires stats `ViewerSample`, every second
 * @fires layer `LayerNotice`: another layer is sent now, or there are others
 *
 *   await viewer.pause('video');  // the sound goes on, nothing is renegotiated
 *   await viewer.resume('video'); // the picture comes back with the next key frame
 *   await viewer.prefer({ maxHeight: 360 }); // the best layer that is no higher
 */
export class Viewer extends Participant {
  #options;
  /** What has arrived. The same object through all sessions. */
  media = new MediaStream();
  /** @type {HTMLVideoElement|null} */
  #element = null;
  #stats = new ViewerStats();
  /** Samples in a row in which nothing came. */
  #silent = 0;
  /** What is not wanted for now. @type {Set<Kind>} */
  #paused = new Set();
  /** @type {Preference} */
  #preferred = { ...ANY };
  /** @type {LayerNotice|null} */
  #layer = null;
  #startedAt = 0;
  #askedAt = 0;
  /** @type {number|null} */
  #firstFrameMs = null;
  /** Aborted when the first frame need not be looked for any more. */
  #awaiting = new AbortController();

  /** @param {ViewerOptions} options */
  constructor(options) {
    super('viewer', options);
    this.#options = options;
  }

  /** Milliseconds from the request to the first picture of this session, or null before it. */
  get firstFrameMs() {
    return this.#firstFrameMs;
  }

  /** What is paused. @returns {{audio: boolean, video: boolean}} */
  get paused() {
    return { audio: this.#paused.has('audio'), video: this.#paused.has('video') };
  }

  /**
   * Lets the server send no media of that kind until `resume`: it costs no bits any more. The wish
   * outlasts reconnects, and may be told before `start`.
   *
   * @param {Kind} kind
   * @returns {Promise<void>} When the server has heard it.
   * @throws {FanlightError} If it refuses; then nothing has changed.
   */
  pause(kind) {
    return this.#steer(kind, true);
  }

  /** @param {Kind} kind @returns {Promise<void>} @throws {FanlightError} */
  resume(kind) {
    return this.#steer(kind, false);
  }

  /**
   * @param {Kind} kind
   * @param {boolean} paused
   */
  async #steer(kind, paused) {
    if (kind !== 'audio' && kind !== 'video') throw new TypeError('Pause what: audio or video?');
    const before = this.#paused.has(kind);
    this.#remember(kind, paused);
    try {
      await this.control({ [kind]: paused ? 'paused' : 'playing' });
    } catch (error) {
      this.#remember(kind, before);
      throw error;
    }
  }

  /**
   * @param {Kind} kind
   * @param {boolean} paused
   */
  #remember(kind, paused) {
    if (paused) this.#paused.add(kind);
    else this.#paused.delete(kind);
  }

  /** What is wished of the layers. @returns {Preference} */
  get preferred() {
    return { ...this.#preferred };
  }

  /** Which layer the server sends now, and which there are; null while it has not told. */
  get layer() {
    return this.#layer;
  }

  /**
   * Wishes for a layer, or for a picture no larger than that. Nothing is renegotiated, and the picture
   * changes with the next key frame of the other layer. The wish outlasts reconnects, and may be told
   * before `start`.
   *
   * @param {Partial<Preference>} wish What is left out stays as it is.
   * @returns {Promise<void>} When the server has heard it.
   * @throws {FanlightError} If it refuses; then nothing has changed.
   */
  async prefer(wish) {
    const before = this.#preferred;
    const wished = { ...before, ...wish };
    this.#preferred = wished;
    try {
      await this.control(changesOf(wish));
    } catch (error) {
      if (this.#preferred === wished) this.#preferred = before;
      throw error;
    }
  }

  /** A new session knows nothing of the wishes of the last one. @override @protected */
  begun() {
    // What is paused plays on if the server does not hear it; that it failed shows in the picture.
    for (const kind of this.#paused) this.control({ [kind]: 'paused' }).catch(() => {});
    const { layer, maxWidth, maxHeight } = this.#preferred;
    if (layer !== ANY.layer || maxWidth !== null || maxHeight !== null) {
      // Another publisher may have no such layer: then the best is as good.
      this.control(changesOf(this.#preferred)).catch(() => {});
    }
  }

  /** @override @protected @param {import('./participant.js').Notice} notice */
  noticed(notice) {
    const { name, kind } = notice;
    if (name === 'layer') this.#layer = layerNotice(notice);
    // Another publisher's layers are others, if it has any.
    if (name === 'switched' && kind === 'video') this.#layer = null;
    // Somebody else who knows the session's URL may steer it too.
    if (kind !== undefined && name === 'paused') this.#remember(kind, true);
    if (kind !== undefined && name === 'resumed') this.#remember(kind, false);
  }

  /**
   * Shows the stream in that element. Whether it is muted, and when it plays, stays the page's.
   *
   * @param {HTMLVideoElement} element
   */
  attach(element) {
    this.detach();
    this.#element = element;
    if (this.media.getTracks().length > 0) this.#show();
  }

  /** Lets go of the element. */
  detach() {
    if (this.#element?.srcObject === this.media) this.#element.srcObject = null;
    this.#element = null;
  }

  /** @override */
  start() {
    this.#startedAt = performance.now();
    return super.start();
  }

  /** @override @protected */
  get offeredByServer() {
    return this.#options.serverOffer === true;
  }

  /** @override @protected @param {RTCPeerConnection} connection */
  prepare(connection) {
    this.#askedAt = performance.now();
    this.#firstFrameMs = null;
    this.#stats = new ViewerStats();
    this.#silent = 0;
    this.#layer = null;
    for (const track of this.media.getTracks()) this.media.removeTrack(track);
    const { codec, jitterBufferTargetMs } = this.#options;
    if (!this.offeredByServer) {
      for (const kind of /** @type {const} */ (['video', 'audio'])) {
        const transceiver = connection.addTransceiver(kind, { direction: 'recvonly' });
        if (kind === 'video') offerDependencyDescriptor(transceiver);
        if (kind === 'video' && codec !== undefined) {
          transceiver.setCodecPreferences(codecPreferences('receiver', kind, codec));
        }
      }
    }
    connection.addEventListener('track', ({ track, receiver }) => {
      if (jitterBufferTargetMs !== undefined && 'jitterBufferTarget' in receiver) {
        receiver.jitterBufferTarget = jitterBufferTargetMs;
      }
      this.#receive(track);
    });
  }

  /** @override @protected @param {string} sdp */
  amendOffer(sdp) {
    return this.#options.stereo === false ? sdp : withFormatParameters(sdp, 'opus', { stereo: 1 });
  }

  /**
   * @override
   * @protected
   * @param {import('./errors.js').FanlightError} reason
   * @returns {import('./participant.js').Verdict}
   */
  judge(reason) {
    const isOver = reason.code === 'closed-by-server' && reason.transient;
    if (isOver || reason.code === 'not-live') {
      if (this.#options.waitForStream) return 'wait';
      return this.everLive ? 'ended' : 'failed';
    }
    return super.judge(reason);
  }

  /** @override @protected @param {RTCStatsReport} report */
  sample(report) {
    const sample = this.#stats.sample(report);
    // Without an element, or in a hidden page, nothing is shown: the first decoded picture counts.
    const unseen = this.#element === null || document.hidden;
    if (unseen && (sample.video?.framesDecoded ?? 0) > 0) this.#noteFirstFrame();
    // What is paused is silent by wish.
    const silent = sample.bitrateBps === 0 && this.#paused.size === 0;
    this.#silent = silent ? this.#silent + 1 : 0;
    return { ...sample, firstFrameMs: this.#firstFrameMs };
  }

  /**
   * After 2, 4, 8 … silent seconds: a pause of the publisher must not become a storm of questions.
   *
   * @override
   * @protected
   */
  suspects() {
    return this.#silent >= 2 && (this.#silent & (this.#silent - 1)) === 0;
  }

  /** @param {MediaStreamTrack} track */
  #receive(track) {
    this.media.addTrack(track);
    this.dispatchEvent(new CustomEvent('track', { detail: { track, media: this.media } }));
    if (this.#element?.srcObject === this.media) this.#awaitFirstFrame();
    else this.#show();
  }

  #show() {
    const element = this.#element;
    if (element === null || element.srcObject === this.media) return;
    // Not before there is a track: an element that waits for data holds back the page's load event.
    element.srcObject = this.media;
    this.#awaitFirstFrame();
  }

  #awaitFirstFrame() {
    const element = this.#element;
    if (element === null || this.#firstFrameMs !== null) return;
    this.#awaiting.abort();
    this.#awaiting = new AbortController();
    const { signal } = this.#awaiting;
    const shown = () => {
      // Sound alone loads data too, but it has no width.
      if (!signal.aborted && element.videoWidth > 0) this.#noteFirstFrame();
    };
    element.requestVideoFrameCallback?.(shown);
    for (const type of ['loadeddata', 'resize']) element.addEventListener(type, shown, { signal });
  }

  #noteFirstFrame() {
    if (this.#firstFrameMs !== null) return;
    this.#awaiting.abort();
    const now = performance.now();
    this.#firstFrameMs = now - this.#askedAt;
    const detail = { ms: this.#firstFrameMs, sinceStartMs: now - this.#startedAt };
    this.dispatchEvent(new CustomEvent('firstframe', { detail }));
  }
}

/**
 * @param {Partial<Preference>} wish
 * @returns {import('./signalling.js').Changes}
 */
function changesOf({ layer, maxWidth, maxHeight }) {
  return {
    ...(layer === undefined ? {} : { layer }),
    ...(maxWidth === undefined ? {} : { max_width: maxWidth }),
    ...(maxHeight === undefined ? {} : { max_height: maxHeight }),
  };
}

/**
 * @param {Record<string, any>} notice
 * @returns {LayerNotice}
 */
function layerNotice({ layer = null, width = null, height = null, layers = [] }) {
  return { layer, width, height, layers };
}
