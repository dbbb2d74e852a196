// @ts-check
import { Backoff, pause } from '../sdk/backoff.js';
import { equal, ok, test } from './harness.js';

// A crowd that lost one server must not come back as one.
test('delays grow from half to whole of the doubled one, up to the maximum', () => {
  const least = new Backoff({ initialMs: 100, maxMs: 1000, random: () => 0 });
  const most = new Backoff({ initialMs: 100, maxMs: 1000, random: () => 1 });
  equal(
    [1, 2, 3, 4, 5, 6].map(() => least.next()),
    [50, 100, 200, 400, 500, 500],
  );
  equal(
    [1, 2, 3, 4, 5, 6].map(() => most.next()),
    [100, 200, 400, 800, 1000, 1000],
  );
});

// A server that says "in 20 seconds" said it to everybody: never sooner, and not all at once.
test('Retry-After is a lower bound, spread upwards', () => {
  equal(new Backoff({ random: () => 0 }).next(20_000), 20_000);
  equal(new Backoff({ random: () => 1 }).next(20_000), 30_000);
});

// A thousand failures must not overflow into a delay of zero or infinity.
test('the thousandth delay is still the maximum', () => {
  const backoff = new Backoff({ maxMs: 8000, random: () => 1 });
  const last = Array.from({ length: 1000 }, () => backoff.next()).at(-1);
  equal(last, 8000);
  backoff.reset();
  equal(backoff.next(), 500);
});

// `stop()` in the middle of a wait has to take effect at once.
test('a pause ends when it is aborted', async () => {
  const controller = new AbortController();
  const began = performance.now();
  setTimeout(() => controller.abort(), 30);
  await pause(10_000, controller.signal);
  ok(performance.now() - began < 1000, 'the pause went on');
});

// A phone that finds its network again should not wait out a long delay.
test('a pause ends when the browser is online again', async () => {
  const began = performance.now();
  setTimeout(() => globalThis.dispatchEvent(new Event('online')), 30);
  await pause(10_000, new AbortController().signal);
  ok(performance.now() - began < 1000, 'the pause went on');
});
