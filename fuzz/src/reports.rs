use fanlight_wire::{Compound, Member, NtpTime, ReportBlock, RtcpWriter};

/// Reports, source descriptions and goodbyes (RFC 3550 §6.4 to §6.6).
///
/// The input is a whole datagram. Every walk is bounded by its bytes, what is handed out lies inside it, and each member
/// written anew is read as the same.
pub fn reports(data: &[u8]) {
    let mut steps = 0;
    for member in Compound::new(data).flatten() {
        steps += match member {
            Member::SenderReport(report) => {
                let blocks = checked(report.reports(), report.ntp());
                let again = written(|writer| {
                    let (ntp, timestamp) = (report.ntp(), report.timestamp());
                    writer.sender_report(
                        report.sender(),
                        ntp,
                        timestamp,
                        report.packets(),
                        report.octets(),
                        &blocks,
                    )
                });
                let Some(Ok(Member::SenderReport(read))) = Compound::new(&again).next() else { panic!() };
                assert_eq!((read.sender(), read.ntp()), (report.sender(), report.ntp()));
                assert_eq!(read.timestamp(), report.timestamp());
                assert_eq!((read.packets(), read.octets()), (report.packets(), report.octets()));
                assert!(read.reports().eq(blocks.iter().copied()));
                blocks.len()
            }
            Member::ReceiverReport(report) => {
                let blocks = checked(report.reports(), NtpTime(0));
                let again = written(|writer| writer.receiver_report(report.sender(), &blocks));
                let Some(Ok(Member::ReceiverReport(read))) = Compound::new(&again).next() else { panic!() };
                assert_eq!(read.sender(), report.sender());
                assert!(read.reports().eq(blocks.iter().copied()));
                blocks.len()
            }
            other => names_and_ends(data, &other),
        };
    }
    assert!(steps <= data.len(), "{steps} steps for {} bytes", data.len());
}

/// The blocks; their numbers keep to their fields.
fn checked(blocks: impl Iterator<Item = ReportBlock>, now: NtpTime) -> Vec<ReportBlock> {
    let check = |block: &ReportBlock| {
        assert!((-(1 << 23)..1 << 23).contains(&block.cumulative_lost));
        assert!(block.round_trip(now).is_none_or(|round_trip| round_trip.as_secs() < 1 << 16));
    };
    blocks.inspect(check).collect()
}

/// Steps of the walk over names or sources.
fn names_and_ends(data: &[u8], member: &Member<'_>) -> usize {
    match member {
        Member::SourceDescription(names) => {
            let mut steps = 0;
            for (ssrc, items) in names.chunks() {
                // An SSRC told twice has the first name; so has each chunk of it.
                if let Some(name) = names.cname(ssrc) {
                    assert_inside(data, name);
                    let again = written(|writer| writer.cname(ssrc, name));
                    let Some(Ok(Member::SourceDescription(read))) = Compound::new(&again).next() else { panic!() };
                    assert_eq!(read.cname(ssrc), Some(name));
                }
                steps += 1 + items.inspect(|(_, text)| assert_inside(data, text)).count();
            }
            steps
        }
        Member::Bye(bye) => {
            let sources: Vec<_> = bye.ssrcs().collect();
            assert_inside(data, bye.reason().unwrap_or_default());
            assert!(bye.reason().is_none_or(|reason| reason.len() < 256));
            let again = written(|writer| writer.bye(&sources));
            match Compound::new(&again).next() {
                Some(Ok(Member::Bye(read))) => assert!(read.ssrcs().eq(sources.iter().copied())),
                None => assert!(sources.is_empty()),
                other => panic!("{other:?}"),
            }
            sources.len()
        }
        _ => 0,
    }
}

/// What a writer wrote.
fn written(write: impl FnOnce(&mut RtcpWriter<'_>) -> Result<(), fanlight_wire::NoRoom>) -> Vec<u8> {
    let mut out = vec![0; 2000];
    let mut writer = RtcpWriter::new(&mut out);
    write(&mut writer).expect("one member of at most 31 entries fits");
    writer.as_bytes().to_vec()
}

fn assert_inside(whole: &[u8], part: &[u8]) {
    let (whole, part) = (whole.as_ptr_range(), part.as_ptr_range());
    assert!(part.is_empty() || whole.start <= part.start && part.end <= whole.end);
}
