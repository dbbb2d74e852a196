//! What a viewer sees over a bad network: Chromium publishes its test pattern at one end, a browser watches at the other, and
//! counts freezes by its own rules (webrtc-stats §freezeCount).

use std::thread;
use std::time::{Duration, Instant};

use fanlight_tests::browser::{Browser, Make, Page};
use fanlight_tests::netns::{Delay, Leg, Network};
use fanlight_tests::server::Server;
use fanlight_tests::{Failure, TestResult, say};

use crate::scene::{network, start_server};

/// For whatever takes a second on an idle machine.
const SOON: Duration = Duration::from_secs(60);
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Looks at a case: 10 s.
const LOOKS: usize = 10;
/// Looks within which some frame must be decoded: 3 s.
const LOOKS_PER_WINDOW: usize = 3;
/// How often a case may be tried: a machine that stalls is not the server's fault, a fault of the server comes again.
const TRIES: usize = 3;
/// Of the packets that a viewer missed, this share must have come again. What the encoder's key frames made moot is not asked for.
const RECOVERED_MIN: f64 = 0.6;
/// Fewer lost packets than this are not judged by their share.
const LOST_MIN: f64 = 20.0;

/// Counters of a viewer and of its publisher that only grow.
#[derive(Debug, Clone, Copy, Default)]
struct Counters {
    decoded: f64,
    freezes: f64,
    frozen_seconds: f64,
    nacks: f64,
    plis: f64,
    lost: f64,
    resent: f64,
    concealed: f64,
    samples: f64,
    resent_by_publisher: f64,
    key_frames: f64,
}

impl Counters {
    fn since(&self, before: &Self) -> Self {
        Self {
            decoded: self.decoded - before.decoded,
            freezes: self.freezes - before.freezes,
            frozen_seconds: self.frozen_seconds - before.frozen_seconds,
            nacks: self.nacks - before.nacks,
            plis: self.plis - before.plis,
            lost: self.lost - before.lost,
            resent: self.resent - before.resent,
            concealed: self.concealed - before.concealed,
            samples: self.samples - before.samples,
            resent_by_publisher: self.resent_by_publisher - before.resent_by_publisher,
            key_frames: self.key_frames - before.key_frames,
        }
    }

    fn line(&self, case: &str) -> String {
        format!(
            "{case}: decoded={} freezes={} frozen_ms={:.0} lost={} nacks={} resent={} plis={} audio_concealed={:.1}% \
             resent_by_publisher={} key_frames={}",
            self.decoded,
            self.freezes,
            self.frozen_seconds * 1000.0,
            self.lost,
            self.nacks,
            self.resent,
            self.plis,
            self.concealed * 100.0 / self.samples.max(1.0),
            self.resent_by_publisher,
            self.key_frames,
        )
    }
}

/// One stream of the kind in a page's statistics.
fn stream(page: &Page, role: &str, direction: &str, kind: &str) -> TestResult<serde_json::Value> {
    Ok(page.evaluate(&format!(
        "window.fanlight.{role}.connection.getStats().then((report) => [...report.values()]\
         .find(({{type, kind}}) => type === '{direction}-rtp' && kind === '{kind}') ?? null)"
    ))?)
}

/// Browsers at both ends. Pages go before their browsers, those before the server, and that before its network.
struct Show {
    watcher: Page,
    publisher: Page,
    _browsers: [Browser; 2],
    server: Server,
    /// The roads are long.
    _delay: Option<Delay>,
    network: Network,
}

impl Show {
    fn start(network: Network, watcher: Make) -> TestResult<Self> {
        Self::start_over(network, watcher, Duration::ZERO)
    }

