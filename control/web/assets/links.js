// @ts-check
/** Addresses of pages and endpoints. None that a page makes for others holds a credential. */

import { endpointUrl } from '../sdk/signalling.js';

/**
 * @param {string} app
 * @param {string} stream
 */
export function watchPath(app, stream) {
  return `/watch?${new URLSearchParams({ app, stream })}`;
}

/**
 * The address to hand to somebody else.
 *
 * @param {string} app
 * @param {string} stream
 */
export function watchLink(app, stream) {
  return new URL(watchPath(app, stream), location.origin).href;
}

/**
 * The address of an endpoint that a page speaks to.
 *
 * @param {Record<string, string>} asked Parameters of the page's address.
 * @param {{app: string, stream: string, role: 'publisher'|'viewer'}} of
 */
export function endpointOf(asked, of) {
  return asked.url ?? endpointUrl({ server: location.origin, ...of });
}

/**
 * Parameters of this page's address that are there and not empty.
 *
 * @returns {Record<string, string>}
 */
export function parameters() {
  return Object.fromEntries([...new URLSearchParams(location.search)].filter(([, value]) => value));
}
