//! Sessions with the real transport and a stock client: ICE, DTLS, data channel, media, the end; and attacks on them.

use std::time::Duration;

use fanlight_shard::limits::HANDSHAKES_PER_SESSION_MAX;
use fanlight_shard::rtc::Certificate;
use fanlight_shard::{EndReason, Event, Reject, Role, WatchSpec};
use fanlight_wire::{ExtensionKind, ExtensionMap, Kind, PayloadType, classify};
use str0m::channel::ChannelConfig;
use str0m::media::MediaKind;
use str0m::rtp::RtpWrite;

use crate::common::client::{Client, live};
use crate::common::packet::vp8_payload;
use crate::common::publisher::{AUDIO_PAYLOAD_TYPE, RTX_PAYLOAD_TYPE, VIDEO_PAYLOAD_TYPE, id};
use crate::common::{Publisher, Viewer, World};

pub(crate) const SETTLED: Duration = Duration::from_secs(2);

pub(crate) fn certificate() -> Certificate {
    Certificate::generate().unwrap()
}

/// A client that publishes, its half of the session on shard 0.
pub(crate) fn publishing(world: &mut World, certificate: &Certificate) -> (Client, Publisher) {
    let seat = world.seat(0);
    let publisher = Publisher::seated(seat, Publisher::usual_spec(&seat));
    let role = Role::Publisher(publisher.spec.clone());
    let mut client = Client::join(world, seat, role, certificate, |signalling| signalling.channel = true);
    let mut direct = client.rtc.direct_api();
    direct.declare_media("v".into(), MediaKind::Video);
    let (video, rtx) = (publisher.video.ssrc.0, publisher.rtx.ssrc.0);
    direct.declare_stream_tx(video.into(), Some(rtx.into()), "v".into(), None);
    direct.create_data_channel(ChannelConfig { label: "chat".to_owned(), ..ChannelConfig::default() });
    (client, publisher)
}

/// What a str0m viewer agrees on: payload types and extension ids of its defaults.
pub(crate) fn watching(world: &mut World, publisher: &Publisher, certificate: &Certificate) -> Client {
    let seat = world.seat(0);
    let mut spec: WatchSpec = Viewer::usual_spec(&seat, publisher);
    spec.extensions = ExtensionMap::new();
    for (id, kind) in [(id::MID, ExtensionKind::Mid), (id::ORIENTATION, ExtensionKind::VideoOrientation)] {
        assert!(spec.extensions.insert(id, kind));
    }
    let payload_type = |value| PayloadType::new(value).unwrap();
    let video = &mut spec.subscriptions[0];
    video.payload_type = payload_type(VIDEO_PAYLOAD_TYPE);
    let (ssrc, rtx) = (video.ssrc.0, video.rtx.unwrap().0);
    video.rtx = Some((rtx, payload_type(RTX_PAYLOAD_TYPE)));
    spec.subscriptions[1].payload_type = payload_type(AUDIO_PAYLOAD_TYPE);
    let mut client = Client::join(world, seat, Role::Viewer(spec), certificate, |_| {});
    let mut direct = client.rtc.direct_api();
    direct.declare_media("0".into(), MediaKind::Video);
    direct.expect_stream_rx(ssrc.into(), Some(rtx.0.into()), "0".into(), None);
    client
}

/// The next frame, of one packet, handed to the client's own sender; returns its payload.
pub(crate) fn write(
    client: &mut Client,
    publisher: &mut Publisher,
    world: &World,
    key_frame: bool,
) -> Vec<u8> {
    let index = publisher.video.index;
    publisher.video.index += 1;
    publisher.video.timestamp = publisher.video.timestamp.wrapping_add(3000);
    let payload = vp8_payload(key_frame, true, 900, index);
    let packet = RtpWrite::new(
        VIDEO_PAYLOAD_TYPE.into(),
        index.into(),
        publisher.video.timestamp,
        world.now,
        payload.clone(),
    );
    let mut direct = client.rtc.direct_api();
    let stream = direct.stream_tx(&publisher.video.ssrc.0.into()).unwrap();
    stream.write_rtp(packet.marker(true).nackable(true));
    payload
}

