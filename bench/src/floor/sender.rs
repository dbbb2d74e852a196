//! The tightest loop: header, seal, send; one train after the other, to one viewer after the other.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use fanlight_ring::{DATAGRAM_BYTES_MAX, Outbox, PortConfig, SEGMENTS_MAX, SLOTS_BYTES_MAX};
use fanlight_srtp::{KeyError, MasterKey, Profile, RtpSealer};
use fanlight_wire::{
    ExtendedSequence, ExtensionElement, PayloadType, RtpFields, Ssrc, Timestamp, abs_send_time,
    write_rtp_header,
};

use super::way::Outlet;
use super::{FloorError, Way};

/// Of a datagram: what browsers make of video.
pub(super) const PACKET_BYTES: u16 = 1_200;
const PACKET_LEN: usize = PACKET_BYTES as usize;
/// Header with the three extension elements that a viewer of ours gets.
const HEADER_BYTES: usize = 24;
const PAYLOAD_BYTES: usize = PACKET_LEN - HEADER_BYTES - PROFILE.rtp_overhead();
const PROFILE: Profile = Profile::AeadAes128Gcm;

/// Longest train.
pub(super) const TRAIN_PACKETS_MAX: usize = {
    let fit = DATAGRAM_BYTES_MAX / PACKET_LEN;
    if fit < SEGMENTS_MAX { fit } else { SEGMENTS_MAX }
};
/// Trains between two looks at the clock, of which a server takes one a turn.
const LOOK_INTERVAL: usize = 32;
/// The server's own, where trains fit.
const SLOT_BYTES: usize = 16 * 1024;
const SLOTS_MAX: usize = 32;
/// Slots are made of whole pages.
const PAGE_BYTES: usize = 4_096;

/// Ids of the header extensions: orientation, send time, media identification.
const ORIENTATION_ID: u8 = 1;
const SEND_TIME_ID: u8 = 8;
const MID_ID: u8 = 9;

/// Somebody to send to.
pub(super) struct Viewer {
    to: SocketAddr,
    sealer: RtpSealer,
    ssrc: Ssrc,
    index: u64,
}

/// See the file's head.
pub(super) struct Sender {
    outlet: Outlet,
    /// What all viewers get, one payload a packet.
    frame: Vec<Vec<u8>>,
    /// Whose turn it is.
    next: usize,
    packets: u64,
    started: Instant,
}

impl Sender {
    pub(super) fn open(way: Way, train: usize) -> Result<Self, FloorError> {
        let slot_bytes = SLOT_BYTES.max((train * PACKET_LEN).next_multiple_of(PAGE_BYTES));
        let slots = (SLOTS_BYTES_MAX / slot_bytes).min(SLOTS_MAX);
        let config = PortConfig {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            send_slots: u16::try_from(slots).unwrap_or(1),
            slot_bytes,
            ..PortConfig::default()
        };
        Ok(Self {
            outlet: Outlet::open(way, config)?,
            frame: vec![vec![0x5a; PAYLOAD_BYTES]; train],
            next: 0,
            packets: 0,
            started: Instant::now(),
        })
    }

    /// Sends for so long, and at least one train to each viewer. They are the same each time.
    pub(super) fn send_for(&mut self, viewers: &mut [Viewer], duration: Duration) -> Result<(), FloorError> {
        let start = Instant::now();
        let mut trains = 0;
        while trains < viewers.len() || start.elapsed() < duration {
            let since_start = self.started.elapsed();
            for _ in 0..LOOK_INTERVAL {
                self.send_next(viewers, since_start)?;
            }
            trains += LOOK_INTERVAL;
        }
        self.outlet.flush().map_err(FloorError::at("sending"))
    }

    /// Packets handed to the port.
    pub(super) fn packets(&self) -> u64 {
        self.packets
    }

    /// Messages that the kernel did not take.
    pub(super) fn refused(&self) -> u64 {
        self.outlet.refused()
    }

    /// Those that it took.
    pub(super) fn messages(&self) -> u64 {
        self.outlet.messages()
    }

    /// Of these, copied though it was asked not to.
    pub(super) fn copied(&self) -> u64 {
        self.outlet.copied()
    }

    fn send_next(&mut self, viewers: &mut [Viewer], since_start: Duration) -> Result<(), FloorError> {
        let Self { outlet, frame, next, packets, .. } = self;
        let count = viewers.len();
        let viewer = viewers.get_mut(*next).ok_or(FloorError::Viewers(0))?;
        viewer.send(outlet.outbox(), frame, since_start).ok_or(FloorError::Unsealed)?;
        *packets += frame.len() as u64;
        *next = (*next + 1) % count;
        Ok(())
    }
}

impl Viewer {
    /// One at each address, with keys of its own.
    pub(super) fn each(at: &[SocketAddr]) -> Result<Vec<Self>, FloorError> {
        let viewers = (1..).zip(at).map(|(number, to)| Self::new(number, *to)).collect::<Result<_, _>>();
        viewers.map_err(|_| FloorError::Unsealed)
    }

    fn new(number: u32, to: SocketAddr) -> Result<Self, KeyError> {
        Ok(Self { to, sealer: RtpSealer::new(&master_key(number)?), ssrc: Ssrc(number), index: 1 })
    }

    /// None: a packet that cannot be.
    fn send(&mut self, outbox: &mut Outbox, frame: &[Vec<u8>], since_start: Duration) -> Option<()> {
        let send_time = abs_send_time(since_start);
        let elements = [(MID_ID, b"0".as_slice()), (SEND_TIME_ID, &send_time), (ORIENTATION_ID, &[0])]
            .map(|(id, data)| ExtensionElement { id, data });
        let ticks = since_start.as_millis() * 90;
        let timestamp = Timestamp(u32::try_from(ticks & 0xffff_ffff).ok()?);
        let payload_type = PayloadType::new(96)?;
        let mut len = 0;
        for (place, payload) in (1..).zip(frame) {
            let fields = RtpFields {
                marker: place == frame.len(),
                payload_type,
                sequence: ExtendedSequence(self.index).sequence(),
                timestamp,
                ssrc: self.ssrc,
                padding: false,
            };
            let room = outbox.slot()?.get_mut(len..)?;
            let header_len = write_rtp_header(room, &fields, elements.into_iter())?;
            len += self.sealer.seal(self.index, room, header_len, payload).ok()?;
            self.index += 1;
        }
        outbox.send(self.to, len, PACKET_LEN);
        Some(())
    }
}

/// The key of the viewer with this number, and of no other.
pub(super) fn master_key(number: u32) -> Result<MasterKey, KeyError> {
    let material = number.to_be_bytes().repeat(PROFILE.key_len());
    let (key, rest) = material.split_at(PROFILE.key_len());
    MasterKey::new(PROFILE, key, rest.get(..PROFILE.salt_len()).unwrap_or_default())
}
