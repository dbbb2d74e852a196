// @ts-check
/** Lines to paste into other programs. */

import { endpointUrl } from '../sdk/signalling.js';

/**
 * @param {string} server Origin of this server.
 * @param {string} app
 * @param {string} stream
 * @param {string} token To publish with, or stream key; empty: none.
 */
export function recipes(server, app, stream, token) {
  const endpoint = endpointUrl({ server, app, stream, role: 'publisher' });
  return {
    endpoint,
    gstreamer: [
      `gst-launch-1.0 whipclientsink name=out signaller::whip-endpoint="${endpoint}" \\`,
      ...(token === '' ? [] : [`  signaller::auth-token=${shellWord(token)} \\`]),
      '  videotestsrc is-live=true ! video/x-raw,width=1280,height=720,framerate=30/1 ! out. \\',
      '  audiotestsrc is-live=true wave=ticks ! out.',
    ].join('\n'),
    ffmpeg: [
      'ffmpeg -re -i input.mp4 \\',
      '  -c:v libx264 -preset veryfast -tune zerolatency -profile:v baseline \\',
      '  -pix_fmt yuv420p -b:v 2500k -g 60 -bf 0 \\',
      '  -c:a libopus -ar 48000 -ac 2 -b:a 96k \\',
      ...(token === '' ? [] : [`  -authorization ${shellWord(token)} \\`]),
      `  -f whip "${endpoint}"`,
    ].join('\n'),
    player: [
      '<video id="player" autoplay muted playsinline controls></video>',
      '<script type="module">',
      `  import { Viewer } from '${server}/sdk/fanlight.js';`,
      '',
      '  const viewer = new Viewer({',
      `    server: '${server}',`,
      `    app: ${quoted(app)},`,
      `    stream: ${quoted(stream)},`,
      '    waitForStream: true,',
      '  });',
      "  viewer.attach(document.getElementById('player'));",
      '  viewer.start();',
      '</script>',
    ].join('\n'),
  };
}

/** One word to a POSIX shell, whatever is in it. @param {string} text */
function shellWord(text) {
  return /^[\w.~+/=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** A JavaScript string literal. @param {string} text */
function quoted(text) {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
