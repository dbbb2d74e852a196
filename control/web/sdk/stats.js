// @ts-check
/**
 * What an RTCStatsReport means, second by second.
 *
 * Counters of the report are cumulative (W3C webrtc-stats); a sample holds their change since the
 * last one, as rates and ratios. What a browser does not report is null, never 0.
 */

/** @typedef {Record<string, any>} Entry One dictionary of the report. */

/** Remembers the last report, to tell how much each counter has grown since. */
class Growth {
  /** @type {Map<string, Entry>} */
  #before = new Map();
  /** @type {Map<string, Entry>} */
  #now = new Map();

  /** @param {Entry[]} entries The next report. */
  advance(entries) {
    this.#before = this.#now;
    this.#now = new Map(entries.map((entry) => [entry.id, entry]));
  }

  /**
   * @param {Entry|undefined} entry
   * @param {string} name
   * @returns {number|null} Null at first sight, if it is not there, or if it began anew.
   */
  of(entry, name) {
    const now = entry?.[name];
    const before = this.#before.get(entry?.id)?.[name];
    return typeof now === 'number' && typeof before === 'number' && now >= before
      ? now - before
      : null;
  }

  /**
   * @param {Entry|undefined} entry
   * @param {string} name
   * @returns {number|null} A second, by the report's own times.
   */
  rate(entry, name) {
    const grown = this.of(entry, name);
    const elapsedMs = this.of(entry, 'timestamp');
    return grown === null || !elapsedMs ? null : (grown * 1000) / elapsedMs;
  }

  /**
   * @param {Entry|undefined} entry
   * @param {string} sum
   * @param {string} count
   * @returns {number|null} Mean of what was summed, over the last interval.
   */
  mean(entry, sum, count) {
    return ratio(this.of(entry, sum), this.of(entry, count));
  }
}

/**
 * @typedef {object} PublisherVideo
 * @property {number|null} bitrateBps
 * @property {number|null} fps Frames encoded a second.
 * @property {number|null} width
 * @property {number|null} height
 * @property {string|null} codec
 * @property {string|null} encoder Name of the implementation.
 * @property {'none'|'cpu'|'bandwidth'|'other'|null} limit What holds the encoder back.
 * @property {number|null} encodeMs Mean time for a frame.
 * @property {number|null} lossRatio As the receiver reports it, 0 to 1.
 * @property {number|null} packetsRetransmitted Since the session began.
 * @property {number|null} nacks
 * @property {number|null} plis
 * @property {number|null} keyFrames
 * @property {LayerSent[]} layers Of a simulcast, smallest first; empty where there is none. What stands
 *   above is of all of them together, or, as the size, of the largest that flows.
 *
 * @typedef {object} LayerSent
 * @property {string} layer Its rid.
 * @property {boolean} active Not stopped because nobody watches it.
 * @property {number|null} bitrateBps
 * @property {number|null} fps
 * @property {number|null} width
 * @property {number|null} height
 *
 * @typedef {object} PublisherAudio
 * @property {number|null} bitrateBps
 * @property {string|null} codec
 * @property {number|null} level 0 to 1, before encoding.
 * @property {number|null} lossRatio
 *
 * @typedef {object} PublisherSample
 * @property {number|null} bitrateBps Audio and video, without headers.
 * @property {number|null} rttMs
 * @property {number|null} availableBps What the bandwidth estimate allows.
 * @property {PublisherVideo|null} video
 * @property {PublisherAudio|null} audio
 */

/** Samples of a sending connection. */
export class PublisherStats {
  #growth = new Growth();

  /**
   * @param {RTCStatsReport} report
   * @param {RTCRtpEncodingParameters[]} [encodings] Of the video, as the sender has them.
   * @returns {PublisherSample}
   */
  sample(report, encodings = []) {
    const entries = entriesOf(report);
    this.#growth.advance(entries);
    const video = this.#video(entries, encodings);
    const audio = this.#audio(entries);
    const path = selectedPath(entries);
    return {
      bitrateBps: sum(video?.bitrateBps, audio?.bitrateBps),
      rttMs: milliseconds(path?.currentRoundTripTime),
      availableBps: path?.availableOutgoingBitrate ?? null,
      video,
      audio,
    };
  }