pub(crate) fn ended(events: &[Event]) -> Vec<EndReason> {
    let reasons = events.iter().filter_map(|event| match event {
        Event::Ended { reason, .. } => Some(*reason),
        _ => None,
    });
    reasons.collect()
}

fn connected(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event, Event::Connected { .. })).count()
}

/// The whole of it with a client that is not ours at either end: it connects, opens a channel, publishes; another watches. What
/// is lost on the way up or down comes again, because both sides ask for it. And when the client goes, the session is over.
#[test]
fn a_stock_client_publishes_to_a_stock_viewer() {
    let mut world = World::small();
    let certificate = certificate();
    let (mut sender, mut publisher) = publishing(&mut world, &certificate);
    let mut receiver = watching(&mut world, &publisher, &certificate);
    live(&mut world, &mut [&mut sender, &mut receiver], SETTLED);
    let events = world.events();
    assert_eq!(connected(&events), 2);
    let opened = events.iter().find_map(|event| match event {
        Event::ChannelOpen { key, label } => Some((*key, label.as_str())),
        _ => None,
    });
    assert_eq!(opened, Some((sender.seat.key, "chat")));

    let mut payloads = Vec::new();
    for frame in 0..60 {
        sender.loses_upwards = frame == 20;
        receiver.loses_downwards = frame == 40;
        payloads.push(write(&mut sender, &mut publisher, &world, frame == 0));
        live(&mut world, &mut [&mut sender, &mut receiver], Duration::from_millis(30));
    }
    live(&mut world, &mut [&mut sender, &mut receiver], SETTLED);
    let mut heard = receiver.media();
    heard.sort_by_key(|(sequence, _)| *sequence);
    let first = heard[0].0;
    let numbers: Vec<u64> = heard.iter().map(|(sequence, _)| sequence - first).collect();
    assert_eq!(numbers, (0..60).collect::<Vec<_>>());
    assert!(heard.into_iter().map(|(_, payload)| payload).eq(payloads));
    assert_eq!(world.counters(0).retransmissions_out, 1, "what was lost downwards");
    let recovered = world.report_of(&sender.seat.clone()).tracks[0].retransmitted;
    assert_eq!(recovered, 1, "what was lost upwards");

    sender.rtc.close().unwrap();
    live(&mut world, &mut [&mut sender, &mut receiver], SETTLED);
    assert_eq!(ended(&world.events()), [EndReason::StreamEnded, EndReason::PeerClosed]);
    assert_eq!(world.session_count(0), 0);
}

/// What a client would say first, again and again.
fn shout(world: &mut World, client: &mut Client, times: usize) {
    client.collect(world);
    let check = client.sent[0].clone();
    (0..times).for_each(|_| world.hand(client.seat.shard, client.seen_at, check.clone()));
}

/// One peer that shouts must not fill the line that all stand in, and finds its way in like the others.
#[test]
fn a_session_waits_in_line_with_a_few_datagrams_only() {
    let mut world = World::small();
    let (mut client, _) = publishing(&mut world, &certificate());
    live(&mut world, &mut [], Duration::from_millis(50));
    let before = *world.counters(0);
    shout(&mut world, &mut client, 100);
    world.settle();
    let waited = u64::from(HANDSHAKES_PER_SESSION_MAX);
    assert_eq!(world.rejects_since(&before), [(Reject::HandshakeCrowded, 100 - waited)]);
    assert_eq!(world.counters(0).accepted - before.accepted, waited);
    live(&mut world, &mut [&mut client], SETTLED);
    assert_eq!(connected(&world.events()), 1);
}

/// Memory is bounded in a storm: whoever finds the line full is dropped by name, and comes again.
#[test]
fn who_finds_the_line_full_comes_again() {
    let mut world = World::small();
    let certificate = certificate();
    let mut clients: Vec<Client> = (0..150)
        .map(|_| {
            let (client, _) = publishing(&mut world, &certificate);
            world.settle();
            client
        })
        .collect();
    live(&mut world, &mut [], Duration::from_millis(50));
    let before = *world.counters(0);
    clients.iter_mut().for_each(|client| shout(&mut world, client, HANDSHAKES_PER_SESSION_MAX.into()));
    world.settle();
    let rejects = world.rejects_since(&before);
    assert!(matches!(rejects[..], [(Reject::HandshakesFull, 1..)]), "{rejects:?}");
    let mut clients: Vec<&mut Client> = clients.iter_mut().collect();
    live(&mut world, &mut clients, SETTLED);
    assert_eq!(connected(&world.events()), 150);
}

