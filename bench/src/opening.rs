//! What a viewer finds who opens its packets: whether they are authentic, whole, in place, and how old.

use fanlight_srtp::{MasterKey, ReceiveIndex, RtpOpener};
use fanlight_wire::{RtpHeader, Sequence, rtx_original_sequence};

use crate::content::{Kind, Stamp};
use crate::latency::Latency;

/// Jitter moves by a sixteenth of each difference. RFC 3550 §6.4.1.
const JITTER_SHARE: f64 = 16.0;

/// What was found since the last [`Opening::begin_again`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// Packets whose payload is what the publisher sent.
    pub(crate) intact: u64,
    /// Packets that the keys do not fit.
    pub(crate) not_authentic: u64,
    /// Authentic packets that are not what the publisher sent.
    pub(crate) damaged: u64,
    /// Packets whose sequence number is not as far from the publisher's as that of the packet before.
    pub(crate) displaced: u64,
}

/// What one packet was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opened {
    /// The keys do not fit, or it was opened before.
    Refused,
    /// Authentic, but only padding, or damaged.
    Nothing,
    Intact(Stamp),
}

/// One viewer's opener and its findings.
pub(crate) struct Opening {
    opener: RtpOpener,
    /// By [`place`], and the retransmissions.
    indexes: [ReceiveIndex; 3],
    streams: [Stream; 2],
    key_frame: Assembly,
    findings: Findings,
}

/// A stream of packets under one SSRC.
#[derive(Default)]
struct Stream {
    /// From the publisher's packet number to the server's, and the layer that they are of.
    distance: Option<(u64, u8)>,
    /// Time from due to here of the packet before, in nanoseconds; and how much it varies (RFC 3550 §6.4.1).
    transit_ns: Option<u64>,
    jitter_ns: f64,
}

/// The newest key frame, of which `packets` have come. A replayed packet never counts: [`ReceiveIndex`] refuses it.
#[derive(Debug, Default)]
struct Assembly {
    frame: Option<(u32, u8)>,
    packets: u16,
}

impl Opening {
    pub(crate) fn new(remote: &MasterKey) -> Self {
        Self {
            opener: RtpOpener::new(remote),
            indexes: Default::default(),
            streams: Default::default(),
            key_frame: Assembly::default(),
            findings: Findings::default(),
        }
    }

    /// Opens a packet in place and notes how old it is.
    pub(crate) fn take(
        &mut self,
        kind: Kind,
        header: &RtpHeader,
        packet: &mut [u8],
        now_ns: u64,
        latency: &mut Latency,
    ) -> Opened {
        let opened = self.take_unmeasured(kind, header, packet);
        if let Opened::Intact(stamp) = opened {
            let transit_ns = now_ns.saturating_sub(stamp.due_ns);
            self.streams[place(kind)].learn_transit(transit_ns);
            latency.record(transit_ns);
        }
        opened
    }

    /// Opens a packet in place.
    pub(crate) fn take_unmeasured(&mut self, kind: Kind, header: &RtpHeader, packet: &mut [u8]) -> Opened {
        let Some((index, payload)) = self.open(place(kind), header, packet) else { return Opened::Refused };
        if payload.is_empty() {
            // Only padding: a probe for bandwidth.
            return Opened::Nothing;
        }
        let Some(stamp) = Stamp::read(payload) else {
            self.findings.damaged += 1;
            return Opened::Nothing;
        };
        let stream = &mut self.streams[place(kind)];
        let distance = (index.wrapping_sub(stamp.ordinal.into()), stamp.layer);
        if let Some((before, layer)) = stream.distance.replace(distance)
            && layer == stamp.layer
            && before != distance.0
        {
            self.findings.displaced += 1;
        }
        self.findings.intact += 1;
        Opened::Intact(stamp)
    }

    /// Opens a retransmission (RFC 4588 §4) in place: the number it had first, and what it carries.
    pub(crate) fn take_resent(
        &mut self,
        header: &RtpHeader,
        packet: &mut [u8],
        now_ns: u64,
        latency: &mut Latency,
    ) -> Option<(Sequence, Opened)> {
        let (_, payload) = self.open(RESENT, header, packet)?;
        let (sequence, _) = rtx_original_sequence(payload)?;
        let original = payload.get_mut(2..).filter(|original| !original.is_empty())?;
        let Some(stamp) = Stamp::read(original) else {
            self.findings.damaged += 1;
            return Some((sequence, Opened::Nothing));
        };
        self.findings.intact += 1;
        latency.record(now_ns.saturating_sub(stamp.due_ns));
        Some((sequence, Opened::Intact(stamp)))
    }

    /// Whether a packet completes a key frame.
    pub(crate) fn completes_key_frame(&mut self, opened: Opened) -> bool {
        matches!(opened, Opened::Intact(stamp) if self.key_frame.is_completed_by(&stamp))
    }

    /// Forgets all findings; what was seen of the streams stays.
    pub(crate) fn begin_again(&mut self) {
        self.findings = Findings::default();
    }

    pub(crate) fn findings(&self) -> Findings {
        self.findings
    }

    /// How much the transit time varies (RFC 3550 §6.4.1), in nanoseconds.
    pub(crate) fn jitter_ns(&self, kind: Kind) -> f64 {
        self.streams[place(kind)].jitter_ns
    }

    /// The packet's index and its plain payload, without padding.
    fn open<'p>(
        &mut self,
        place: usize,
        header: &RtpHeader,
        packet: &'p mut [u8],
    ) -> Option<(u64, &'p mut [u8])> {
        let index = self.indexes[place].estimate(header.sequence.0);
        self.indexes[place].check(index).ok()?;
        let Ok(opened) = self.opener.open(packet, header.header_len, index) else {
            self.findings.not_authentic += 1;
            return None;
        };
        self.indexes[place].accept(&opened);
        let end = header.header_len + opened.payload_len();
        let len = header.payload(packet.get(..end)?).ok()?.len();
        Some((index, packet.get_mut(header.header_len..header.header_len + len)?))
    }
}

const RESENT: usize = 2;

fn place(kind: Kind) -> usize {
    usize::from(kind == Kind::Picture)
}

impl Stream {
    #[expect(clippy::cast_precision_loss, reason = "differences of less than 104 days are exact")]
    fn learn_transit(&mut self, transit_ns: u64) {
        if let Some(before) = self.transit_ns.replace(transit_ns) {
            self.jitter_ns += (transit_ns.abs_diff(before) as f64 - self.jitter_ns) / JITTER_SHARE;
        }
    }
}

impl Assembly {
    fn is_completed_by(&mut self, stamp: &Stamp) -> bool {
        if !stamp.key {
            return false;
        }
        let frame = Some((stamp.frame, stamp.layer));
        if self.frame != frame {
            *self = Self { frame, packets: 0 };
        }
        self.packets += 1;
        self.packets == stamp.packets
    }
}

#[cfg(test)]
mod tests;
