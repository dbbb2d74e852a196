// @ts-check
/**
 * The few things that must be said in SDP because no WebRTC call says them.
 *
 * Opus stereo: RFC 7587 §7.1 (`stereo` = what the receiver wishes, `sprop-stereo` = what the sender
 * will do). Candidates and credentials for a PATCH: RFC 8840 §9. Start bitrate: a parameter of libwebrtc alone.
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

/**
 * The credentials of an offer as a fragment: what an ICE restart is asked for with (RFC 9725
 * §4.3.3). Candidates are left out, as the server finds us by our checks.
 *
 * @param {string} sdp An offer.
 * @returns {string|null} Null if it has no credentials.
 */
export function restartFragment(sdp) {
  const lines = sdp.split(/\r?\n/);
  const head = ['a=ice-ufrag:', 'a=ice-pwd:', 'm=', 'a=mid:'].map((prefix) =>
    lines.find((line) => line.startsWith(prefix)),
  );
  return head.includes(undefined) ? null : [...head, ''].join('\r\n');
}

/**
 * The answer to the offer of an ICE restart: all as it was, with the server's new credentials and
 * candidates. Where the server had made the offer it is the passive end of DTLS.
 *
 * @param {string} sdp The server's description that is in force.
 * @param {string} fragment The server's answer to the restart.
 * @returns {string}
 */
export function restartedAnswer(sdp, fragment) {
  const news = fragment.split(/\r?\n/);
  const credentials = ['a=ice-ufrag:', 'a=ice-pwd:'];
  const find = (/** @type {string} */ prefix) => news.find((line) => line.startsWith(prefix));
  const candidates = news.filter((line) => /^a=(candidate:|end-of-candidates)/.test(line));
  let placed = candidates.length === 0;
  return sdp
    .split('\r\n')
    .filter((line) => candidates.length === 0 || !/^a=(candidate:|end-of-candidates)/.test(line))
    .flatMap((line) => {
      const prefix = credentials.find((one) => line.startsWith(one));
      if (line === 'a=setup:actpass') return ['a=setup:passive'];
      if (prefix === undefined) return [line];
      const fresh = find(prefix) ?? line;
      if (placed || prefix !== 'a=ice-pwd:') return [fresh];
      placed = true;
      return [fresh, ...candidates];
    })
    .join('\r\n');
}
