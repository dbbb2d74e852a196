// @ts-check
/**
 * The HTTP half of a session: WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep).
 *
 * One POST makes a session, one PATCH completes its candidates, another restarts ICE, others steer a
 * viewer, GET asks how it is and why it ended, DELETE ends it. A viewer may POST nothing and PATCH its
 * answer to the server's offer.
 */

import { FanlightError, errorOfControl, errorOfResponse } from './errors.js';

/** A POST that has no answer after this long is given up. */
const REQUEST_TIMEOUT_MS = 10_000;

/** @typedef {typeof globalThis.fetch} Fetch */

/**
 * @typedef {object} Endpoint Where and how to ask.
 * @property {string} url Absolute.
 * @property {'publisher'|'viewer'} role
 * @property {import('./credentials.js').Credentials} credentials
 * @property {Fetch} fetch
 */

/**
 * The endpoint's URL from its parts. An app may be a path (`live/room1`).
 *
 * @param {{server: string, app: string, stream: string, role: 'publisher'|'viewer'}} parts
 */
export function endpointUrl({ server, app, stream, role }) {
  const path = app.split('/').filter(Boolean).map(encodeURIComponent).join('/');
  const protocol = role === 'publisher' ? 'whip' : 'whep';
  return `${server.replace(/\/+$/, '')}/${path}/${protocol}/endpoint/${encodeURIComponent(stream)}`;
}

/**
 * @typedef {object} Opened
 * @property {string} sdp The answer to our offer, or the server's offer.
 * @property {Resource} resource
 * @property {RTCIceServer[]} iceServers
 */

/**
 * Sends the offer.
 *
 * @param {Endpoint} endpoint
 * @param {string} offer SDP.
 * @returns {Promise<Opened>} With the server's answer.
 * @throws {FanlightError}
 */
export function postOffer(endpoint, offer) {
  return open(endpoint, { 'Content-Type': 'application/sdp' }, offer);
}

/**
 * Asks for an offer of the server's (WHEP).
 *
 * @param {Endpoint} endpoint
 * @returns {Promise<Opened>} With the server's offer.
 * @throws {FanlightError}
 */
export function postForOffer(endpoint) {
  return open(endpoint, {}, undefined);
}

/**
 * @param {Endpoint} endpoint
 * @param {Record<string, string>} headers
 * @param {string|undefined} body
 * @returns {Promise<Opened>}
 */
async function open(endpoint, headers, body) {
  const response = await requestWithCredentials(endpoint, {
    method: 'POST',
    headers: { ...headers, Accept: 'application/sdp, application/problem+json' },
    body,
  });
  if (!response.ok) throw await errorOfResponse(response, endpoint.role);
  const location = response.headers.get('Location');
  const base = response.url || endpoint.url; // After a redirect the answer's address counts.
  const url = location === null ? null : new URL(location, base).href;
  const links = parseLinks(response.headers.get('Link'));
  const events = links.find(({ rel }) => EVENTS.test(rel))?.target;
  const resource = new Resource(endpoint, {
    url,
    etag: response.headers.get('ETag'),
    eventsUrl: events === undefined ? null : new URL(events, base).href,
  });
  try {
    return {
      sdp: await response.text(),
      resource,
      iceServers: parseIceServers(response.headers.get('Link')),
    };
  } catch (cause) {
    resource.remove();
    throw new FanlightError('network', 'The answer broke off.', { cause });
  }
}

/**
 * Asks for ICE servers before the first POST: a round trip that only networks without a direct
 * path need.
 *
 * @param {Endpoint} endpoint
 * @returns {Promise<RTCIceServer[]>}
 */
export async function discoverIceServers(endpoint) {
  const response = await requestWithCredentials(endpoint, { method: 'OPTIONS' });
  return response.ok ? parseIceServers(response.headers.get('Link')) : [];
}

/**
 * @typedef {object} Told What the server says of a session.
 * @property {'known'|'gone'|'unknown'} presence `unknown`: it did not say, or cannot be asked.
 * @property {string|null} reason Stable name: of how far ICE is, or of why the session ended.
 * @property {string|null} text The same for people.
 */

/** @type {Told} */
const UNTOLD = { presence: 'unknown', reason: null, text: null };

/**
 * @typedef {object} Changes What a viewer wishes; what is left out stays as it is.
 * @property {'paused'|'playing'} [audio]
 * @property {'paused'|'playing'} [video]
 * @property {string} [layer] A layer's name, or `auto`.
 * @property {number|null} [max_width] Pixels; null: any.
 * @property {number|null} [max_height] Pixels; null: any.
 */

/** The session as the server holds it, under the `Location` of the POST's answer. */
export class Resource {
  #endpoint;
  #etag;
  #removed = false;
  /** `Authorization`, once the server has asked for it. @type {Record<string, string>} */
  #authorization = {};

  /**
   * @param {Endpoint} endpoint
   * @param {{url: string|null, etag: string|null, eventsUrl: string|null}} at No `url`: the server
   *   gave none, and nothing can be said to it. No `eventsUrl`: it has no events to tell.
   */
  constructor(endpoint, { url, etag, eventsUrl }) {
    this.#endpoint = endpoint;
    this.url = url;
    this.eventsUrl = eventsUrl;
    this.#etag = etag;
  }

