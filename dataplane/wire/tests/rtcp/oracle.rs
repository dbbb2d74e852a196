//! The `rtcp` crate of the Pion family reads what we write, and we read what it writes.

use crate::{arbitrary_blocks, arbitrary_ssrcs, members, written};
use bytes::Bytes;
use fanlight_wire::{Member, NtpTime, ReportBlock, Sequence, Ssrc, Timestamp};
use proptest::prelude::*;
use rtcp::goodbye::Goodbye;
use rtcp::packet::{Packet, marshal, unmarshal};
use rtcp::payload_feedbacks::full_intra_request::{FirEntry, FullIntraRequest};
use rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
use rtcp::receiver_report::ReceiverReport;
use rtcp::reception_report::ReceptionReport;
use rtcp::sender_report::SenderReport;
use rtcp::source_description::{SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem};
use rtcp::transport_feedbacks::transport_layer_nack::{TransportLayerNack, nack_pairs_from_sequence_numbers};
use std::collections::BTreeSet;

type Theirs = Box<dyn Packet + Send + Sync>;

/// Whether two packets of theirs are the same.
fn same(left: &[Theirs], right: &[Theirs]) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(left, right)| left.equal(&**right))
}

fn their_block(block: &ReportBlock) -> ReceptionReport {
    ReceptionReport {
        ssrc: block.ssrc.0,
        fraction_lost: block.fraction_lost,
        // They keep the 24 bits unsigned.
        total_lost: block.cumulative_lost.cast_unsigned() & 0xff_ffff,
        last_sequence_number: block.extended_highest_sequence,
        jitter: block.jitter,
        last_sender_report: block.last_sender_report,
        delay: block.delay_since_last_sender_report,
    }
}

/// One compound in both tongues: what our writer is told, and what theirs is.
#[derive(Clone, Debug)]
struct Conversation {
    sender: u32,
    media: u32,
    clock: (u64, u32, u32, u32),
    blocks: Vec<ReportBlock>,
    name: Vec<u8>,
    missing: BTreeSet<u16>,
    number: u8,
    mantissa: u32,
    exponent: u32,
    sources: Vec<Ssrc>,
}

impl Conversation {
    fn bitrate_bps(&self) -> u64 {
        u64::from(self.mantissa) << self.exponent
    }

    fn in_our_words(&self) -> Vec<u8> {
        let (sender, media) = (Ssrc(self.sender), Ssrc(self.media));
        let (ntp, timestamp, packets, octets) = self.clock;
        written(|writer| {
            writer.sender_report(
                sender,
                NtpTime(ntp),
                Timestamp(timestamp),
                packets,
                octets,
                &self.blocks,
            )?;
            writer.receiver_report(sender, &self.blocks)?;
            writer.cname(sender, &self.name)?;
            writer.nack(sender, media, self.missing.iter().copied().map(Sequence))?;
            writer.pli(sender, media)?;
            writer.fir(sender, media, self.number)?;
            writer.remb(sender, self.bitrate_bps(), &self.sources)?;
            writer.bye(&self.sources)
        })
    }

    fn in_their_words(&self) -> Vec<Theirs> {
        let (sender_ssrc, media_ssrc) = (self.sender, self.media);
        let (ntp_time, rtp_time, packet_count, octet_count) = self.clock;
        let reports: Vec<_> = self.blocks.iter().map(their_block).collect();
        let missing: Vec<u16> = self.missing.iter().copied().collect();
        let sources: Vec<u32> = self.sources.iter().map(|ssrc| ssrc.0).collect();
        let item =
            SourceDescriptionItem { sdes_type: SdesType::SdesCname, text: Bytes::from(self.name.clone()) };
        #[allow(clippy::cast_precision_loss, reason = "18 significant bits, which an f32 holds exactly")]
        let bitrate = self.bitrate_bps() as f32;
        vec![
            Box::new(SenderReport {
                ssrc: sender_ssrc,
                ntp_time,
                rtp_time,
                packet_count,
                octet_count,
                reports: reports.clone(),
                profile_extensions: Bytes::new(),
            }),
            Box::new(ReceiverReport { ssrc: sender_ssrc, reports, profile_extensions: Bytes::new() }),
            Box::new(SourceDescription {
                chunks: vec![SourceDescriptionChunk { source: sender_ssrc, items: vec![item] }],
            }),
            Box::new(TransportLayerNack {
                sender_ssrc,
                media_ssrc,
                nacks: nack_pairs_from_sequence_numbers(&missing),
            }),
            Box::new(PictureLossIndication { sender_ssrc, media_ssrc }),
            Box::new(FullIntraRequest {
                sender_ssrc,
                media_ssrc: 0,
                fir: vec![FirEntry { ssrc: media_ssrc, sequence_number: self.number }],
            }),
            Box::new(ReceiverEstimatedMaximumBitrate { sender_ssrc, bitrate, ssrcs: sources.clone() }),
            Box::new(Goodbye { sources, reason: Bytes::new() }),
        ]
    }
}

