//! Every bound of a shard, with why it has that size and what must hold between them.

use std::time::Duration;

/// Tracks of one session: one audio and one video in up to four layers today, room for screen sharing beside a camera.
pub const TRACKS_PER_SESSION_MAX: usize = 8;

/// Bytes of a media identification. RFC 8843 sets none; browsers use 1–3, and the one-byte header extension form holds 16.
pub const MID_BYTES_MAX: usize = 16;

/// Layers of one source. Browsers send three encodings at most, OBS four.
pub const LAYERS_MAX: usize = 4;

/// Bytes of a rid: what the one-byte header extension form holds. Chromium takes no longer one.
pub const RID_BYTES_MAX: usize = 16;

/// Addresses learned for one session. mediasoup keeps 8 ICE tuples a transport.
pub const ADDRESSES_PER_SESSION_MAX: usize = 8;

/// Checks of ours that may wait for their answers: each address has a few on their way when it does not answer.
pub const CHECKS_PENDING_MAX: usize = 4 * ADDRESSES_PER_SESSION_MAX;

/// An answered check is good for so long. RFC 7675 §5.1.
pub const CONSENT_MAX: Duration = Duration::from_secs(30);

/// Without a word from its path for so long, media goes to another proven address of the same peer. We check a path every 2 s.
pub const PATH_SILENCE_MAX: Duration = Duration::from_secs(3);

/// Receive streams of one publisher: media and RTX of each track, and as many again while SSRCs change.
pub const RECEIVERS_PER_SESSION_MAX: usize = 4 * TRACKS_PER_SESSION_MAX;

/// SSRCs of one publisher that are gone and whose replay windows are kept. Browsers change an SSRC when a track is replaced or
/// a transceiver begins anew: a few times in an hour.
pub const RETIRED_SSRCS_MAX: usize = 16;

/// A track takes a new SSRC at most once in this time, so that churn cannot make us rebind for every packet.
pub const REBIND_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Longest RTP packet kept, bytes of payload and of forwarded header extensions together. An Ethernet frame holds 1,472
/// bytes of UDP payload; SRTP and the RTP header take 28 at least.
pub const PACKET_BYTES_MAX: usize = 1444;

/// Bytes of forwarded header extensions a packet, as elements of kind, length, data. A dependency descriptor with its
/// template structure is the longest (RTP payload format for AV1, §A.8).
pub const EXTENSION_BYTES_MAX: usize = 128;

/// Packets that a video track's store keeps: the bound, in bytes, of a group of pictures that a late joiner can begin with. 8 s
/// at 2.5 Mbit/s, over 2 s at 8 Mbit/s; 3 MB, of which the kernel gives what is used. A power of two.
pub const VIDEO_STORE_PACKETS: usize = 2048;

/// Of the newest packets of a group of pictures so many may be missing for now: at 2.5 Mbit/s a quarter of a second, in which
/// they are asked for and come again.
pub const UNSETTLED_PACKETS: u64 = 64;

/// A viewer begins with the group of pictures under way if that began no longer ago; with an older one it would be behind for
/// too long. The bound in time.
pub const GOP_AGE_MAX: Duration = Duration::from_secs(6);

/// A viewer whose decoder lost its way begins anew from the store if the group of pictures is no older than this: that costs
/// nobody else anything. With an older one the publisher is asked for a key frame.
pub const RESTART_AGE_MAX: Duration = Duration::from_millis(1500);
/// A wish for a key frame so soon after a viewer began from the store is about what it began with. Firefox has its SRTP keys
/// some milliseconds after it has finished the handshake, and drops what comes before: it gets the beginning once more. If it
/// asks again as soon, what it asks for is on its way.
pub const RESTART_GRACE: Duration = Duration::from_millis(400);
/// A viewer begins anew from the store at most once in this time; if that did not help, a key frame may.
pub const RESTART_INTERVAL_MIN: Duration = Duration::from_secs(2);