    /// The same where packets take some time each way.
    fn start_over(network: Network, watcher: Make, each_way: Duration) -> TestResult<Self> {
        let server = start_server(&network)?;
        let delay = if each_way.is_zero() { None } else { Some(network.delay(each_way)?) };
        let url = server.url();
        // What browsers give to pages of loopback and of HTTPS, these pages need too.
        let trust = format!("--unsafely-treat-insecure-origin-as-secure={url}");
        let start = |make| match make {
            Make::Chromium => Browser::start_with(make, &[&trust]),
            Make::Firefox => Browser::start(make),
        };
        let publishing = network.publisher.enter(|| start(Make::Chromium))??;
        let publisher = publishing.open(&format!(
            "{url}/publish?app=live&stream=stage&source=pattern&codec=VP8&width=320&height=180&fps=15&bitrate=500000\
             &degradation=maintain-resolution&autostart=1"
        ))?;
        publisher.wait_for("window.fanlight?.state === 'live'", SOON)?;
        let watching = network.viewer.enter(|| start(watcher))??;
        let watcher = watching.open(&format!("{url}/watch?app=live&stream=stage&muted=1"))?;
        watcher.wait_for("window.fanlight?.lastStats?.video?.fps > 0", SOON)?;
        for (page, role) in [(&publisher, "publisher"), (&watcher, "viewer")] {
            page.evaluate(&format!("void (window.first = window.fanlight.{role}.connection)"))?;
        }
        Ok(Self { watcher, publisher, _browsers: [publishing, watching], server, _delay: delay, network })
    }

    fn counters(&self) -> TestResult<Counters> {
        let video = stream(&self.watcher, "viewer", "inbound", "video")?;
        let audio = stream(&self.watcher, "viewer", "inbound", "audio")?;
        let sent = stream(&self.publisher, "publisher", "outbound", "video")?;
        // Not every browser counts everything; what is not a number is no reason for a good verdict either.
        let number = |of: &serde_json::Value, name: &str| of[name].as_f64().unwrap_or(f64::NAN);
        Ok(Counters {
            decoded: number(&video, "framesDecoded"),
            freezes: number(&video, "freezeCount"),
            frozen_seconds: number(&video, "totalFreezesDuration"),
            nacks: number(&video, "nackCount"),
            plis: number(&video, "pliCount"),
            lost: number(&video, "packetsLost"),
            // Chromium counts these from the first one on.
            resent: video["retransmittedPacketsReceived"].as_f64().unwrap_or_default(),
            concealed: number(&audio, "concealedSamples"),
            samples: number(&audio, "totalSamplesReceived"),
            resent_by_publisher: number(&sent, "retransmittedPacketsSent"),
            key_frames: number(&sent, "keyFramesEncoded"),
        })
    }

    /// Looks at a case once a second. Returns what was counted, and whether some frame was decoded in every window.
    fn look(&self) -> TestResult<(Counters, bool)> {
        let mut looks = vec![self.counters()?];
        for _ in 0..LOOKS {
            thread::sleep(LOOK_INTERVAL);
            looks.push(self.counters()?);
        }
        let moves = looks
            .iter()
            .zip(&looks[LOOKS_PER_WINDOW..])
            .all(|(before, after)| after.decoded > before.decoded);
        Ok((looks[LOOKS].since(&looks[0]), moves))
    }

    /// Both pages are on the connections that they began with.
    fn assert_lives(&self) -> TestResult {
        for (page, role) in [(&self.publisher, "publisher"), (&self.watcher, "viewer")] {
            let same = format!(
                "window.fanlight.state === 'live' && window.first === window.fanlight.{role}.connection"
            );
            assert!(page.evaluate(&same)? == true, "the {role} joined again: {:?}", page.console());
        }
        let streams = self.server_streams()?;
        assert_eq!(streams, [("stage".to_owned(), 1)]);
        Ok(())
    }

    fn server_streams(&self) -> TestResult<Vec<(String, u64)>> {
        let streams = self.network.server.enter(|| self.server.streams())??;
        Ok(streams.into_iter().map(|stream| (stream.name, stream.viewers)).collect())
    }

    /// Loses on that leg and watches, until a try is without a window that stands still.
    fn watch_losing(&self, leg: Leg, percent: u16, case: &str) -> TestResult<Counters> {
        self.network.router.lose(leg, percent * 10)?;
        let mut stood = Vec::new();
        for _ in 0..TRIES {
            let (counters, moves) = self.look()?;
            let line = counters.line(case);
            say(&line);
            if moves {
                self.network.router.lose(leg, 0)?;
                return Ok(counters);
            }
            stood.push(line);
        }
        Err(Failure::new(format!("no frame in {LOOKS_PER_WINDOW} s, {TRIES} times: {stood:#?}")))
    }
}

