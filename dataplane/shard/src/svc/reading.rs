//! Which layer each packet of a publisher's track is of. Done once, at the track's home.
//!
//! A track counts as one in layers from the first packet on that says so; until then, and for packets that say nothing (their
//! structure was lost, say), there is no layer, and they go to everybody.

use fanlight_wire::codec::{Codec, Vp9Descriptor, Vp9Layers, Vp9Structure};
use fanlight_wire::{
    DependencyDescriptor, DependencyStructure, ExtendedSequence, LayerIds, TargetIndication,
};

use super::layer::{PacketLayer, Point};

/// See the file's head.
#[derive(Debug)]
pub(crate) enum LayerReader {
    Vp9 {
        is_layered: bool,
    },
    /// What the dependency descriptors are read by, and the packet that it came with.
    Av1(Option<(ExtendedSequence, Box<DependencyStructure>)>),
}

impl LayerReader {
    /// None: streams of this codec have no layers that we tell apart.
    pub(crate) fn new(codec: Codec) -> Option<Self> {
        match codec {
            Codec::Vp9 => Some(Self::Vp9 { is_layered: false }),
            Codec::Av1 => Some(Self::Av1(None)),
            Codec::Opus | Codec::Vp8 | Codec::H264 | Codec::H265 => None,
        }
    }

    /// `descriptor`: the data of the dependency descriptor extension.
    pub(crate) fn read(
        &mut self,
        sequence: ExtendedSequence,
        descriptor: Option<&[u8]>,
        payload: &[u8],
    ) -> Option<PacketLayer> {
        match self {
            Self::Vp9 { is_layered } => read_vp9(is_layered, payload),
            Self::Av1(structure) => read_av1(structure, sequence, descriptor?),
        }
    }
}

fn read_vp9(is_layered: &mut bool, payload: &[u8]) -> Option<PacketLayer> {
    let descriptor = Vp9Descriptor::parse(payload).ok()?;
    let layers = descriptor.layers?;
    *is_layered |= layers.spatial > 0 || layers.temporal > 0 || tells_of_layers(&descriptor, payload);
    is_layered.then(|| PacketLayer {
        layer: Point::new(layers.spatial, layers.temporal),
        reach: vp9_reach(&descriptor, layers),
        begins_picture: descriptor.is_picture_start(),
        ends_layer: descriptor.layer_frame_end,
    })
}

fn tells_of_layers(descriptor: &Vp9Descriptor, payload: &[u8]) -> bool {
    let structure = descriptor.has_structure.then(|| Vp9Structure::parse(payload).ok().flatten()).flatten();
    structure.is_some_and(|structure| structure.spatial_layers > 1)
}

/// A key picture reaches everything; one with U every temporal layer.
fn vp9_reach(descriptor: &Vp9Descriptor, layers: Vp9Layers) -> Point {
    match (descriptor.inter_picture_predicted, layers.switching_up) {
        (false, _) => Point::TOP,
        (true, true) => Point::new(0, Point::TOP.temporal()),
        (true, false) => Point::BASE,
    }
}

fn read_av1(
    known: &mut Option<(ExtendedSequence, Box<DependencyStructure>)>,
    sequence: ExtendedSequence,
    descriptor: &[u8],
) -> Option<PacketLayer> {
    let structure = known.as_ref().map(|(_, structure)| &**structure);
    let descriptor = DependencyDescriptor::parse(descriptor, structure).ok()?;
    let mut layer = None;
    if let Some(structure) = descriptor.structure.as_ref().or(structure) {
        layer = layer_of(&descriptor, structure);
    }
    // One that was lost and came again may be older than the one that is known.
    if let Some(structure) = descriptor.structure
        && known.as_ref().is_none_or(|(since, _)| sequence >= *since)
    {
        *known = Some((sequence, Box::new(structure)));
    }
    layer
}

fn layer_of(descriptor: &DependencyDescriptor, structure: &DependencyStructure) -> Option<PacketLayer> {
    (structure.highest_layers() != LayerIds::default()).then(|| {
        let LayerIds { spatial, temporal } = descriptor.layer;
        PacketLayer {
            layer: Point::new(spatial, temporal),
            reach: av1_reach(descriptor, structure),
            begins_picture: descriptor.frame_start && spatial == 0,
            ends_layer: descriptor.frame_end,
        }
    })
}

/// A frame that refers to no other begins everything. Any other is a switch to the decode targets that it says so of.
fn av1_reach(descriptor: &DependencyDescriptor, structure: &DependencyStructure) -> Point {
    if !descriptor.refers {
        return Point::TOP;
    }
    let switches = (0..structure.target_count())
        .filter(|target| descriptor.indications.of(*target) == TargetIndication::Switch)
        .filter_map(|target| structure.target_layers(target));
    switches.fold(Point::BASE, |reach, target| reach.max(Point::new(target.spatial, target.temporal)))
}

#[cfg(test)]
#[path = "reading_tests.rs"]
mod tests;
