//! A publisher that sends its picture in layers, VP8 as libwebrtc writes it, and answers each request for a key frame with its
//! next frame of that layer. The layers are bound by their rids alone.

use std::time::Duration;

use fanlight_shard::{LayerSpec, LayerWish, Layers, PublishSpec, PublishedTrack, Rid, TrackId};
use fanlight_wire::{ExtensionKind, NtpTime, Ssrc};

use super::packet::{Packet, noise};
use super::publisher::{Publisher, Source, VIDEO_CLOCK_HZ, VIDEO_PAYLOAD_TYPE, id, mid};
use super::rtcp::Told;
use super::trace::Order;
use super::viewer::Viewer;
use super::world::World;

/// Ids of the header extensions that a publisher of layers has besides.
pub(crate) const RID: u8 = 5;
pub(crate) const REPAIRED_RID: u8 = 6;

/// A frame lasts so long.
pub(crate) const FRAME: Duration = Duration::from_micros(33_333);

/// Bytes of the VP8 descriptor in each packet.
const DESCRIPTOR_BYTES: usize = 6;

/// One encoding.
pub(crate) struct Layer {
    pub(crate) rid: &'static str,
    pub(crate) source: Source,
    /// Packets a frame, and their bytes; a key frame has four times as many.
    pub(crate) packets: usize,
    pub(crate) bytes: usize,
    /// It sends.
    pub(crate) is_on: bool,
    is_key_frame_due: bool,
    size: (u16, u16),
    /// Of its last frame, as it counts them.
    pub(crate) picture_id: u16,
    tl0_picture_index: u8,
    key_index: u8,
    /// Key frames that were asked of it, and that it sent.
    pub(crate) asked: usize,
    pub(crate) key_frames: usize,
}

/// See the file's head.
pub(crate) struct Simulcast {
    pub(crate) publisher: Publisher,
    pub(crate) layers: Vec<Layer>,
}

/// The places of the layers, and the number of the byte by which each packet shows its own: the last of its payload.
pub(crate) const Q: usize = 0;
pub(crate) const H: usize = 1;
pub(crate) const F: usize = 2;

impl Simulcast {
    /// q, h and f of some 150, 500 and 2,500 kbit/s, and sound.
    pub(crate) fn join(world: &mut World, shard: u16) -> Self {
        let publisher = Publisher::join_with(world, shard, layered);
        let base = u64::from(publisher.seat.number) * 16;
        let layer = |place: u16, rid, packets, bytes, size| Layer {
            rid,
            source: Source {
                ssrc: Ssrc(publisher.seat.number << 8 | 0x10 | u32::from(place)),
                index: 3_000 + base + 77 * u64::from(place),
                // Each encoder has a clock of its own.
                timestamp: 0xffff_0000_u32.wrapping_add(u32::from(place) * 1_234_567),
            },
            packets,
            bytes,
            is_on: true,
            is_key_frame_due: true,
            size,
            picture_id: 0x7ff0 + 1_000 * place,
            tl0_picture_index: 250,
            key_index: 30,
            asked: 0,
            key_frames: 0,
        };
        let layers = vec![
            layer(0, "q", 1, 560, (320, 180)),
            layer(1, "h", 2, 980, (640, 360)),
            layer(2, "f", 9, 1_100, (1280, 720)),
        ];
        Self { publisher, layers }
    }

    /// As viewers are told of them.
    pub(crate) fn specs(&self) -> Layers {
        let layered = self.publisher.spec.tracks.iter().filter(|track| track.rid.is_some());
        layered.map(|track| LayerSpec { track: track.track, rid: track.rid }).collect()
    }

    /// A viewer of all layers, which begins with the first.
    pub(crate) fn watch(&self, world: &mut World, shard: u16) -> Viewer {
        self.watch_with(world, shard, |_| {})
    }

    pub(crate) fn watch_with(
        &self,
        world: &mut World,
        shard: u16,
        change: impl FnOnce(&mut fanlight_shard::WatchSpec),
    ) -> Viewer {
        Viewer::join_with(world, shard, &self.publisher, |spec| {
            spec.subscriptions[0].layers = self.specs();
            change(spec);
        })
    }

    /// One frame of each layer that is on, sound, and the time that a frame lasts.
    pub(crate) fn pass_frame(&mut self, world: &mut World) {
        self.send_frame(world);
        world.pass(FRAME);
        self.listen(world);
    }

    pub(crate) fn pass_frames(&mut self, world: &mut World, frames: usize) {
        (0..frames).for_each(|_| self.pass_frame(world));
    }

    /// One frame of each layer that is on, and sound.
    pub(crate) fn send_frame(&mut self, world: &mut World) {
        for place in 0..self.layers.len() {
            let frame = self.frame(place);
            self.publisher.deliver(world, &frame);
        }
        self.publisher.deliver_sound(world);
    }

