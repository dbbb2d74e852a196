//! Writing transport-wide feedback. draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1.
//!
//! Each arrival is rounded to a tick of 250 µs on its own, so errors do not add up: an arrival that is read
//! back is within 125 µs of the truth.

use super::kind::TRANSPORT_FEEDBACK;
use super::transport_format::TWCC;
use super::twcc::{DELTA_UNIT_US, REFERENCE_UNIT_US, Status};
use super::write::RtcpWriter;
use crate::error::NoRoom;
use crate::sequence::Sequence;
use crate::types::Ssrc;
use crate::writer::Writer;

/// Ticks of a delta in a unit of the reference time.
const TICKS_A_REFERENCE: i64 = REFERENCE_UNIT_US / DELTA_UNIT_US;
/// The longest run that a chunk can tell.
const RUN_MAX: usize = 0x1fff;
/// Statuses in a vector chunk of one-bit symbols.
const ONE_BIT_STATUSES: usize = 14;
/// Statuses in a vector chunk of two-bit symbols.
const TWO_BIT_STATUSES: usize = 7;

impl RtcpWriter<'_> {
    /// Appends a feedback message: `arrivals_us[i]` is when packet `base` + i arrived, in µs on one monotonic
    /// clock not below zero, `None` if it did not.
    ///
    /// Returns how many packets it tells of: fewer than given if there are more than 65,535, or if an arrival
    /// is too far from the one before for a delta (beyond 8.19 s). The caller goes on from there with another
    /// message. With no packet to tell of nothing is written.
    ///
    /// The reader sees the clock modulo 2²⁴ × 64 ms (12 days), signed.
    ///
    /// # Errors
    /// [`NoRoom`] if the message does not fit; what was appended before stands.
    pub fn twcc(
        &mut self,
        sender: Ssrc,
        media: Ssrc,
        feedback_count: u8,
        base: Sequence,
        arrivals_us: &[Option<i64>],
    ) -> Result<usize, NoRoom> {
        let first_tick = arrivals_us.iter().flatten().next().map_or(0, |&us| tick(us));
        let reference = first_tick.div_euclid(TICKS_A_REFERENCE);
        let marks = Marks { arrivals_us: arrivals_us.iter(), tick: reference * TICKS_A_REFERENCE };
        let status_count = u16::try_from(marks.clone().count()).unwrap_or(u16::MAX);
        if status_count == 0 {
            return Ok(0);
        }
        let marks = marks.take(usize::from(status_count));
        let [.., r0, r1, r2] = reference.to_be_bytes();
        self.append(TRANSPORT_FEEDBACK, TWCC, |writer| {
            writer.u32(sender.0)?;
            writer.u32(media.0)?;
            writer.u16(base.0)?;
            writer.u16(status_count)?;
            writer.put(&[r0, r1, r2, feedback_count])?;
            write_chunks(writer, marks.clone())?;
            for mark in marks {
                match mark {
                    Mark::Lost => {}
                    Mark::Small(delta) => writer.u8(delta)?,
                    Mark::Large(delta) => writer.put(&delta.to_be_bytes())?,
                }
            }
            Some(())
        })?;
        Ok(usize::from(status_count))
    }
}

/// The nearest tick to a moment.
const fn tick(us: i64) -> i64 {
    us.saturating_add(DELTA_UNIT_US / 2).div_euclid(DELTA_UNIT_US)
}

/// A packet's status with its delta.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Lost,
    Small(u8),
    Large(i16),
}

impl Mark {
    const fn status(self) -> Status {
        match self {
            Self::Lost => Status::Lost,
            Self::Small(_) => Status::SmallDelta,
            Self::Large(_) => Status::LargeDelta,
        }
    }
}

/// Turns arrivals into marks; ends before the first one whose delta has no form.
#[derive(Clone, Debug)]
struct Marks<'a> {
    arrivals_us: core::slice::Iter<'a, Option<i64>>,
    /// Of the last packet that arrived.
    tick: i64,
}

impl Iterator for Marks<'_> {
    type Item = Mark;

    fn next(&mut self) -> Option<Mark> {
        let Some(us) = *self.arrivals_us.next()? else { return Some(Mark::Lost) };
        let arrived = tick(us);
        let delta = arrived - self.tick;
        let mark = match (u8::try_from(delta), i16::try_from(delta)) {
            (Ok(small), _) => Mark::Small(small),
            (_, Ok(large)) => Mark::Large(large),
            _ => {
                self.arrivals_us = [].iter();
                return None;
            }
        };
        self.tick = arrived;
        Some(mark)
    }
}

/// Packs statuses into chunks, greedily: a run where it tells at least as much as a vector would, else the
/// widest vector.
fn write_chunks(writer: &mut Writer<'_>, marks: impl Iterator<Item = Mark> + Clone) -> Option<()> {
    let mut statuses = marks.map(Mark::status);
    while let Some(status) = statuses.clone().next() {
        let run = statuses.clone().take(RUN_MAX).take_while(|&other| other == status).count();
        let ahead = statuses.clone().take(ONE_BIT_STATUSES);
        let one_bit_len = ahead.clone().take_while(|&other| other != Status::LargeDelta).count();
        let left = ahead.count();
        // How many statuses each form of chunk would tell, of those that are left.
        let (one_bit, two_bit) = (if one_bit_len == left { left } else { 0 }, left.min(TWO_BIT_STATUSES));
        let (chunk, told) = if run >= one_bit.max(two_bit) {
            (status.symbol() << 13 | u16::try_from(run).ok()?, run)
        } else if one_bit != 0 {
            (0x8000 | pack(statuses.clone(), ONE_BIT_STATUSES, 1), one_bit)
        } else {
            (0xc000 | pack(statuses.clone(), TWO_BIT_STATUSES, 2), two_bit)
        };
        writer.u16(chunk)?;
        statuses.by_ref().take(told).for_each(drop);
    }
    Some(())
}

/// The next `count` symbols of `width` bits, first on top; those past the end are zero.
fn pack(statuses: impl Iterator<Item = Status>, count: usize, width: u32) -> u16 {
    let padded = statuses.chain(core::iter::repeat(Status::Lost)).take(count);
    padded.fold(0, |bits, status| bits << width | status.symbol())
}
