//! What a session tells of itself when somebody asks why.

use fanlight_shard::Notable;

use crate::common::{Publisher, Viewer, World};

/// The first question to a viewer without a picture is how far it came.
#[test]
fn a_session_tells_its_path_its_profile_and_how_it_began() {
    let mut world = World::small();
    let mut publisher = Publisher::join(&mut world, 0);
    let viewer = Viewer::join(&mut world, 0, &publisher);
    publisher.deliver_frame(&mut world, true, &[900, 900]);
    let inspection = world.inspect(viewer.seat.shard, viewer.seat.key).expect("the session is there");
    assert!(inspection.report.connected);
    assert!(inspection.profile.is_some());
    assert_eq!(inspection.report.packets_out, 2);
    assert_eq!(inspection.notes.first().map(|note| note.what), Some(Notable::Connected));
    let mut stranger = viewer.seat.key;
    stranger.generation += 1;
    assert!(world.inspect(viewer.seat.shard, stranger).is_none(), "an old key finds nothing");
}
