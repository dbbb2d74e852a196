//! Lanes: bounded queues of values from one thread to one other, without locks.
//!
//! Pushing and waking are apart: a turn pushes all it has for another shard and wakes it once at the end.

use std::fmt;

use rtrb::{Consumer, Producer, PushError, RingBuffer};

use crate::wake::Waker;

/// What ends the sleep of a lane's receiver.
pub trait Wake {
    /// Ends the sleep, or keeps the next one from beginning. What was pushed before must be seen after.
    fn wake(&self);
}

impl Wake for Waker {
    fn wake(&self) {
        Self::wake(self);
    }
}

/// A lane of `depth` values. The sender wakes `to`: the port of the receiving thread, or what else that thread sleeps on.
pub fn lane<T, W: Wake>(depth: usize, to: W) -> (LaneSender<T, W>, LaneReceiver<T>) {
    let (producer, consumer) = RingBuffer::new(depth);
    (LaneSender { producer, waker: to, free_at_least: depth }, LaneReceiver { consumer })
}

/// The lane is full; the value comes back.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the lane is full")]
pub struct LaneFull<T>(pub T);

/// The end of a lane that values go in at.
pub struct LaneSender<T, W = Waker> {
    producer: Producer<T>,
    waker: W,
    /// What the receiver has popped since it was looked at comes on top.
    free_at_least: usize,
}

/// The end of a lane that values come out of.
pub struct LaneReceiver<T> {
    consumer: Consumer<T>,
}

impl<T, W: Wake> LaneSender<T, W> {
    /// Appends a value, without waking anybody.
    ///
    /// # Errors
    /// [`LaneFull`] with the value, if the receiver is `depth` values behind.
    pub fn push(&mut self, value: T) -> Result<(), LaneFull<T>> {
        self.producer.push(value).map_err(|PushError::Full(value)| LaneFull(value))?;
        self.free_at_least = self.free_at_least.saturating_sub(1);
        Ok(())
    }

    /// Wakes the receiver's thread if it sleeps. Once a turn, after the pushes.
    pub fn wake(&self) {
        self.waker.wake();
    }

    /// Whether more than `values` still fit. The receiver's end, a cache line of another core, is looked at only when what was
    /// seen there before is used up.
    pub fn has_more_than(&mut self, values: usize) -> bool {
        if self.free_at_least <= values {
            self.free_at_least = self.free();
        }
        self.free_at_least > values
    }

    /// How many values it holds.
    pub fn depth(&self) -> usize {
        self.producer.buffer().capacity()
    }

    /// How many values still fit.
    pub fn free(&self) -> usize {
        self.producer.slots()
    }

    /// Whether the receiver is gone, so that nobody will take what is pushed.
    pub fn is_abandoned(&self) -> bool {
        self.producer.is_abandoned()
    }
}

impl<T> LaneReceiver<T> {
    /// The oldest value, if there is one.
    pub fn pop(&mut self) -> Option<T> {
        self.consumer.pop().ok()
    }

    /// How many values wait. More may come at any moment.
    pub fn len(&self) -> usize {
        self.consumer.slots()
    }

    /// Whether no value waits.
    pub fn is_empty(&self) -> bool {
        self.consumer.is_empty()
    }

    /// Whether the sender is gone: once it is empty it stays so.
    pub fn is_abandoned(&self) -> bool {
        self.consumer.is_abandoned()
    }
}

impl<T> fmt::Debug for LaneFull<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LaneFull")
    }
}

impl<T, W: Wake> fmt::Debug for LaneSender<T, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LaneSender").field("free", &self.free()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for LaneReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LaneReceiver").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{LaneFull, lane};
    use crate::wake::Alarm;

    /// A lane is bounded: a slow shard must cost its own viewers, not the memory of all.
    #[test]
    fn a_full_lane_hands_the_value_back() {
        let (mut sender, mut receiver) = lane(2, Alarm::new().unwrap().waker());
        assert_eq!(sender.push(1), Ok(()));
        assert_eq!(sender.push(2), Ok(()));
        assert_eq!(sender.push(3), Err(LaneFull(3)));
        assert_eq!((receiver.len(), sender.free()), (2, 0));
        assert_eq!([receiver.pop(), receiver.pop(), receiver.pop()], [Some(1), Some(2), None]);
    }

    /// Who asks before each push must not be told of room that is gone, nor miss room that has come.
    #[test]
    fn room_is_told_truly_at_any_time() {
        let (mut sender, mut receiver) = lane(4, Alarm::new().unwrap().waker());
        for pushed in 0..4 {
            for wanted in 0..4 {
                assert_eq!(sender.has_more_than(wanted), 4 - pushed > wanted);
            }
            sender.push(pushed).unwrap();
        }
        assert!(!sender.has_more_than(0));
        receiver.pop();
        assert!(sender.has_more_than(0) && !sender.has_more_than(1));
        assert_eq!(sender.depth(), 4);
    }

    /// Pushing must stay as cheap as a store; only an explicit wake may cost.
    #[test]
    fn a_push_wakes_nobody() {
        let alarm = Alarm::new().unwrap();
        let (mut sender, _receiver) = lane(2, alarm.waker());
        sender.push(()).unwrap();
        assert!(!alarm.is_notified());
        sender.wake();
        assert!(alarm.is_notified());
    }
}
