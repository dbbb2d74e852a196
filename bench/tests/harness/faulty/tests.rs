//! What the server does besides its faults, seen by stock str0m clients.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use str0m::format::Codec;
use str0m::media::Direction;

use super::client::{Client, TestResult, connect, turn_until};
use super::{Book, Faults, FaultyServer};

fn publisher(server: &FaultyServer, stream: &str, codec: Codec) -> TestResult<Client> {
    Client::join(&server.whip().replace("{stream}", stream), Direction::SendOnly, &[], codec, 96)
}

fn viewer(server: &FaultyServer, stream: &str, codec: Codec) -> TestResult<Client> {
    Client::join(&server.whep().replace("{stream}", stream), Direction::RecvOnly, &[], codec, 110)
}

/// A harness whose viewers ask again can be held to what came back only if the server answers each question.
#[test]
fn what_was_dropped_comes_again_when_it_is_asked_for() -> TestResult {
    let server = FaultyServer::start(Faults { drop_every: Some(20), ..Faults::default() })?;
    let mut publisher = publisher(&server, "camera", Codec::Vp8)?;
    let mut viewer = viewer(&server, "camera", Codec::Vp8)?;
    connect(&mut [&mut publisher, &mut viewer])?;
    server.begin_books();
    for sequence in 0..110 {
        publisher.send(0, sequence, &[0x10, 0, 0, 7])?;
        viewer.turn()?;
    }
    turn_until(&mut [&mut publisher, &mut viewer], |clients| clients[1].packets.len() == 110)?;
    let numbers: BTreeSet<u64> = viewer.packets.iter().map(|packet| *packet.seq_no).collect();
    assert_eq!(numbers.len(), 110);
    let book = server.book();
    assert_eq!((book.forwarded, book.dropped, book.gaps), (110, 5, 5));
    assert!(book.retransmitted >= 5, "{book:?}");
    server.begin_books();
    assert_eq!(server.books(), [Book::default()]);
    Ok(())
}

/// Streams must not mix, and a viewer knows a codec by its own payload type only.
#[test]
fn each_stream_comes_as_it_is_with_its_viewers_payload_type() -> TestResult {
    let server = FaultyServer::start(Faults::default())?;
    let mut streams = Vec::new();
    for codec in [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1] {
        let stream = codec.to_string();
        let mut publisher = publisher(&server, &stream, codec)?;
        let mut viewer = viewer(&server, &stream, codec)?;
        connect(&mut [&mut publisher, &mut viewer])?;
        streams.push((stream, publisher, viewer));
    }
    for (stream, publisher, _) in &mut streams {
        publisher.send(0, 7, stream.as_bytes())?;
    }
    for (stream, mut publisher, mut viewer) in streams {
        turn_until(&mut [&mut publisher, &mut viewer], |clients| !clients[1].packets.is_empty())?;
        let came: Vec<_> = viewer
            .packets
            .iter()
            .map(|packet| (*packet.header.payload_type, packet.payload.to_vec()))
            .collect();
        assert_eq!(came, [(110, stream.into_bytes())]);
        assert_eq!([publisher.leave()?, viewer.leave()?], ["HTTP/1.1 200 OK"; 2]);
    }
    Ok(())
}

/// Two layers under one number series would be duplicates and gaps that the book does not know.
#[test]
fn of_a_simulcast_one_layer_is_forwarded() -> TestResult {
    let server = FaultyServer::start(Faults::default())?;
    let url = server.whip().replace("{stream}", "camera");
    let mut publisher = Client::join(&url, Direction::SendOnly, &["f", "q"], Codec::Vp8, 96)?;
    let mut viewer = viewer(&server, "camera", Codec::Vp8)?;
    connect(&mut [&mut publisher, &mut viewer])?;
    for sequence in 0..20 {
        for (layer, payload) in [b"full", b"less"].into_iter().enumerate() {
            publisher.send(layer, sequence, payload)?;
        }
        viewer.turn()?;
    }
    turn_until(&mut [&mut publisher, &mut viewer], |clients| clients[1].packets.len() == 20)?;
    assert!(viewer.packets.iter().all(|packet| &*packet.payload == b"full"));
    assert_eq!(server.book().forwarded, 20);
    Ok(())
}

/// A publisher that made a key frame for each of a thousand wishes would send nothing else.
#[test]
fn wishes_for_key_frames_reach_the_publisher_at_most_twice_a_second() -> TestResult {
    let server = FaultyServer::start(Faults::default())?;
    let mut publisher = publisher(&server, "camera", Codec::Vp8)?;
    let mut viewer = viewer(&server, "camera", Codec::Vp8)?;
    connect(&mut [&mut publisher, &mut viewer])?;
    publisher.send(0, 0, &[0x10, 0, 0, 7])?;
    turn_until(&mut [&mut publisher, &mut viewer], |clients| !clients[1].packets.is_empty())?;
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(700) {
        viewer.wish()?;
        publisher.turn()?;
        std::thread::sleep(Duration::from_millis(10));
    }
    let most = began.elapsed().as_millis() / 500 + 1;
    assert!(
        (1..=most).contains(&publisher.wishes.into()),
        "{} wishes in {:?}",
        publisher.wishes,
        began.elapsed()
    );
    Ok(())
}
