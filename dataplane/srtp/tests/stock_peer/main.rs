//! str0m as the oracle: a stock peer opens what we seal, and we open what it seals, under every profile and
//! in both DTLS roles, with keys from a real handshake.
//!
//! That is what the vectors cannot show: which part of the exporter is whose, the derivation with a salt of
//! 12 bytes, and the rollover counter in a live stream.

#[cfg(test)]
mod media;
#[cfg(test)]
mod session;

use fanlight_srtp::{
    OpenError, Profile, ReceiveIndex, RtcpOpener, RtcpSealer, RtpOpener, RtpSealer, SessionKeys,
};
use str0m::Event;

use media::{
    INDICES, OURS, THEIRS, declare_audio, header, header_len, is_rtcp, mid, payload, recording, sender_report,
};
use session::Session;

const PROFILES: [Profile; 3] = [Profile::AeadAes128Gcm, Profile::AeadAes256Gcm, Profile::Aes128CmSha1_80];

/// Runs `check` under every profile, as DTLS client and as DTLS server.
fn under_all_keys(check: impl Fn(Session, SessionKeys)) {
    for profile in PROFILES {
        for we_are_client in [true, false] {
            let (session, keys) = Session::connect(profile, we_are_client);
            check(session, keys);
        }
    }
}

// Every packet and report of ours arrives, over the wrap, with its payload and its extended sequence number;
// and what was damaged on the way does not, so the test can tell.
#[test]
fn a_stock_peer_accepts_what_we_seal() {
    under_all_keys(|mut session, keys| {
        let pt = declare_audio(&mut session);
        session.stock().direct_api().expect_stream_rx(OURS.into(), None, mid(), None);
        let rtp = RtpSealer::new(&keys.local);
        let mut rtcp = RtcpSealer::new(&keys.local);
        let overhead = keys.profile().rtp_overhead();
        for index in INDICES {
            let payload = payload(index);
            let mut out = header(pt, index).to_vec();
            out.resize(12 + payload.len() + overhead, 0);
            assert_eq!(rtp.seal(index, &mut out, 12, &payload), Ok(out.len()));
            let mut damaged = out.clone();
            damaged[12 + payload.len() / 2] ^= 1;
            session.send(&damaged);
            session.send(&out);
            if index % 10 == 0 {
                let mut out = [0; 100];
                let len = rtcp.seal(&sender_report(u32::try_from(index).unwrap()), &mut out).unwrap();
                session.send(&out[..len]);
            }
        }

        let arrived: Vec<(u64, Vec<u8>)> = session
            .events
            .iter()
            .filter_map(|event| match event {
                Event::RtpPacket(packet) => Some((*packet.seq_no, packet.payload.to_vec())),
                _ => None,
            })
            .collect();
        let sent: Vec<(u64, Vec<u8>)> = INDICES.map(|index| (index, payload(index))).collect();
        assert!(arrived == sent, "{:?}: {} of {} arrived", keys.profile(), arrived.len(), sent.len());

        let reports: Vec<u32> = session
            .events
            .iter()
            .filter_map(|event| match event {
                Event::SenderFeedback(feedback) => Some(feedback.sender_info.sender_packet_count),
                _ => None,
            })
            .collect();
        assert_eq!(reports, [65_500, 65_510, 65_520, 65_530, 65_540, 65_550, 65_560, 65_570, 65_580, 65_590]);
    });
}

// Every packet of the stock peer opens, over the wrap, once; a second time, none does.
#[test]
fn we_open_what_a_stock_peer_seals() {
    under_all_keys(|mut session, keys| {
        let recording = recording(&mut session);
        let rtp = RtpOpener::new(&keys.remote);
        let mut rtcp = RtcpOpener::new(&keys.remote);
        let mut stream = ReceiveIndex::new();
        let mut indices = Vec::new();
        let mut reports = 0;
        for packet in &recording {
            let mut packet = packet.clone();
            if is_rtcp(&packet) {
                let compound = rtcp.open(&mut packet).unwrap();
                assert_eq!((compound[0] >> 6, compound.len() % 4), (2, 0), "a compound: {compound:02x?}");
                reports += usize::from(compound[1] == 200 && compound[4..8] == THEIRS.to_be_bytes());
                continue;
            }
            let header_len = header_len(&packet);
            let index = stream.estimate(u16::from_be_bytes([packet[2], packet[3]]));
            assert_eq!(stream.check(index), Ok(()));
            let proof = rtp.open(&mut packet, header_len, index).unwrap();
            assert_eq!(packet[header_len..][..proof.payload_len()], payload(index));
            stream.accept(&proof);
            indices.push(index);
        }
        assert_eq!(indices, INDICES.collect::<Vec<u64>>(), "{:?}", keys.profile());
        assert!(reports >= 3, "{reports} sender reports in half a second at one each 100 ms");

        for packet in &mut recording.clone() {
            if is_rtcp(packet) {
                assert_eq!(rtcp.open(packet), Err(OpenError::Replayed));
            } else {
                let index = stream.estimate(u16::from_be_bytes([packet[2], packet[3]]));
                assert!(stream.check(index).is_err());
            }
        }
    });
}

// The strongest comparison: with the stock peer's key we seal its plaintext to its very bytes.
#[test]
fn a_stock_peers_packets_are_ours_to_the_byte() {
    under_all_keys(|mut session, keys| {
        let recording = recording(&mut session);
        let (rtp_opener, rtp_sealer) = (RtpOpener::new(&keys.remote), RtpSealer::new(&keys.remote));
        let (mut rtcp_opener, mut rtcp_sealer) =
            (RtcpOpener::new(&keys.remote), RtcpSealer::new(&keys.remote));
        let mut indices = INDICES;
        for sealed in &recording {
            let mut plain = sealed.clone();
            let mut again = vec![0; sealed.len()];
            if is_rtcp(sealed) {
                let compound = rtcp_opener.open(&mut plain).unwrap();
                assert_eq!(rtcp_sealer.seal(compound, &mut again), Ok(sealed.len()));
            } else {
                let (header_len, index) = (header_len(sealed), indices.next().unwrap());
                let proof = rtp_opener.open(&mut plain, header_len, index).unwrap();
                again[..header_len].copy_from_slice(&sealed[..header_len]);
                let payload = &plain[header_len..][..proof.payload_len()];
                assert_eq!(rtp_sealer.seal(index, &mut again, header_len, payload), Ok(sealed.len()));
            }
            assert!(again == *sealed, "{:?}", keys.profile());
        }
        assert_eq!(indices.next(), None, "all packets came");
    });
}

// A peer that was given the keys the wrong way round would open its own packets. Neither key opens the
// other's.
#[test]
fn the_two_directions_do_not_open_each_other() {
    under_all_keys(|mut session, keys| {
        let recording = recording(&mut session);
        let mut packet = recording.iter().find(|packet| !is_rtcp(packet)).unwrap().clone();
        let header_len = header_len(&packet);
        let refused = RtpOpener::new(&keys.local).open(&mut packet, header_len, INDICES.start);
        assert_eq!(refused.unwrap_err(), OpenError::NotAuthentic);
        let mut packet = recording.iter().find(|packet| is_rtcp(packet)).unwrap().clone();
        assert_eq!(RtcpOpener::new(&keys.local).open(&mut packet), Err(OpenError::NotAuthentic));
    });
}
