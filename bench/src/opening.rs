//! What a viewer finds who opens its packets: whether they are authentic, whole, in place, and how old.

use fanlight_srtp::{MasterKey, ReceiveIndex, RtpOpener};
use fanlight_wire::RtpHeader;

use crate::clock::Clock;
use crate::content::{Kind, Stamp};

/// What was found since the last [`Opening::begin_again`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// Packets whose payload is what the publisher sent.
    pub(crate) intact: u64,
    /// Packets that the keys do not fit.
    pub(crate) not_authentic: u64,
    /// Authentic packets that are not what the publisher sent.
    pub(crate) damaged: u64,
    /// Packets whose sequence number is not as far from the publisher's as that of the packet before.
    pub(crate) displaced: u64,
    /// From the publisher's send call to here, of each intact packet.
    pub(crate) latencies_ns: Vec<u64>,
}

/// One viewer's opener and its findings.
pub(crate) struct Opening {
    opener: RtpOpener,
    clock: Clock,
    streams: [Stream; 2],
    key_frame: Assembly,
    findings: Findings,
}

/// A stream of packets under one SSRC.
#[derive(Default)]
struct Stream {
    index: ReceiveIndex,
    /// From the publisher's packet number to the server's.
    distance: Option<u64>,
}

/// The newest key frame, of which `packets` have come. A replayed packet never counts: [`ReceiveIndex`] refuses it.
#[derive(Debug, Default)]
struct Assembly {
    frame: Option<u32>,
    packets: u16,
}

impl Opening {
    pub(crate) fn new(remote: &MasterKey, clock: Clock) -> Self {
        let streams = Default::default();
        let (key_frame, findings) = (Assembly::default(), Findings::default());
        Self { opener: RtpOpener::new(remote), clock, streams, key_frame, findings }
    }

    /// Opens a packet in place; true if it completes a key frame.
    pub(crate) fn take(&mut self, kind: Kind, header: &RtpHeader, packet: &mut [u8]) -> bool {
        let stream = &mut self.streams[usize::from(kind == Kind::Picture)];
        let index = stream.index.estimate(header.sequence.0);
        if stream.index.check(index).is_err() {
            return false;
        }
        let Ok(opened) = self.opener.open(packet, header.header_len, index) else {
            self.findings.not_authentic += 1;
            return false;
        };
        stream.index.accept(&opened);
        let end = header.header_len + opened.payload_len();
        let payload = packet.get(..end).and_then(|plain| header.payload(plain).ok());
        if payload.is_some_and(<[u8]>::is_empty) {
            // Only padding: a probe for bandwidth.
            return false;
        }
        let Some(stamp) = payload.and_then(|payload| Stamp::read(kind, payload)) else {
            self.findings.damaged += 1;
            return false;
        };
        let distance = index.wrapping_sub(stamp.ordinal.into());
        if stream.distance.replace(distance).is_some_and(|before| before != distance) {
            self.findings.displaced += 1;
        }
        self.findings.intact += 1;
        self.findings.latencies_ns.push(self.clock.now_ns().saturating_sub(stamp.sent_ns));
        self.key_frame.is_completed_by(&stamp)
    }

    /// Forgets all findings; what was seen of the streams stays.
    pub(crate) fn begin_again(&mut self) {
        self.findings = Findings::default();
    }

    pub(crate) fn findings(&self) -> &Findings {
        &self.findings
    }
}

impl Assembly {
    fn is_completed_by(&mut self, stamp: &Stamp) -> bool {
        if !stamp.key {
            return false;
        }
        if self.frame != Some(stamp.frame) {
            *self = Self { frame: Some(stamp.frame), packets: 0 };
        }
        self.packets += 1;
        self.packets == stamp.packets
    }
}

#[cfg(test)]
mod tests;
