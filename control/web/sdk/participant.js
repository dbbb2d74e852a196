// @ts-check
/**
 * What a publisher and a viewer have in common: to be live, and to become it again.
 *
 *   new → connecting → live → reconnecting → live … → ended | failed
 *
 * One loop makes sessions, one after the other, and judges why each of them ended. Faults that can
 * heal are retried with back-off; faults that cannot (400, 401, 403, 406 …) end it at once.
 */

import { Backoff, pause } from './backoff.js';
import { Credentials } from './credentials.js';
import { FanlightError } from './errors.js';
import { Session } from './session.js';
import { discoverIceServers, endpointUrl } from './signalling.js';

/** A stream that is waited for should be noticed soon after it begins. */
const WAIT_MAX_MS = 3_000;
/** Live for this long, a participant has earned a fresh back-off. */
const STEADY_MS = 5_000;
const STATS_INTERVAL_MS = 1_000;

/** Events of the server that are fired under their own names. */
const NOTICES = new Set([
  'active',
  'inactive',
  'constrained',
  'unconstrained',
  'source-silent',
  'source-back',
  'video-skipped',
  'paused',
  'resumed',
  'switched',
  'layer',
  'layers-wanted',
]);

/** @typedef {'new'|'connecting'|'live'|'reconnecting'|'ended'|'failed'} State */

/**
 * @typedef {import('./credentials.js').CredentialOptions & ConnectionOptions} ParticipantOptions
 *
 * @typedef {object} ConnectionOptions
 * @property {string} [url] The endpoint. Else it is made of the next three.
 * @property {string} [server] Default: where the page came from.
 * @property {string} [app] Default `live`. May be a path (`live/room1`).
 * @property {string} [stream] The published name.
 * @property {RTCIceServer[]} [iceServers] Default: those that the server names.
 * @property {boolean} [discover] Ask for ICE servers before the first POST. Default false: a server
 *   with a public address needs none, and if no path is found the second try uses those it named.
 * @property {boolean} [dataChannel] Open a channel labelled `fanlight`. Default true.
 * @property {boolean} [events] Let the server tell what happens to the session. Default true.
 * @property {boolean} [reconnect] Default true.
 * @property {import('./backoff.js').BackoffOptions} [backoff]
 * @property {import('./signalling.js').Fetch} [fetch] For those who must sign or route requests.
 */

/**
 * @typedef {object} StateDetail Detail of a `state` event.
 * @property {State} state
 * @property {State} previous
 * @property {FanlightError|null} reason Why, if it was not asked for.
 */

/**
 * @typedef {{name: string, text: string, at_ms: number, time: string, kind?: 'audio'|'video'}
 *   & Record<string, any>} Notice
 *   `text` says it in a sentence, `kind` which track it is about, others are its values.
 */

/**
 * `wait` is a retry that is no fault: the stream is not there yet.
 *
 * @typedef {'retry'|'wait'|'ended'|'failed'} Verdict
 */

/**
 * @fires state `StateDetail`
 * @fires error `FanlightError` as detail: each fault, those that will be retried included
 * @fires retry `{attempt, delayMs, reason}`: before each wait
 * @fires ended `{reason}`: the session ended, by the server or by `stop`
 * @fires stats every second while live
 * @fires notice `Notice`: the server tells what happens to the session. Each is fired under its own
 *   name too, such as `source-silent` and `source-back`, and of a viewer `constrained`,
 *   `unconstrained`, `video-skipped`, `paused`, `resumed`, `switched`
 */
export class Participant extends EventTarget {
  #options;
  #endpoint;
  #backoff;
  #patience;
  /** @type {State} */
  #state = 'new';
  /** @type {Session|null} */
  #session = null;
  /** @type {RTCIceServer[]} */
  #iceServers;
  /** Aborted by `stop`. */
  #stopping = new AbortController();
  #everLive = false;
  /** The loop, while it runs. @type {Promise<FanlightError>|null} */
  #running = null;

