// @ts-check
/** Layers within one stream (SVC): what has to be agreed on for them. */

/** Tells which packets belong to which layer, and what a frame needs. AV1 RTP payload format, appendix A. */
const DEPENDENCY_DESCRIPTOR =
  'https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension';

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
