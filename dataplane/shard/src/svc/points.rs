//! What each operating point of a track leaves out, counted once for all viewers: so a viewer's numbers have no gaps where packets
//! of higher layers were left out, and its own state stays as small as without layers.
//!
//! ```text
//!   track       70  71  72  73  74  75  76        number in a point = track sequence − left out so far
//!   layer       S0  S1   ?  S0  S1  S0  S1
//!   left out     0   1   1   1   2   2   3   of S0
//!   number      70  70  71  72  72  73  73
//! ```
//!
//! A packet that has not come (72) may be of any layer: its number is kept free in every point. If it turns out to be of a higher
//! layer, or never comes, that number stays a hole, and a viewer that asks for it is told that there is nothing
//! ([`crate::feedback`]). The highest point leaves nothing out: there a number is the track's sequence.

use fanlight_wire::ExtendedSequence;

use super::layer::{POINTS, PacketLayer, Point};
use crate::limits::VIDEO_STORE_PACKETS;

/// One count for each point, the low half of it.
type Row = [u32; POINTS];

/// See the file's head. 128 kB, for tracks in layers only.
pub(crate) struct Points {
    /// Of each of the newest packets, at its sequence modulo their number: what had been left out with it.
    rows: Box<[Row]>,
    /// With the newest packet.
    left_out: [u64; POINTS],
    /// The first packet that was counted.
    first: ExtendedSequence,
    newest: ExtendedSequence,
}

impl Points {
    /// Begins to count with that packet, before which nothing counts as left out.
    pub(crate) fn begin(first: ExtendedSequence) -> Self {
        Self {
            rows: vec![[0; POINTS]; VIDEO_STORE_PACKETS].into_boxed_slice(),
            left_out: [0; POINTS],
            first,
            newest: ExtendedSequence(first.0.saturating_sub(1)),
        }
    }

    /// A packet was kept. `layer`: None if it is of no layer, so that every point has it.
    pub(crate) fn note(&mut self, sequence: ExtendedSequence, layer: Option<PacketLayer>) {
        if sequence <= self.newest {
            return; // late: its number is free
        }
        let holes = (self.newest.0 + 1).max(sequence.0.saturating_sub(self.capacity()))..sequence.0;
        let row = self.row();
        for hole in holes {
            self.put(hole, row);
        }
        if let Some(PacketLayer { layer, .. }) = layer {
            for (point, count) in Point::all().zip(&mut self.left_out) {
                *count += u64::from(!point.includes(layer));
            }
        }
        self.put(sequence.0, self.row());
        self.newest = sequence;
    }

    /// Packets that a point has left out up to that one and with it. None: it is not remembered, or has not come.
    pub(crate) fn left_out(&self, sequence: ExtendedSequence, point: Point) -> Option<u64> {
        if point == Point::TOP || sequence < self.first {
            return Some(0);
        }
        if sequence > self.newest || sequence.0 + self.capacity() <= self.newest.0 {
            return None;
        }
        let then = *self.rows.get(place(sequence.0))?.get(point.index())?;
        let now = *self.left_out.get(point.index())?;
        Some(now - u64::from(low(now).wrapping_sub(then)))
    }

    /// A packet's number in a point, or for one that the point leaves out that of the one before it.
    fn number(&self, sequence: ExtendedSequence, point: Point) -> Option<u64> {
        Some(sequence.0 - self.left_out(sequence, point)?)
    }

    /// The packet that has that number in a point, whether it has come or not. None: none has, or it is not remembered.
    pub(crate) fn sequence(&self, number: u64, point: Point) -> Option<ExtendedSequence> {
        if point == Point::TOP || number < self.first.0 || number == 0 {
            return Some(ExtendedSequence(number));
        }
        if number > self.newest.0 {
            return None;
        }
        // The first one that has it, between those that are too early and those that are late enough. Numbers never go down.
        let oldest = (self.newest.0 + 1).saturating_sub(self.capacity());
        let (mut early, mut enough) = (oldest.max(number) - 1, self.newest.0 + 1);
        while enough - early > 1 {
            let middle = early + (enough - early) / 2;
            if self.number(ExtendedSequence(middle), point)? < number {
                early = middle;
            } else {
                enough = middle;
            }
        }
        let is_remembered = enough > oldest || oldest <= self.first.0;
        let found = ExtendedSequence(enough);
        (is_remembered && self.number(found, point) == Some(number)).then_some(found)
    }

    /// Whether a viewer may begin with that packet at any point: what is before it has been counted, and not only from a packet on
    /// that overtook it.
    pub(crate) fn counts(&self, sequence: ExtendedSequence) -> bool {
        sequence >= self.first && self.left_out(sequence, Point::BASE).is_some()
    }

    fn row(&self) -> Row {
        self.left_out.map(low)
    }

    fn put(&mut self, sequence: u64, row: Row) {
        if let Some(place) = self.rows.get_mut(place(sequence)) {
            *place = row;
        }
    }

    fn capacity(&self) -> u64 {
        self.rows.len() as u64
    }
}

fn place(sequence: u64) -> usize {
    usize::try_from(sequence % VIDEO_STORE_PACKETS as u64).unwrap_or_default()
}

/// The low half.
fn low(count: u64) -> u32 {
    u32::try_from(count & 0xffff_ffff).unwrap_or_default()
}

#[cfg(test)]
#[path = "points_tests.rs"]
mod tests;
