//! Which slots of a shard are in use. The link gives them out, since a session's route must stand in its ICE username before
//! the shard knows it; the shard tells when one is free again.

use fanlight_shard::{SessionKey, UFRAG_FIELD_MAX};

/// The slots of one shard.
#[derive(Debug, Default)]
pub(super) struct Slots {
    /// Given back, each with the generation it is to have next; the longest unused first.
    free: std::collections::VecDeque<SessionKey>,
    next: u32,
    in_use: u32,
}

impl Slots {
    pub(super) fn in_use(&self) -> u32 {
        self.in_use
    }

    /// A slot that is free. None: all that a username can name are in use.
    pub(super) fn take(&mut self) -> Option<SessionKey> {
        let key = match self.free.pop_front() {
            Some(key) => key,
            None if self.next <= UFRAG_FIELD_MAX => {
                self.next += 1;
                SessionKey { slot: self.next - 1, generation: 0 }
            }
            None => return None,
        };
        self.in_use += 1;
        Some(key)
    }

    /// The session of this key is gone; the slot comes back under the next generation.
    pub(super) fn give_back(&mut self, key: SessionKey) {
        let generation = if key.generation == UFRAG_FIELD_MAX { 0 } else { key.generation + 1 };
        self.in_use = self.in_use.saturating_sub(1);
        self.free.push_back(SessionKey { slot: key.slot, generation });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A late packet of a former session must not find the slot's new one.
    #[test]
    fn a_slot_comes_back_under_another_generation() {
        let mut slots = Slots::default();
        let (first, second) = (slots.take().unwrap(), slots.take().unwrap());
        assert_ne!(first.slot, second.slot);
        slots.give_back(first);
        let again = slots.take().unwrap();
        assert_eq!(again.slot, first.slot);
        assert_ne!(again.generation, first.generation);
        assert_eq!(slots.in_use(), 2);
    }
}
