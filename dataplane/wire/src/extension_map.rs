//! Which id means which extension in one session: the outcome of SDP's `a=extmap`. RFC 8285 §5, §6.

use crate::extension_kind::ExtensionKind;

/// The highest id of the one-byte form; 15 is reserved. RFC 8285 §4.2.
const ID_MAX: u8 = 14;

/// A one-to-one map between ids 1 to 14 and kinds. 29 bytes, copied freely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtensionMap {
    /// At `id`; the first place is never used.
    kinds: [Option<ExtensionKind>; ID_MAX as usize + 1],
    /// At the kind's index; 0 is none.
    ids: [u8; ExtensionKind::COUNT],
}

impl ExtensionMap {
    /// An empty map.
    #[must_use]
    pub const fn new() -> Self {
        Self { kinds: [None; ID_MAX as usize + 1], ids: [0; ExtensionKind::COUNT] }
    }

    /// Binds an id to a kind. False, and nothing changed, if the id is outside 1 to 14 or either is bound
    /// already.
    pub fn insert(&mut self, id: u8, kind: ExtensionKind) -> bool {
        let (Some(by_id), Some(by_kind)) =
            (self.kinds.get_mut(usize::from(id)), self.ids.get_mut(kind.index()))
        else {
            return false;
        };
        if id == 0 || by_id.is_some() || *by_kind != 0 {
            return false;
        }
        *by_id = Some(kind);
        *by_kind = id;
        true
    }

    /// The id that carries this kind, 1 to 14.
    #[must_use]
    pub fn id(&self, kind: ExtensionKind) -> Option<u8> {
        self.ids.get(kind.index()).copied().filter(|&id| id != 0)
    }

    /// The kind behind an id.
    #[must_use]
    pub fn kind(&self, id: u8) -> Option<ExtensionKind> {
        self.kinds.get(usize::from(id)).copied().flatten()
    }

    /// All bindings, by ascending id.
    pub fn iter(&self) -> impl Iterator<Item = (u8, ExtensionKind)> + Clone + '_ {
        (0..=ID_MAX).zip(&self.kinds).filter_map(|(id, kind)| Some((id, (*kind)?)))
    }
}

impl Default for ExtensionMap {
    fn default() -> Self {
        Self::new()
    }
}
