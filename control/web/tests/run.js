// @ts-check
/**
 * Runs the tests and tells the outcome in the page and on `window.fanlightTests`:
 * `{done, passed, failed, results: [{name, error, ms}]}` (`error` is null when it passed).
 *
 * `?only=text` runs those whose name contains the text; `?part=0&of=2` every second, `?part=1&of=2` the others: most of them
 * wait, and two pages wait at once. Pages that run beside each other need an origin each, for events share locks of the origin.
 */

import { tests } from './harness.js';
import './backoff.test.js';
import './clock.test.js';
import './sdp.test.js';
import './signalling.test.js';
import './pattern.test.js';
import './publisher.test.js';
import './viewer.test.js';
import './events.test.js';
import './pauses.test.js';
import './layers.test.js';
import './credentials.test.js';
import './retry.test.js';
import './restart.test.js';

/** @type {{done: boolean, passed: number, failed: number, results: {name: string, error: string|null, ms: number}[]}} */
const outcome = { done: false, passed: 0, failed: 0, results: [] };
Object.assign(window, { fanlightTests: outcome });

const asked = new URLSearchParams(location.search);
const only = asked.get('only') ?? '';
const [part, of] = [Number(asked.get('part') ?? 0), Number(asked.get('of') ?? 1)];
const chosen = tests.filter(({ name }) => name.includes(only));
const list = /** @type {HTMLElement} */ (document.getElementById('results'));
const summary = /** @type {HTMLElement} */ (document.getElementById('summary'));

for (const { name, body, timeoutMs } of chosen.filter((_, index) => index % of === part)) {
  const began = performance.now();
  const error = await Promise.race([
    attempt(body),
    new Promise((resolve) => setTimeout(resolve, timeoutMs, `took longer than ${timeoutMs} ms`)),
  ]);
  const ms = Math.round(performance.now() - began);
  outcome.results.push({ name, error, ms });
  outcome[error === null ? 'passed' : 'failed'] += 1;
  const line = document.createElement('li');
  line.textContent = `${error === null ? 'ok' : 'FAILED'} – ${name} (${ms} ms)${error === null ? '' : `: ${error}`}`;
  list.append(line);
}
outcome.done = true;
summary.textContent = `${outcome.passed} passed, ${outcome.failed} failed`;

/** @param {() => unknown} body @returns {Promise<string|null>} */
async function attempt(body) {
  try {
    await body();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
