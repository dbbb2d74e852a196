// @ts-check
import { errorOfResponse } from '../sdk/errors.js';
import { Publisher, Viewer } from '../sdk/fanlight.js';
import { onStage } from './fixtures.js';
import { equal, eventually, ok, sleep, test } from './harness.js';
import { problem } from './loopback-server.js';

/** @param {import('./loopback-server.js').Seen[]} requests */
const authorizations = (requests) => requests.map(({ headers }) => headers.get('Authorization'));

// What is said more often than it must be is in more logs than it must be.
test(
  'a token goes to the endpoint and nowhere else',
  onStage(async (stage) => {
    await stage.publisher({ token: 'to-publish' }).start();
    const viewer = stage.viewer({ token: 'to-watch' });
    await viewer.start();
    await eventually(() => stage.server.listeners('stage') > 0, 'it does not listen');
    await viewer.pause('video');
    await viewer.stop();
    equal(authorizations(stage.server.requests('POST')), ['Bearer to-publish', 'Bearer to-watch']);
    const others = stage.server.seen.filter(({ method }) => method !== 'POST');
    ok(others.some(({ method }) => method === 'DELETE') && others.length >= 4, 'there were others');
    equal(new Set(authorizations(others)).size, 1);
    equal(authorizations(others)[0], null);
    ok(
      stage.server.seen.every(({ url }) => url.search === ''),
      'no address holds a secret',
    );
  }),
);

// Names and passwords may hold anything, and Basic is made for ASCII.
test(
  'a name and a password are sent as UTF-8',
  onStage(async (stage) => {
    await stage.publisher({ username: 'Zoë', password: 'pä:ß wörd' }).start();
    const [sent] = authorizations(stage.server.requests('POST'));
    const bytes = Uint8Array.from(atob((sent ?? '').replace('Basic ', '')), (one) =>
      one.charCodeAt(0),
    );
    equal(new TextDecoder().decode(bytes), 'Zoë:pä:ß wörd');
  }),
);

// A signature is over what the parameters say, so each must arrive as it is.
test(
  'parameters join those of the address, and only at the endpoint',
  onStage(async (stage) => {
    const url = `${location.origin}/live/whip/endpoint/stage?signal=true&expires=0`;
    const params = { expires: '1790000000', signature: 'a+b/c==&d e' };
    const publisher = stage.publisher({ url, params });
    await publisher.start();
    await publisher.stop();
    const [post] = stage.server.requests('POST');
    // As the server reads it: escapes, and no plus for a space.
    const read = post.url.search.slice(1).split('&').map(decodeURIComponent);
    equal(read, ['signal=true', 'expires=1790000000', 'signature=a+b/c==&d e']);
    equal(stage.server.requests('DELETE')[0].url.search, '');
    equal(publisher.url, url, 'what pages show of it holds no secret');
  }),
);

// A token that lives for a minute must not be the one of the first session for ever.
test(
  'a function is asked for a new token before each session',
  onStage(async (stage) => {
    let serial = 0;
    const token = async () => {
      serial += 1;
      if (serial === 2) throw new Error('offline');
      return `token-${serial}`;
    };
    const publisher = stage.publisher({ token, params: () => ({ serial: String(serial) }) });
    /** @type {string[]} */
    const errors = [];
    publisher.addEventListener('error', (event) =>
      errors.push(/** @type {CustomEvent} */ (event).detail.message),
    );
    await publisher.start();
    stage.server.endStream('stage');
    await eventually(
      () => publisher.state === 'live' && stage.server.requests('POST').length === 2,
      'not live again',
    );
    const posts = stage.server.requests('POST');
    equal(authorizations(posts), ['Bearer token-1', 'Bearer token-3']);
    equal(
      posts.map(({ url }) => url.search),
      ['?serial=1', '?serial=3'],
    );
    equal(errors.at(-1), 'No token could be had: offline');
  }),
);

test(
  'who has no token sends none',
  onStage(async (stage) => {
    await stage.publisher({ token: () => null, params: () => null }).start();
    equal(authorizations(stage.server.requests('POST')), [null]);
  }),
);

