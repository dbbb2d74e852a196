//! The harness verifies itself: against a server that does wrong exactly as often as it is told, the report must say what the
//! server's own book says, to the packet.
//!
//! Publisher and viewers are the harness's own; the server ([`faulty`]) is stock str0m and shares no code with it or with
//! Fanlight. All viewers are of the sample. Windows are bounded by silence, so that nothing is under way at their ends.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::faulty::{Book, Faults, FaultyServer};
use fanlight_bench::load::{Options, run};
use fanlight_bench::plan::{Codec, Feedback, Plan, Publishers, Times, Viewers, Whom};
use fanlight_bench::report::Report;
use fanlight_bench::show::Silent;
use fanlight_bench::target::Target;

const VIEWERS: usize = 3;

fn plan() -> Plan {
    Plan {
        publishers: Publishers { key_interval_s: 2.0, video_kbit_per_second: 500, ..Publishers::default() },
        viewers: Viewers {
            per_publisher: VIEWERS,
            sampled: VIEWERS,
            joins_per_second: 50.0,
            ..Viewers::default()
        },
        time: Times { settle_s: 0.3, window_s: 2.0, ..Times::default() },
        ..Plan::default()
    }
}

/// A generator keeps a core busy: beside a dozen others none would send what its plan says.
static TURN: Mutex<()> = Mutex::new(());

fn load(server: &FaultyServer, plan: &Plan) -> Result<Report, Box<dyn std::error::Error>> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let target = Target::new(server.whip().parse()?, server.whep().parse()?);
    Ok(run(plan, &target, &Options::default(), &mut Silent)?)
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
    let report = load(&server, &plan())?;
    let (books, book) = (server.books(), server.book());
    assert_eq!(report.viewers.joined, VIEWERS, "{:?}", report.viewers);
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
    assert_eq!(report.delivery.loss_percent, 0.0);
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
    let (report, book) = agreed(Faults { swap_every: Some(40), ..Faults::default() }).unwrap();
    assert!(book.reordered >= 12, "{book:?}");
    assert_eq!(report.delivery.packets_overtaken, book.reordered);
}

/// Latency is from the publisher's send to the viewer's receipt: what the server kept a packet for is all in it.
#[test]
fn a_delay_in_the_server_is_all_in_the_latency() {
    let (report, book) = agreed(Faults { delay: Duration::from_millis(50), ..Faults::default() }).unwrap();
    assert_eq!(book.delayed, book.forwarded);
    let latency = report.latency.unwrap();
    assert_eq!(latency.samples, book.forwarded);
    // Of each packet; a histogram is exact to three digits.
    assert!(latency.min_ms >= 49.9, "{latency:?}");
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
    let report = load(&server, &plan()).unwrap();
    assert_eq!(server.refused(), 1);
    assert_eq!((report.viewers.asked, report.viewers.joined), (VIEWERS, VIEWERS - 1));
    let [(reason, count)] = &report.viewers.failures[..] else { panic!("{:?}", report.viewers) };
    assert!(*count == 1 && reason.contains('#'), "{reason}");
    assert_eq!(Counts::of_report(&report), Counts::of_book(&server.book()));
}

/// What is said of one codec must hold for the others: servers look into payloads.
#[test]
fn every_codec_arrives_as_it_was_published() {
    for codec in [Codec::Vp9, Codec::H264, Codec::Av1] {
        let mut plan = plan();
        (plan.publishers.codec, plan.time.window_s) = (codec, 1.0);
        let server = FaultyServer::start(Faults::default()).unwrap();
        let report = load(&server, &plan).unwrap();
        assert_eq!(report.viewers.joined, VIEWERS, "{codec:?}: {:?}", report.viewers);
        assert_eq!(Counts::of_report(&report), Counts::of_book(&server.book()), "{codec:?}");
    }
}

/// Viewers that ask get what was dropped, and the report tells that from what came by itself.
#[test]
fn what_is_asked_for_again_is_reported_as_recovered() {
    let feedback = Feedback { nack: Whom::All, ..Feedback::default() };
    let plan = Plan { feedback, ..plan() };
    let server = FaultyServer::start(Faults { drop_every: Some(25), ..Faults::default() }).unwrap();
    let report = load(&server, &plan).unwrap();
    let (delivery, book) = (&report.delivery, server.book());
    assert!(delivery.packets_recovered >= 5, "{report}\n{book:?}");
    // Sound is dropped, too, and nobody asks for it.
    let lost = delivery.packets_expected - delivery.packets_delivered;
    assert_eq!(delivery.packets_recovered + lost, book.dropped, "{report}\n{book:?}");
    // Numbers do not show what is lost at the window's edges.
    let shown = lost - (book.dropped - book.gaps).min(lost)..=lost;
    assert!(shown.contains(&delivery.packets_missing), "{report}\n{book:?}");
    assert!(report.feedback.packets_requested >= delivery.packets_recovered);
    assert_eq!(report.feedback.packets_resent, book.retransmitted);
}

/// What the harness throws away itself is in its own books, and no other viewer notices.
#[test]
fn losses_of_the_harness_itself_are_told_apart() {
    let mut plan = plan();
    plan.road.share_percent = 34.0;
    plan.road.down.loss_percent = 5.0;
    let server = FaultyServer::start(Faults::default()).unwrap();
    let report = load(&server, &plan).unwrap();
    let road = report.road.unwrap();
    let lost = report.delivery.packets_expected - report.delivery.packets_delivered;
    assert!((5..120).contains(&lost), "5 % of one viewer's packets: {lost}");
    // Reports and checks get lost on the way, too.
    assert!(road.lost >= lost && road.lost < lost + 20, "{road:?}, {lost} packets");
}

/// Several streams, each with its own viewers: nobody may count another's packets.
#[test]
fn each_viewer_is_judged_by_its_own_stream() {
    let mut plan = plan();
    (plan.publishers.count, plan.viewers.per_publisher, plan.viewers.sampled) = (2, 2, 4);
    let server = FaultyServer::start(Faults { drop_every: Some(100), ..Faults::default() }).unwrap();
    let report = load(&server, &plan).unwrap();
    assert_eq!((report.viewers.joined, report.published.streams), (4, 2));
    assert_eq!(Counts::of_report(&report), Counts::of_book(&server.book()));
}
