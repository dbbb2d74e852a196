// @ts-check
/**
 * One session: one RTCPeerConnection, one WHIP or WHEP resource, from POST to DELETE.
 *
 * A session is used once. Its `open` ends when media can flow, its `over` when they no longer can,
 * with the reason. What to do then is for `participant.js` to judge.
 *
 *   createOffer → POST → answer → ICE, DTLS → open ──── over: closed-by-server | connection-lost | …
 *                   └ gathering … PATCH (once, not waited for)
 *                                                          events: what the server has to tell meanwhile
 *
 * Or, if the server is to offer:
 *
 *   POST → offer → createAnswer → PATCH → ICE, DTLS → open …
 *
 * A path that breaks is looked for anew over the same session (ICE restart by PATCH): what is being
 * encoded and decoded goes on. Only if none is found in time the session is over.
 */

import { FanlightError } from './errors.js';
import { EventFeed } from './events.js';
import { candidateFragment, restartFragment, restartedAnswer } from './sdp.js';
import { postForOffer, postOffer } from './signalling.js';

/** Longer than the server's own patience is pointless; shorter punishes slow mobile networks. */
const CONNECT_TIMEOUT_MS = 12_000;

/** The server keeps a session without a path for some 12 seconds, and browsers notice a break after 5. */
const RECOVERY_MS = 6_000;

/** A restart that could not be asked for, since the network is away, is tried again after this time. */
const RESTART_INTERVAL_MS = 1_500;

/** DTLS says goodbye a moment after the channel closes: waiting for it saves a request a viewer. */
const HINT_MS = 150;

/** How long the events may take to tell why the server has said goodbye. */
const FAREWELL_MS = 500;

/**
 * @typedef {object} SessionOptions
 * @property {import('./signalling.js').Endpoint} endpoint
 * @property {RTCIceServer[]} iceServers
 * @property {boolean} dataChannel Open a channel labelled `fanlight`.
 * @property {(connection: RTCPeerConnection) => void|Promise<void>} prepare Adds the transceivers; where the server
 *   offers they come with its offer.
 * @property {(sdp: string) => string} amendOffer
 * @property {(sdp: string) => string} amendAnswer
 * @property {boolean} [serverOffer] The server makes the offer: for viewers.
 * @property {((name: string, data: any) => void)|null} hear Takes the server's events; null: none.
 */

export class Session {
  #options;
  /** @type {import('./signalling.js').Resource|null} */
  #resource = null;
  #closed = false;
  /** @type {(reason: FanlightError) => void} */
  #finish = () => {};
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #recovery;
  /** Media has flowed. */
  #wasUp = false;
  #restarting = false;
  /** Ends the watch over the page's network. */
  #watching = new AbortController();
  /** @type {EventFeed|null} */
  #feed = null;

  /** @param {SessionOptions} options */
  constructor(options) {
    this.#options = options;
    this.connection = new RTCPeerConnection({
      iceServers: options.iceServers,
      bundlePolicy: 'max-bundle',
    });
    /** @type {RTCDataChannel|null} */
    this.dataChannel = null;
    /** ICE servers that the server named: for the next session, if this one finds no path. */
    this.iceServersOffered = /** @type {RTCIceServer[]} */ ([]);
    /** Resolves, and never rejects, with the reason why media no longer flow. @type {Promise<FanlightError>} */
    this.over = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  /** Where the server holds this session, or null before its answer. */
  get resourceUrl() {
    return this.#resource?.url ?? null;
  }

  /**
   * @returns {Promise<void>} When ICE and DTLS are up.
   * @throws {FanlightError}
   */
  async open() {
    await (this.#options.serverOffer ? this.#answer() : this.#offer());
    this.#trickle();
    this.#watch();
    await this.#connected();
    this.#listen();
  }

  async #offer() {
    const { endpoint, prepare, amendOffer, amendAnswer, dataChannel } = this.#options;
    const connection = this.connection;
    const offer = await inBrowser(async () => {
      await prepare(connection);
      if (dataChannel) this.dataChannel = connection.createDataChannel('fanlight');
      const { sdp = '' } = await connection.createOffer();
      const amended = amendOffer(sdp);
      await connection.setLocalDescription({ type: 'offer', sdp: amended });
      return amended;
    });
    const answer = await this.#hold(postOffer(endpoint, offer));
    await inBrowser(() =>
      connection.setRemoteDescription({ type: 'answer', sdp: amendAnswer(answer) }),
    );
  }

  async #answer() {
    const { endpoint, prepare, amendOffer } = this.#options;
    const connection = this.connection;
    await prepare(connection);
    const offer = await this.#hold(postForOffer(endpoint));
    const answer = await inBrowser(async () => {
      await connection.setRemoteDescription({ type: 'offer', sdp: offer });
      const { sdp = '' } = await connection.createAnswer();
      // What a receiver wishes is said in the same way in an offer and in an answer.
      const amended = amendOffer(sdp);
      await connection.setLocalDescription({ type: 'answer', sdp: amended });
      return amended;
    });
    await this.#resource?.answer(answer);
  }