// Each try with the wrong word counts against the address, and against everybody behind it.
test(
  'credentials that are refused while it is live are not tried again',
  onStage(async (stage) => {
    const publisher = stage.publisher({ token: 'old' });
    await publisher.start();
    stage.server.answer('POST', () => problem(401, 'No.', {}, { reason: 'not_allowed' }));
    stage.server.endStream('stage');
    await eventually(() => publisher.state === 'failed', 'it goes on');
    await sleep(500);
    equal(stage.server.requests('POST').length, 2);
  }),
);

test(
  'a pause that the server wants is kept, and then it goes on',
  onStage(async (stage) => {
    stage.server.answer('POST', () => problem(429, 'Too many.', { 'Retry-After': '1' }));
    const publisher = stage.publisher();
    await publisher.start();
    const [first, second] = stage.server.requests('POST');
    ok(second.at - first.at >= 1000, `asked again after ${second.at - first.at} ms`);
  }),
);

// RFC 9725 §4.7: there are servers that want the token for the session too. Ours, and those of other origins, get none.
test(
  'a session brings the token only where its server asks for it',
  onStage(async (stage) => {
    stage.server.answer('PATCH', () => problem(401, 'And you are?'));
    const publisher = stage.publisher({ token: 'secret' });
    await publisher.start();
    await eventually(
      () => stage.server.requests('PATCH').length === 2,
      'it does not say who it is',
    );
    await publisher.stop();
    equal(authorizations(stage.server.requests('PATCH')), [null, 'Bearer secret']);
    equal(authorizations(stage.server.requests('DELETE')), ['Bearer secret']);
  }),
);

test(
  'a session on another origin gets no token, whatever it asks',
  onStage(async (stage) => {
    const fetch = stage.server.fetch;
    const elsewhere = async (/** @type {any} */ input, /** @type {any} */ init) => {
      const response = await fetch(input, init);
      const at = response.headers.get('Location');
      if (at !== null) response.headers.set('Location', `https://elsewhere.example${at}`);
      return response;
    };
    for (const method of ['PATCH', 'DELETE'])
      stage.server.answer(method, () => problem(401, 'Who?'));
    const publisher = stage.publisher({ token: 'secret', fetch: elsewhere });
    await publisher.start();
    await eventually(() => stage.server.requests('PATCH').length > 0, 'no PATCH');
    await publisher.stop();
    const there = stage.server.seen.filter(({ url }) => url.host === 'elsewhere.example');
    ok(there.length >= 2, `${there.length} requests went there`);
    equal(authorizations(there).filter(Boolean), []);
  }),
);

test('credentials that contradict each other are a mistake of the page', () => {
  const media = new MediaStream();
  for (const wrong of [
    { username: 'u' },
    { password: 'p' },
    { token: 't', username: 'u', password: 'p' },
    { username: 'u:v', password: 'p' },
  ]) {
    for (const make of [
      () => new Publisher({ stream: 's', media, ...wrong }),
      () => new Viewer({ stream: 's', ...wrong }),
    ]) {
      let error = null;
      try {
        make();
      } catch (fault) {
        error = fault;
      }
      ok(error instanceof TypeError, JSON.stringify(wrong));
    }
  }
});

// Pages show a form for the one, and a wait for the other.
test('refusals are told apart', async () => {
  const told = async (/** @type {Response} */ response) => {
    const { code, reason, retryAfterMs, transient } = await errorOfResponse(response, 'viewer');
    return [code, reason, retryAfterMs, transient];
  };
  const unknown = problem(401, 'x', {}, { reason: 'not_allowed' });
  equal(await told(unknown), ['unauthorized', 'not_allowed', null, false]);
  equal(await told(problem(403, 'x')), ['forbidden', null, null, false]);
  const late = problem(429, 'x', { 'Retry-After': '7' }, { reason: 'too_many_refusals' });
  equal(await told(late), ['too-many-requests', 'too_many_refusals', 7000, true]);
});
