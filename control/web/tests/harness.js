// @ts-check
/** Tests in a page: named by behaviour, run one after the other, each with a time limit. */

/** @typedef {{name: string, body: () => unknown, timeoutMs: number}} Test */

/** @type {Test[]} */
export const tests = [];

/**
 * @param {string} name What must hold.
 * @param {() => unknown} body Throws if it does not.
 * @param {number} [timeoutMs]
 */
export function test(name, body, timeoutMs = 20_000) {
  tests.push({ name, body, timeoutMs });
}

/**
 * @param {unknown} condition
 * @param {string} message
 * @returns {asserts condition}
 */
export function ok(condition, message) {
  if (!condition) throw new Error(message);
}

/**
 * @param {unknown} actual
 * @param {unknown} expected Compared by value.
 * @param {string} [message]
 */
export function equal(actual, expected, message = 'values differ') {
  const [got, wanted] = [actual, expected].map((value) => JSON.stringify(value));
  if (got !== wanted) throw new Error(`${message}: got ${got}, wanted ${wanted}`);
}

/**
 * @param {EventTarget} target
 * @param {string} type
 * @returns {Promise<any>} The detail of the next such event.
 */
export function next(target, type) {
  return new Promise((resolve) => {
    target.addEventListener(
      type,
      (event) => resolve(/** @type {CustomEvent} */ (event).detail ?? null),
      { once: true },
    );
  });
}

/** @param {number} ms */
export function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * @param {() => unknown} condition
 * @param {string} message
 * @param {number} [limitMs]
 */
export async function eventually(condition, message, limitMs = 10_000) {
  const until = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > until) throw new Error(`Not in ${limitMs} ms: ${message}`);
    await sleep(20);
  }
}
