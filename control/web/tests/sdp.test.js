// @ts-check
import {
  candidateFragment,
  restartFragment,
  restartedAnswer,
  withFormatParameters,
} from '../sdk/sdp.js';
import { equal, ok, test } from './harness.js';

const AUDIO = [
  'm=audio 9 UDP/TLS/RTP/SAVPF 111 9',
  'a=mid:0',
  'a=rtpmap:111 opus/48000/2',
  'a=fmtp:111 minptime=10;useinbandfec=1;stereo=0',
  'a=rtpmap:9 G722/8000',
  '',
].join('\r\n');

// What the browser wrote stays; only what we ask for changes.
test('format parameters are merged into the line that is there', () => {
  const lines = withFormatParameters(AUDIO, 'opus', { stereo: 1 }).split('\r\n');
  equal(lines[3], 'a=fmtp:111 minptime=10;useinbandfec=1;stereo=1');
  equal(lines.length, AUDIO.split('\r\n').length);
});

test('format parameters get a line of their own where there is none', () => {
  const lines = withFormatParameters(AUDIO, 'g722', { x: 2 }).split('\r\n');
  equal(lines.slice(4), ['a=rtpmap:9 G722/8000', 'a=fmtp:9 x=2', '']);
});

// VP8 has one payload type, H264 has many; all of them count.
test('every payload type of the encoding gets the parameters, and no other', () => {
  const sdp = [
    'a=rtpmap:96 VP8/90000',
    'a=rtpmap:97 rtx/90000',
    'a=fmtp:97 apt=96',
    'a=rtpmap:98 VP8/90000',
  ];
  equal(withFormatParameters(sdp.join('\r\n'), 'VP8', { a: 1 }).split('\r\n'), [
    'a=rtpmap:96 VP8/90000',
    'a=fmtp:96 a=1',
    'a=rtpmap:97 rtx/90000',
    'a=fmtp:97 apt=96',
    'a=rtpmap:98 VP8/90000',
    'a=fmtp:98 a=1',
  ]);
});

// Bundled m-sections repeat their candidates; RFC 8840 wants each once, under one section.
test('a fragment holds credentials, the first section, each candidate once, and the end', () => {
  const candidate = 'a=candidate:1 1 udp 2122260223 192.0.2.1 50000 typ host';
  const sdp = [
    'v=0', 'm=video 9 UDP/TLS/RTP/SAVPF 96', 'a=ice-ufrag:abcd', 'a=ice-pwd:0123456789', 'a=mid:0', candidate,
    'm=audio 9 UDP/TLS/RTP/SAVPF 111', 'a=ice-ufrag:abcd', 'a=ice-pwd:0123456789', 'a=mid:1', candidate, '',
  ]; // prettier-ignore
  equal(candidateFragment(sdp.join('\r\n'))?.split('\r\n'), [
    'a=ice-ufrag:abcd',
    'a=ice-pwd:0123456789',
    'm=video 9 UDP/TLS/RTP/SAVPF 96',
    'a=mid:0',
    candidate,
    'a=end-of-candidates',
    '',
  ]);
  equal(candidateFragment(AUDIO), null, 'without candidates');
});

// The browser compares the rest with what it has: nothing else may change.
test('a restarted answer differs in credentials, candidates and the DTLS role alone', () => {
  const section = (/** @type {string} */ mid) => [
    'm=audio 9 UDP/TLS/RTP/SAVPF 111', `a=mid:${mid}`, 'a=ice-ufrag:old', 'a=ice-pwd:old', 'a=setup:actpass',
  ]; // prettier-ignore
  const old = ['v=0', ...section('0'), 'a=candidate:1 old', 'a=end-of-candidates', ...section('1'), ''];
  const news = ['a=ice-ufrag:new', 'a=ice-pwd:newer', 'm=audio 9', 'a=mid:0', 'a=candidate:1 new'];
  const after = (/** @type {string} */ mid, /** @type {string[]} */ ...candidates) => [
    'm=audio 9 UDP/TLS/RTP/SAVPF 111', `a=mid:${mid}`, 'a=ice-ufrag:new', 'a=ice-pwd:newer', ...candidates,
    'a=setup:passive',
  ]; // prettier-ignore
  const answer = restartedAnswer(old.join('\r\n'), news.join('\r\n')).split('\r\n');
  equal(answer, ['v=0', ...after('0', 'a=candidate:1 new'), ...after('1'), '']);
  const kept = restartedAnswer(old.join('\r\n'), news.slice(0, 2).join('\n')).split('\r\n');
  ok(kept.includes('a=candidate:1 old'), 'candidates that are not told anew stay');
});

test('a restart is asked for with the credentials of the first section', () => {
  const sdp = ['v=0', 'm=video 9 X 96', 'a=ice-ufrag:abcd', 'a=ice-pwd:0123', 'a=mid:0', ''];
  equal(restartFragment(sdp.join('\r\n')), 'a=ice-ufrag:abcd\r\na=ice-pwd:0123\r\nm=video 9 X 96\r\na=mid:0\r\n');
  equal(restartFragment('v=0\r\n'), null);
});
