//! Offers to test with. Those of Chromium 156 and Firefox 153 were made by these browsers; those of Safari, OBS
//! (libdatachannel), GStreamer (webrtcbin) and Pion are written by hand in the shape of theirs.

use std::net::SocketAddr;

use fanlight_shard::{ShardId, TrackId};
use fanlight_wire::Ssrc;
use fanlight_wire::codec::Codec;

use crate::sdp::codec;
use crate::sdp::{Offer, Published, PublishedCodec, PublishedLayer, TransportParameters};

macro_rules! fixture {
    ($name:literal) => {
        ($name, include_str!(concat!("../testdata/", $name, ".sdp")))
    };
}

/// Name and text of each offer that publishes.
pub(super) const PUBLISHERS: [(&str, &str); 15] = [
    fixture!("chromium_publish_vp8"),
    fixture!("chromium_publish_h264"),
    fixture!("chromium_publish_av1"),
    fixture!("chromium_publish_data"),
    fixture!("chromium_publish_gathered"),
    fixture!("chromium_publish_simulcast"),
    fixture!("firefox_publish_vp8"),
    fixture!("firefox_publish_data"),
    fixture!("firefox_publish_gathered"),
    fixture!("firefox_publish_simulcast"),
    fixture!("safari_publish"),
    fixture!("obs_publish"),
    fixture!("gstreamer_publish"),
    fixture!("pion_publish"),
    fixture!("obs_publish_simulcast"),
];

/// Name and text of each offer that watches.
pub(super) const VIEWERS: [(&str, &str); 5] = [
    fixture!("chromium_watch"),
    fixture!("chromium_watch_data"),
    fixture!("firefox_watch"),
    fixture!("firefox_watch_data"),
    fixture!("safari_watch"),
];

/// An offer of a data channel and nothing else.
pub(super) const DATA_ONLY: &str = include_str!("../testdata/chromium_data_only.sdp");

/// The fixture of this name.
pub(super) fn text(name: &str) -> &'static str {
    PUBLISHERS.iter().chain(&VIEWERS).find(|(known, _)| *known == name).unwrap().1
}

/// The fixture of this name, read.
pub(super) fn offer(name: &str) -> Offer {
    Offer::parse(text(name)).unwrap()
}

/// Our end of the transport: one IPv4 and one IPv6 address, and both by TCP.
pub(super) fn ours() -> TransportParameters {
    let addresses = |texts: [&str; 2]| texts.map(|text| text.parse::<SocketAddr>().unwrap()).to_vec();
    TransportParameters {
        origin_id: u64::MAX,
        ice_ufrag: "ourUfrag".to_owned(),
        ice_pwd: "ourPasswordOf24ice/chars".to_owned(),
        fingerprint_sha256: std::array::from_fn(|place| u8::try_from(place).unwrap()),
        candidates: addresses(["192.0.2.1:50000", "[2001:db8::1]:50001"]),
        tcp_candidates: addresses(["192.0.2.1:50002", "[2001:db8::1]:50002"]),
    }
}

/// Track ids from 100.
pub(super) fn track_ids() -> impl FnMut() -> TrackId {
    let mut last = 99;
    move || {
        last += 1;
        TrackId(last)
    }
}

/// SSRCs from 5000.
pub(super) fn ssrcs() -> impl FnMut() -> Ssrc {
    let mut last = 4999;
    move || {
        last += 1;
        Ssrc(last)
    }
}

/// A stream published in these codecs, each with an fmtp line, as track 1, 2, … on shard 3.
pub(super) fn published(codecs: &[(Codec, &str)]) -> Published {
    let tracks = (1..).zip(codecs).map(|(number, (codec, fmtp))| PublishedCodec {
        layers: vec![PublishedLayer { track: TrackId(number), rid: String::new() }],
        scalable: false,
        home: ShardId(3),
        codec: *codec,
        clock_rate_hz: codec::clock_rate_hz(*codec),
        channels: codec::channels(*codec),
        red: false,
        parameters: codec::parse_parameters(fmtp),
    });
    Published { tracks: tracks.collect() }
}

/// The attributes of the m-section with this mid, as lines without `a=`; the m= line first, whole.
pub(super) fn section<'a>(text: &'a str, mid: &str) -> Vec<&'a str> {
    let mid = format!("a=mid:{mid}");
    let section =
        text.split("\r\nm=").skip(1).find(|section| section.lines().any(|line| line == mid)).unwrap();
    section.lines().map(|line| line.strip_prefix("a=").unwrap_or(line)).collect()
}

/// The values of the attribute of this name.
pub(super) fn values<'a>(section: &[&'a str], name: &str) -> Vec<&'a str> {
    let prefix = format!("{name}:");
    section.iter().filter_map(|line| line.strip_prefix(prefix.as_str())).collect()
}
