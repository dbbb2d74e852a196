//! A54: one shard stands still, or cannot keep up, while media flows to it and to others.

use fanlight_wire::Ssrc;

use crate::common::rtcp::key_frame_requests;
use crate::common::world::WorldConfig;
use crate::common::{Heard, Packet, Publisher, Viewer, World};

/// A publisher and a viewer on shard 0, another viewer on shard 1.
struct Hall {
    world: World,
    publisher: Publisher,
    near: Viewer,
    far: Viewer,
    video: Vec<Packet>,
    audio: Vec<Packet>,
}

impl Hall {
    fn with_lanes_of(lane_depth: usize) -> Self {
        let mut world = World::new(WorldConfig { shards: 2, lane_depth, ..WorldConfig::default() });
        let publisher = Publisher::join(&mut world, 0);
        let near = Viewer::join(&mut world, 0, &publisher);
        let far = Viewer::join(&mut world, 1, &publisher);
        Self { world, publisher, near, far, video: Vec::new(), audio: Vec::new() }
    }

    /// A 25th of a second: a frame of two packets, and two of sound.
    fn pass_frame(&mut self, key_frame: bool) {
        self.video.extend(self.publisher.deliver_frame(&mut self.world, key_frame, &[900, 900]));
        for _ in 0..2 {
            self.audio.push(self.publisher.deliver_sound(&mut self.world));
            self.world.pass_ms(20);
        }
    }
}

fn payloads(packets: &[Packet]) -> Vec<Vec<u8>> {
    packets.iter().map(|packet| packet.payload.clone()).collect()
}

fn of(heard: &[Heard], ssrc: Ssrc) -> Vec<Heard> {
    heard.iter().filter(|heard| heard.header.ssrc == ssrc).cloned().collect()
}

fn heard_payloads(heard: &[Heard]) -> Vec<Vec<u8>> {
    heard.iter().map(|heard| heard.payload.clone()).collect()
}

/// Shard 1 stands still for almost a second in mid-stream, then a key frame comes as it is asked for.
fn stand_still(lane_depth: usize) -> Hall {
    let mut hall = Hall::with_lanes_of(lane_depth);
    for frame in 0..5 {
        hall.pass_frame(frame == 0);
    }
    let before = hall.far.receive(&mut hall.world);
    assert_eq!(of(&before, hall.far.video_ssrc()).len(), hall.video.len());
    hall.publisher.receive(&mut hall.world);
    let (video_before, audio_before) = (hall.video.len(), hall.audio.len());

    hall.world.stalled = Some(1);
    for _ in 0..22 {
        hall.pass_frame(false);
    }
    assert!(hall.far.receive(&mut hall.world).is_empty());
    hall.world.stalled = None;
    hall.world.settle();
    hall.pass_frame(false);
    let heard = hall.far.receive(&mut hall.world);
    let (video, audio) = (hall.far.video_ssrc(), hall.far.audio_ssrc());
    assert_eq!(heard_payloads(&of(&heard, audio)), payloads(&hall.audio[audio_before..]), "all of the audio");
    assert!(of(&heard, video).is_empty(), "old video");
    let asked = key_frame_requests(&hall.publisher.receive(&mut hall.world));
    assert_eq!(asked, 1, "a key frame was asked for");

    let resumed = hall.video.len();
    hall.pass_frame(true);
    hall.pass_frame(false);
    let heard = of(&hall.far.receive(&mut hall.world), video);
    assert_eq!(heard_payloads(&heard), payloads(&hall.video[resumed..]));
    let indices: Vec<u64> = heard.iter().map(|heard| heard.index).collect();
    let last = of(&before, video).last().unwrap().index;
    assert_eq!(indices, (last + 1..=last + 4).collect::<Vec<_>>(), "no gap that the viewer would ask about");

    let near = hall.near.receive(&mut hall.world);
    assert_eq!(
        heard_payloads(&of(&near, hall.near.video_ssrc())),
        payloads(&hall.video),
        "the others lose nothing"
    );
    assert_eq!(heard_payloads(&of(&near, hall.near.audio_ssrc())), payloads(&hall.audio));
    let shed = hall.world.counters(0).lane_video_shed + hall.world.counters(1).lane_video_late;
    assert_eq!(shed, (resumed - video_before) as u64, "what was left out has been counted");
    assert_eq!(hall.world.counters(0).lane_full, 0);
    hall
}

/// What has waited on a lane for long is not worth showing any more, and to work through it would make the shard later still.
#[test]
fn a_shard_that_stood_still_leaves_out_old_video_and_no_audio() {
    let hall = stand_still(1024);
    assert_eq!(hall.world.counters(0).lane_video_shed, 0, "the lane had room for all");
}

/// The lane is short: what is left of it belongs to audio.
#[test]
fn a_lane_that_is_short_of_room_takes_audio_alone() {
    let hall = stand_still(100);
    assert!(hall.world.counters(0).lane_video_shed > 0);
}
