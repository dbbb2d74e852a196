//! RTCP compounds, written and sealed for a shard, and read as values of their own.

use fanlight_srtp::{RtcpOpener, RtcpSealer};
use fanlight_wire::{Compound, Member, NoRoom, NtpTime, ReportBlock, RtcpWriter, Sequence, Ssrc, Timestamp};

/// What one member of a compound said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    SenderReport {
        sender: Ssrc,
        ntp: NtpTime,
        timestamp: Timestamp,
        packets: u32,
        octets: u32,
    },
    ReceiverReport {
        sender: Ssrc,
        blocks: Vec<ReportBlock>,
    },
    Name {
        ssrc: Ssrc,
        cname: Vec<u8>,
    },
    Bye(Vec<Ssrc>),
    Nack {
        media: Ssrc,
        sequences: Vec<u16>,
    },
    Pli {
        media: Ssrc,
    },
    Remb {
        bitrate_bps: u64,
        media: Vec<Ssrc>,
    },
    /// Transport-wide feedback: each sequence number, and when it came in µs.
    Arrivals(Vec<(u16, Option<i64>)>),
}

/// Writes a compound and seals it.
pub(crate) fn seal(
    sealer: &mut RtcpSealer,
    write: impl FnOnce(&mut RtcpWriter<'_>) -> Result<(), NoRoom>,
) -> Vec<u8> {
    let mut plain = vec![0; 60_000];
    let mut writer = RtcpWriter::new(&mut plain);
    write(&mut writer).unwrap();
    let len = writer.len();
    let mut sealed = vec![0; len + 64];
    let len = sealer.seal(&plain[..len], &mut sealed).unwrap();
    sealed.truncate(len);
    sealed
}

/// Opens a compound and reads all of it.
pub(crate) fn open(opener: &mut RtcpOpener, mut datagram: Vec<u8>) -> Vec<Told> {
    let plain = opener.open(&mut datagram).unwrap();
    Compound::new(plain).flat_map(|member| read(&member.unwrap())).collect()
}

fn read(member: &Member<'_>) -> Vec<Told> {
    let told = match member {
        Member::SenderReport(report) => Told::SenderReport {
            sender: report.sender(),
            ntp: report.ntp(),
            timestamp: report.timestamp(),
            packets: report.packets(),
            octets: report.octets(),
        },
        Member::ReceiverReport(report) => {
            Told::ReceiverReport { sender: report.sender(), blocks: report.reports().collect() }
        }
        Member::SourceDescription(description) => {
            let ssrcs = description.chunks().map(|(ssrc, _)| ssrc);
            let name =
                |ssrc| Told::Name { ssrc, cname: description.cname(ssrc).unwrap_or_default().to_vec() };
            return ssrcs.map(name).collect();
        }
        Member::Bye(bye) => Told::Bye(bye.ssrcs().collect()),
        Member::Nack(nack) => Told::Nack {
            media: nack.media(),
            sequences: nack.sequences().map(|Sequence(number)| number).collect(),
        },
        Member::Pli(pli) => Told::Pli { media: pli.media },
        Member::Remb(remb) => Told::Remb { bitrate_bps: remb.bitrate_bps(), media: remb.ssrcs().collect() },
        Member::Twcc(twcc) => {
            Told::Arrivals(twcc.packets().map(|(Sequence(number), arrival)| (number, arrival)).collect())
        }
        other => panic!("a shard says nothing of this kind: {other:?}"),
    };
    vec![told]
}

/// How many key frames were asked for.
pub(crate) fn key_frame_requests(told: &[Told]) -> usize {
    told.iter().filter(|told| matches!(told, Told::Pli { .. })).count()
}

/// All sequences asked for of one stream, in order.
pub(crate) fn nacked(told: &[Told], stream: Ssrc) -> Vec<u16> {
    let lists = told.iter().filter_map(|told| match told {
        Told::Nack { media, sequences } if *media == stream => Some(sequences.clone()),
        _ => None,
    });
    lists.flatten().collect()
}