  /**
   * Sends our answer to the server's offer.
   *
   * @param {string} answer SDP.
   * @throws {FanlightError}
   */
  async answer(answer) {
    if (this.url === null) throw new FanlightError('network', 'The server gave no address.');
    const headers = { 'Content-Type': 'application/sdp' };
    const response = await this.#request(this.url, { method: 'PATCH', headers, body: answer });
    if (!response.ok) throw await errorOfResponse(response, this.#endpoint.role);
  }

  /**
   * Tells our candidates, once. Every refusal is tolerated: a Fanlight server learns our address
   * from the connectivity checks themselves.
   *
   * @param {string} fragment `application/trickle-ice-sdpfrag`, RFC 8840 §9.
   */
  async trickle(fragment) {
    if (this.url === null || this.#removed) return;
    /** @type {Record<string, string>} */
    const headers = { 'Content-Type': 'application/trickle-ice-sdpfrag' };
    if (this.#etag !== null) headers['If-Match'] = this.#etag;
    await this.#request(this.url, { method: 'PATCH', headers, body: fragment }).catch(() => {});
  }

  /**
   * Asks for an ICE restart.
   *
   * @param {string} fragment Our new credentials.
   * @returns {Promise<string|null>} The server's, as a fragment; null if it did not restart.
   */
  async restart(fragment) {
    if (this.url === null || this.#removed) return null;
    const headers = { 'Content-Type': 'application/trickle-ice-sdpfrag', 'If-Match': '*' };
    const response = await this.#request(this.url, { method: 'PATCH', headers, body: fragment });
    if (response.status !== 200) return null;
    this.#etag = response.headers.get('ETag') ?? this.#etag;
    return response.text();
  }

  /**
   * Does the server still know this session, and how is it, or why did it end?
   *
   * @returns {Promise<Told>}
   */
  async ask() {
    if (this.url === null) return UNTOLD;
    try {
      const response = await this.#request(this.url, {
        headers: { Accept: 'application/json' },
        cache: 'no-store',
      });
      const told = await response.json().catch(() => ({}));
      if (response.status === 404 || response.status === 410) {
        const reason = response.status === 410 ? (told.cause ?? told.reason ?? null) : null;
        return { presence: 'gone', reason, text: reason === null ? null : (told.detail ?? null) };
      }
      if (!response.ok) return UNTOLD;
      return { presence: 'known', reason: told.ice?.state ?? null, text: told.ice?.text ?? null };
    } catch {
      return UNTOLD;
    }
  }

  /**
   * Steers a viewer's session, without renegotiation.
   *
   * @param {Changes} changes
   * @throws {FanlightError}
   */
  async control(changes) {
    if (this.url === null) throw new FanlightError('not-found', 'The server named no session.');
    const response = await this.#request(this.url, {
      method: 'PATCH',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(changes),
    });
    if (!response.ok) throw await errorOfControl(response);
  }

  /** Ends the session. Safe while the page unloads, and at most once. */
  async remove() {
    if (this.url === null || this.#removed) return;
    this.#removed = true;
    await this.#request(this.url, { method: 'DELETE', keepalive: true }).catch(() => {});
  }

  /**
   * Without credentials, which a Fanlight server does not need here. One that wants them (RFC 9725 §4.7) gets them from its
   * first 401 on, if it is where they were meant for.
   *
   * @param {string} url
   * @param {Init} init
   */
  async #request(url, init) {
    const { fetch, credentials, url: meant } = this.#endpoint;
    const send = () =>
      request(fetch, url, { ...init, headers: { ...init.headers, ...this.#authorization } });
    const response = await send();
    const isAsked = response.status === 401 && this.#authorization.Authorization === undefined;
    if (!isAsked || new URL(url).origin !== new URL(meant).origin) return response;
    this.#authorization = await credentials.headers();
    return this.#authorization.Authorization === undefined ? response : send();
  }
}

/** @typedef {RequestInit & {headers?: Record<string, string>}} Init */

/**
 * To the endpoint itself.
 *
 * @param {Endpoint} endpoint
 * @param {Init} init
 */
async function requestWithCredentials({ url, credentials, fetch }, init) {
  const headers = { ...init.headers, ...(await credentials.headers()) };
  return request(fetch, await credentials.address(url), { ...init, headers });
}

/**
 * @param {Fetch} fetch
 * @param {string} url
 * @param {Init} init
 */
async function request(fetch, url, init) {
  try {
    return await fetch(url, { ...init, signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
  } catch (cause) {
    throw new FanlightError('network', 'The server does not answer.', { cause });
  }
}

/** One link of a Link header (RFC 8288 §3) and, in a second group, all of its parameters. */
const LINK = /<([^>]*)>((?:\s*;\s*[\w!#$&+.^`|~*-]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s";,]+))?)*)/g;
const PARAMETER = /;\s*([\w!#$&+.^`|~*-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s";,]+)))?/g;

/** The relation of a session to its events: draft-ietf-wish-whep, and WHIP alike. */
const EVENTS = /^urn:ietf:params:wh[ei]p:ext:core:server-sent-events$/;

/**
 * The links of a Link header, several joined by commas included.
 *
 * @param {string|null} header
 * @returns {{target: string, rel: string, parameters: Record<string, string>}[]}
 */
function parseLinks(header) {
  return [...(header ?? '').matchAll(LINK)].map(([, target, tail]) => {
    /** @type {Record<string, string>} */
    const parameters = {};
    for (const [, name, quoted, token] of tail.matchAll(PARAMETER)) {
      parameters[name.toLowerCase()] = quoted?.replace(/\\(.)/g, '$1') ?? token ?? '';
    }
    return { target, rel: parameters.rel ?? '', parameters };
  });
}

/**
 * STUN and TURN servers from a Link header (RFC 9725 §4.6).
 *
 * @param {string|null} header
 * @returns {RTCIceServer[]}
 */
export function parseIceServers(header) {
  return parseLinks(header)
    .filter(({ target, rel }) => rel === 'ice-server' && /^(stun|turn)s?:/.test(target))
    .map(({ target, parameters: { username, credential } }) =>
      username === undefined ? { urls: target } : { urls: target, username, credential },
    );
}