/// A viewer that catches up is shown the newest frame so much later than one that was live: nothing it has seen already may
/// come under the same time again.
pub const CATCH_UP_MARGIN: Duration = Duration::from_millis(10);

/// A viewer that goes through the store waits so long for a packet that is not there (it may be on its way once more).
pub const HOLE_WAIT: Duration = Duration::from_millis(100);

/// Video that has fallen behind by more than this goes on at a newer key frame.
pub const LAG_MAX: Duration = Duration::from_secs(1);

/// A viewer that waits for a key frame has one asked for after this time at the latest, whatever was forgotten or left out.
pub const KEY_FRAME_WAIT_MAX: Duration = Duration::from_secs(5);

/// Bytes that may leave to one viewer at once: a train of 32 full packets. A frame of 2.5 Mbit/s has some ten.
pub const PACE_BURST_BYTES: i64 = 32 * 1_250;
/// Who was stopped by its pace goes on when there is room for that many bytes: a few packets, so that they make a train.
pub const PACE_QUANTUM_BYTES: i64 = 4 * 1_250;
/// Media leaves to a viewer at this multiple of the track's rate, or at the rate below if that is more. libwebrtc paces at 2.5
/// times its estimate; a catch-up has to fit in.
pub const PACE_FACTOR: u64 = 6;
/// bit/s.
pub const PACE_RATE_MIN: u64 = 8_000_000;

/// A publisher's track is silent when nothing came for this time. Opus with DTX sends every 400 ms.
pub const SILENCE_MIN: Duration = Duration::from_secs(2);

/// Packets that an audio track's store keeps: 5 s at 20 ms. A power of two.
pub const AUDIO_STORE_PACKETS: usize = 256;

/// Key frames are asked of a publisher at most this often, whoever wishes. LiveKit 200–1,000 ms, mediasoup 1,000 ms.
pub const KEY_FRAME_INTERVAL_MIN: Duration = Duration::from_millis(500);

/// Sequences that one receive stream may miss at a time; older ones are given up. libwebrtc keeps 1,000 and clears.
pub const MISSING_MAX: usize = 256;

/// A jump over more than this many packets is not asked for: a key frame is cheaper.
pub const GAP_MAX: u64 = 128;

/// A stream that goes on more than this many packets later has leapt: its track goes on without a gap. Half of what a viewer's
/// roll-over counter can follow (RFC 3711 §3.3.1), since the viewer may have lost packets before; 20 s of 8 Mbit/s.
pub const LEAP_MAX: u64 = 1 << 14;

/// Requests for one missing packet before it is given up. mediasoup and Signal 10, str0m 5.
pub const NACK_TRIES_MAX: u8 = 10;

/// A packet that is missing for so long is given up: whoever watches has seen the picture stand, and with this age a key frame
/// is sooner there than an answer to one more request. At a round trip of 60 ms it leaves room for five requests.
pub const HOLE_AGE_MAX: Duration = Duration::from_secs(1);

/// First NACK after this delay, so that mere reordering asks for nothing.
pub const NACK_DELAY: Duration = Duration::from_millis(10);

/// Time between the first two NACKs for one packet when the round trip is not known.
pub const NACK_INTERVAL_DEFAULT: Duration = Duration::from_millis(60);
/// Lower bound of that time.
pub const NACK_INTERVAL_MIN: Duration = Duration::from_millis(20);

/// One packet is sent again to one viewer at most once in this time, or a measured round trip if longer.
pub const RESEND_INTERVAL_MIN: Duration = Duration::from_millis(20);

/// Sequences that one NACK member may make us send again (a 1,200-byte one can name 5,049).
pub const RESENDS_PER_NACK_MAX: usize = 128;

/// Share of a subscription's media bytes that may be spent on retransmission: 1/5. str0m's default is 15 %.
pub const RESEND_SHARE: u64 = 5;
/// Bytes of retransmission a subscription may spend before it has sent any media to take a share of.
pub const RESEND_BYTES_START: u64 = 96 * 1024;

