//! The sessions of a shard, by slot. A key finds a session only if its generation is the one in the slot.

use crate::session::Session;
use crate::spec::SessionKey;

/// See the file's head. Slots are given out by the link thread, which knows what each shard holds.
#[derive(Default)]
pub(crate) struct Sessions {
    slots: Vec<Option<Box<Session>>>,
    count: usize,
}

impl Sessions {
    /// False: the slot is taken.
    pub(crate) fn insert(&mut self, session: Box<Session>) -> bool {
        let slot = session.key.slot as usize;
        if self.slots.len() <= slot {
            self.slots.resize_with(slot + 1, || None);
        }
        match self.slots.get_mut(slot) {
            Some(free @ None) => {
                *free = Some(session);
                self.count += 1;
                true
            }
            _ => false,
        }
    }

    pub(crate) fn find(&mut self, key: SessionKey) -> Option<&mut Session> {
        let session = self.slots.get_mut(key.slot as usize)?.as_deref_mut()?;
        (session.key == key).then_some(session)
    }

    pub(crate) fn remove(&mut self, key: SessionKey) -> Option<Box<Session>> {
        let slot = self.slots.get_mut(key.slot as usize)?;
        let session = slot.take_if(|session| session.key == key)?;
        self.count -= 1;
        Some(session)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Session> {
        self.slots.iter().filter_map(Option::as_deref)
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }
}