  /**
   * @param {'publisher'|'viewer'} role
   * @param {ParticipantOptions} options
   */
  constructor(role, options) {
    super();
    const { url, server = location.origin, app = 'live', stream } = options;
    if (url === undefined && !stream) throw new TypeError('Either `url` or `stream` is needed.');
    this.role = role;
    this.#options = options;
    this.#endpoint = {
      url: new URL(url ?? endpointUrl({ server, app, stream: stream ?? '', role }), location.href)
        .href,
      role,
      credentials: new Credentials(options),
      fetch: options.fetch ?? globalThis.fetch.bind(globalThis),
    };
    this.#iceServers = options.iceServers ?? [];
    this.#backoff = new Backoff(options.backoff);
    this.#patience = new Backoff({ maxMs: WAIT_MAX_MS, ...options.backoff });
  }

  /** @returns {State} */
  get state() {
    return this.#state;
  }

  /** The endpoint's address. */
  get url() {
    return this.#endpoint.url;
  }

  /** The RTCPeerConnection now in use, if any: for what this SDK does not cover. */
  get connection() {
    return this.#session?.connection ?? null;
  }

  /** @returns {RTCDataChannel|null} */
  get dataChannel() {
    return this.#session?.dataChannel ?? null;
  }

  /** Where the server holds the session, or null. */
  get resourceUrl() {
    return this.#session?.resourceUrl ?? null;
  }

  /** Has it been live since `start`? */
  get everLive() {
    return this.#everLive;
  }

  /**
   * Begins, and goes on until `stop`, the end, or a fault that cannot heal.
   *
   * @returns {Promise<void>} When live for the first time.
   * @throws {FanlightError} If that will not happen any more.
   */
  start() {
    if (this.#running !== null) throw new TypeError('Already started.');
    this.#stopping = new AbortController();
    this.#everLive = false;
    this.#backoff.reset();
    this.#patience.reset();
    return new Promise((resolve, reject) => {
      const leave = watchUnload(() => this.#session?.close());
      const live = () => resolve();
      this.addEventListener('live', live, { once: true });
      this.#running = this.#run(this.#stopping.signal);
      this.#running.then((error) => {
        this.#running = null;
        leave();
        this.removeEventListener('live', live);
        reject(error); // Without effect once it has been live.
      });
    });
  }

  /**
   * Ends the session and tells the server.
   *
   * @returns {Promise<void>} When the server has heard it, or could not be told.
   */
  async stop() {
    this.#stopping.abort();
    await this.#session?.close();
    await this.#running;
  }

  /**
   * Looks for another network path without interrupting what is sent or shown: for pages that know of
   * a change before the browser does. Breaks are noticed without it.
   *
   * @returns {Promise<boolean>} Whether the server went along.
   */
  async restartIce() {
    return (await this.#session?.restart()) ?? false;
  }

  // What a publisher or a viewer adds ------------------------------------------------------------

  /** Does the server make the offer? @protected */
  get offeredByServer() {
    return false;
  }

  /**
   * Adds the transceivers; where the server offers they come with its offer.
   *
   * @protected
   * @param {RTCPeerConnection} connection
   * @returns {void|Promise<void>}
   */
  prepare(connection) {
    void connection;
  }

  /** @protected @param {string} sdp @returns {string} */
  amendOffer(sdp) {
    return sdp;
  }

  /** @protected @param {string} sdp @returns {string} */
  amendAnswer(sdp) {
    return sdp;
  }

  /** @protected @param {RTCStatsReport} report @returns {object} Detail of a `stats` event. */
  sample(report) {
    return report;
  }

  /**
   * Do the last samples suggest that the server has ended the session and its goodbye was lost?
   *
   * @protected
   * @returns {boolean}
   */
  suspects() {
    return false;
  }

  /** The session is live. @protected */
  begun() {}

  /** The server tells something. @protected @param {Notice} notice */
  noticed(notice) {
    void notice;
  }

  /**
   * Steers the session that is live, if one is.
   *
   * @protected
   * @param {Parameters<Session['control']>[0]} changes
   * @throws {FanlightError}
   */
  async control(changes) {
    if (this.#state === 'live') await this.#session?.control(changes);
  }

  /**
   * What to do when a session ended or did not begin.
   *
   * @protected
   * @param {FanlightError} reason
   * @returns {Verdict}
   */
  judge(reason) {
    return reason.transient && this.#options.reconnect !== false ? 'retry' : 'failed';
  }

  // The loop -------------------------------------------------------------------------------------

  /**
   * @param {AbortSignal} signal
   * @returns {Promise<FanlightError>} Why it is over.
   */
  async #run(signal) {
    this.#enter('connecting', null);
    for (;;) {
      const reason = await this.#oneSession(signal);
      if (signal.aborted) return this.#leave('ended', reason);
      // A session that stopped unasked was closed with the page, and the page has come back.
      const verdict = reason.code === 'stopped' ? 'wait' : this.judge(reason);
      if (verdict === 'retry' || verdict === 'failed') this.#tell('error', reason);
      if (verdict === 'ended' || verdict === 'failed') return this.#leave(verdict, reason);
      if (this.#everLive) this.#enter('reconnecting', reason);
      const backoff = verdict === 'wait' ? this.#patience : this.#backoff;
      const delayMs = backoff.next(reason.retryAfterMs);
      this.#tell('retry', { attempt: backoff.attempts, delayMs, reason });
      await pause(delayMs, signal);
      if (signal.aborted) return this.#leave('ended', reason);
    }
  }

  /**
   * @param {AbortSignal} signal
   * @returns {Promise<FanlightError>} Why the session ended, or did not begin.
   */
  async #oneSession(signal) {
    /** @type {Session|null} */
    let session = null;
    try {
      if (this.#options.discover && this.#iceServers.length === 0) {
        this.#iceServers = await discoverIceServers(this.#endpoint);
      }
      if (signal.aborted) return new FanlightError('stopped', 'Stopped.');
      session = this.#newSession();
      await session.open();
      return await this.#live(session);
    } catch (error) {
      return error instanceof FanlightError
        ? error
        : new FanlightError('browser', String(error), { cause: error });
    } finally {
      if (session !== null) {
        if (this.#options.iceServers === undefined && session.iceServersOffered.length > 0) {
          this.#iceServers = session.iceServersOffered;
        }
        session.close();
      }
      this.#session = null;
    }
  }

  #newSession() {
    const session = new Session({
      endpoint: this.#endpoint,
      iceServers: this.#iceServers,
      dataChannel: this.#options.dataChannel !== false,
      serverOffer: this.offeredByServer,
      prepare: (connection) => this.prepare(connection),
      amendOffer: (sdp) => this.amendOffer(sdp),
      amendAnswer: (sdp) => this.amendAnswer(sdp),
      hear: this.#options.events === false ? null : (name, data) => this.#hear(name, data),
    });
    this.#session = session;
    return session;
  }

  /**
   * @param {string} event As the server names it: `source_silent`.
   * @param {object} data
   */
  #hear(event, data) {
    const name = event.replaceAll('_', '-');
    const notice = /** @type {Notice} */ ({ text: '', ...data, name });
    this.noticed(notice);
    this.#tell('notice', notice);
    // The names of our own events are not the server's to use.
    if (NOTICES.has(name)) this.#tell(name, notice);
  }

  /**
   * @param {Session} session
   * @returns {Promise<FanlightError>}
   */
  async #live(session) {
    this.#everLive = true;
    this.#enter('live', null);
    this.dispatchEvent(new Event('live'));
    this.begun();
    this.#patience.reset();
    const steady = setTimeout(() => this.#backoff.reset(), STEADY_MS);
    const stats = setInterval(async () => {
      const report = await session.connection.getStats().catch(() => null);
      if (report === null || this.#session !== session) return;
      this.#tell('stats', this.sample(report));
      if (this.suspects()) session.suspect();
    }, STATS_INTERVAL_MS);
    const reason = await session.over;
    clearTimeout(steady);
    clearInterval(stats);
    if (reason.code === 'closed-by-server') this.#tell('ended', { reason });
    return reason;
  }

  /**
   * @param {State} state
   * @param {FanlightError|null} reason
   */
  #enter(state, reason) {
    const previous = this.#state;
    if (previous === state) return;
    this.#state = state;
    this.#tell('state', { state, previous, reason });
  }

  /**
   * @param {string} type
   * @param {unknown} detail
   */
  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /**
   * @param {'ended'|'failed'} state
   * @param {FanlightError} reason
   * @returns {FanlightError} The reason.
   */
  #leave(state, reason) {
    this.#enter(state, reason);
    // An end by the server has been told already, the moment it was known.
    if (state === 'ended' && reason.code !== 'closed-by-server') this.#tell('ended', { reason });
    return reason;
  }
}

/**
 * Calls back when the page goes away. A page that comes back from the back-forward cache finds its
 * session lost and makes a new one.
 *
 * @param {() => void} close
 * @returns {() => void} Stops watching.
 */
function watchUnload(close) {
  globalThis.addEventListener('pagehide', close);
  return () => globalThis.removeEventListener('pagehide', close);
}