  /**
   * @param {Entry[]} entries
   * @param {RTCRtpEncodingParameters[]} encodings
   * @returns {PublisherVideo|null}
   */
  #video(entries, encodings) {
    const sent = entries.filter(({ type, kind }) => type === 'outbound-rtp' && kind === 'video');
    if (sent.length === 0) return null;
    const all = (/** @type {string} */ name) => sum(...sent.map((entry) => entry[name]));
    const flowing = sent.filter((entry) => this.#growth.of(entry, 'framesEncoded'));
    const widest = (/** @type {Entry} */ a, /** @type {Entry} */ b) =>
      (b.frameWidth ?? 0) - (a.frameWidth ?? 0);
    const [top] = (flowing.length > 0 ? flowing : sent).toSorted(widest);
    return {
      bitrateBps: sum(...sent.map((entry) => bits(this.#growth.rate(entry, 'bytesSent')))),
      fps: this.#growth.rate(top, 'framesEncoded'),
      width: top.frameWidth ?? null,
      height: top.frameHeight ?? null,
      codec: codecOf(entries, top),
      encoder: top.encoderImplementation ?? null,
      limit: top.qualityLimitationReason ?? null,
      encodeMs: milliseconds(this.#growth.mean(top, 'totalEncodeTime', 'framesEncoded')),
      lossRatio: find(entries, 'remote-inbound-rtp', 'video')?.fractionLost ?? null,
      packetsRetransmitted: all('retransmittedPacketsSent'),
      nacks: all('nackCount'),
      plis: all('pliCount'),
      keyFrames: all('keyFramesEncoded'),
      layers: encodings.length > 1 ? encodings.map((one) => this.#layer(sent, one)) : [],
    };
  }

  /**
   * @param {Entry[]} sent
   * @param {RTCRtpEncodingParameters} encoding
   * @returns {LayerSent}
   */
  #layer(sent, { rid = '', active = true }) {
    const entry = sent.find((one) => one.rid === rid);
    return {
      layer: rid,
      active,
      bitrateBps: bits(this.#growth.rate(entry, 'bytesSent')),
      fps: this.#growth.rate(entry, 'framesEncoded'),
      width: entry?.frameWidth ?? null,
      height: entry?.frameHeight ?? null,
    };
  }

  /** @param {Entry[]} entries @returns {PublisherAudio|null} */
  #audio(entries) {
    const sent = find(entries, 'outbound-rtp', 'audio');
    if (sent === undefined) return null;
    return {
      bitrateBps: bits(this.#growth.rate(sent, 'bytesSent')),
      codec: codecOf(entries, sent),
      level: find(entries, 'media-source', 'audio')?.audioLevel ?? null,
      lossRatio: find(entries, 'remote-inbound-rtp', 'audio')?.fractionLost ?? null,
    };
  }
}

/**
 * @typedef {object} ViewerVideo
 * @property {number|null} bitrateBps
 * @property {number|null} fps Frames decoded a second.
 * @property {number|null} width
 * @property {number|null} height
 * @property {string|null} codec
 * @property {string|null} decoder Name of the implementation.
 * @property {number|null} lossRatio Of the packets of the last second, 0 to 1.
 * @property {number|null} packetsLost Since the session began.
 * @property {number|null} jitterBufferMs Mean time that a frame waited, over the last second.
 * @property {number|null} decodeMs Mean time for a frame.
 * @property {number} framesDecoded
 * @property {number|null} framesDropped
 * @property {{count: number|null, durationMs: number|null}} freezes
 * @property {number|null} nacks
 * @property {number|null} plis
 * @property {number|null} keyFrames
 *
 * @typedef {object} ViewerAudio
 * @property {number|null} bitrateBps
 * @property {string|null} codec
 * @property {number|null} level 0 to 1, as received.
 * @property {number|null} lossRatio
 * @property {number|null} concealedRatio Of the samples of the last second, how many were made up.
 * @property {number|null} jitterBufferMs
 *
 * @typedef {object} ViewerSample
 * @property {number|null} bitrateBps Audio and video, without headers.
 * @property {number|null} rttMs
 * @property {ViewerVideo|null} video
 * @property {ViewerAudio|null} audio
 */

/** Samples of a receiving connection. */
export class ViewerStats {
  #growth = new Growth();

  /**
   * @param {RTCStatsReport} report
   * @returns {ViewerSample}
   */
  sample(report) {
    const entries = entriesOf(report);
    this.#growth.advance(entries);
    const video = this.#video(entries);
    const audio = this.#audio(entries);
    return {
      bitrateBps: sum(video?.bitrateBps, audio?.bitrateBps),
      rttMs: milliseconds(selectedPath(entries)?.currentRoundTripTime),
      video,
      audio,
    };
  }

  /** @param {Entry[]} entries @returns {ViewerVideo|null} */
  #video(entries) {
    const received = find(entries, 'inbound-rtp', 'video');
    if (received === undefined) return null;
    return {
      bitrateBps: bits(this.#growth.rate(received, 'bytesReceived')),
      fps: this.#growth.rate(received, 'framesDecoded'),
      width: received.frameWidth ?? null,
      height: received.frameHeight ?? null,
      codec: codecOf(entries, received),
      decoder: received.decoderImplementation ?? null,
      lossRatio: this.#lossRatio(received),
      packetsLost: received.packetsLost ?? null,
      jitterBufferMs: this.#jitterBufferMs(received),
      decodeMs: milliseconds(this.#growth.mean(received, 'totalDecodeTime', 'framesDecoded')),
      framesDecoded: received.framesDecoded ?? 0,
      framesDropped: received.framesDropped ?? null,
      freezes: {
        count: received.freezeCount ?? null,
        durationMs: milliseconds(received.totalFreezesDuration),
      },
      nacks: received.nackCount ?? null,
      plis: received.pliCount ?? null,
      keyFrames: received.keyFramesDecoded ?? null,
    };
  }

  /** @param {Entry[]} entries @returns {ViewerAudio|null} */
  #audio(entries) {
    const received = find(entries, 'inbound-rtp', 'audio');
    if (received === undefined) return null;
    return {
      bitrateBps: bits(this.#growth.rate(received, 'bytesReceived')),
      codec: codecOf(entries, received),
      level: received.audioLevel ?? null,
      lossRatio: this.#lossRatio(received),
      concealedRatio: this.#growth.mean(received, 'concealedSamples', 'totalSamplesReceived'),
      jitterBufferMs: this.#jitterBufferMs(received),
    };
  }

  /** @param {Entry} received */
  #lossRatio(received) {
    const lost = this.#growth.of(received, 'packetsLost');
    const arrived = this.#growth.of(received, 'packetsReceived');
    return lost === null || arrived === null ? null : ratio(lost, lost + arrived);
  }

  /** @param {Entry} received */
  #jitterBufferMs(received) {
    return milliseconds(
      this.#growth.mean(received, 'jitterBufferDelay', 'jitterBufferEmittedCount'),
    );
  }
}

/** @param {RTCStatsReport} report @returns {Entry[]} */
function entriesOf(report) {
  /** @type {Entry[]} */
  const entries = [];
  report.forEach((entry) => entries.push(entry));
  return entries;
}

/**
 * @param {Entry[]} entries
 * @param {string} type
 * @param {'audio'|'video'} kind
 */
function find(entries, type, kind) {
  return entries.find((entry) => entry.type === type && entry.kind === kind);
}

/**
 * The address pair in use.
 *
 * @param {Entry[]} entries
 */
function selectedPath(entries) {
  const id = entries.find((entry) => entry.type === 'transport')?.selectedCandidatePairId;
  return entries.find((entry) =>
    id === undefined
      ? entry.type === 'candidate-pair' && entry.nominated && entry.state === 'succeeded'
      : entry.id === id,
  );
}

/**
 * @param {Entry[]} entries
 * @param {Entry} stream
 * @returns {string|null} `VP8`
 */
function codecOf(entries, stream) {
  const type = entries.find((entry) => entry.id === stream.codecId)?.mimeType;
  return typeof type === 'string' ? type.slice(type.indexOf('/') + 1) : null;
}

/** @param {number|null|undefined} seconds */
function milliseconds(seconds) {
  return seconds === null || seconds === undefined ? null : seconds * 1000;
}

/** @param {number|null} bytes */
function bits(bytes) {
  return bytes === null ? null : bytes * 8;
}

/**
 * @param {number|null} part
 * @param {number|null} whole
 */
function ratio(part, whole) {
  return part === null || !whole ? null : part / whole;
}

/** @param {(number|null|undefined)[]} values */
function sum(...values) {
  const known = values.filter((value) => typeof value === 'number');
  return known.length === 0 ? null : known.reduce((total, value) => total + value, 0);
}
