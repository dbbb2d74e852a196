//! ICE restarts (RFC 8445 §9) with the real transport and a stock client: media follows the peer to its new address, and
//! stays where it is until then.

use std::net::SocketAddr;
use std::time::Duration;

use fanlight_shard::transport::IceRestart;
use fanlight_shard::{Command, EndReason, Event, Reject, Remote};
use fanlight_wire::{Kind, classify};
use str0m::ice::{IceAgent, IceAgentEvent, IceCreds, StunMessage, StunPacket};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Input};

use super::handshake::{SETTLED, certificate, ended, publishing, watching, write};
use crate::common::client::{Client, SERVER, live};
use crate::common::world::ufrag_key;
use crate::common::{Publisher, World};

const STEP: Duration = Duration::from_millis(5);

/// The client's second ICE session, from another address: a phone that changed its network.
struct Moved {
    agent: IceAgent,
    address: Remote,
    /// Nominated by the agent.
    path: Option<SocketAddr>,
}

impl Moved {
    /// Signals the restart to the shard.
    fn announce(world: &mut World, client: &Client, address: Remote) -> Self {
        let seat = client.seat;
        let ours = IceCreds { ufrag: "anew".to_owned(), pass: "another-password-of-the-peer".to_owned() };
        let ufrag = ufrag_key().encode_restart(seat.shard, seat.key, 1).unwrap();
        let theirs = IceCreds {
            ufrag: String::from_utf8(ufrag.to_vec()).unwrap(),
            pass: "another-password-of-the-shard".to_owned(),
        };
        let restart = IceRestart {
            local_ufrag: theirs.ufrag.clone(),
            local_password: theirs.pass.clone(),
            remote_ufrag: ours.ufrag.clone(),
            remote_password: ours.pass.clone(),
        };
        world.command(seat.shard, Command::RestartIce { key: seat.key, restart: Box::new(restart) });
        let provider = str0m::crypto::from_feature_flags();
        let mut agent = IceAgent::with_hmac(ours, provider.sha1_hmac_provider);
        agent.set_controlling(true);
        agent.add_local_candidate(Candidate::host(address.address, Protocol::Udp).unwrap());
        agent.add_remote_candidate(Candidate::host(SERVER.into(), Protocol::Udp).unwrap());
        agent.set_remote_credentials(theirs);
        Self { agent, address, path: None }
    }

    /// Takes what came to the new address (all but STUN is the client's own) and says what the agent wants to say.
    fn step(&mut self, world: &mut World, client: &mut Client) {
        for datagram in world.mail(self.address) {
            let (source, destination) = (SocketAddr::from(SERVER), self.address.address);
            if classify(&datagram) == Kind::Stun {
                let message = StunMessage::parse(&datagram).unwrap();
                let packet = StunPacket { proto: Protocol::Udp, source, destination, message };
                self.agent.handle_packet(world.now, packet);
            } else {
                let contents = datagram.as_slice().try_into().unwrap();
                let receive = Receive { proto: Protocol::Udp, source, destination, contents };
                client.rtc.handle_input(Input::Receive(world.now, receive)).unwrap();
            }
        }
        self.agent.handle_timeout(world.now);
        while let Some(event) = self.agent.poll_event() {
            if let IceAgentEvent::NominatedSend { destination, .. } = event {
                self.path = Some(destination);
            }
        }
        while let Some(transmit) = self.agent.poll_transmit() {
            world.hand(client.seat.shard, self.address, transmit.contents.into());
        }
    }
}

fn moved_live(world: &mut World, clients: &mut [&mut Client], moved: &mut Moved, duration: Duration) {
    let end = world.now + duration;
    while world.now < end {
        // The last one is the one that moved.
        let (last, others) = clients.split_last_mut().unwrap();
        moved.step(world, last);
        others.iter_mut().for_each(|client| client.step(world));
        last.collect(world);
        world.pass(STEP);
    }
}

/// A publisher and a viewer, connected.
fn on_air(world: &mut World) -> (Client, Publisher, Client) {
    let certificate = certificate();
    let (mut sender, publisher) = publishing(world, &certificate);
    let mut receiver = watching(world, &publisher, &certificate);
    live(world, &mut [&mut sender, &mut receiver], SETTLED);
    (sender, publisher, receiver)
}

fn new_address() -> Remote {
    Remote::udp(SocketAddr::from(([192, 0, 200, 7], 4007)))
}

