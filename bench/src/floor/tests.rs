use std::net::UdpSocket;
use std::time::Duration;

use fanlight_ring::cores;
use fanlight_srtp::RtpOpener;
use fanlight_wire::RtpHeader;

use super::sender::{PACKET_BYTES, Sender, Viewer, master_key};
use super::*;

fn small() -> FloorOptions {
    FloorOptions {
        sinks: vec![Sink::Full],
        ways: Way::ALL.to_vec(),
        trains: vec![1, 3],
        viewers: vec![2, 5],
        slices: 2,
        slice: Duration::from_millis(1),
        core: 0,
    }
}

/// A loop that sealed nothing, or everybody's packets under one key, would be a floor that no server can come to.
#[test]
fn what_is_timed_are_trains_that_their_viewers_can_open() {
    let sockets: Vec<_> = (0..2).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    let addresses: Vec<_> = sockets.iter().map(|socket| socket.local_addr().unwrap()).collect();
    let mut viewers = Viewer::each(&addresses).unwrap();
    let mut sender = Sender::open(Way::Plain, 3).unwrap();
    sender.send_for(&mut viewers, Duration::ZERO).unwrap();
    for (number, socket) in (1..).zip(&sockets) {
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let opener = RtpOpener::new(&master_key(number).unwrap());
        // Two trains.
        for index in 1..=6 {
            let mut packet = vec![0; 2_000];
            let len = socket.recv(&mut packet).unwrap();
            packet.truncate(len);
            let header = RtpHeader::parse(&packet).unwrap();
            assert_eq!((len, header.extensions(&packet).count()), (usize::from(PACKET_BYTES), 3));
            assert_eq!((header.ssrc.0, header.marker), (number, index % 3 == 0));
            let opened = opener.open(&mut packet, header.header_len, index).unwrap();
            assert_eq!(opened.payload_len(), usize::from(PACKET_BYTES) - 24 - 16);
        }
    }
    assert_eq!((sender.packets(), sender.refused()), (3 * 32, 0));
}

/// Every combination is asked for by somebody who compares: none may be missing, or stand under another's name.
#[test]
fn every_combination_has_its_row() {
    let mut seen = Vec::new();
    let options = small();
    let floor = run(&options, &mut |row| seen.push(row.clone())).unwrap();
    assert_eq!(seen, floor.rows);
    let measured: Vec<_> = floor.rows.iter().map(|row| (row.way, row.viewers, row.train)).collect();
    // A kernel without io_uring is one to run on, too.
    let is_left_out =
        |way: &Way| floor.notes.iter().any(|note| note.starts_with(&format!("{} is", way.name())));
    let ways: Vec<Way> = options.ways.iter().copied().filter(|way| !is_left_out(way)).collect();
    let combinations = [(2, 1), (2, 3), (5, 1), (5, 3)]
        .into_iter()
        .flat_map(|(v, t)| ways.iter().map(move |way| (*way, v, t)));
    assert_eq!(measured, combinations.collect::<Vec<_>>());
    for row in &floor.rows {
        assert!(row.lowest_ns_a_packet > 0.0 && row.ns_a_packet >= row.lowest_ns_a_packet, "{row}");
        assert_eq!(row.received, None);
        // Each by what it is called: only one has a helper, only two may be copied against their will.
        assert_eq!(row.polling_ns_a_packet.is_some_and(|ns| ns > 0.0), row.way == Way::Polled, "{row}");
        assert_eq!(row.copied, row.way.is_zero_copy().then_some(1.0), "{row}");
    }
}

/// Where somebody reads, what came is counted in packets, not in trains.
#[test]
fn a_sink_that_is_read_counts_what_comes() {
    let options = FloorOptions { sinks: vec![Sink::Read], ways: vec![Way::Plain], ..small() };
    if cores() < 2 {
        return assert!(matches!(run(&options, &mut |_| {}), Err(FloorError::OneCore)));
    }
    for row in run(&options, &mut |_| {}).unwrap().rows {
        let received = row.received.unwrap();
        assert!(received > 0.0 && received <= 1.0, "{row}");
    }
}

/// What cannot be measured is said before a minute has gone by.
#[test]
fn options_out_of_bounds_are_refused_by_name() {
    let refused = |options: FloorOptions| run(&options, &mut |_| {}).unwrap_err().to_string();
    assert_eq!(
        refused(FloorOptions { trains: vec![5, 55], ..small() }),
        "trains of 55 packets: from 1 to 54 can be measured"
    );
    assert_eq!(
        refused(FloorOptions { viewers: vec![0], ..small() }),
        "0 viewers: from 1 to 20000 can be measured"
    );
    assert_eq!(refused(FloorOptions { slices: 0, ..small() }), "no slices to measure in");
    let core = cores();
    assert!(refused(FloorOptions { core, ..small() }).starts_with("keeping to a core: no core"));
}

/// Half a comparison, or one that begins with what the server does not use, would mislead whoever reads it.
#[test]
fn a_comparison_is_of_all_ways_or_of_those_asked_for() {
    let ways = |asked: &[Way]| FloorOptions::backends(asked).ways;
    assert_eq!((ways(&[]).first(), ways(&[]).len()), (Some(&Way::IoUring), Way::ALL.len()));
    assert_eq!(ways(&[Way::Polled, Way::Plain]), [Way::Polled, Way::Plain]);
    FloorOptions::backends(&[]).check().unwrap();
}
