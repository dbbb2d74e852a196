// @ts-check
/**
 * What can go wrong, in one class and in plain words.
 *
 * Status codes are those of WHIP (RFC 9725 §4.2) and WHEP; a Fanlight server adds a body of
 * `application/problem+json` (RFC 9457) whose `detail` says what to do.
 */

/**
 * | code | meaning |
 * |---|---|
 * | `bad-request` | the server did not understand the offer (400, 405, 413, 415 …) |
 * | `unauthorized` | credentials are missing, wrong, or no longer good (401) |
 * | `forbidden` | the server does not allow this, whatever the credentials (403) |
 * | `too-many-requests` | the server wants a pause, after `retryAfterMs` (429) |
 * | `no-credentials` | the app's own function gave no token or parameters: it threw |
 * | `not-found` | the server knows no such address (404) |
 * | `no-common-codec` | publisher, server and browser share no codec (406) |
 * | `name-in-use` | somebody publishes under this name (409 on WHIP) |
 * | `replaced` | another publisher has taken over the name (410) |
 * | `not-live` | nobody publishes under this name (409 or 404 on WHEP) |
 * | `busy` | the server is full or restarting (5xx) |
 * | `network` | no answer over HTTP |
 * | `no-path` | HTTP works, but ICE or DTLS found no way for the media |
 * | `connection-lost` | the media path broke after it had worked |
 * | `session-gone` | the path broke and the server has forgotten the session |
 * | `closed-by-server` | the server ended the session: for a viewer, the publisher left |
 * | `codec-unavailable` | this browser cannot encode or decode what was asked for |
 * | `no-media` | nothing to send, or no sender for the track |
 * | `stopped` | `stop()` was called before the session was live |
 * | `browser` | the browser refused a WebRTC call |
 * | `not-controllable` | the session cannot be paused or resumed like this (400, 409 on PATCH) |
 *
 * @typedef {'bad-request'|'unauthorized'|'forbidden'|'too-many-requests'|'no-credentials'|'not-found'
 *   |'no-common-codec'|'name-in-use'|'replaced'|'not-live'|'busy'|'network'|'no-path'|'connection-lost'|'session-gone'|'closed-by-server'|'codec-unavailable'
 *   |'no-media'|'stopped'|'browser'|'not-controllable'} ErrorCode
 */

/** An error that says what happened, whether it can heal by itself, and after how long. */
export class FanlightError extends Error {
  /**
   * @param {ErrorCode} code
   * @param {string} message One plain sentence for people.
   * @param {{status?: number|null, detail?: string|null, reason?: string|null,
   *   retryAfterMs?: number|null, cause?: unknown}} [more]
   */
  constructor(code, message, more = {}) {
    super(message, { cause: more.cause });
    this.name = 'FanlightError';
    this.code = code;
    /** HTTP status, or null when the fault was not an HTTP answer. */
    this.status = more.status ?? null;
    /** The server's own words, if it had any. */
    this.detail = more.detail ?? null;
    /**
     * The server's stable name for what it saw, if it said so. Of a session, whose end `message` then
     * tells in the server's words: `no_check_came`, `wrong_password`, `handshake_unfinished`,
     * `stream_ended`, `kicked`, `expired`, `revoked` … Of a refusal: `not_allowed`, `full` …
     */
    this.reason = more.reason ?? null;
    /** The server's wish (Retry-After), in milliseconds. */
    this.retryAfterMs = more.retryAfterMs ?? null;
  }

  /** Can the same request succeed later, with nothing changed on this side? */
  get transient() {
    return TRANSIENT.has(this.code) && !FINAL.has(this.reason);
  }
}

/**
 * Ends that were meant: who was sent away, or may no longer be here, does not come back by itself.
 *
 * @type {ReadonlySet<string|null>}
 */
const FINAL = new Set(['kicked', 'expired', 'revoked']);

/** @type {ReadonlySet<ErrorCode>} */
const TRANSIENT = new Set(
  /** @type {ErrorCode[]} */ ([
    'busy',
    'too-many-requests',
    'no-credentials',
    'network',
    'no-path',
    'connection-lost',
    'session-gone',
    'closed-by-server',
  ]),
);

/** @type {Record<number, [ErrorCode, string]>} */
const BY_STATUS = {
  400: ['bad-request', 'The server did not understand the offer.'],
  401: ['unauthorized', 'This needs valid credentials: sign in, or ask whoever runs the server.'],
  403: ['forbidden', 'The server does not allow this. Ask whoever runs it.'],
  404: ['not-found', 'The server knows no such address.'],
  406: ['no-common-codec', 'No codec that both sides can use.'],
  410: ['replaced', 'Another publisher has taken over the name.'],
  408: ['busy', 'The server was tired of waiting.'],
  425: ['busy', 'The server is not ready yet.'],
  429: ['too-many-requests', 'Too many requests. Wait a moment before the next.'],
};

/**
 * @param {Response} response
 * @param {'publisher'|'viewer'} role
 * @returns {Promise<FanlightError>}
 */
export async function errorOfResponse(response, role) {
  const { status } = response;
  const { detail, reason } = await problemOf(response);
  const retryAfterMs = parseRetryAfter(response.headers.get('Retry-After'), Date.now());
  const [code, message] = meaningOf(status, role);
  return new FanlightError(code, message, { status, detail, reason, retryAfterMs });
}

/**
 * @param {Response} response To a control.
 * @returns {Promise<FanlightError>}
 */
export async function errorOfControl(response) {
  const { status } = response;
  const { detail } = await problemOf(response);
  if (status === 404 || status === 410) {
    return new FanlightError('session-gone', 'The session has ended.', { status, detail });
  }
  const code = status === 429 || status >= 500 ? 'busy' : 'not-controllable';
  return new FanlightError(code, detail ?? 'The server refused it.', { status, detail });
}

/**
 * @param {number} status
 * @param {'publisher'|'viewer'} role
 * @returns {[ErrorCode, string]}
 */
function meaningOf(status, role) {
  if (role === 'viewer' && (status === 409 || status === 404)) {
    return ['not-live', 'This stream is not live.'];
  }
  if (status === 409) {
    return ['name-in-use', 'Somebody is already publishing under this name.'];
  }
  if (BY_STATUS[status]) return BY_STATUS[status];
  if (status >= 500) return ['busy', 'The server cannot take this now.'];
  return ['bad-request', `The server refused the request (HTTP ${status}).`];
}

/**
 * What the body says: `detail` and `reason` of a problem document, else a short text.
 *
 * @param {Response} response
 * @returns {Promise<{detail: string|null, reason: string|null}>}
 */
async function problemOf(response) {
  try {
    const text = (await response.text()).trim();
    const type = response.headers.get('Content-Type') ?? '';
    if (/\bjson\b/.test(type)) {
      const problem = JSON.parse(text);
      return { detail: problem.detail ?? problem.title ?? null, reason: problem.reason ?? null };
    }
    const detail = type.startsWith('text/plain') && text ? text.slice(0, 300) : null;
    return { detail, reason: null };
  } catch {
    return { detail: null, reason: null }; // A body that cannot be read takes nothing away from the status.
  }
}

/**
 * Retry-After is a number of seconds or an HTTP date (RFC 9110 §10.2.3).
 *
 * @param {string|null} value
 * @param {number} nowMs Unix time.
 * @returns {number|null} Milliseconds from now, at most an hour.
 */
export function parseRetryAfter(value, nowMs) {
  if (value === null || value.trim() === '') return null;
  const ms = /^\s*\d+\s*$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), 3_600_000) : null;
}
