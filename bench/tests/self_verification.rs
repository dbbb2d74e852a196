//! The harness verifies itself: against a server that does wrong exactly as often as it is told, the report must say what the
//! server's own book says, to the packet.
//!
//! Publisher and viewers are the harness's own; the server ([`faulty`]) is stock str0m and shares no code with it or with
//! Fanlight. All viewers are of the sample. Windows are bounded by silence, so that nothing is under way at their ends.

mod faulty;

use std::time::Duration;

use fanlight_bench::load::{LoadError, Options, Target, run};
use fanlight_bench::report::Report;
use faulty::{Book, Faults, FaultyServer};

const VIEWERS: usize = 3;

fn load(server: &FaultyServer) -> Result<Report, LoadError> {
    let url = |template: String| template.replace("{stream}", "camera").parse();
    let target = Target { whip: url(server.whip())?, whep: url(server.whep())?, process: None };
    let options = Options {
        viewers: VIEWERS,
        sampled: VIEWERS,
        join_interval: Duration::from_millis(20),
        settle: Duration::from_millis(300),
        window: Duration::from_secs(2),
        key_interval: Duration::from_secs(2),
        video_bits_per_second: 500_000,
        core: None,
    };
    run(&target, &options)
}

/// Everything that a report counts of packets, in the words of the server's book.
#[derive(Debug, PartialEq, Eq)]
struct Counts {
    expected: u64,
    delivered: u64,
    missing: u64,
    duplicated: u64,
    late: u64,
    other: u64,
    intact: u64,
    not_authentic: u64,
    damaged: u64,
    displaced: u64,
}

impl Counts {
    fn of_report(report: &Report) -> Self {
        let (delivery, sample) = (&report.delivery, &report.sample);
        Self {
            expected: delivery.packets_expected,
            delivered: delivery.packets_delivered,
            missing: delivery.packets_missing,
            duplicated: delivery.packets_duplicated,
            late: delivery.packets_late,
            other: delivery.packets_other,
            intact: sample.packets_intact,
            not_authentic: sample.packets_not_authentic,
            damaged: sample.packets_damaged,
            displaced: sample.packets_displaced,
        }
    }

    /// What the report has to say. A swap on the wire leaves numbers and packets together: nothing is displaced.
    fn of_book(book: &Book) -> Self {
        let delivered = book.forwarded - book.dropped;
        Self {
            expected: book.forwarded,
            delivered,
            missing: book.gaps,
            duplicated: book.duplicated,
            late: 0,
            other: book.retransmitted,
            intact: delivered - book.corrupted_on_the_wire - book.damaged_inside,
            not_authentic: book.corrupted_on_the_wire,
            damaged: book.damaged_inside,
            displaced: 0,
        }
    }
}

/// Loads a server that has these faults; the report and the server's books must agree. Gives both back.
fn agreed(faults: Faults) -> Result<(Report, Book), Box<dyn std::error::Error>> {
    let server = FaultyServer::start(faults)?;
    let report = load(&server)?;
    let (books, book) = (server.books(), server.book());
    assert_eq!(report.viewers_joined, VIEWERS);
    // Other programs' overflows are in this as well: it may explain a difference, and proves none.
    let overflows = report.generator.receive_buffer_errors;
    let told = format!("{overflows} receive buffer errors on this machine; {books:#?}");
    assert_eq!(Counts::of_report(&report), Counts::of_book(&book), "{told}");
    let published = report.published.packets;
    assert!(books.iter().all(|book| book.forwarded == published), "of {published}: {books:#?}");
    // A fault that hits none proves nothing.
    assert!(published >= 200, "{published} packets");
    Ok((report, book))
}

/// A harness that finds faults where there are none would be believed as little as one that finds none.
#[test]
fn a_server_without_faults_has_none_reported() {
    let (report, book) = agreed(Faults::default()).unwrap();
    assert_eq!(book, Book { forwarded: book.forwarded, ..Book::default() });
    assert_eq!(report.delivery.loss, 0.0);
}

/// Loss is the first thing that a load is run for.
#[test]
fn every_dropped_packet_is_reported_lost() {
    let (report, book) = agreed(Faults { drop_every: Some(100), ..Faults::default() }).unwrap();
    assert!(book.dropped >= 6, "{book:?}");
    let lost = report.delivery.packets_expected - report.delivery.packets_delivered;
    assert_eq!(lost, book.dropped);
}

/// A server that sends twice must not look as if it delivered more.
#[test]
fn every_duplicate_is_reported_and_counts_for_nothing_else() {
    let (report, book) = agreed(Faults { duplicate_every: Some(50), ..Faults::default() }).unwrap();
    assert!(book.duplicated >= 12, "{book:?}");
    assert_eq!(report.delivery.packets_delivered, report.delivery.packets_expected);
}

/// What the keys do not fit is no media, whatever its header says.
#[test]
fn every_packet_that_was_corrupted_on_the_wire_is_reported_as_not_authentic() {
    let (_, book) = agreed(Faults { corrupt_every: Some(70), ..Faults::default() }).unwrap();
    assert!(book.corrupted_on_the_wire >= 6, "{book:?}");
}

/// A server's own mistake with a payload is sealed with good keys: only the payload tells.
#[test]
fn every_packet_that_was_damaged_inside_is_reported_as_damaged() {
    let (_, book) = agreed(Faults { damage_every: Some(60), ..Faults::default() }).unwrap();
    assert!(book.damaged_inside >= 9, "{book:?}");
}

/// A packet that was overtaken is neither lost nor damaged.
#[test]
fn packets_that_change_places_are_not_reported_lost() {
    let (_, book) = agreed(Faults { swap_every: Some(40), ..Faults::default() }).unwrap();
    assert!(book.reordered >= 12, "{book:?}");
}

/// Latency is from the publisher's send to the viewer's receipt: what the server kept a packet for is all in it.
#[test]
fn a_delay_in_the_server_is_all_in_the_latency() {
    let (report, book) = agreed(Faults { delay: Duration::from_millis(50), ..Faults::default() }).unwrap();
    assert_eq!(book.delayed, book.forwarded);
    let latency = report.latency.unwrap();
    assert_eq!(latency.samples as u64, book.forwarded);
    assert!(latency.p50_ms >= 50.0, "{latency:?}");
}

/// All at once: no fault may hide another.
#[test]
fn faults_that_come_together_are_told_apart() {
    let faults = Faults {
        drop_every: Some(100),
        corrupt_every: Some(70),
        damage_every: Some(60),
        duplicate_every: Some(50),
        swap_every: Some(40),
        ..Faults::default()
    };
    let (_, book) = agreed(faults).unwrap();
    let each =
        [book.dropped, book.corrupted_on_the_wire, book.damaged_inside, book.duplicated, book.reordered];
    assert!(each.iter().all(|count| *count > 0), "{book:?}");
}

/// Who was sent away has not joined, and the load goes on with the others.
#[test]
fn viewers_that_were_refused_are_reported_as_not_joined() {
    let server = FaultyServer::start(Faults { refuse_every: Some(3), ..Faults::default() }).unwrap();
    let report = load(&server).unwrap();
    assert_eq!(server.refused(), 1);
    assert_eq!((report.viewers_asked, report.viewers_joined), (VIEWERS, VIEWERS - 1));
    assert_eq!(Counts::of_report(&report), Counts::of_book(&server.book()));
}
