// @ts-check
/**
 * Publishes one stream: at most one audio and one video track, over WHIP.
 *
 *   const publisher = new Publisher({ app: 'live', stream: 'lobby', media });
 *   publisher.addEventListener('stats', ({ detail }) => console.log(detail.bitrateBps));
 *   await publisher.start();
 */

import { codecPreferences } from './codecs.js';
import { FanlightError } from './errors.js';
import { offerDependencyDescriptor, rungsFor, simulcastEncodings, totalBitrate } from './layers.js';
import { Participant } from './participant.js';
import { withFormatParameters } from './sdp.js';
import { PublisherStats } from './stats.js';

/**
 * libwebrtc starts at 300 kbit/s whatever the network, and needs seconds to reach what was asked.
 * We let it start at half of that, but not above what an ordinary uplink carries.
 */
const START_BITRATE_BPS_MAX = 1_500_000;

/**
 * A name that we held a moment ago may still be held by our own dead session: the server notices
 * its end only by time-out. Until then 409 is a reason to try again.
 */
const GHOST_MS = 30_000;

/** How long a change of the sender's parameters holds up the next one. */
const CHANGE_TIMEOUT_MS = 1_000;

/** How long a source may take to tell how large its picture is. */
const SIZE_TIMEOUT_MS = 500;

/**
 * @typedef {object} VideoOptions
 * @property {string|string[]} [codec] `VP8`, `H264`, `VP9`, `AV1`: only these are offered, in this
 *   order. Default: all that the browser has, in its own order.
 * @property {number} [bitrate] At most, in bits a second; of the largest layer, where there are
 *   several. Default: the browser's choice.
 * @property {number} [maxFramerate] Frames a second.
 * @property {'balanced'|'maintain-framerate'|'maintain-resolution'} [degradation] What to give up
 *   first when the network or the processor cannot keep up.
 * @property {string} [scalabilityMode] Layers within the stream, such as `L2T3_KEY` (W3C webrtc-svc),
 *   of VP9 or AV1. Default: none.
 * @property {boolean} [simulcast] Send smaller layers too, each as a stream of its own: `q` and `h`, of
 *   a quarter and a half of the sides of the whole, `f`. A picture below 960×540 gets two, one below
 *   480×270 only the whole. What nobody watches is not sent; the smallest always is. Default false.
 * @property {'motion'|'detail'|'text'} [contentHint] What the picture is like.
 */

/**
 * @typedef {object} AudioOptions
 * @property {number} [bitrate] At most, in bits a second.
 * @property {boolean} [stereo] Default false: mono, as speech needs.
 */

/**
 * @typedef {import('./participant.js').ParticipantOptions & {
 *   media: MediaStream,
 *   video?: VideoOptions,
 *   audio?: AudioOptions,
 * }} PublisherOptions
 */

/**
 * @fires stats `PublisherSample`, every second
 * @fires layers-wanted `{layers: string[]}`: the server tells which layers are watched
 */
export class Publisher extends Participant {
  #video;
  #audio;
  /** @type {{audio: MediaStreamTrack|null, video: MediaStreamTrack|null}} */
  #tracks;
  #stats = new PublisherStats();
  #lostAt = Number.NEGATIVE_INFINITY;
  /** Of the session's simulcast, smallest first; one where there is none. @type {readonly import('./layers.js').Rung[]} */
  #rungs = [];
  /** Changes of the sender's parameters, one after the other. @type {Promise<void>} */
  #steering = Promise.resolve();

