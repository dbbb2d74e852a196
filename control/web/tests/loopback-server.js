// @ts-check
/**
 * A WHIP and WHEP server inside the page: its media are those of real RTCPeerConnections, its HTTP
 * is a function that takes the place of `fetch`. It lets a test look at each request, and answer
 * the next one as it likes.
 */

/** @typedef {{method: string, url: URL, headers: Headers, body: string, at: number, keepalive: boolean}} Seen */

/**
 * @typedef {object} Held
 * @property {RTCPeerConnection} connection
 * @property {'whip'|'whep'} role
 * @property {string} name
 * @property {Set<ReadableStreamDefaultController<Uint8Array>>} listeners Streams of its events.
 */

export class LoopbackServer {
  /** All requests, oldest first. @type {Seen[]} */
  seen = [];
  /** Sessions by path. @type {Map<string, Held>} */
  sessions = new Map();
  /** Answers to give instead, to the next requests of a method. @type {Map<string, (() => Response|Promise<Response>)[]>} */
  #scripted = new Map();
  #serial = 0;
  /** Answers that lead nowhere: their candidates are those of nobody. */
  deaf = false;
  /** Takes every layer of a simulcast. */
  simulcast = true;

  /** To be given to a participant as its `fetch`. @type {typeof globalThis.fetch} */
  fetch = async (input, init = {}) => {
    const url = new URL(String(input));
    // Asking for events is a kind of its own, which scripts for GET do not mean.
    const method = url.pathname.endsWith('/events') ? 'EVENTS' : (init.method ?? 'GET');
    const body = String(init.body ?? '');
    const headers = new Headers(init.headers);
    this.seen.push({
      method,
      url,
      headers,
      body,
      at: performance.now(),
      keepalive: init.keepalive ?? false,
    });
    const scripted = this.#scripted.get(method)?.shift();
    if (scripted !== undefined) return scripted();
    if (method === 'POST') return this.#post(url, body);
    const path = url.pathname.replace(/\/events$/, '');
    const held = this.sessions.get(path);
    if (held === undefined) return problem(404, 'No such session.');
    if (method === 'EVENTS') return eventStream(held, init.signal ?? null);
    if (method === 'PATCH' && headers.get('Content-Type') === 'application/sdp') {
      await held.connection.setRemoteDescription({ type: 'answer', sdp: body });
      return new Response(null, { status: 204 });
    }
    if (method === 'DELETE') this.#end(path);
    if (method !== 'PATCH') return new Response('{}');
    if (headers.get('If-Match') === '*') return this.#restart(path, body);
    return new Response(null, { status: 204 });
  };

  /**
   * Answers the next request of that method in this way.
   *
   * @param {string} method
   * @param {() => Response|Promise<Response>} answer
   */
  answer(method, answer) {
    this.#scripted.set(method, [...(this.#scripted.get(method) ?? []), answer]);
  }

  /** @param {string} method */
  requests(method) {
    return this.seen.filter((request) => request.method === method);
  }

  /** Ends a stream as a server does: all of its sessions say goodbye and are forgotten. @param {string} name */
  endStream(name) {
    for (const [path, held] of [...this.sessions]) if (held.name === name) this.#end(path);
  }

  /** Streams of events that are open. @param {string} name @param {'whip'|'whep'} [role] */
  listeners(name, role = 'whep') {
    return this.#of(name, role).reduce((sum, { listeners }) => sum + listeners.size, 0);
  }

  /**
   * Tells the viewers of a stream something, or its publisher.
   *
   * @param {string} name
   * @param {string} event
   * @param {object} data
   * @param {'whip'|'whep'} [role]
   */
  tell(name, event, data, role = 'whep') {
    const bytes = new TextEncoder().encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    for (const { listeners } of this.#of(name, role)) {
      for (const listener of listeners) listener.enqueue(bytes);
    }
  }

  /** Breaks the viewers' streams of events off. @param {string} name */
  cutEvents(name) {
    for (const { listeners } of this.#of(name, 'whep')) {
      for (const listener of listeners) listener.error(new TypeError('network error'));
      listeners.clear();
    }
  }