/// A NAT that forgets a viewer gives it another port in mid-stream. Media follows within the time between two checks of the
/// peer, never to the new port before it has answered one of ours, and never again to the old one.
#[test]
fn a_viewer_whose_port_changes_keeps_its_session() {
    let mut world = World::small();
    let certificate = certificate();
    let (mut sender, mut publisher) = publishing(&mut world, &certificate);
    let mut receiver = watching(&mut world, &publisher, &certificate);
    live(&mut world, &mut [&mut sender, &mut receiver], SETTLED);
    let mut frame = |world: &mut World, sender: &mut Client, receiver: &mut Client, key| {
        write(sender, &mut publisher, world, key);
        live(world, &mut [sender, receiver], Duration::from_millis(30));
    };
    frame(&mut world, &mut sender, &mut receiver, true);
    assert_eq!(receiver.media().len(), 1);
    let old = receiver.seen_at;
    receiver.seen_at.address.set_port(old.address.port() + 1);
    let mut silent = 0;
    while receiver.media().is_empty() {
        frame(&mut world, &mut sender, &mut receiver, false);
        silent += 1;
        assert!(silent < 120, "no media for {} ms", silent * 30);
    }
    let to_nobody = world.mail(old).into_iter().filter(|datagram| classify(datagram) == Kind::Rtp).count();
    assert!(to_nobody > 0, "the old port was the path until the new one had proven itself");
    for _ in 0..30 {
        frame(&mut world, &mut sender, &mut receiver, false);
    }
    assert!(receiver.media().len() >= 30);
    assert!(world.mail(old).iter().all(|datagram| classify(datagram) == Kind::Stun), "media to the old port");
    assert_eq!(ended(&world.events()), []);
}

/// RFC 7675: whoever does not answer any more has taken back its consent, and gets no media after 30 s at most. An outage of two
/// seconds is not that: the session is the same after it.
#[test]
fn a_viewer_that_falls_silent_is_given_up_and_an_outage_is_not() {
    let mut world = World::small();
    let certificate = certificate();
    let (mut sender, mut publisher) = publishing(&mut world, &certificate);
    let mut receiver = watching(&mut world, &publisher, &certificate);
    live(&mut world, &mut [&mut sender, &mut receiver], SETTLED);
    live(&mut world, &mut [&mut sender], Duration::from_secs(2));
    world.mail(receiver.seen_at);
    live(&mut world, &mut [&mut sender, &mut receiver], SETTLED);
    write(&mut sender, &mut publisher, &world, true);
    live(&mut world, &mut [&mut sender, &mut receiver], SETTLED);
    assert_eq!((receiver.media().len(), ended(&world.events())), (1, vec![]));

    let silent = world.now;
    let mut reasons = Vec::new();
    while reasons.is_empty() && world.now < silent + Duration::from_secs(60) {
        write(&mut sender, &mut publisher, &world, false);
        live(&mut world, &mut [&mut sender], Duration::from_millis(100));
        reasons = ended(&world.events());
    }
    assert_eq!(reasons, [EndReason::ConsentLost]);
    let after = world.now - silent;
    assert!((Duration::from_secs(5)..=Duration::from_secs(30)).contains(&after), "after {after:?}");
    world.mail(receiver.seen_at);
    write(&mut sender, &mut publisher, &world, false);
    live(&mut world, &mut [&mut sender], SETTLED);
    assert_eq!(world.mail(receiver.seen_at), Vec::<Vec<u8>>::new());
}

