// @ts-check
/**
 * What shows a server that one may publish or watch: a bearer token (RFC 6750), a name with a password (RFC 7617), or parameters
 * of the query, such as those of a signed URL.
 *
 * They go to the endpoint, and nowhere else unasked: the URL of a session is secret by itself. A server that wants a token for
 * the session too (RFC 9725 §4.7) says so by 401; see `Resource`. A redirect to another origin is followed without the header
 * (Fetch standard, HTTP-redirect fetch).
 */

import { FanlightError } from './errors.js';

/**
 * A value, or a function that gives it anew for each session.
 *
 * @template T
 * @typedef {T | (() => T|null|undefined | Promise<T|null|undefined>)} Renewable
 */

/**
 * @typedef {object} CredentialOptions
 * @property {Renewable<string>} [token] Sent as `Authorization: Bearer`.
 * @property {string} [username] With `password`, sent as `Authorization: Basic`, in the place of a token.
 * @property {string} [password]
 * @property {Renewable<Record<string, string>>} [params] Added to the endpoint's query: `expires`, `key`, `signature` …
 */

export class Credentials {
  #options;

  /** @param {CredentialOptions} options */
  constructor({ token, username, password, params }) {
    if ((username === undefined) !== (password === undefined)) {
      throw new TypeError('A `username` needs a `password`, and the other way round.');
    }
    if (token !== undefined && username !== undefined) {
      throw new TypeError('Either a `token`, or a `username` and a `password`.');
    }
    // What follows the first colon is the password (RFC 7617 §2).
    if (username?.includes(':')) throw new TypeError('A `username` holds no colon.');
    this.#options = { token, username, password, params };
  }

  /**
   * @returns {Promise<Record<string, string>>} `Authorization`, if there is something to say.
   * @throws {FanlightError}
   */
  async headers() {
    const { token, username, password } = this.#options;
    if (username !== undefined)
      return { Authorization: `Basic ${base64(`${username}:${password}`)}` };
    const value = await renewed(token, 'token');
    return value ? { Authorization: `Bearer ${value}` } : {};
  }

  /**
   * @param {string} url
   * @returns {Promise<string>} With our parameters in its query.
   * @throws {FanlightError}
   */
  async address(url) {
    const params = await renewed(this.#options.params, 'params');
    if (!params) return url;
    const address = new URL(url);
    for (const [name, value] of Object.entries(params)) address.searchParams.set(name, value);
    // A plus sign is one (RFC 3986), and a space only to readers of HTML forms.
    address.search = address.search.replaceAll('+', '%20');
    return address.href;
  }
}

/**
 * @template T
 * @param {Renewable<T>|undefined} value
 * @param {string} name
 * @returns {Promise<T|null|undefined>}
 */
async function renewed(value, name) {
  if (typeof value !== 'function') return value;
  try {
    return await /** @type {() => Promise<T>} */ (value)();
  } catch (cause) {
    if (cause instanceof FanlightError) throw cause;
    const words = cause instanceof Error ? cause.message : String(cause);
    throw new FanlightError('no-credentials', `No ${name} could be had: ${words}`, { cause });
  }
}

/** Of UTF-8. @param {string} text */
function base64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
