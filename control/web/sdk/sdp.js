// @ts-check
/**
 * The few things that must be said in SDP because no WebRTC call says them.
 *
 * Opus stereo: RFC 7587 §7.1 (`stereo` = what the receiver wishes, `sprop-stereo` = what the sender
 * will do). Candidates for a PATCH: RFC 8840 §9. Start bitrate: a parameter of libwebrtc alone.
 */

/**
 * Adds or replaces format parameters of every payload type with that encoding name.
 *
 * @param {string} sdp
 * @param {string} encoding As in `a=rtpmap`, any case.
 * @param {Record<string, string|number>} parameters
 * @returns {string}
 */
export function withFormatParameters(sdp, encoding, parameters) {
  const lines = sdp.split('\r\n');
  const rtpmap = new RegExp(`^a=rtpmap:(\\d+) ${encoding}/`, 'i');
  return lines
    .flatMap((line) => {
      const type = rtpmap.exec(line)?.[1];
      if (type === undefined) return [line];
      const has = lines.some((other) => other.startsWith(`a=fmtp:${type} `));
      return has ? [line] : [line, `a=fmtp:${type} ${formatted(parameters)}`];
    })
    .map((line) => {
      const type = /^a=fmtp:(\d+) /.exec(line)?.[1];
      const named = lines.some((other) => rtpmap.exec(other)?.[1] === type);
      return type !== undefined && named ? merged(line, parameters) : line;
    })
    .join('\r\n');
}

/** @param {Record<string, string|number>} parameters */
function formatted(parameters) {
  return Object.entries(parameters)
    .map(([name, value]) => `${name}=${value}`)
    .join(';');
}

/**
 * @param {string} line `a=fmtp:<type> <parameters>`
 * @param {Record<string, string|number>} parameters
 */
function merged(line, parameters) {
  const split = line.indexOf(' ');
  const kept = line
    .slice(split + 1)
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part !== '' && !(part.split('=')[0] in parameters));
  return `${line.slice(0, split)} ${[...kept, formatted(parameters)].join(';')}`;
}

/**
 * Our candidates as a fragment: the credentials, the first m-section (everything is bundled on it,
 * RFC 8843), its candidates, and the news that no more will come.
 *
 * @param {string} sdp A local description after gathering.
 * @returns {string|null} Null if it holds no candidate.
 */
export function candidateFragment(sdp) {
  const lines = sdp.split(/\r?\n/);
  const first = (/** @type {string} */ prefix) => lines.find((line) => line.startsWith(prefix));
  const head = ['a=ice-ufrag:', 'a=ice-pwd:', 'm=', 'a=mid:'].map(first);
  const candidates = new Set(lines.filter((line) => line.startsWith('a=candidate:')));
  if (candidates.size === 0 || head.includes(undefined)) return null;
  return [...head, ...candidates, 'a=end-of-candidates', ''].join('\r\n');
}
