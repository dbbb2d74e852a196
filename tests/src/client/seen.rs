//! What a viewer saw of one track, and every way in which it was not what was published.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use str0m::rtp::RtpPacket;
use str0m::rtp::rtcp::SenderInfo;

use super::answer::AnsweredTrack;
use super::layered::Layered;
use super::script::{Content, Place, Script};
use super::session::RtpOnWire;
use super::timeline::Timeline;

/// The mapping of a sender report: this RTP timestamp was that moment (RFC 3550 §6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderClock {
    pub timestamp: u32,
    pub time: SystemTime,
}

/// Packets by what is wrong with them. All are 0 on a perfect path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// The payload is not of the script, or damaged.
    pub strange: u64,
    /// Delivered before.
    pub repeated: u64,
    /// A first transmission behind a later one. A packet that was lost upstream and fetched again comes so.
    pub disordered: u64,
    /// The sequence number is not the one that follows from the first packet's.
    pub sequence: u64,
    /// The RTP timestamp is not on one line of time with the others.
    pub timestamp: u64,
    /// A marker that is not at the end of a video frame, or missing there.
    pub marker: u64,
    /// An SSRC or a payload type that the answer does not promise.
    pub promise: u64,
    /// A MID header extension that is not the answer's.
    pub mid: u64,
    /// An audio level that is not the published one.
    pub level: u64,
}

/// One track's record.
#[derive(Debug, Clone)]
pub struct Seen {
    pub script: Script,
    /// What the answer promised.
    pub promised: AnsweredTrack,
    pub faults: Faults,
    /// Distinct packets of the script.
    pub packets: u64,
    /// Of these, the ones that a retransmission brought.
    pub by_retransmission: u64,
    /// Packets with the MID header extension.
    pub with_mid: u64,
    /// Frames of which every packet is there.
    pub frames: u64,
    /// The first packet.
    pub first: Option<Place>,
    /// The packet with the highest ordinal, and its RTP timestamp.
    pub newest: Option<(Place, u32)>,
    pub sender_reports: u64,
    /// Of a stream in layers.
    pub layered: Layered,
    /// The newest sender report.
    pub sender_clock: Option<SenderClock>,
    /// What is added to the script's sequence numbers on the way.
    offset: Option<u16>,
    timeline: Timeline,
    /// One bit a packet from the first.
    received: Vec<u64>,
    /// Packets of frames that are not complete.
    partial: BTreeMap<u32, u16>,
}

impl Seen {
    pub(crate) fn new(script: Script, promised: AnsweredTrack) -> Self {
        Self {
            script,
            promised,
            faults: Faults::default(),
            packets: 0,
            by_retransmission: 0,
            with_mid: 0,
            frames: 0,
            first: None,
            newest: None,
            sender_reports: 0,
            layered: Layered::default(),
            sender_clock: None,
            offset: None,
            timeline: Timeline::default(),
            received: Vec::new(),
            partial: BTreeMap::new(),
        }
    }

    /// Packets up to the newest that have not come.
    #[must_use]
    pub fn missing(&self) -> u64 {
        let (Some(first), Some((newest, _))) = (self.first, self.newest) else { return 0 };
        u64::from(newest.ordinal - first.ordinal) + 1 - self.packets
    }

    /// Whether every packet from the first to this ordinal has come.
    #[must_use]
    pub fn has_all_to(&self, ordinal: u32) -> bool {
        self.first.is_some_and(|first| {
            first.ordinal <= ordinal && (0..=ordinal - first.ordinal).all(|place| self.holds(place))
        })
    }

    /// How far the moment that the sender reports give a frame is from the moment it was due at the publisher; `start` is
    /// the publisher's moment 0.
    #[must_use]
    pub fn clock_error(&self, start: SystemTime) -> Option<Duration> {
        let ((place, timestamp), clock) = (self.newest?, self.sender_clock?);
        let rate = f64::from(self.script.clock_rate_hz());
        let span = |ticks: u32| Duration::from_secs_f64(f64::from(ticks) / rate);
        let ticks = timestamp.wrapping_sub(clock.timestamp);
        let told =
            if ticks < 1 << 31 { clock.time + span(ticks) } else { clock.time - span(ticks.wrapping_neg()) };
        let due = start + self.script.interval() * place.frame;
        Some(told.duration_since(due).unwrap_or_else(|early| early.duration()))
    }

