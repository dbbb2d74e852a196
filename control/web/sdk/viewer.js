// @ts-check
/**
 * Watches one stream over WHEP.
 *
 *   const viewer = new Viewer({ app: 'live', stream: 'lobby', waitForStream: true });
 *   viewer.attach(document.querySelector('video'));
 *   await viewer.start();
 */

import { codecPreferences } from './codecs.js';
import { Participant } from './participant.js';
import { withFormatParameters } from './sdp.js';
import { ViewerStats } from './stats.js';

/**
 * @typedef {import('./participant.js').ParticipantOptions & {
 *   waitForStream?: boolean,
 *   codec?: string|string[],
 *   stereo?: boolean,
 *   jitterBufferTargetMs?: number,
 * }} ViewerOptions
 *
 * `waitForStream`: keep asking while nobody publishes, and again after the publisher has left
 * (default false). `codec`: play only these. `stereo`: default true. `jitterBufferTargetMs`: how
 * much to hold back against jitter, 0 to 4000; default: the browser's choice.
 */

/**
 * @fires track `{track, media}`: a track has arrived
 * @fires firstframe `{ms, sinceStartMs}`: the first picture is shown; `ms` counts from the request
 *   that brought it, `sinceStartMs` from `start()`, waiting for the stream included
 * @fires stats `ViewerSample`, every second
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
  #startedAt = 0;
  #askedAt = 0;
  /** @type {number|null} */
  #firstFrameMs = null;

  /** @param {ViewerOptions} options */
  constructor(options) {
    super('viewer', options);
    this.#options = options;
  }

  /** Milliseconds from the request to the first picture of this session, or null before it. */
  get firstFrameMs() {
    return this.#firstFrameMs;
  }

  /**
   * Shows the stream in that element. Whether it is muted, and when it plays, stays the page's.
   *
   * @param {HTMLVideoElement} element
   */
  attach(element) {
    this.detach();
    this.#element = element;
    element.srcObject = this.media;
    if (this.media.getTracks().length > 0) this.#awaitFirstFrame();
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

  /** @override @protected @param {RTCPeerConnection} connection */
  prepare(connection) {
    this.#askedAt = performance.now();
    this.#firstFrameMs = null;
    this.#stats = new ViewerStats();
    this.#silent = 0;
    for (const track of this.media.getTracks()) this.media.removeTrack(track);
    for (const kind of /** @type {const} */ (['video', 'audio'])) {
      const transceiver = connection.addTransceiver(kind, { direction: 'recvonly' });
      const { codec, jitterBufferTargetMs } = this.#options;
      if (kind === 'video' && codec !== undefined) {
        transceiver.setCodecPreferences(codecPreferences('receiver', kind, codec));
      }
      if (jitterBufferTargetMs !== undefined && 'jitterBufferTarget' in transceiver.receiver) {
        transceiver.receiver.jitterBufferTarget = jitterBufferTargetMs;
      }
    }
    connection.addEventListener('track', ({ track }) => this.#receive(track));
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
    if (reason.code === 'closed-by-server' || reason.code === 'not-live') {
      if (this.#options.waitForStream) return 'wait';
      return this.everLive ? 'ended' : 'failed';
    }
    return super.judge(reason);
  }

  /** @override @protected @param {RTCStatsReport} report */
  sample(report) {
    const sample = this.#stats.sample(report);
    // Without an element there is nothing to show; then the first decoded picture counts.
    if (this.#element === null && (sample.video?.framesDecoded ?? 0) > 0) this.#noteFirstFrame();
    this.#silent = sample.bitrateBps === 0 ? this.#silent + 1 : 0;
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
    if (track.kind === 'video') this.#awaitFirstFrame();
  }

  #awaitFirstFrame() {
    const element = this.#element;
    if (element === null || this.#firstFrameMs !== null) return;
    const asked = this.#askedAt;
    const shown = () => {
      if (asked === this.#askedAt) this.#noteFirstFrame();
    };
    // A hidden page composes no frames, but it still loads data.
    element.addEventListener('loadeddata', shown, { once: true });
    element.requestVideoFrameCallback?.(shown);
  }

  #noteFirstFrame() {
    if (this.#firstFrameMs !== null) return;
    const now = performance.now();
    this.#firstFrameMs = now - this.#askedAt;
    const detail = { ms: this.#firstFrameMs, sinceStartMs: now - this.#startedAt };
    this.dispatchEvent(new CustomEvent('firstframe', { detail }));
  }
}
