//! Wishes for key frames on their way to the publisher: from the viewers of a shard to the desk of the track, from a mirror's
//! desk to its home.

use std::time::Instant;

use crate::lane::LaneMessage;
use crate::shard::Shard;
use crate::spec::TrackId;
use crate::track::Origin;
use crate::turn::Outputs;

impl Shard {
    /// Passes the wishes for mirrored tracks on to their homes, each as often as a desk asks; returns when to look again.
    pub(crate) fn pass_wishes_on(&mut self, outputs: &mut Outputs<'_>) -> Option<Instant> {
        let mut again = None;
        let mut wishes = std::mem::take(&mut self.mirror_wishes);
        wishes.retain(|id| {
            let deadline = self.pass_wish_on(*id, outputs);
            again = [again, deadline].into_iter().flatten().min();
            deadline.is_some()
        });
        self.mirror_wishes = wishes;
        again
    }

    /// Returns when to look again; None: the wish is fulfilled, or the track gone.
    fn pass_wish_on(&mut self, id: TrackId, outputs: &mut Outputs<'_>) -> Option<Instant> {
        let track = self.tracks.get_mut(&id)?;
        let Origin::Mirror { home } = track.origin else { return None };
        let asks = track.desk.ask(self.now).is_some();
        let deadline = track.desk.deadline(self.now);
        if asks {
            self.tell(home, LaneMessage::KeyFrameWish { track: id }, outputs);
        }
        deadline
    }

    /// A viewer here cannot begin or go on without a key frame of this track.
    pub(crate) fn wish_key_frame(&mut self, id: TrackId, outputs: &mut Outputs<'_>) {
        let Some(track) = self.tracks.get_mut(&id) else { return };
        match track.origin {
            Origin::Home { publisher, place } => {
                let session = self.sessions.find(publisher).and_then(|session| session.publisher_mut());
                if let Some(ingress) = session.and_then(|publisher| publisher.tracks.get_mut(place)) {
                    ingress.desk.wish();
                }
                self.arm(publisher);
            }
            Origin::Mirror { .. } => {
                track.desk.wish();
                if !self.mirror_wishes.contains(&id) {
                    self.mirror_wishes.push(id);
                }
                self.pass_wishes_on(outputs);
            }
        }
    }
}
