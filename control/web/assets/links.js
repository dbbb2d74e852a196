// @ts-check
/** Addresses of pages. */

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
 * Parameters of this page's address that are there and not empty.
 *
 * @returns {Record<string, string>}
 */
export function parameters() {
  return Object.fromEntries([...new URLSearchParams(location.search)].filter(([, value]) => value));
}