  /** @param {string} name @param {'whip'|'whep'} role */
  #of(name, role) {
    return [...this.sessions.values()].filter((one) => one.role === role && one.name === name);
  }

  close() {
    for (const path of [...this.sessions.keys()]) this.#end(path);
  }

  /**
   * @param {URL} url
   * @param {string} offer
   */
  async #post(url, offer) {
    const [, app, role, , name] = url.pathname.split('/');
    const published = [...this.sessions.values()].find(
      (one) => one.role === 'whip' && one.name === name,
    );
    if (role === 'whip' && published) return problem(409, 'This name is in use.');
    if (role === 'whep' && !published) return problem(409, 'Not live.');
    const connection = new RTCPeerConnection();
    this.#serial += 1;
    const path = `/${app}/${role}/resource/${name}/${this.#serial}`;
    this.sessions.set(path, {
      connection,
      role: /** @type {'whip'|'whep'} */ (role),
      name,
      listeners: new Set(),
    });
    if (offer === '') for (const kind of ['audio', 'video']) connection.addTransceiver(kind);
    else await connection.setRemoteDescription({ type: 'offer', sdp: offer });
    if (published) forward(published.connection, connection);
    await connection.setLocalDescription();
    await gathered(connection);
    const answer = connection.localDescription?.sdp ?? '';
    const sdp = this.simulcast ? withSimulcast(offer, answer) : answer;
    return new Response(this.deaf ? sdp.replaceAll(/^a=candidate.*\r\n/gm, '') : sdp, {
      status: 201,
      headers: {
        'Content-Type': 'application/sdp',
        Location: path,
        ETag: `"${this.#serial}"`,
        Link: `<${path}/events>; rel="urn:ietf:params:${role}:ext:core:server-sent-events"`,
      },
    });
  }

  /**
   * An ICE restart (RFC 9725 §4.3.3): the client's credentials in, ours out.
   *
   * @param {string} path
   * @param {string} fragment
   */
  async #restart(path, fragment) {
    const { connection } = /** @type {Held} */ (this.sessions.get(path));
    const lines = (connection.remoteDescription?.sdp ?? '').split('\r\n');
    const news = fragment.split('\r\n');
    const renewed = (/** @type {string} */ line, /** @type {string} */ prefix) =>
      line.startsWith(prefix) ? (news.find((other) => other.startsWith(prefix)) ?? line) : line;
    const offer = lines.map((line) => renewed(renewed(line, 'a=ice-ufrag:'), 'a=ice-pwd:'));
    await connection.setRemoteDescription({ type: 'offer', sdp: offer.join('\r\n') });
    await connection.setLocalDescription();
    await gathered(connection);
    this.#serial += 1;
    const answer = (connection.localDescription?.sdp ?? '').split('\r\n');
    const told = answer.filter((line) => /^(m=|a=(mid|ice-ufrag|ice-pwd|candidate):)/.test(line));
    return new Response(told.join('\r\n'), {
      headers: { 'Content-Type': 'application/trickle-ice-sdpfrag', ETag: `"${this.#serial}"` },
    });
  }

  /** @param {string} path */
  #end(path) {
    const held = this.sessions.get(path);
    held?.connection.close();
    for (const listener of held?.listeners ?? []) listener.close();
    held?.listeners.clear();
    this.sessions.delete(path);
  }
}

/**
 * @param {number} status
 * @param {string} detail
 * @param {Record<string, string>} [headers]
 * @param {object} [more] Members of the problem.
 */
export function problem(status, detail, headers = {}, more = {}) {
  return new Response(JSON.stringify({ title: 'Refused', status, detail, ...more }), {
    status,
    headers: { 'Content-Type': 'application/problem+json', ...headers },
  });
}

/**
 * @param {Held} held
 * @param {AbortSignal|null} signal
 */
function eventStream({ listeners }, signal) {
  /** @type {ReadableStreamDefaultController<Uint8Array>} */
  let own;
  const body = new ReadableStream({
    start: (controller) => {
      own = controller;
      listeners.add(controller);
      signal?.addEventListener('abort', () => {
        if (listeners.delete(controller)) controller.error(signal.reason);
      });
    },
    cancel: () => void listeners.delete(own),
  });
  return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } });
}

/**
 * Sends on what is received.
 *
 * @param {RTCPeerConnection} from
 * @param {RTCPeerConnection} to
 */
function forward(from, to) {
  for (const transceiver of to.getTransceivers()) {
    const { kind } = transceiver.receiver.track;
    const source = from.getReceivers().find(({ track }) => track.kind === kind);
    if (source === undefined) continue;
    transceiver.direction = 'sendonly';
    void transceiver.sender.replaceTrack(source.track);
  }
}

/**
 * Answers a simulcast (RFC 8853 §5.3), which browsers offer and do not take: here only the sender's
 * end of it is looked at.
 *
 * @param {string} offer
 * @param {string} answer
 */
function withSimulcast(offer, answer) {
  const layers = /^a=simulcast:send ([\w;]+)/m.exec(offer)?.[1];
  if (layers === undefined) return answer;
  const rids = layers.split(';').map((rid) => `a=rid:${rid} recv\r\n`);
  const taken = `${rids.join('')}a=simulcast:recv ${layers}\r\n`;
  const end = answer.indexOf('m=', answer.indexOf('m=video') + 1);
  return end < 0 ? answer + taken : answer.slice(0, end) + taken + answer.slice(end);
}

/** @param {RTCPeerConnection} connection */
function gathered(connection) {
  return new Promise((/** @type {(value?: unknown) => void} */ resolve) => {
    const look = () => connection.iceGatheringState === 'complete' && resolve();
    connection.addEventListener('icegatheringstatechange', look);
    look();
  });
}
