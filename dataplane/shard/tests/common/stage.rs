//! The usual scene: a publisher and a viewer on one shard, media flowing.

use super::{Heard, Packet, Publisher, Viewer, World};

/// See the file's head.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) publisher: Publisher,
    pub(crate) viewer: Viewer,
    /// The last packet of video that the viewer got, as it was sent and as it came.
    pub(crate) last: (Packet, Heard),
}

impl Stage {
    /// A key frame and a packet of sound have passed.
    pub(crate) fn set() -> Self {
        let mut world = World::small();
        let mut publisher = Publisher::join(&mut world, 0);
        let mut viewer = Viewer::join(&mut world, 0, &publisher);
        let sent = publisher.deliver_frame(&mut world, true, &[900, 900]).pop().unwrap();
        publisher.deliver_sound(&mut world);
        let heard = viewer.receive(&mut world);
        assert_eq!(heard.len(), 3);
        let last = (sent, heard[1].clone());
        publisher.receive(&mut world);
        Self { world, publisher, viewer, last }
    }

    /// Sends a frame of one packet; returns it as sent and as the viewer got it. Nothing else came to the viewer.
    pub(crate) fn pass_packet(&mut self) -> (Packet, Heard) {
        let sent = self.publisher.deliver_frame(&mut self.world, false, &[700]).remove(0);
        let heard = self.viewer.receive(&mut self.world);
        assert_eq!(heard.len(), 1, "this packet and no other");
        (sent, heard.into_iter().next().unwrap())
    }

    /// Whatever happened since the last packet left the stream as it was: the next packet goes through, its numbers follow,
    /// and its payload is the publisher's.
    pub(crate) fn assert_unharmed(&mut self) {
        let (sent, heard) = self.pass_packet();
        let (last_sent, last_heard) = &self.last;
        assert_eq!(heard.payload, sent.payload);
        assert_eq!(heard.index - last_heard.index, sent.index - last_sent.index);
        assert_eq!(
            heard.header.timestamp.distance_from(last_heard.header.timestamp).cast_unsigned(),
            sent.timestamp.wrapping_sub(last_sent.timestamp),
        );
        self.last = (sent, heard);
    }
}
