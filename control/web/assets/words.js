// @ts-check
/** States and faults as sentences: what happens, and what to do. */

/** @typedef {import('../sdk/fanlight.js').FanlightError} FanlightError */

/** @typedef {{title: string, text: string}} Words */

/**
 * @param {FanlightError} error
 * @param {{stream: string, role: 'publisher'|'viewer'}} about
 * @returns {Words}
 */
export function wordsOfError(error, { stream, role }) {
  const said = error.detail ?? error.message;
  const ending = ENDINGS[error.reason ?? ''];
  if (ending !== undefined) return { title: ending, text: error.message };
  switch (error.code) {
    case 'not-live':
      return { title: 'Not live', text: `Nobody is publishing “${stream}” now.` };
    case 'name-in-use':
      return {
        title: 'Name in use',
        text: `Somebody is already publishing “${stream}”. Choose another name.`,
      };
    case 'replaced':
      return {
        title: 'Replaced',
        text: `Another publisher has taken over “${stream}”. To take it back, publish again.`,
      };
    case 'no-common-codec':
      return { title: 'No common codec', text: said };
    case 'codec-unavailable':
      return { title: 'Codec not available', text: error.message };
    case 'unauthorized':
    case 'forbidden':
      return { title: 'Not allowed', text: said };
    case 'too-many-requests':
      return { title: 'Too many tries', text: `${pauseOf(error)} The next one comes by itself.` };
    case 'no-credentials':
      return { title: 'No permission to be had', text: error.message };
    case 'no-path':
      return { title: 'No way through', text: error.message };
    case 'network':
      return { title: 'The server does not answer', text: 'Is it running, and are you online?' };
    case 'busy':
      return { title: 'The server is busy', text: said };
    case 'connection-lost':
    case 'session-gone':
      return {
        title: 'The connection broke',
        text: error.reason === null ? 'Making a new one.' : error.message,
      };
    case 'not-controllable':
      return { title: 'Not possible', text: error.message };
    case 'closed-by-server':
      if (error.reason !== null && error.reason !== 'stream_ended') {
        return { title: 'The server ended it', text: error.message };
      }
      return role === 'viewer'
        ? { title: 'The stream has ended', text: `“${stream}” is no longer live.` }
        : { title: 'The server ended the stream', text: 'Publishing it anew.' };
    default:
      return { title: 'That did not work', text: said };
  }
}

/**
 * Over the sign-in form. The server does not say what was wrong about what it refused.
 *
 * @param {{stream: string, refused: boolean, endpoint: string}} about
 * @returns {Words}
 */
export function wordsOfSignIn({ stream, refused, endpoint }) {
  const { origin, host } = new URL(endpoint, location.href);
  // Whoever makes a link chooses the server, and must not borrow the name of this one.
  const where = origin === location.origin ? '' : ` What you type here goes to ${host}.`;
  return refused
    ? {
        title: 'Not accepted',
        text: `It is misspelt, has run out, or is not for “${stream}”.${where}`,
      }
    : { title: 'Sign in', text: `“${stream}” is not open to everybody.${where}` };
}

/** Ends by the server's name for them, after which nobody comes back by himself. @type {Record<string, string>} */
const ENDINGS = {
  expired: 'Your time is over',
  revoked: 'Your permission was taken back',
  kicked: 'You were sent away',
};

/** @param {FanlightError} error */
function pauseOf({ retryAfterMs }) {
  if (retryAfterMs === null) return 'The server wants a pause.';
  return `The server wants a pause of ${Math.ceil(retryAfterMs / 1000)} s.`;
}

/**
 * What the browser says when it does not give a camera or a screen.
 *
 * @param {unknown} error
 * @returns {Words}
 */
export function wordsOfCapture(error) {
  const name = error instanceof Error ? error.name : '';
  switch (name) {
    case 'NotAllowedError':
      return {
        title: 'Not allowed to look',
        text: 'The browser, or you, refused. Allow camera and microphone for this page and try again.',
      };
    case 'NotFoundError':
    case 'OverconstrainedError':
      return { title: 'Nothing found', text: 'There is no such camera or microphone.' };
    case 'NotReadableError':
      return { title: 'In use', text: 'Another program holds the camera or the microphone.' };
    default:
      return {
        title: 'No picture',
        text: error instanceof Error ? error.message : 'The source could not be opened.',
      };
  }
}