/// Time between transport-wide feedback packets. libwebrtc sends every 50–250 ms.
pub const TWCC_INTERVAL: Duration = Duration::from_millis(80);
/// Packets that one transport-wide feedback may cover: two statuses a byte at worst, in one datagram.
pub const TWCC_WINDOW: usize = 400;

/// Packets sent to one viewer that its feedback can be matched with, 8 bytes each: a second of 8 Mbit/s, three of 2.5. A power of
/// two, so that places go round with the 16 bits of the number.
pub const SENT_PACKETS: usize = 1024;

/// Bytes of padding in a packet of nothing else. Its count has one byte (RFC 3550 §5.1); a whole number of AES blocks.
pub const PADDING_BYTES: u8 = 240;

/// No viewer's link is estimated lower, bit/s: an Opus stream of few bits and its reports.
pub const ESTIMATE_BPS_MIN: f64 = 30_000.0;
/// Nor higher, whatever it tells: what is sent to one viewer by its word is bounded. Video of 4K has 20–40 Mbit/s.
pub const ESTIMATE_BPS_MAX: f64 = 60_000_000.0;

/// Time between receiver reports to a publisher and sender reports to a viewer. RFC 3550 §6.2 with its reduced minimum.
pub const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// A viewer's first sender reports come so soon after it connected: before them a player cannot put sound and picture together.
pub const FIRST_REPORT_DELAY: Duration = Duration::from_millis(100);

/// Longest RTCP datagram that we write, bytes.
pub const RTCP_BYTES_MAX: usize = 1200;

/// Notes kept of one session.
pub const NOTES_MAX: usize = 100;
/// Notes of one kind within this time are one.
pub const NOTE_MERGE: Duration = Duration::from_secs(1);

/// Remote addresses whose connectivity checks are counted, a session. A browser on a laptop has some eight.
pub const CHECKED_REMOTES_MAX: usize = 16;

/// Commands obeyed in one turn; the rest waits for the next, so that a storm of joins does not stop media.
pub const COMMANDS_PER_TURN_MAX: usize = 64;

/// Datagrams of handshakes worked on in one turn. A handshake costs some 0.25 ms of CPU in two or three of them, so media waits
/// for them for a millisecond at most; a core has room for thousands of such turns a second.
pub const HANDSHAKES_PER_TURN_MAX: usize = 8;

/// Datagrams of handshakes that may wait for their turn: of a thousand clients that join at once, each has one or two on their
/// way. 3 MB at worst, while it lasts.
pub const HANDSHAKES_WAITING_MAX: usize = 2048;

/// Of those, of one session: a check from each of its addresses and a whole flight of DTLS.
pub const HANDSHAKES_PER_SESSION_MAX: u8 = 16;

/// Datagrams taken in one turn.
pub const DATAGRAMS_PER_TURN_MAX: usize = 256;

/// Lane messages taken in one turn.
pub const LANE_MESSAGES_PER_TURN_MAX: usize = 512;

/// Video that has waited on a lane for longer is left out, up to a key frame that has not: the shard at its end cannot keep up,
/// and whoever watches has seen the picture stand. Under [`LAG_MAX`], so that lanes are emptied before viewers are behind.
pub const LANE_LAG_MAX: Duration = Duration::from_millis(500);

/// Messages for other shards that may wait because a lane is full; media is shed instead of waiting.
pub const LANE_BACKLOG_MAX: usize = 4096;

/// Most segments of one train. Linux takes 128 since 6.9 and 64 before (UDP_MAX_SEGMENTS).
pub const TRAIN_SEGMENTS_MAX: usize = 64;