  /**
   * Waits for the session that a POST makes. Not aborted by `close`: a request that was cut off may
   * still have made a session, and for a publisher that would hold its name. It is let through and
   * the session deleted.
   *
   * @param {Promise<import('./signalling.js').Opened>} opening
   * @returns {Promise<string>} The server's description.
   */
  async #hold(opening) {
    const { sdp, resource, iceServers } = await opening;
    this.#resource = resource;
    this.iceServersOffered = iceServers;
    if (this.#closed) {
      await resource.remove();
      throw new FanlightError('stopped', 'Stopped before it was live.');
    }
    return sdp;
  }

  /**
   * Steers a viewer's session.
   *
   * @param {Parameters<import('./signalling.js').Resource['control']>[0]} changes
   * @throws {FanlightError}
   */
  async control(changes) {
    await this.#resource?.control(changes);
  }

  /** Asks the server whether the session is over: media that should come do not. */
  suspect() {
    this.#ask('closed-by-server');
  }

  /**
   * Looks for another path over the same session. Media stays on the old one until there is a new one.
   *
   * @returns {Promise<boolean>} Whether the server went along.
   */
  async restart() {
    const { connection } = this;
    const answer = connection.remoteDescription?.sdp;
    const isIdle = connection.signalingState === 'stable' && !this.#restarting && !this.#closed;
    if (this.#resource === null || answer === undefined || !isIdle) return false;
    this.#restarting = true;
    try {
      const { sdp = '' } = await connection.createOffer({ iceRestart: true });
      const offer = this.#options.amendOffer(sdp);
      const ours = restartFragment(offer);
      if (ours === null) return false;
      await connection.setLocalDescription({ type: 'offer', sdp: offer });
      const theirs = await this.#resource.restart(ours);
      if (theirs === null) throw new FanlightError('connection-lost', 'No ICE restart here.');
      const restarted = restartedAnswer(answer, theirs);
      await connection.setRemoteDescription({ type: 'answer', sdp: restarted });
      return true;
    } catch {
      if (connection.signalingState === 'have-local-offer') {
        await connection.setLocalDescription({ type: 'rollback' }).catch(() => {});
      }
      return false;
    } finally {
      this.#restarting = false;
    }
  }

  /** Ends the session here and at the server; harmless if it is over already. */
  async close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#recovered();
    this.#watching.abort();
    this.#feed?.close();
    const removed = this.#resource?.remove();
    this.connection.close();
    this.#finish(new FanlightError('stopped', 'Stopped.'));
    await removed;
  }

  async #trickle() {
    const connection = this.connection;
    await until(connection, 'icegatheringstatechange', () =>
      connection.iceGatheringState === 'complete' ? true : null,
    );
    const fragment = candidateFragment(connection.localDescription?.sdp ?? '');
    if (fragment !== null && !this.#closed) await this.#resource?.trickle(fragment);
  }

  async #connected() {
    const connection = this.connection;
    const up = until(connection, 'connectionstatechange', () => {
      if (connection.connectionState === 'connected') return 'up';
      return connection.connectionState === 'failed' ? 'failed' : null;
    });
    const late = new Promise((resolve) => setTimeout(resolve, CONNECT_TIMEOUT_MS, 'late'));
    const outcome = await Promise.race([up, late, this.over]);
    if (outcome === 'up') {
      this.#wasUp = true;
      return;
    }
    if (outcome instanceof FanlightError) throw outcome;
    // The server has seen what reached it, and what did not.
    const { reason = null, text = null } = (await this.#resource?.ask()) ?? {};
    const guess = 'The server answered, but no media get through. Is UDP blocked on the way?';
    throw new FanlightError('no-path', text ?? guess, { reason });
  }

  #listen() {
    const { endpoint, hear } = this.#options;
    const url = this.#resource?.eventsUrl ?? null;
    if (url === null || hear === null || this.#closed) return;
    this.#feed = new EventFeed(endpoint, url, (name, data) => {
      if (name === 'ended') this.#end('closed-by-server', data.text, data.cause ?? data.reason);
      else hear(name, data);
    });
  }

  #watch() {
    const connection = this.connection;
    connection.addEventListener('connectionstatechange', () => this.#followConnection());
    // Another network: the old addresses are gone, whether ICE has noticed or not.
    const { signal } = this.#watching;
    globalThis.addEventListener('online', () => this.#wasUp && this.restart(), { signal });
    for (const transport of transportsOf(connection)) {
      transport.addEventListener('statechange', () => {
        // DTLS close_notify: the server says goodbye, and there is no doubt about it. Why matters:
        // who was replaced or sent away must not come back.
        if (transport.state === 'closed') void this.#endKnowingWhy();
      });
    }
    // These only hint at an end; the resource knows.
    this.dataChannel?.addEventListener('close', () => this.#ask('closed-by-server'));
    for (const receiver of connection.getReceivers()) {
      receiver.track.addEventListener('mute', () => this.#ask('closed-by-server'));
    }
  }

  #followConnection() {
    const state = this.connection.connectionState;
    if (state === 'connected') this.#recovered();
    // A connection that never was is `#connected`'s to explain.
    if (state === 'disconnected' || (state === 'failed' && this.#wasUp)) void this.#recover();
  }

  async #recover() {
    if (this.#recovery !== undefined) return;
    const recovery = setTimeout(
      () => this.#end('connection-lost', 'The connection broke.'),
      RECOVERY_MS,
    );
    this.#recovery = recovery;
    await this.#ask('session-gone');
    while (this.#recovery === recovery && !this.#closed && !(await this.restart())) {
      await new Promise((resolve) => setTimeout(resolve, RESTART_INTERVAL_MS));
    }
  }

  #recovered() {
    clearTimeout(this.#recovery);
    this.#recovery = undefined;
  }

  /**
   * Asks the server whether it still knows this session; if not, that is the end of it.
   *
   * @param {'closed-by-server'|'session-gone'} code
   */
  async #ask(code) {
    await new Promise((resolve) => setTimeout(resolve, HINT_MS));
    if (this.#closed) return;
    const told = await this.#resource?.ask();
    if (told?.presence === 'gone')
      this.#end(code, told.text ?? 'The server ended it.', told.reason);
  }

  async #endKnowingWhy() {
    // The events say it too, and spare the server a question of each of its viewers.
    if (this.#feed !== null) await new Promise((resolve) => setTimeout(resolve, FAREWELL_MS));
    if (this.#closed) return;
    const told = await this.#resource?.ask();
    this.#end('closed-by-server', told?.text ?? 'The server ended it.', told?.reason);
  }

  /**
   * @param {import('./errors.js').ErrorCode} code
   * @param {string} message
   * @param {string|null} [reason] As the server names it.
   */
  #end(code, message, reason = null) {
    this.#recovered();
    this.#feed?.close();
    const what = reason === 'replaced' ? 'replaced' : code;
    this.#finish(new FanlightError(what, message, { reason }));
  }
}

/**
 * @param {RTCPeerConnection} connection
 * @returns {Set<RTCDtlsTransport>}
 */
function transportsOf(connection) {
  const ends = [...connection.getSenders(), ...connection.getReceivers()];
  const transports = ends.flatMap((end) => end.transport ?? []);
  return new Set(connection.sctp ? [...transports, connection.sctp.transport] : transports);
}

/**
 * What the browser throws becomes a `FanlightError`.
 *
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
async function inBrowser(work) {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof FanlightError) throw cause;
    const words = cause instanceof Error ? cause.message : String(cause);
    throw new FanlightError('browser', `The browser refused: ${words}`, { cause });
  }
}

/**
 * The first answer of `test` that is not null, asked now and at each event.
 *
 * @template T
 * @param {EventTarget} target
 * @param {string} type
 * @param {() => T|null} test
 * @returns {Promise<T>}
 */
function until(target, type, test) {
  return new Promise((resolve) => {
    const look = () => {
      const answer = test();
      if (answer === null) return;
      target.removeEventListener(type, look);
      resolve(answer);
    };
    target.addEventListener(type, look);
    look();
  });
}
