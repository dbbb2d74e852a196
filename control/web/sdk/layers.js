// @ts-check
/**
 * Layers: one picture in several sizes, as encodings of their own (simulcast, RFC 8853) or within one
 * stream (SVC).
 */

/** Tells which packets belong to which layer, and what a frame needs. AV1 RTP payload format, appendix A. */
const DEPENDENCY_DESCRIPTOR =
  'https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension';

/**
 * A layer of a simulcast: a part of the picture's sides, and of the bitrate of the whole. A quarter of
 * the pixels needs more than a quarter of the bits; the parts are near those of libwebrtc's own table.
 *
 * @typedef {{rid: string, scale: number, share: number}} Rung
 */

/** Smallest first, as browsers expect it. @type {readonly Rung[]} */
const LADDER = [
  { rid: 'q', scale: 4, share: 0.1 },
  { rid: 'h', scale: 2, share: 0.3 },
  { rid: 'f', scale: 1, share: 1 },
];

/**
 * Pixels from which a picture is worth so many layers. Chromium sends no more than this many, whatever
 * it is asked for, and then leaves out the largest (libwebrtc, simulcast formats).
 */
const PIXELS_OF_THREE = 960 * 540;
const PIXELS_OF_TWO = 480 * 270;

/**
 * The layers that a picture of that size is sent in.
 *
 * @param {number|undefined} width Unknown before some sources begin.
 * @param {number|undefined} height
 * @returns {readonly Rung[]} Smallest first; one if the picture is too small for more.
 */
export function rungsFor(width, height) {
  if (width === undefined || height === undefined) return LADDER;
  const pixels = width * height;
  return LADDER.slice(pixels >= PIXELS_OF_THREE ? 0 : pixels >= PIXELS_OF_TWO ? 1 : 2);
}

/**
 * What a simulcast of such a picture is made of.
 *
 * @param {{width: number, height: number, bitrate: number}} whole Pixels, bits a second at most.
 * @returns {{layer: string, width: number, height: number, bitrate: number}[]} Smallest first; one if
 *   the picture is too small for more.
 */
export function simulcastLayers({ width, height, bitrate }) {
  return rungsFor(width, height).map(({ rid, scale, share }) => ({
    layer: rid,
    width: Math.floor(width / scale),
    height: Math.floor(height / scale),
    bitrate: Math.round(share * bitrate),
  }));
}

/**
 * Bits a second of all layers together.
 *
 * @param {number} bitrate Of the largest layer.
 * @param {readonly Rung[]} rungs
 */
export function totalBitrate(bitrate, rungs) {
  return Math.round(rungs.reduce((total, { share }) => total + share * bitrate, 0));
}

/**
 * Encodings of a simulcast, for `addTransceiver`.
 *
 * @param {readonly Rung[]} rungs
 * @param {RTCRtpEncodingParameters & {scalabilityMode?: string}} whole What the whole picture is sent with.
 * @returns {(RTCRtpEncodingParameters & {scalabilityMode?: string})[]}
 */
export function simulcastEncodings(rungs, { maxBitrate, ...others }) {
  return rungs.map(({ rid, scale, share }) => ({
    // Else Chromium makes layers of one VP9 stream out of these (its way before webrtc-svc).
    scalabilityMode: 'L1T1',
    ...others,
    rid,
    scaleResolutionDownBy: scale,
    ...(maxBitrate === undefined ? {} : { maxBitrate: Math.round(share * maxBitrate) }),
  }));
}

/**
 * Offers the dependency descriptor, which browsers know and do not offer by themselves. Layers of
 * AV1 cannot be decoded without it.
 *
 * @param {RTCRtpTransceiver} transceiver
 */
export function offerDependencyDescriptor(transceiver) {
  const negotiable = /** @type {any} */ (transceiver);
  if (typeof negotiable.getHeaderExtensionsToNegotiate !== 'function') return;
  /** @type {{uri: string, direction: RTCRtpTransceiverDirection}[]} */
  const extensions = negotiable.getHeaderExtensionsToNegotiate();
  for (const extension of extensions) {
    if (extension.uri === DEPENDENCY_DESCRIPTOR) extension.direction = 'sendrecv';
  }
  negotiable.setHeaderExtensionsToNegotiate(extensions);
}