/// Packets wait to leave together only on a shard that sends so many a second (100 Mbit/s of video, 200 listeners): below that it
/// has a core nearly for itself, and no message is worth anybody's millisecond.
pub const LOAD_PACKETS: u64 = 10_000;
/// A train of so many packets of ordinary size fills a send slot: more of a frame would be another one.
pub const HOLD_PACKETS_MAX: usize = 12;
/// What arrives at such a shard is gathered for so long at least before it wakes: to be woken costs as much as dozens of packets.
pub const GATHER_MIN: Duration = Duration::from_millis(2);
/// So long after a handshake has gone on, the next step of one may come.
pub const HANDSHAKE_MEMORY: Duration = Duration::from_millis(300);
/// Tracks whose rhythm is looked at: of more, some packet is always near.
pub const RHYTHMS_MAX: usize = 16;
/// What is in no hurry (reports, consent checks) comes up at multiples of this.
pub const LAZY_GRID: Duration = Duration::from_millis(50);
/// A transport that waits for less is in a hurry: it shakes hands.
pub const HURRY_MAX: Duration = Duration::from_millis(300);
/// Frames come by so much later than their rhythm says, most of the time.
pub const HOLD_SLACK: Duration = Duration::from_millis(2);

/// What each layer of a source brings is looked at once in this time.
pub const MEASURE_INTERVAL: Duration = Duration::from_millis(250);

/// A layer rests when another layer of its source is this much further: some 15 frames. Browsers stop and begin layers within a
/// second or so when their uplink changes.
pub const FLOW_LAG_MAX: Duration = Duration::from_millis(500);

/// Which layer a viewer gets is looked at once in this time, and when its estimate or its wish changes.
pub const SELECT_INTERVAL: Duration = Duration::from_millis(200);

/// An estimate has to be this much above a better layer's rate.
pub const RISE_MARGIN_PERCENT: u64 = 15;

/// And it has to be for this long.
pub const RISE_PATIENCE: Duration = Duration::from_millis(600);

/// After its network took less than a layer, a viewer goes up no sooner than this; each rise that was a mistake doubles it, up to
/// what a viewer would be annoyed by once its network is good again.
pub const RISE_WAIT_MIN: Duration = Duration::from_secs(2);
pub const RISE_WAIT_MAX: Duration = Duration::from_secs(8);

/// A layer that nobody wanted for so long is told to its publisher as unwanted: a browser takes a second or so to begin it again.
pub const UNWANTED_AFTER: Duration = Duration::from_secs(5);

/// A viewer is told what layers there are at most once in this time; which one it gets, at once.
pub const LADDER_TOLD_INTERVAL: Duration = Duration::from_secs(2);

/// The CNAME of everything we send (RFC 3550 §6.5.1): one participant, one clock, so that players keep audio and video in
/// step. The answer's `a=ssrc … cname` says the same.
pub const CNAME: &str = "fanlight";

const _: () = {
    assert!(VIDEO_STORE_PACKETS.is_power_of_two() && AUDIO_STORE_PACKETS.is_power_of_two());
    assert!(SENT_PACKETS.is_power_of_two() && SENT_PACKETS < 1 << 15);
    assert!(RESTART_GRACE.as_millis() < RESTART_INTERVAL_MIN.as_millis());
    assert!(PACE_QUANTUM_BYTES < PACE_BURST_BYTES);
    assert!(LANE_LAG_MAX.as_millis() < LAG_MAX.as_millis());
    assert!(UNSETTLED_PACKETS < VIDEO_STORE_PACKETS as u64);
    assert!(GAP_MAX < MISSING_MAX as u64 && MISSING_MAX < VIDEO_STORE_PACKETS);
    // What is late from before a leap then lies below the store, and viewers' roll-over counters follow what is no leap.
    assert!(LEAP_MAX > VIDEO_STORE_PACKETS as u64 && LEAP_MAX < 1 << 15);
    assert!(EXTENSION_BYTES_MAX < PACKET_BYTES_MAX && EXTENSION_BYTES_MAX <= u8::MAX as usize);
    assert!(NACK_DELAY.as_millis() < NACK_INTERVAL_MIN.as_millis());
    assert!(NACK_INTERVAL_DEFAULT.as_millis() * 4 < HOLE_AGE_MAX.as_millis());
    assert!(LAYERS_MAX < TRACKS_PER_SESSION_MAX, "a publisher sends sound beside its layers");
    assert!(MID_BYTES_MAX <= 16, "longer ones do not fit the one-byte header extension form");
};
