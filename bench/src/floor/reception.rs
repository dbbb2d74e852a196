//! What the harness itself can take: its own viewers and its own loop, sent to by the tightest sender on the other core.
//!
//! If a server sent more than this, the generator would be measured and not the server. Viewers count every packet by its
//! header; none of them opens any.

use std::fmt;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use fanlight_ring::{cores, pin_to_core, take_trains};
use fanlight_srtp::SessionKeys;
use serde::Serialize;

use super::sender::{self, Sender, master_key};
use super::{FloorError, Way};
use crate::clock::Clock;
use crate::files;
use crate::float::float;
use crate::media;
use crate::peer::{Peer, PeerError, local_address};
use crate::plan::Publishers;
use crate::viewer::{Duties, Milestones, Viewer};
use crate::worker::{Order, Worker};

/// Sent at once before the sender looks at how far it is ahead of the rate.
const BURST: Duration = Duration::from_millis(2);
/// From the last packet to the count.
const DRAIN: Duration = Duration::from_millis(200);
/// Files besides the viewers' sockets.
const OTHER_FILES: usize = 64;

/// What was received at one rate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reception {
    pub viewers: usize,
    /// Packets of a train.
    pub train: usize,
    pub packets_sent: u64,
    pub packets_received: u64,
    pub packets_per_second: f64,
    /// Of the generator's time the part in which it found something, 0 to 1.
    pub busy_share: f64,
    /// Of that time, a packet.
    pub busy_ns_a_packet: f64,
}

/// Sends for so long to so many viewers, in trains of so many packets, at full speed or at a rate in packets a second. Needs two
/// cores: the sender is on the first, the generator on the last.
///
/// # Errors
/// The system refuses what is needed.
pub fn run(
    viewers: usize,
    train: usize,
    rate: Option<f64>,
    duration: Duration,
) -> Result<Reception, FloorError> {
    if cores() < 2 {
        return Err(FloorError::OneCore);
    }
    files::allow((viewers + OTHER_FILES) as u64)?;
    let worker = Worker::start(0, Clock::start(), Some(cores() - 1));
    let worker = worker.map_err(FloorError::at("a thread for the generator"))?;
    let mut addresses = Vec::new();
    for number in 0..viewers {
        let (viewer, address) = viewer(number)?;
        addresses.push(address);
        worker.tell(Order::Watch(Box::new(viewer), Vec::new()));
    }
    let sending = || -> Result<(u64, Duration), FloorError> {
        pin_to_core(0).map_err(FloorError::at("keeping to a core"))?;
        let mut receivers = sender::Viewer::each(&addresses)?;
        let mut sender = Sender::open(Way::Plain, train)?;
        let start = Instant::now();
        while start.elapsed() < duration {
            let ahead =
                rate.is_some_and(|rate| float(sender.packets()) > rate * start.elapsed().as_secs_f64());
            if !ahead {
                sender.send_for(&mut receivers, if rate.is_some() { Duration::ZERO } else { BURST })?;
            }
        }
        Ok((sender.packets(), start.elapsed()))
    };
    // All viewers are there before the books begin.
    worker.look();
    worker.tell(Order::Begin);
    // On a thread of its own, whose core is not the caller's affair.
    let sent = std::thread::scope(|scope| scope.spawn(sending).join());
    let (packets_sent, took) = sent.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    let busy = worker.close();
    std::thread::sleep(DRAIN);
    let books = worker.close();
    let packets_received = books.present.iter().map(|one| one.received).sum();
    let rounds = busy.rounds.first().copied().unwrap_or_default();
    let busy_s = rounds.busy.as_secs_f64();
    Ok(Reception {
        viewers,
        train,
        packets_sent,
        packets_received,
        packets_per_second: float(packets_received) / took.as_secs_f64(),
        busy_share: busy_s / (busy_s + rounds.idle.as_secs_f64()),
        busy_ns_a_packet: busy_s * 1e9 / float(rounds.datagrams.max(1)),
    })
}

