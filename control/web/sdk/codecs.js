// @ts-check
/** Which codecs this browser has, and in which order to offer them. */

import { FanlightError } from './errors.js';

/** Not codecs of their own: repair and redundancy, which follow those that they serve. */
const AUXILIARY = new Set(['rtx', 'red', 'ulpfec', 'flexfec-03']);

/**
 * Names of the codecs that this browser can send or receive, in its own order.
 *
 * @param {'sender'|'receiver'} end
 * @param {'audio'|'video'} kind
 * @returns {string[]} As in `a=rtpmap`: `VP8`, `H264`, …
 */
export function codecNames(end, kind) {
  return [...new Set(capabilities(end, kind).map(nameOf))].filter(
    (name) => !AUXILIARY.has(name.toLowerCase()),
  );
}

/**
 * What to give `setCodecPreferences` so that only these are offered, in this order.
 *
 * @param {'sender'|'receiver'} end
 * @param {'audio'|'video'} kind
 * @param {string|string[]} wanted
 * @throws {FanlightError} `codec-unavailable` if the browser has none of them.
 */
export function codecPreferences(end, kind, wanted) {
  const all = capabilities(end, kind);
  const names = [wanted].flat();
  const chosen = names.flatMap((name) =>
    all.filter((codec) => nameOf(codec).toLowerCase() === name.toLowerCase()),
  );
  if (chosen.length === 0) {
    const verb = end === 'sender' ? 'send' : 'play';
    throw new FanlightError(
      'codec-unavailable',
      `This browser cannot ${verb} ${names.join(' or ')}.`,
    );
  }
  return [...chosen, ...all.filter((codec) => AUXILIARY.has(nameOf(codec).toLowerCase()))];
}

/**
 * @param {'sender'|'receiver'} end
 * @param {'audio'|'video'} kind
 */
function capabilities(end, kind) {
  const source = end === 'sender' ? RTCRtpSender : RTCRtpReceiver;
  return source.getCapabilities(kind)?.codecs ?? [];
}

/** @param {{mimeType: string}} codec `video/VP8` */
function nameOf({ mimeType }) {
  return mimeType.slice(mimeType.indexOf('/') + 1);
}