    pub(crate) fn take_report(&mut self, info: &SenderInfo) {
        self.sender_reports += 1;
        // str0m extends the timestamp; the low half is what was sent.
        let timestamp = (info.rtp_time.numer() & u64::from(u32::MAX)).try_into().unwrap_or_default();
        self.sender_clock = Some(SenderClock { timestamp, time: info.ntp_time });
    }

    pub(crate) fn take_packet(&mut self, packet: &RtpPacket, via: Option<RtpOnWire>) {
        let retransmitted = self.check_promise(packet, via);
        if !retransmitted {
            self.layered.take(&self.script, packet.header.sequence_number, &packet.payload);
        }
        let Some(place) = self.script.place(&packet.payload) else {
            self.faults.strange += 1;
            return;
        };
        self.check_header(packet, &place);
        let first = *self.first.get_or_insert(place);
        let Some(bit) = place.ordinal.checked_sub(first.ordinal) else {
            self.faults.disordered += 1;
            return;
        };
        if self.holds(bit) {
            self.faults.repeated += 1;
            return;
        }
        self.hold(bit);
        self.packets += 1;
        self.by_retransmission += u64::from(retransmitted);
        if self.newest.is_none_or(|(newest, _)| newest.ordinal < place.ordinal) {
            self.newest = Some((place, packet.header.timestamp));
        } else if !retransmitted {
            self.faults.disordered += 1;
        }
        let there = self.partial.entry(place.frame).or_default();
        *there += 1;
        if *there == place.packets {
            self.partial.remove(&place.frame);
            self.frames += 1;
        }
    }

    /// Whether it came as a retransmission, and whether it came as the answer promised.
    fn check_promise(&mut self, packet: &RtpPacket, via: Option<RtpOnWire>) -> bool {
        let promised = &self.promised;
        let retransmitted = via.is_some_and(|via| Some(via.ssrc) != promised.ssrc);
        let kept = via.is_some_and(|via| {
            if retransmitted {
                Some(via.ssrc) == promised.rtx_ssrc && Some(via.payload_type) == promised.rtx_payload_type
            } else {
                via.payload_type == promised.payload_type
            }
        });
        self.faults.promise += u64::from(!kept);
        if let Some(mid) = packet.header.ext_vals.mid {
            self.with_mid += 1;
            self.faults.mid += u64::from(*mid != *promised.mid);
        }
        retransmitted
    }

    fn check_header(&mut self, packet: &RtpPacket, place: &Place) {
        let header = &packet.header;
        let [.., high, low] = place.ordinal.to_be_bytes();
        let sequence = header.sequence_number.wrapping_sub(u16::from_be_bytes([high, low]));
        let offset = *self.offset.get_or_insert(sequence);
        self.faults.sequence += u64::from(sequence != offset);
        let script = &self.script;
        let on_the_line = self.timeline.take(place.frame, script.timestamp(place.frame), header.timestamp);
        self.timeline.notice_live(place.frame, |frame| script.timestamp(frame));
        self.faults.timestamp += u64::from(!on_the_line);
        if self.script.content == Content::Opus {
            let level = Some(self.script.audio_level(place.frame));
            self.faults.level += u64::from(header.ext_vals.audio_level != level);
        } else {
            self.faults.marker += u64::from(header.marker != place.ends_frame());
        }
    }

    fn holds(&self, place: u32) -> bool {
        self.received.get(place as usize / 64).is_some_and(|bits| bits >> (place % 64) & 1 == 1)
    }

    fn hold(&mut self, place: u32) {
        let word = place as usize / 64;
        if self.received.len() <= word {
            self.received.resize(word + 1, 0);
        }
        self.received[word] |= 1 << (place % 64);
    }
}