/// A viewer that is connected as far as it can tell.
fn viewer(number: usize) -> Result<(Viewer, std::net::SocketAddr), FloorError> {
    let failed =
        |error: PeerError| FloorError::System { step: "a viewer", cause: std::io::Error::other(error) };
    let plan = Publishers::default();
    let codecs = media::codecs(&plan, false);
    let types = media::payload_types(&codecs);
    let local = local_address(([127, 0, 0, 1], 9).into()).map_err(FloorError::at("an address"))?;
    let rtc = media::viewer(codecs, false).build(Instant::now());
    let (peer, _, _) = Peer::offer(rtc, local, false, None, |changes| {
        changes.add_media(str0m::media::MediaKind::Video, str0m::media::Direction::RecvOnly, None, None, None)
    })
    .map_err(failed)?;
    take_trains(&peer.socket).map_err(FloorError::at("taking trains"))?;
    let address = peer.socket.local_addr().map_err(FloorError::at("an address"))?;
    let (show, keys) = channel();
    // The sender counts from 1.
    let key = || master_key(u32::try_from(number + 1).unwrap_or(u32::MAX)).map_err(|_| FloorError::Unsealed);
    // The other end lives until the viewer has taken them.
    let _ = show.send(SessionKeys { local: key()?, remote: key()? });
    let now = Instant::now();
    let milestones =
        Milestones { asked: now, answered: now, connected: now, first_packet: None, first_frame: Some(now) };
    let duties = Duties { is_sampled: false, reports: false, nack: false, twcc: false, video: true };
    Ok((Viewer::new((number, 0), duties, peer, &keys, types, milestones).map_err(failed)?, address))
}

impl fmt::Display for Reception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lost = self.packets_sent.saturating_sub(self.packets_received);
        write!(
            f,
            "this harness: {} viewers took {:.0} packets a second in trains of {}, {:.0} ns of a core each, busy {:.0} %; {lost} of {} lost",
            self.viewers,
            self.packets_per_second,
            self.train,
            self.busy_ns_a_packet,
            self.busy_share * 100.0,
            self.packets_sent
        )
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use fanlight_ring::Trains;

    use super::*;
    use crate::latency::Latency;
    use crate::viewer::Ears;

    /// Every figure of reception is of packets that came; at a rate that any machine takes none may be missing.
    #[test]
    fn what_is_sent_slowly_enough_is_all_received() {
        if cores() < 2 {
            return;
        }
        let reception = run(8, 5, Some(2_000.0), Duration::from_millis(500)).unwrap();
        assert_eq!(reception.packets_received, reception.packets_sent, "{reception}");
        assert!(reception.packets_sent >= 1_000, "{reception}");
        assert!(reception.busy_share > 0.0 && reception.busy_share <= 1.0, "{reception}");
    }

    /// A port is soon given to the next socket, and a server may still send to whoever had it before: that must not become the
    /// stream that is counted.
    #[test]
    fn media_of_a_stranger_is_not_taken_for_the_servers() {
        let (mut viewer, address) = viewer(0).unwrap();
        let mut ears = Ears { clock: Clock::start(), trains: Trains::default(), latency: Latency::default() };
        let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut packet = [0; 200];
        (packet[0], packet[1], packet[11]) = (0x80, 96, 99);
        stranger.send_to(&packet, address).unwrap();
        let mut came = 0;
        while came == 0 {
            came = viewer.poll(Instant::now(), &mut ears).unwrap();
        }
        assert_eq!(viewer.counts().other, 1);
        let mut receivers = sender::Viewer::each(&[address]).unwrap();
        let mut sender = Sender::open(Way::Plain, 1).unwrap();
        sender.send_for(&mut receivers, Duration::ZERO).unwrap();
        while came as u64 <= sender.packets() {
            came += viewer.poll(Instant::now(), &mut ears).unwrap();
        }
        assert_eq!(viewer.window().map(|tally| tally.received()).sum::<u64>(), sender.packets());
    }
}