  /** @param {PublisherOptions} options */
  constructor(options) {
    super('publisher', options);
    this.#video = options.video ?? {};
    this.#audio = options.audio ?? {};
    this.#tracks = {
      audio: options.media.getAudioTracks()[0] ?? null,
      video: options.media.getVideoTracks()[0] ?? null,
    };
    this.addEventListener('state', () => {
      if (this.state === 'reconnecting') this.#lostAt = performance.now();
    });
  }

  /**
   * Sends another track in the place of the one of its kind, without a new session. The caller
   * stops the old one.
   *
   * @param {MediaStreamTrack|null} track Null: send nothing of that kind.
   * @param {'audio'|'video'} [kind] Needed with null.
   * @throws {FanlightError} `no-media` if the stream was published without that kind.
   */
  async replaceTrack(track, kind = /** @type {'audio'|'video'} */ (track?.kind)) {
    if (this.#tracks[kind] === undefined) throw new TypeError('Which kind of track?');
    const connection = this.connection;
    if (connection !== null) {
      const sender = connection.getTransceivers().find((one) => one.receiver.track.kind === kind);
      if (sender === undefined) {
        throw new FanlightError('no-media', `This stream was published without ${kind}.`);
      }
      await sender.sender.replaceTrack(track);
    }
    this.#tracks[kind] = track;
  }

  /** @override @protected @param {RTCPeerConnection} connection */
  async prepare(connection) {
    const { audio, video } = this.#tracks;
    if (audio === null && video === null) {
      throw new FanlightError('no-media', 'There is no audio and no video to publish.');
    }
    this.#stats = new PublisherStats();
    // One stream for both, so that a viewer's browser keeps them in step (RFC 8830).
    const streams = [new MediaStream()];
    this.#rungs = [];
    if (video !== null && this.#video.simulcast) {
      const { width, height } = await sizeOf(video);
      this.#rungs = rungsFor(width, height);
    }
    if (video !== null) this.#prepareVideo(connection, video, streams);
    if (audio !== null) this.#prepareAudio(connection, audio, streams);
  }

  /**
   * @param {RTCPeerConnection} connection
   * @param {MediaStreamTrack} track
   * @param {MediaStream[]} streams
   */
  #prepareVideo(connection, track, streams) {
    const { codec, bitrate, maxFramerate, scalabilityMode, degradation, contentHint } = this.#video;
    if (contentHint !== undefined) track.contentHint = contentHint;
    const whole = {
      ...given('maxBitrate', bitrate),
      ...given('maxFramerate', maxFramerate),
      ...given('scalabilityMode', scalabilityMode),
    };
    const transceiver = connection.addTransceiver(track, {
      direction: 'sendonly',
      streams,
      sendEncodings: this.#rungs.length > 1 ? simulcastEncodings(this.#rungs, whole) : [whole],
    });
    if (scalabilityMode !== undefined) offerDependencyDescriptor(transceiver);
    if (codec !== undefined) {
      transceiver.setCodecPreferences(codecPreferences('sender', 'video', codec));
    }
    if (degradation !== undefined) {
      this.#change(transceiver.sender, (parameters) => {
        parameters.degradationPreference = degradation;
      });
    }
  }

  /**
   * Changes parameters of a sender. A wish: browsers that do not know it go on as they did.
   *
   * @param {RTCRtpSender} sender
   * @param {(parameters: RTCRtpSendParameters) => void} change
   */
  #change(sender, change) {
    // One at a time: what was read before another change is refused.
    this.#steering = this.#steering.then(async () => {
      const parameters = sender.getParameters();
      change(parameters);
      const done = sender.setParameters(parameters).catch(() => {});
      // A connection that closes meanwhile never answers, and the next session has changes of its own.
      await Promise.race([done, new Promise((resolve) => setTimeout(resolve, CHANGE_TIMEOUT_MS))]);
    });
  }

  /** A server that takes no simulcast leaves the first of the encodings, the smallest. @override @protected */
  begun() {
    const sender = this.#videoSender();
    if (sender === null || this.#rungs.length < 2) return;
    if (sender.getParameters().encodings.length > 1) return;
    const { bitrate } = this.#video;
    this.#rungs = [];
    this.#change(sender, ({ encodings: [only] }) => {
      only.scaleResolutionDownBy = 1;
      if (bitrate !== undefined) only.maxBitrate = bitrate;
    });
  }

  /** @override @protected @param {import('./participant.js').Notice} notice */
  noticed({ name, layers }) {
    if (name !== 'layers-wanted' || !Array.isArray(layers)) return;
    const sender = this.#videoSender();
    if (sender === null || this.#rungs.length < 2) return;
    this.#change(sender, ({ encodings }) => {
      encodings.forEach((encoding, index) => {
        // The smallest goes on, so that whoever comes sees something at once.
        encoding.active = index === 0 || layers.includes(encoding.rid);
      });
    });
  }

  #videoSender() {
    const transceivers = this.connection?.getTransceivers() ?? [];
    return transceivers.find((one) => one.receiver.track.kind === 'video')?.sender ?? null;
  }

  /**
   * @param {RTCPeerConnection} connection
   * @param {MediaStreamTrack} track
   * @param {MediaStream[]} streams
   */
  #prepareAudio(connection, track, streams) {
    connection.addTransceiver(track, {
      direction: 'sendonly',
      streams,
      sendEncodings: [given('maxBitrate', this.#audio.bitrate)],
    });
  }

  /** @override @protected @param {string} sdp */
  amendOffer(sdp) {
    return this.#audio.stereo ? withFormatParameters(sdp, 'opus', { 'sprop-stereo': 1 }) : sdp;
  }

  /** @override @protected @param {string} sdp */
  amendAnswer(sdp) {
    const { bitrate } = this.#video;
    let amended = this.#audio.stereo ? withFormatParameters(sdp, 'opus', { stereo: 1 }) : sdp;
    if (bitrate === undefined) return amended;
    const total = this.#rungs.length > 1 ? totalBitrate(bitrate, this.#rungs) : bitrate;
    const kilobits = Math.round(Math.min(total / 2, START_BITRATE_BPS_MAX) / 1000);
    for (const codec of ['VP8', 'VP9', 'H264', 'AV1', 'H265']) {
      amended = withFormatParameters(amended, codec, { 'x-google-start-bitrate': kilobits });
    }
    return amended;
  }

  /** @override @protected @param {FanlightError} reason @returns {import('./participant.js').Verdict} */
  judge(reason) {
    const own = this.everLive && performance.now() - this.#lostAt < GHOST_MS;
    if (reason.code === 'name-in-use' && own) return 'wait';
    return super.judge(reason);
  }

  /** @override @protected @param {RTCStatsReport} report */
  sample(report) {
    return this.#stats.sample(report, this.#videoSender()?.getParameters().encodings ?? []);
  }
}

/**
 * The size of a picture. A source that has just begun does not know it yet, and some never tell.
 *
 * @param {MediaStreamTrack} track
 */
async function sizeOf(track) {
  const until = performance.now() + SIZE_TIMEOUT_MS;
  let settings = track.getSettings();
  while (settings.width === undefined && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    settings = track.getSettings();
  }
  return settings;
}

/**
 * @template T
 * @param {string} name
 * @param {T|undefined} value
 * @returns {Record<string, T>} Without the name if there is no value.
 */
function given(name, value) {
  return value === undefined ? {} : { [name]: value };
}