/// The table of the measurements: how many freezes a loss costs.
#[test]
fn pictures_keep_moving_in_chromium_at_2_5_and_10_percent() -> TestResult {
    let Some(network) = network()? else { return Ok(()) };
    let show = Show::start(network, Make::Chromium)?;
    show.watch_losing(Leg::Server, 0, "loss=0%")?;
    for (leg, percent, case) in [
        (Leg::Publisher, 5, "loss=5% publisher's leg"),
        (Leg::Viewer, 5, "loss=5% viewer's leg"),
        (Leg::Server, 2, "loss=2% both legs"),
        (Leg::Server, 5, "loss=5% both legs"),
        (Leg::Server, 10, "loss=10% both legs"),
    ] {
        let counters = show.watch_losing(leg, percent, case)?;
        show.assert_lives()?;
        if leg == Leg::Publisher {
            assert!(counters.resent_by_publisher > 0.0, "{counters:?}");
        } else if counters.lost >= LOST_MIN {
            assert!(counters.resent >= counters.lost * RECOVERED_MIN, "{counters:?}");
        }
    }
    Ok(())
}

/// A packet that is fetched again over a long road is late: players wait for it, or show a freeze.
#[test]
fn pictures_keep_moving_in_chromium_on_a_long_road() -> TestResult {
    let Some(network) = network()? else { return Ok(()) };
    let show = Show::start_over(network, Make::Chromium, Duration::from_millis(60))?;
    let counters = show.watch_losing(Leg::Server, 5, "loss=5% both legs, 60 ms each way")?;
    show.assert_lives()?;
    assert!(counters.lost < LOST_MIN || counters.resent >= counters.lost * RECOVERED_MIN, "{counters:?}");
    Ok(())
}

/// A lift, a tunnel, a roaming phone: the picture stands for as long as the network does, and goes on by itself. A NAT that
/// gives both pages other ports must cost no more than the time until they speak again.
#[test]
fn pictures_go_on_in_chromium_after_an_outage_and_under_another_port() -> TestResult {
    let Some(network) = network()? else { return Ok(()) };
    let show = Show::start(network, Make::Chromium)?;
    let before = show.counters()?;
    show.network.router.lose(Leg::Server, 1000)?;
    thread::sleep(Duration::from_secs(2));
    show.network.router.lose(Leg::Server, 0)?;
    let (gap, counters) = show.wait_for_pictures()?;
    say(&format!("{} until_pictures={gap:.1}s", counters.since(&before).line("outage of 2 s")));
    show.assert_lives()?;
    show.rebind("NAT rebinding, Chromium")
}

/// Firefox's consent checks nominate nothing, so that only the silence of the old port tells that it is no more.
#[test]
fn pictures_go_on_in_firefox_under_another_port() -> TestResult {
    let Some(network) = network()? else { return Ok(()) };
    Show::start(network, Make::Firefox)?.rebind("NAT rebinding, Firefox")
}

impl Show {
    fn rebind(&self, case: &str) -> TestResult {
        let before = self.counters()?;
        self.network.router.rebind()?;
        let (gap, counters) = self.wait_for_pictures()?;
        say(&format!("{} until_pictures={gap:.1}s", counters.since(&before).line(case)));
        self.assert_lives()
    }

    /// Waits until pictures have moved for some seconds. Returns after how many the first of them came, and the counters.
    fn wait_for_pictures(&self) -> TestResult<(f64, Counters)> {
        const STEADY_FRAMES: f64 = 30.0;
        let (start, mut before) = (Instant::now(), self.counters()?);
        // What was under way may still be shown.
        thread::sleep(Duration::from_millis(300));
        let mut first = None;
        let mut at_first = self.counters()?.decoded;
        while start.elapsed() < SOON {
            let now = self.counters()?;
            if now.decoded > before.decoded && first.is_none() {
                (first, at_first) = (Some(start.elapsed().as_secs_f64()), now.decoded);
            }
            if let (Some(first), true) = (first, now.decoded >= at_first + STEADY_FRAMES) {
                return Ok((first, now));
            }
            before = now;
            thread::sleep(Duration::from_millis(100));
        }
        Err(Failure::new(format!("no pictures within {SOON:?}: {before:?}; {:?}", self.watcher.console())))
    }
}
