//! What a shard counts. All cumulative.

use crate::reject::RejectCounters;

/// Counters of one shard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Every datagram taken from the network = `accepted` + the sum of `rejects`. One that waits for its turn in a handshake
    /// is counted when that has come.
    pub datagrams_in: u64,
    pub bytes_in: u64,
    pub accepted: u64,
    pub rejects: RejectCounters,
    pub datagrams_out: u64,
    pub bytes_out: u64,
    /// Calls of [`crate::Egress::send`]: trains and single datagrams.
    pub messages_out: u64,
    /// Media packets sealed for viewers, retransmissions apart.
    pub media_packets_out: u64,
    pub retransmissions_out: u64,
    /// Packets of nothing but padding, to find out what a viewer's link carries.
    pub padding_packets_out: u64,
    /// PLIs sent because viewers wished, or packets were lost for good.
    pub key_frame_requests_out: u64,
    /// PLIs sent only because the last key frame was long ago.
    pub key_frame_refreshes_out: u64,
    /// Sends that found no slot: lost.
    pub egress_full: u64,
    /// Packets of video that were not put on a lane since that was short of room, or for want of a key frame after such.
    pub lane_video_shed: u64,
    /// Packets of video from lanes that had waited for too long, or came for want of a key frame after such.
    pub lane_video_late: u64,
    /// Packets lost because a lane was full to its last place: audio.
    pub lane_full: u64,
    pub lane_packets_in: u64,
    pub lane_packets_out: u64,
    /// NACKed packets that were no longer in the store, or over the retransmission budget.
    pub resends_refused: u64,
    pub turns: u64,
}
