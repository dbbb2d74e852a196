use std::sync::LazyLock;

use fanlight_dataplane::sdp::{
    Offer, Policy, Published, PublishedCodec, PublishedLayer, TransportParameters, plan_publish, plan_watch,
};
use fanlight_shard::{ShardId, TrackId};
use fanlight_wire::Ssrc;
use fanlight_wire::codec::Codec;

/// Bytes that the work on one offer may allocate for each byte of it, all that is freed again included, and for itself. The
/// densest line is `a=` and its end, three bytes that make an attribute of 32, in a list that doubles as it grows.
const ALLOCATED_A_BYTE_MAX: u64 = 128;
const ALLOCATED_MAX: u64 = 256 * 1024;

/// Offers (RFC 8866, RFC 8829).
///
/// An offer is refused or answered, as one that publishes and as one that watches each of four streams. The answer has the
/// offer's m-sections, reads as a description itself, with lines that end as they should and hold no control byte; work
/// and memory are bounded by the offer's length.
pub fn sdp_offer(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let allocated = allocation_counter::measure(|| answer_all(&text)).bytes_total;
    let bound = ALLOCATED_MAX + ALLOCATED_A_BYTE_MAX * text.len() as u64;
    assert!(allocated <= bound, "{allocated} bytes allocated for an offer of {}", text.len());
}

fn answer_all(text: &str) {
    let Ok(offer) = Offer::parse(text) else { return };
    assert!((4..=256).contains(&offer.ice_ufrag().len()) && (22..=256).contains(&offer.ice_pwd().len()));
    if let Ok(plan) = plan_publish(&offer, &Policy::default()) {
        let spec = plan.spec(counted(TrackId));
        assert!(!spec.tracks.is_empty());
        check_answer(text, &plan.answer(&offer, &OURS));
        let published = plan.published(&spec, ShardId(3));
        let layers: usize = published.tracks.iter().map(|track| track.layers.len()).sum();
        assert_eq!(layers, spec.tracks.len());
    }
    for published in STREAMS.iter() {
        if let Ok(plan) = plan_watch(&offer, published) {
            let spec = plan.spec(&mut counted(|number| Ssrc(u32::try_from(number).unwrap())));
            assert!(!spec.subscriptions.is_empty());
            check_answer(text, &plan.answer(&offer, &OURS, &spec));
        }
    }
}

fn check_answer(offer: &str, answer: &str) {
    for line in answer.split_inclusive("\r\n") {
        let line = line.strip_suffix("\r\n").expect("a line ends with CRLF");
        assert!(!line.contains(|letter: char| letter.is_ascii_control()), "{line:?}");
    }
    let sections = |text: &str| text.lines().filter(|line| line.starts_with("m=")).count();
    assert_eq!(sections(answer), sections(offer), "as many m-sections\n{answer}");
    // Only its DTLS role would be wrong in an offer.
    let read = Offer::parse(&answer.replace("a=setup:passive", "a=setup:active"));
    let read = read.unwrap_or_else(|fault| panic!("{fault}\n{answer}"));
    assert_eq!((read.ice_ufrag(), read.ice_pwd()), (OURS.ice_ufrag.as_str(), OURS.ice_pwd.as_str()));
}

/// Names from 100 on.
fn counted<T>(name: impl Fn(u64) -> T) -> impl FnMut() -> T {
    let mut last = 99;
    move || {
        last += 1;
        name(last)
    }
}

static OURS: LazyLock<TransportParameters> = LazyLock::new(|| TransportParameters {
    origin_id: u64::MAX,
    ice_ufrag: "ourUfrag".to_owned(),
    ice_pwd: "ourPasswordOf24ice/chars".to_owned(),
    fingerprint_sha256: [7; 32],
    candidates: ["192.0.2.1:50000", "[2001:db8::1]:50001"].map(|address| address.parse().unwrap()).to_vec(),
    tcp_candidates: ["192.0.2.1:50002"].map(|address| address.parse().unwrap()).to_vec(),
});

static STREAMS: LazyLock<[Published; 4]> = LazyLock::new(|| {
    let mut layered = published(&[(Codec::Opus, &[]), (Codec::Vp8, &[])]);
    layered.tracks[1].layers = vec![layer(2, "q"), layer(3, "h"), layer(4, "f")];
    [
        layered,
        published(&[(Codec::Opus, &[("stereo", "1")]), (Codec::Vp8, &[])]),
        published(&[
            (Codec::H264, &[("packetization-mode", "1"), ("profile-level-id", "42e01f")]),
            (Codec::Opus, &[]),
        ]),
        published(&[(Codec::Av1, &[])]),
    ]
});

fn published(codecs: &[(Codec, &[(&str, &str)])]) -> Published {
    let tracks = (1..).zip(codecs).map(|(number, (codec, parameters))| PublishedCodec {
        layers: vec![layer(number, "")],
        scalable: false,
        home: ShardId(3),
        codec: *codec,
        clock_rate_hz: if codec.is_video() { 90_000 } else { 48_000 },
        channels: (!codec.is_video()).then_some(2),
        red: !codec.is_video(),
        parameters: parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    });
    Published { tracks: tracks.collect() }
}

fn layer(number: u64, rid: &str) -> PublishedLayer {
    PublishedLayer { track: TrackId(number), rid: rid.to_owned() }
}