/// The whole use of a restart: not one packet is lost between the old path and the new one, the keys stay, and the session
/// lives on when the old path is long dead.
#[test]
fn media_follows_a_viewer_to_its_new_address_without_a_gap() {
    let mut world = World::small();
    let (mut sender, mut publisher, mut receiver) = on_air(&mut world);
    let frame = Duration::from_millis(30);
    write(&mut sender, &mut publisher, &world, true);
    live(&mut world, &mut [&mut sender, &mut receiver], frame);

    let mut moved = Moved::announce(&mut world, &receiver, new_address());
    for _ in 0..5 {
        write(&mut sender, &mut publisher, &world, false);
        live(&mut world, &mut [&mut sender, &mut receiver], frame);
    }
    assert_eq!(receiver.media().len(), 6, "the old path carries on while the new one is looked for");
    assert_eq!(world.mail(moved.address), Vec::<Vec<u8>>::new());

    for _ in 0..10 {
        write(&mut sender, &mut publisher, &world, false);
        live(&mut world, &mut [&mut sender, &mut receiver], Duration::from_millis(15));
        moved.step(&mut world, &mut receiver);
        live(&mut world, &mut [&mut sender, &mut receiver], Duration::from_millis(15));
        moved.step(&mut world, &mut receiver);
    }
    live(&mut world, &mut [&mut sender, &mut receiver], frame);
    assert_eq!(moved.path, Some(SERVER.into()));
    let numbers: Vec<u64> = receiver.media().iter().map(|(sequence, _)| *sequence).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1) && numbers.len() == 10, "{numbers:?}");

    // From here on the old address is silent.
    moved_live(&mut world, &mut [&mut sender, &mut receiver], &mut moved, Duration::from_secs(40));
    write(&mut sender, &mut publisher, &world, false);
    moved_live(&mut world, &mut [&mut sender, &mut receiver], &mut moved, frame);
    assert_eq!(receiver.media().len(), 1);
    assert_eq!(world.mail(receiver.seat.address), Vec::<Vec<u8>>::new());
    assert_eq!(ended(&world.events()), []);
}

/// A restart that comes to nothing must not take the session with it: what worked goes on.
#[test]
fn a_restart_without_a_path_leaves_the_session_as_it_was() {
    let mut world = World::small();
    let (mut sender, mut publisher, mut receiver) = on_air(&mut world);
    let _never_speaks = Moved::announce(&mut world, &receiver, new_address());
    live(&mut world, &mut [&mut sender, &mut receiver], Duration::from_secs(40));
    write(&mut sender, &mut publisher, &world, true);
    live(&mut world, &mut [&mut sender, &mut receiver], SETTLED);
    assert_eq!(receiver.media().len(), 1);
    assert_eq!(ended(&world.events()), []);
}

/// The usual case: the old network is gone when the restart is asked for. Its loss of consent must not end a session that is
/// on its way to a new path; and if that is not found either, it must.
#[test]
fn a_lost_path_ends_the_session_only_when_no_restart_is_under_way() {
    let lives_on = |finds_path: bool| {
        let mut world = World::small();
        let (mut sender, mut publisher, mut receiver) = on_air(&mut world);
        live(&mut world, &mut [&mut sender], Duration::from_secs(6));
        let mut moved = Moved::announce(&mut world, &receiver, new_address());
        // The old path is given up some 12 s after its last answer.
        live(&mut world, &mut [&mut sender], Duration::from_secs(9));
        assert_eq!(ended(&world.events()), []);
        if finds_path {
            let mut clients = [&mut sender, &mut receiver];
            moved_live(&mut world, &mut clients, &mut moved, SETTLED);
        } else {
            live(&mut world, &mut [&mut sender], Duration::from_secs(10));
        }
        write(&mut sender, &mut publisher, &world, true);
        moved_live(&mut world, &mut [&mut sender, &mut receiver], &mut moved, SETTLED);
        (ended(&world.events()), receiver.media().len())
    };
    assert_eq!(lives_on(true), (vec![], 1));
    assert_eq!(lives_on(false), (vec![EndReason::ConsentLost], 0));
}

/// A publisher that moves: its packets are taken from the new address, and from strangers not one.
#[test]
fn a_publisher_is_heard_at_its_new_address() {
    let mut world = World::small();
    let (mut sender, mut publisher, mut receiver) = on_air(&mut world);
    let mut moved = Moved::announce(&mut world, &sender, new_address());
    moved_live(&mut world, &mut [&mut receiver, &mut sender], &mut moved, SETTLED);
    assert_eq!(moved.path, Some(SERVER.into()));
    write(&mut sender, &mut publisher, &world, true);
    sender.collect(&world);
    let before = world.rejected(Reject::UnknownAddress);
    for (from, rejects) in [(World::stranger(), 1), (moved.address, 1)] {
        for datagram in sender.sent.iter().filter(|datagram| classify(datagram) == Kind::Rtp) {
            world.hand(sender.seat.shard, from, datagram.clone());
        }
        world.settle();
        assert_eq!(world.rejected(Reject::UnknownAddress), before + rejects);
    }
    live(&mut world, &mut [&mut receiver], SETTLED);
    assert_eq!(receiver.media().len(), 1);
    assert!(!world.events().iter().any(|event| matches!(event, Event::Ended { .. })));
}
