//! The load harness against the real server: what it counts is what the server says it sent.

use fanlight_bench::load::{Options, run};
use fanlight_bench::namespace::{Namespace, NamespaceError};
use fanlight_bench::plan::{Codec, Plan, Publishers, Times, Viewers};
use fanlight_bench::report::Report;
use fanlight_bench::show::Silent;
use fanlight_bench::target::Target;
use fanlight_tests::TestResult;
use fanlight_tests::say;
use fanlight_tests::server::{Server, Settings};

const VIEWERS: usize = 6;

fn plan(codec: Codec) -> Plan {
    Plan {
        publishers: Publishers { codec, video_kbit_per_second: 800, ..Publishers::default() },
        viewers: Viewers { per_publisher: VIEWERS, sampled: VIEWERS, ..Viewers::default() },
        time: Times { settle_s: 1.5, window_s: 1.5, ..Times::default() },
        ..Plan::default()
    }
}

fn target(server: &Server) -> TestResult<Target> {
    let url = |kind| format!("{}/live/{kind}/endpoint/{{stream}}", server.url()).parse();
    Ok(Target::new(url("whip")?, url("whep")?))
}

fn assert_whole(report: &Report) {
    assert_eq!((report.viewers.joined, report.viewers.steady), (VIEWERS, VIEWERS), "{report}");
    assert_eq!(report.delivery.packets_delivered, report.delivery.packets_expected, "{report}");
    assert_eq!(report.sample.packets_intact, report.delivery.packets_delivered, "{report}");
    assert!(report.delivery.packets_expected > 600, "{report}");
}

/// The harness is judged by a faulty server of its own; here it is ours that both are judged by.
#[test]
fn a_load_of_each_codec_arrives_whole_and_intact() -> TestResult {
    let server = Server::start(&Settings::default())?;
    for codec in [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1] {
        let report = run(&plan(codec), &target(&server)?, &Options::default(), &mut Silent)?;
        assert_whole(&report);
    }
    assert_eq!(server.streams()?, [], "a load leaves nothing behind");
    Ok(())
}

/// Behind a cable of its own the harness meets the server as a stranger would, and takes its namespace away again.
#[test]
fn a_load_can_come_through_a_network_of_its_own() -> TestResult {
    let namespace = match Namespace::make() {
        Ok(namespace) => namespace,
        Err(NamespaceError::NotAllowed(why)) => {
            say(&format!("NOT TESTED: a load through a namespace of its own. {why}"));
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let server = Server::start(&Settings { address: namespace.outside().into(), ..Settings::default() })?;
    let options = Options { namespace: Some(namespace.into()), ..Options::default() };
    assert_whole(&run(&plan(Codec::Vp8), &target(&server)?, &options, &mut Silent)?);
    Ok(())
}
