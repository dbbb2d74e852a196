// @ts-check
/**
 * A WHIP and WHEP server inside the page: its media are those of real RTCPeerConnections, its HTTP
 * is a function that takes the place of `fetch`. It lets a test look at each request, and answer
 * the next one as it likes.
 */

/** @typedef {{method: string, url: URL, headers: Headers, body: string, at: number, keepalive: boolean}} Seen */

/** @typedef {{connection: RTCPeerConnection, role: 'whip'|'whep', name: string}} Held */

export class LoopbackServer {
  /** All requests, oldest first. @type {Seen[]} */
  seen = [];
  /** Sessions by path. @type {Map<string, Held>} */
  sessions = new Map();
  /** Answers to give instead, to the next requests of a method. @type {Map<string, (() => Response|Promise<Response>)[]>} */
  #scripted = new Map();
  #serial = 0;

  /** To be given to a participant as its `fetch`. @type {typeof globalThis.fetch} */
  fetch = async (input, init = {}) => {
    const url = new URL(String(input));
    const method = init.method ?? 'GET';
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
    if (method === 'PATCH' && headers.get('Content-Type') === 'application/sdp') {
      const { connection } = /** @type {Held} */ (this.sessions.get(url.pathname));
      await connection.setRemoteDescription({ type: 'answer', sdp: body });
      return new Response(null, { status: 204 });
    }
    if (!this.sessions.has(url.pathname)) return problem(404, 'No such session.');
    if (method === 'DELETE') this.#end(url.pathname);
    if (method !== 'PATCH') return new Response('{}');
    if (headers.get('If-Match') === '*') return this.#restart(url.pathname, body);
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
    this.sessions.set(path, { connection, role: /** @type {'whip'|'whep'} */ (role), name });
    if (offer === '') for (const kind of ['audio', 'video']) connection.addTransceiver(kind);
    else await connection.setRemoteDescription({ type: 'offer', sdp: offer });
    if (published) forward(published.connection, connection);
    await connection.setLocalDescription();
    await gathered(connection);
    return new Response(connection.localDescription?.sdp, {
      status: 201,
      headers: { 'Content-Type': 'application/sdp', Location: path, ETag: `"${this.#serial}"` },
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
    this.sessions.get(path)?.connection.close();
    this.sessions.delete(path);
  }
}

/**
 * @param {number} status
 * @param {string} detail
 * @param {Record<string, string>} [headers]
 */
export function problem(status, detail, headers = {}) {
  return new Response(JSON.stringify({ title: 'Refused', status, detail }), {
    status,
    headers: { 'Content-Type': 'application/problem+json', ...headers },
  });
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

/** @param {RTCPeerConnection} connection */
function gathered(connection) {
  return new Promise((/** @type {(value?: unknown) => void} */ resolve) => {
    const look = () => connection.iceGatheringState === 'complete' && resolve();
    connection.addEventListener('icegatheringstatechange', look);
    look();
  });
}
