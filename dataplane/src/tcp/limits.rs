//! Every bound of the TCP side, with why it has that size.

use std::time::Duration;

use fanlight_shard::limits::PACKET_BYTES_MAX;

/// Longest datagram in a frame, bytes. Behind UDP an Ethernet frame holds 1,472; the longest that we write has a kept payload
/// of [`PACKET_BYTES_MAX`] behind a header with extensions. RFC 4571 allows 65,535, which no peer of ours has a use for.
pub(super) const FRAME_BYTES_MAX: usize = 1536;

/// Bytes of a connection's read buffer: a few frames a system call.
pub(super) const READ_BYTES: usize = 8 * 1024;

/// Wanted send buffer of a connection's socket, bytes; Linux doubles it. The kernel's own choice of up to 4 MB would hold ten
/// seconds of a stream that a slow reader should rather have lost.
pub(super) const SEND_BUFFER_BYTES: u32 = 128 * 1024;

/// Bytes that may wait for one connection beside the socket's buffer before its media is dropped: with that buffer a key
/// frame of 300 KB passes at a time.
pub(super) const MEDIA_QUEUE_BYTES_MAX: usize = 128 * 1024;
/// The same for all else: what keeps a session alive has a little room beyond media.
pub(super) const QUEUE_BYTES_MAX: usize = 160 * 1024;
/// Bytes of queue that a connection keeps when it is empty.
pub(super) const QUEUE_BYTES_KEPT: usize = 16 * 1024;

/// Connections of which no valid first frame has come. A further one pushes out the oldest: an honest peer sends its check
/// a round trip after it is accepted, a slowloris never.
pub(super) const STRANGERS_MAX: usize = 512;
/// Of them from one source, so that a single host cannot push others out.
pub(super) const STRANGERS_PER_SOURCE_MAX: u32 = 32;
/// Connections from one source, an IPv4 address or an IPv6 /64: an office that lets no UDP pass sits behind one address.
pub(super) const CONNECTIONS_PER_SOURCE_MAX: u32 = 512;

/// From the accept to the end of the first frame. It is a check of a hundred bytes; browsers send it at once.
pub(super) const FIRST_FRAME_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection on which nothing has come for this long is closed, and one on which nothing was sent: no session answers.
/// Checks for consent come and are answered every few seconds; they end with this time too (RFC 7675 §5.1).
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// A peer that takes no byte for this long while some wait will not catch up.
pub(super) const STALL_TIMEOUT: Duration = Duration::from_secs(10);
/// At the end, how long what is queued may take to leave.
pub(super) const FAREWELL: Duration = Duration::from_millis(200);

/// After a failed accept, which is mostly a lack of file descriptors: give connections time to end.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Connections that the kernel may hold for us to accept.
pub(super) const BACKLOG: u32 = 1024;

/// Frames that may wait for a shard: 1.6 MB. When they are as many, connections are read no further until there is room.
pub(super) const FRAMES_IN_MAX: usize = 1024;
/// Frames that may wait for the TCP thread: 6 MB a shard once they were needed. A turn can make one of a key frame's packets
/// for each viewer, all before the thread has woken.
pub(super) const FRAMES_OUT_MAX: usize = 4096;
/// Frames that a turn of a shard takes before it takes datagrams: a quarter of all, so that neither starves the other.
pub(crate) const FRAMES_PER_TURN_MAX: usize = 64;
/// Frames taken from one shard before connections get their turn.
pub(super) const FRAMES_AT_A_TIME: usize = 256;
/// How long a connection waits for a shard that has no room.
pub(super) const LANE_PAUSE: Duration = Duration::from_millis(1);

const _: () = {
    assert!(PACKET_BYTES_MAX + 64 <= FRAME_BYTES_MAX && FRAME_BYTES_MAX <= u16::MAX as usize);
    assert!(2 + FRAME_BYTES_MAX <= READ_BYTES);
    assert!(MEDIA_QUEUE_BYTES_MAX + 2 + FRAME_BYTES_MAX <= QUEUE_BYTES_MAX);
    assert!(QUEUE_BYTES_KEPT < QUEUE_BYTES_MAX);
    assert!(FRAMES_PER_TURN_MAX * 2 < fanlight_shard::limits::DATAGRAMS_PER_TURN_MAX);
};
