//! Which packets of a stream in layers one viewer gets, and what they are numbered as, over all its changes of operating point.
//!
//! ```text
//!   at S1T1      … 60 61 62 63 │ 64 65 66 …      numbers go on by one, whatever is left out
//!   then at S0T1               │ picture begins
//! ```
//!
//! Numbers are those of [`super::Points`], shifted so that a change leaves neither a gap nor a number that was had before: for the
//! viewer's numbering ([`crate::numbering`]) they are what a track's sequences are without layers. Each packet of the point, and each
//! that is missing, has one of its own, so that no nonce is used twice; what comes late from before the last change has its
//! number still, what is from before the one before that is left out.

use fanlight_wire::ExtendedSequence;

use super::layer::{PacketLayer, Point};
use super::points::Points;

/// Packets from one on, at one operating point.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    first: ExtendedSequence,
    point: Point,
    /// Number = number in the point + this, wrapping.
    shift: u64,
}

impl Stretch {
    fn number(&self, sequence: ExtendedSequence, points: Option<&Points>) -> Option<u64> {
        let left_out = match points {
            Some(points) => points.left_out(sequence, self.point)?,
            None => 0,
        };
        Some((sequence.0 - left_out).wrapping_add(self.shift))
    }

    fn sequence(&self, number: u64, points: Option<&Points>) -> Option<ExtendedSequence> {
        let number = number.wrapping_sub(self.shift);
        let sequence = match points {
            Some(points) => points.sequence(number, self.point)?,
            None => ExtendedSequence(number),
        };
        (sequence >= self.first).then_some(sequence)
    }
}

/// See the file's head. Viewers that have always had everything have none.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    pub(crate) wanted: Point,
    here: Stretch,
    before: Option<Stretch>,
}

impl Gate {
    /// Of a viewer that gets everything, until it can go to the point that is wanted.
    pub(crate) fn open(wanted: Point) -> Self {
        let here = Stretch { first: ExtendedSequence(0), point: Point::TOP, shift: 0 };
        Self { wanted, here, before: None }
    }

    /// The operating point that it is at.
    pub(crate) fn point(&self) -> Point {
        self.here.point
    }

    /// A run begins with a packet that a decoder can begin with: at the point that is wanted, if the packets of that are
    /// counted. Returns its number.
    pub(crate) fn begin(&mut self, first: ExtendedSequence, points: Option<&Points>) -> ExtendedSequence {
        let counts = points.is_some_and(|points| points.counts(first));
        let point = if counts { self.wanted } else { Point::TOP };
        self.here = Stretch { first, point, shift: 0 };
        self.before = None;
        ExtendedSequence(self.here.number(first, points).unwrap_or(first.0))
    }

    /// A packet is to leave behind which none has left: the viewer changes its point with it, if it allows that.
    pub(crate) fn steer(&mut self, sequence: ExtendedSequence, layer: PacketLayer, points: &Points) {
        let next = layer.leads(self.here.point, self.wanted);
        if next == self.here.point || !points.counts(sequence) {
            return;
        }
        // Up to the packet before, both points have left out something else.
        let Some(last) = sequence.0.checked_sub(1).map(ExtendedSequence) else { return };
        let left_out = points.left_out(last, self.here.point).zip(points.left_out(last, next));
        let Some((old, new)) = left_out else { return };
        let shift = self.here.shift.wrapping_sub(old).wrapping_add(new);
        self.before = Some(self.here);
        self.here = Stretch { first: sequence, point: next, shift };
    }

    /// Whether a packet belongs to the point that it came at.
    pub(crate) fn admits(&self, sequence: ExtendedSequence, layer: Option<PacketLayer>) -> bool {
        let point = self.point_at(sequence);
        layer.is_none_or(|layer| point.is_some_and(|point| point.includes(layer.layer)))
    }

    /// Whether a picture ends with that packet for this viewer, though more of it follows for others.
    pub(crate) fn ends_picture(&self, sequence: ExtendedSequence, layer: PacketLayer) -> bool {
        self.point_at(sequence).is_some_and(|point| layer.ends_picture_at(point))
    }

    /// A packet's number. None: it is from too long ago.
    pub(crate) fn number(
        &self,
        sequence: ExtendedSequence,
        points: Option<&Points>,
    ) -> Option<ExtendedSequence> {
        self.stretch(sequence)?.number(sequence, points).map(ExtendedSequence)
    }

    /// The packet that has that number, whether it has come or not.
    pub(crate) fn sequence(
        &self,
        number: ExtendedSequence,
        points: Option<&Points>,
    ) -> Option<ExtendedSequence> {
        let before = || {
            let before = self.before.as_ref()?.sequence(number.0, points)?;
            (before < self.here.first).then_some(before)
        };
        self.here.sequence(number.0, points).or_else(before)
    }

    fn point_at(&self, sequence: ExtendedSequence) -> Option<Point> {
        self.stretch(sequence).map(|stretch| stretch.point)
    }

    fn stretch(&self, sequence: ExtendedSequence) -> Option<&Stretch> {
        let stretches = [Some(&self.here), self.before.as_ref()];
        stretches.into_iter().flatten().find(|stretch| sequence >= stretch.first)
    }
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
