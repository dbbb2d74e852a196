// @ts-check
/**
 * What a page shows the server's door: what its own address brings, else what somebody has typed into its sign-in form.
 *
 * What is typed is kept for the tab (sessionStorage), and only for the place that asked for it: an app's endpoints on one
 * server, those to publish at apart from those to watch.
 */

/** @typedef {import('../sdk/credentials.js').CredentialOptions} CredentialOptions */

/** @typedef {{token: string}|{username: string, password: string}} Typed */

const KEPT = 'fanlight.sign-in';

/** Parameters that are the pages' own. All others are the door's: a signed URL's, a stream key, what an app's own server reads. */
const OWN = new Set(
  (
    'app stream url autostart token username password muted jitter layer max_height fit ' +
    'source codec bitrate width height fps degradation layers simulcast stereo'
  ).split(' '),
);

/**
 * @param {Record<string, string>} asked Parameters of the page's address.
 * @param {string} endpoint
 * @returns {CredentialOptions}
 */
export function credentialsFor(asked, endpoint) {
  const params = Object.fromEntries(Object.entries(asked).filter(([name]) => !OWN.has(name)));
  const others = Object.keys(params).length === 0 ? {} : { params };
  const { token, username, password } = asked;
  if (token !== undefined) return { token, ...others };
  if (username !== undefined && password !== undefined) return { username, password, ...others };
  return { ...kept()[placeOf(endpoint)], ...others };
}

/** Whether there is anything that can have been refused. @param {CredentialOptions} credentials */
export function isSomething(credentials) {
  return Object.keys(credentials).length > 0;
}

/**
 * Keeps what was typed, and takes out of the page's address what it is in the place of.
 *
 * @param {Record<string, string>} asked Changed too.
 * @param {string} endpoint
 * @param {Typed} typed
 */
export function keepCredentials(asked, endpoint, typed) {
  store({ ...kept(), [placeOf(endpoint)]: typed });
  const address = new URL(location.href);
  for (const name of Object.keys(asked)) {
    if (OWN.has(name) && !['token', 'username', 'password'].includes(name)) continue;
    delete asked[name];
    address.searchParams.delete(name);
  }
  history.replaceState(history.state, '', address);
}

/** Forgets what was typed there: it was refused. @param {string} endpoint */
export function forgetCredentials(endpoint) {
  const all = kept();
  delete all[placeOf(endpoint)];
  store(all);
}

/** Without the stream: who may publish one of an app may try the next. @param {string} endpoint */
function placeOf(endpoint) {
  return new URL('.', new URL(endpoint, location.href)).href;
}

/** For a browser without storage. @type {Record<string, Typed>} */
let remembered = {};

/** @returns {Record<string, Typed>} */
function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT) ?? '{}');
  } catch {
    return remembered;
  }
}

/** @param {Record<string, Typed>} all */
function store(all) {
  remembered = all;
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(all));
  } catch {
    // Then it is asked for again after a reload.
  }
}
