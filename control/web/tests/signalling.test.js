// @ts-check
import { errorOfResponse, parseRetryAfter } from '../sdk/errors.js';
import { endpointUrl, parseIceServers } from '../sdk/signalling.js';
import { equal, test } from './harness.js';
import { problem } from './loopback-server.js';

// Apps may be paths; names may hold anything.
test('an endpoint keeps the path of the app and escapes the rest', () => {
  equal(
    endpointUrl({
      server: 'https://a.example/',
      app: '/live/room 1/',
      stream: 'a/b?ü',
      role: 'publisher',
    }),
    'https://a.example/live/room%201/whip/endpoint/a%2Fb%3F%C3%BC',
  );
  equal(
    endpointUrl({ server: 'https://a.example', app: 'live', stream: 's', role: 'viewer' }),
    'https://a.example/live/whep/endpoint/s',
  );
});

// `fetch` joins several Link headers with commas, and credentials may hold commas and signs.
test('ICE servers are found among joined links', () => {
  const header =
    '<stun:stun.example:3478>; rel="ice-server", <https://a.example/stats>; rel="statistics", ' +
    '<turn:turn.example?transport=udp>; rel="ice-server"; username="a,b"; credential="x=\\"y\\"=="; ' +
    'credential-type="password",<turns:t.example:443>;rel=ice-server;username=u;credential=c';
  equal(parseIceServers(header), [
    { urls: 'stun:stun.example:3478' },
    { urls: 'turn:turn.example?transport=udp', username: 'a,b', credential: 'x="y"==' },
    { urls: 'turns:t.example:443', username: 'u', credential: 'c' },
  ]);
  equal(parseIceServers(null), []);
  equal(parseIceServers('<javascript:alert(1)>; rel="ice-server"'), []);
});

test('Retry-After is read as seconds and as a date', () => {
  const now = Date.parse('2025-11-22T12:00:00Z');
  equal(parseRetryAfter('7', now), 7000);
  equal(parseRetryAfter('Sat, 22 Nov 2025 12:00:30 GMT', now), 30_000);
  equal(parseRetryAfter('Sat, 22 Nov 2025 11:00:00 GMT', now), 0, 'a date that has passed');
  equal(parseRetryAfter('99999999', now), 3_600_000, 'a year is too long');
  equal(
    [null, '', 'soon'].map((value) => parseRetryAfter(value, now)),
    [null, null, null],
  );
});

// The code decides whether to try again, the detail is what people read.
test('an answer becomes an error with the meaning of its role', async () => {
  const both = async (/** @type {number} */ status) => [
    (await errorOfResponse(problem(status, 'x'), 'publisher')).code,
    (await errorOfResponse(problem(status, 'x'), 'viewer')).code,
  ];
  equal(await both(400), ['bad-request', 'bad-request']);
  equal(await both(401), ['unauthorized', 'unauthorized']);
  equal(await both(404), ['not-found', 'not-live']);
  equal(await both(406), ['no-common-codec', 'no-common-codec']);
  equal(await both(409), ['name-in-use', 'not-live']);
  equal(await both(503), ['busy', 'busy']);
  const busy = await errorOfResponse(problem(503, 'Full.', { 'Retry-After': '3' }), 'viewer');
  equal([busy.detail, busy.status, busy.retryAfterMs, busy.transient], ['Full.', 503, 3000, true]);
  const page = new Response('<html>', { status: 502, headers: { 'Content-Type': 'text/html' } });
  equal((await errorOfResponse(page, 'viewer')).detail, null, 'a page of a proxy is no reason');
});