fn conversations() -> impl Strategy<Value = Conversation> {
    let numbers = (any::<(u32, u32, (u64, u32, u32, u32), u8)>(), 1_u32..1 << 18, 0_u32..=46);
    let lists = (
        arbitrary_blocks(0..=31),
        prop::collection::vec(1_u8.., 1..=60),
        prop::collection::btree_set(any::<u16>(), 1..60),
        arbitrary_ssrcs(1..=31),
    );
    (numbers, lists).prop_map(
        |(((sender, media, clock, number), mantissa, exponent), (blocks, name, missing, sources))| {
            Conversation { sender, media, clock, blocks, name, missing, number, mantissa, exponent, sources }
        },
    )
}

proptest! {
    /// Why: a mistake made alike in our writer and reader passes every test above.
    #[test]
    fn they_read_what_we_write(conversation in conversations()) {
        let ours = conversation.in_our_words();
        let read = unmarshal(&mut ours.as_slice()).unwrap();
        prop_assert!(same(&read, &conversation.in_their_words()), "{read:?}");
    }

    /// Why: and the other way round. What both write must also be equal in meaning when we read it.
    #[test]
    fn we_read_what_they_write(conversation in conversations()) {
        let theirs = marshal(&conversation.in_their_words()).unwrap();
        let ours = conversation.in_our_words();
        let (read, expected) = (members(&theirs), members(&ours));
        prop_assert_eq!(read.len(), expected.len());
        for (read, expected) in read.into_iter().zip(expected) {
            prop_assert_eq!(meaning(read), meaning(expected));
        }
    }
}

/// Everything that a member says, whatever its bytes.
fn meaning(member: Member<'_>) -> String {
    match member {
        Member::SenderReport(report) => format!(
            "SR {:?} {:?} {:?} {} {} {:?}",
            report.sender(),
            report.ntp(),
            report.timestamp(),
            report.packets(),
            report.octets(),
            report.reports().collect::<Vec<_>>()
        ),
        Member::ReceiverReport(report) => {
            format!("RR {:?} {:?}", report.sender(), report.reports().collect::<Vec<_>>())
        }
        Member::SourceDescription(names) => {
            let chunks: Vec<_> =
                names.chunks().map(|(ssrc, items)| (ssrc, items.collect::<Vec<_>>())).collect();
            format!("SDES {chunks:?}")
        }
        // They write an empty reason where we write none.
        Member::Bye(bye) => {
            format!("BYE {:?} {:?}", bye.ssrcs().collect::<Vec<_>>(), bye.reason().unwrap_or_default())
        }
        Member::Nack(nack) => {
            format!(
                "NACK {:?} {:?} {:?}",
                nack.sender(),
                nack.media(),
                nack.sequences().map(|sequence| sequence.0).collect::<BTreeSet<_>>()
            )
        }
        Member::Pli(pli) => format!("{pli:?}"),
        Member::Fir(fir) => format!("FIR {:?} {:?}", fir.sender(), fir.entries().collect::<Vec<_>>()),
        Member::Remb(remb) => {
            format!("REMB {:?} {} {:?}", remb.sender(), remb.bitrate_bps(), remb.ssrcs().collect::<Vec<_>>())
        }
        Member::Twcc(twcc) => format!("TWCC {:?}", twcc.packets().collect::<Vec<_>>()),
        Member::Other { packet_type, format } => format!("{packet_type} {format}"),
    }
}