/// A04: whoever knows a session's password may name a victim's address as the source of a check that nominates. Media must not
/// go there: the victim answers nothing.
#[test]
fn a_nomination_from_an_address_that_answers_nothing_moves_no_media() {
    let mut world = World::small();
    let certificate = certificate();
    let (mut sender, mut publisher) = publishing(&mut world, &certificate);
    let mut receiver = watching(&mut world, &publisher, &certificate);
    live(&mut world, &mut [&mut sender, &mut receiver], SETTLED);
    let mut checks = 0;
    for number in 0..1800 {
        if number % 6 == 0 {
            write(&mut sender, &mut publisher, &world, number == 0);
        }
        live(&mut world, &mut [&mut sender, &mut receiver], Duration::from_millis(5));
        for check in receiver.sent.iter().filter(|datagram| datagram.starts_with(&[0, 1])) {
            world.hand(receiver.seat.shard, World::stranger(), check.clone());
            checks += 1;
        }
    }
    assert!(checks >= 3, "{checks} checks");
    let letters = world.mail(World::stranger());
    assert!(letters.iter().all(|datagram| classify(datagram) == Kind::Stun), "media at the victim's");
    assert_eq!(receiver.media().len(), 300);
}

/// DTLS proves nothing without the fingerprint of the signalling: a man in the middle has a certificate too.
#[test]
fn a_peer_with_another_certificate_never_connects() {
    let mut world = World::small();
    let seat = world.seat(0);
    let role = Role::Publisher(Publisher::usual_spec(&seat));
    let mut client = Client::join(&mut world, seat, role, &certificate(), |signalling| {
        signalling.fingerprint_at_shard[0] ^= 1
    });
    live(&mut world, &mut [&mut client], Duration::from_secs(12));
    let events = world.events();
    assert_eq!(connected(&events), 0);
    let reasons = ended(&events);
    assert!(matches!(reasons[..], [EndReason::TransportFailed | EndReason::NeverConnected]), "{reasons:?}");
    assert_eq!(world.session_count(0), 0);
}

/// A07: whoever overhears the hello may race the honest client with it from elsewhere. What never passed ICE is not looked at,
/// not answered, and does not disturb the honest handshake.
#[test]
fn a_hello_from_a_stranger_does_not_disturb_the_handshake() {
    let mut world = World::small();
    let certificate = certificate();
    let (mut client, _) = publishing(&mut world, &certificate);
    let mut hellos = 0;
    for _ in 0..400 {
        client.step(&mut world);
        for datagram in client.sent.iter().filter(|datagram| classify(datagram) == Kind::Dtls) {
            world.hand(client.seat.shard, World::stranger(), datagram.clone());
            hellos += 1;
        }
        world.pass_ms(5);
        assert_eq!(world.mail(World::stranger()).len(), 0);
    }
    assert!(hellos >= 2, "{hellos} flights");
    assert_eq!(world.rejected(Reject::UnknownAddress), hellos);
    assert_eq!(connected(&world.events()), 1);
}

/// A02: a username that was overheard, without its password, must not get one byte in answer: an answer is a reflector and an
/// oracle. And it proves no address.
#[test]
fn a_check_with_the_wrong_password_gets_no_answer() {
    let mut world = World::small();
    let seat = world.seat(0);
    let role = Role::Publisher(Publisher::usual_spec(&seat));
    let wrong = |signalling: &mut crate::common::client::Signalling| {
        signalling.password_at_client = "another-one-of-24-letters".to_owned();
    };
    let mut client = Client::join(&mut world, seat, role, &certificate(), wrong);
    let mut checks = 0;
    let publisher = Publisher::seated(seat, Publisher::usual_spec(&seat));
    let sound = publisher.seal(&Publisher::seated(seat, publisher.spec.clone()).sound(60));
    for step in 0..2200 {
        client.step(&mut world);
        checks += client.sent.len();
        if step == 1000 {
            // While the session waits: had the checks proven the address, this would find it.
            world.hand(seat.shard, seat.address, sound.clone());
        }
        world.pass_ms(5);
        assert_eq!(world.addressed(), []);
    }
    assert!(checks >= 3, "{checks} checks");
    assert_eq!(world.counters(0).bytes_out, 0);
    assert_eq!(world.rejected(Reject::UnknownAddress), 1);
    let events = world.events();
    assert_eq!(ended(&events), [EndReason::NeverConnected]);
    let last = events.iter().find_map(|event| match event {
        Event::Ended { last, .. } => last.as_deref(),
        _ => None,
    });
    let (seen, selected) = last.expect("somebody will ask why").checked[0];
    assert_eq!(
        (seen.remote, seen.answered, selected),
        (seat.address, 0, false),
        "the reason can be told from this"
    );
    assert!(seen.checks >= 3);
}
