//! What a load found: one value, written as JSON and read back by `compare`. Names carry their units.
//!
//! The format is versioned: a field is added freely, and [`FORMAT`] grows when one changes its meaning or goes.

#[cfg(test)]
pub(crate) mod example;
mod machine;
mod moment;
mod of;
mod read;
mod table;

use serde::{Deserialize, Serialize};

use crate::latency::Quantiles;
use crate::plan::Plan;
use crate::road::RoadBooks;

pub use self::machine::Machine;
pub use self::moment::{Moment, Slopes};
pub(crate) use self::of::Measured;
pub use self::read::ReadError;

/// Of the JSON.
pub const FORMAT: u32 = 2;

/// See the file's head.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    pub format: u32,
    /// Of `fanlight-bench`.
    pub version: String,
    /// When the window began, RFC 3339.
    pub began: String,
    pub machine: Machine,
    /// WHIP's and WHEP's templates.
    pub target: [String; 2],
    pub plan: Plan,
    pub window_s: f64,
    pub viewers: Viewers,
    pub published: Published,
    pub delivery: Delivery,
    pub join: Join,
    /// From when the publisher's schedule had a packet due to when a viewer of the sample that was there before the window had
    /// opened it. None without a sample.
    pub latency: Option<Quantiles>,
    /// Interarrival jitter at the end (RFC 3550 §6.4.1), over the viewers of the sample.
    pub jitter: Option<Quantiles>,
    pub sample: Sample,
    pub feedback: FeedbackBooks,
    /// What the harness itself did to the viewers on a bad road. None without one.
    pub road: Option<RoadBooks>,
    /// None unless the server's process is known.
    pub server: Option<Server>,
    pub generator: Generator,
    /// The tightest loop on this machine with trains as long as these frames. None: not measured.
    pub floor: Option<FloorRatio>,
    /// The window in pieces.
    pub moments: Vec<Moment>,
    /// How resources grew. None in a window of less than a minute.
    pub slopes: Option<Slopes>,
}

/// Who watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Viewers {
    /// Before the window.
    pub asked: usize,
    /// Saw a whole key frame (without pictures: sound) before the window began.
    pub joined: usize,
    /// From the window's begin to its end: the ones that losses and costs are of.
    pub steady: usize,
    /// Asked to join in the window, and did.
    pub came: usize,
    pub left: usize,
    /// Sessions that the server closed.
    pub lost: usize,
    /// Causes, and how many each.
    pub failures: Vec<(String, usize)>,
}

/// What went in during the window.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Published {
    pub streams: usize,
    /// Of sound and the largest layer.
    pub packets: u64,
    /// Payloads of all tracks and layers.
    pub bits_per_second: f64,
    /// Mean, of sounds and pictures: what a train could have.
    pub packets_a_frame: f64,
    pub key_frames: u64,
    /// PLI and FIR that the server sent.
    pub key_frame_requests: u64,
}

/// What came out to the steady viewers, from the window's begin until what was under way had come.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Delivery {
    /// Packets published in the window, for each viewer; of simulcast those that the viewer's own numbers show.
    pub packets_expected: u64,
    /// Different packets, retransmitted ones included.
    pub packets_delivered: u64,
    pub packets_per_second: f64,
    /// Numbers left out between the first and the newest packet of each stream.
    pub packets_missing: u64,
    pub packets_duplicated: u64,
    /// Behind a newer one.
    pub packets_overtaken: u64,
    /// More than 1,024 behind the newest.
    pub packets_late: u64,
    /// Retransmissions that filled a gap.
    pub packets_recovered: u64,
    /// Of none of the streams: probes.
    pub packets_other: u64,
    /// Of the expected packets, those not delivered.
    pub loss_percent: f64,
}

/// Times from just before the POST, of all viewers that joined before or in the window.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Join {
    pub answered: Option<Quantiles>,
    pub connected: Option<Quantiles>,
    pub first_packet: Option<Quantiles>,
    /// Whole key frame; without pictures the first sound.
    pub first_frame: Option<Quantiles>,
}

/// What the viewers found that open every packet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    pub viewers: usize,
    pub packets_intact: u64,
    pub packets_not_authentic: u64,
    /// Authentic, but not what the publisher sent.
    pub packets_damaged: u64,
    /// Numbered as if another packet stood between or were left out.
    pub packets_displaced: u64,
}

/// What the viewers asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedbackBooks {
    pub reporting_viewers: usize,
    pub asking_viewers: usize,
    pub estimating_viewers: usize,
    /// Sequence numbers in NACKs, repetitions included.
    pub packets_requested: u64,
    /// Retransmissions that came, needed or not.
    pub packets_resent: u64,
    pub transport_feedbacks: u64,
}

/// What the server used from the window's begin to the end of what was under way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Server {
    /// The process and its descendants.
    pub all: Cost,
    /// Those with the argument `dataplane`. None: there are none.
    pub dataplane: Option<Cost>,
    /// The threads named `shard-…`. None: there are none.
    pub shards: Option<Cost>,
    pub resident_bytes_before_joins: u64,
    pub resident_bytes: u64,
    pub resident_bytes_a_viewer: f64,
    pub descriptors: u64,
}

/// What some threads used in the window.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cost {
    pub cpu_ns_a_packet: f64,
    /// The part in the kernel, 0 to 1; counted in ticks, so good to some per cent.
    pub kernel_share: f64,
    /// 1 = one core all the time.
    pub cores: f64,
    pub voluntary_switches: u64,
    pub involuntary_switches: u64,
}

/// Whether this process kept up.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Generator {
    pub threads: usize,
    /// Of the whole process, waiting included: a worker never sleeps.
    pub cores: f64,
    /// Of the workers' time the part in which they found something to do, 0 to 1.
    pub busy_share: f64,
    /// Of that time, a datagram that came or was sent.
    pub busy_ns_a_datagram: f64,
    /// From one look at a socket to the next: what latencies contain at most.
    pub round: Option<Quantiles>,
    /// From when a frame was due to when the publisher began to send it.
    pub lateness: Option<Quantiles>,
    /// Datagrams lost in this network namespace because a socket was full, the server's sockets included.
    pub receive_buffer_errors: u64,
    /// Why figures may be the generator's rather than the server's. Empty: it kept up.
    pub limits: Vec<String>,
    /// Sessions that failed on this side.
    pub faults: Vec<String>,
}

/// Against what the machine allows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FloorRatio {
    /// Packets a train in the floor's loop.
    pub train_packets: f64,
    pub floor_ns_a_packet: f64,
    /// The dataplane's CPU a packet, or else that of all processes, over the floor.
    pub ratio: f64,
}