    /// Takes what was asked, and answers it with the next frame.
    pub(crate) fn listen(&mut self, world: &mut World) -> Vec<Told> {
        let told = self.publisher.receive(world);
        for told in &told {
            let Told::Pli { media } = told else { continue };
            let layer = self.layers.iter_mut().find(|layer| layer.source.ssrc == *media).unwrap();
            layer.is_key_frame_due = true;
            layer.asked += 1;
        }
        told
    }

    /// The next frame of a layer; nothing if it is off, but for the time.
    pub(crate) fn frame(&mut self, place: usize) -> Vec<Packet> {
        let layer = &mut self.layers[place];
        layer.source.timestamp = layer.source.timestamp.wrapping_add(VIDEO_CLOCK_HZ / 30);
        if !layer.is_on {
            layer.is_key_frame_due = true;
            return Vec::new();
        }
        let is_key = std::mem::take(&mut layer.is_key_frame_due);
        layer.picture_id = (layer.picture_id + 1) & 0x7fff;
        layer.tl0_picture_index = layer.tl0_picture_index.wrapping_add(1);
        layer.key_index = (layer.key_index + u8::from(is_key)) & 0x1f;
        layer.key_frames += usize::from(is_key);
        let packets = if is_key { 4 * layer.packets } else { layer.packets };
        (0..packets).map(|packet| self.packet(place, is_key, packet, packets)).collect()
    }

    fn packet(&mut self, place: usize, is_key: bool, packet: usize, packets: usize) -> Packet {
        let sequence = self.publisher.next_transport_sequence();
        let layer = &mut self.layers[place];
        let index = layer.source.index;
        layer.source.index += 1;
        let [high, low] = (0x8000 | layer.picture_id).to_be_bytes();
        let start = if packet == 0 { 0x90 } else { 0x80 };
        let mut payload = vec![start, 0xf0, high, low, layer.tl0_picture_index, 0x20 | layer.key_index];
        if packet == 0 {
            let ([w0, w1], [h0, h1]) = (layer.size.0.to_le_bytes(), layer.size.1.to_le_bytes());
            payload.extend([u8::from(!is_key), 0, 0, 0x9d, 0x01, 0x2a, w0, w1, h0, h1]);
        }
        payload.extend(noise(index, layer.bytes - payload.len() - 1));
        payload.push(u8::try_from(place).unwrap());
        Packet {
            ssrc: layer.source.ssrc,
            payload_type: VIDEO_PAYLOAD_TYPE,
            index,
            timestamp: layer.source.timestamp,
            marker: packet + 1 == packets,
            elements: vec![
                (id::MID, b"v".to_vec()),
                (RID, layer.rid.as_bytes().to_vec()),
                (id::TRANSPORT_SEQUENCE, sequence),
            ],
            payload,
        }
    }

    /// Sends sender reports of all layers, true to the moment.
    pub(crate) fn tell_time(&mut self, world: &mut World) {
        let ntp = NtpTime::from_parts(3_900_000_000, 0).wrapping_add(world.now - world.started);
        for place in 0..self.layers.len() {
            let Source { ssrc, timestamp, .. } = self.layers[place].source;
            self.publisher.tell_time(world, ssrc, ntp, timestamp);
        }
    }
}

/// A viewer says which layer it wants.
pub(crate) fn prefer(world: &mut World, viewer: &Viewer, rid: Option<&str>) {
    let layer = rid.map(|rid| Rid::new(rid.as_bytes()).unwrap());
    let wish = LayerWish { layer, ..LayerWish::default() };
    world.order(viewer.seat.shard, Order::Prefer { key: viewer.seat.key, wish });
    world.settle();
}

/// The layer that a packet of video is of.
pub(crate) fn layer_of(payload: &[u8]) -> usize {
    assert!(payload.len() > DESCRIPTOR_BYTES);
    usize::from(*payload.last().unwrap())
}

/// Video and sound become q and sound, h and f.
fn layered(spec: &mut PublishSpec) {
    assert!(spec.extensions.insert(RID, ExtensionKind::Rid));
    assert!(spec.extensions.insert(REPAIRED_RID, ExtensionKind::RepairedRid));
    let video = spec.tracks[0].clone();
    let layer = |place: u64, rid: &str| PublishedTrack {
        track: TrackId(video.track.0 + 1_000_000 * place),
        mid: mid("v"),
        rid: Rid::new(rid.as_bytes()),
        ssrc: None,
        rtx_ssrc: None,
        ..video.clone()
    };
    spec.tracks[0] = layer(0, "q");
    spec.tracks.push(layer(1, "h"));
    spec.tracks.push(layer(2, "f"));
}
