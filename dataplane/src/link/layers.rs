//! Layers by their names: which a viewer wants, which it gets, and which of a publisher's anybody watches.
//!
//! Shards count a source's layers by their places in the publisher's order; what they are called is known here.

use fanlight_protocol::{LayerState, LayerWish, Notable, Refusal, SessionId, SessionRole};
use fanlight_shard::limits::LAYERS_MAX;
use fanlight_shard::{Command, FrameSize, LayerSet, Point, Rid};

use super::Link;
use super::ledger::{Ledger, Record};
use super::open::layer_names;

impl Link {
    /// A viewer says which layers it wants.
    pub(super) fn prefer(&mut self, session: SessionId, wish: LayerWish) -> Result<(), Refusal> {
        let record = self.ledger.find_mut(session).ok_or(Refusal::UnknownSession)?;
        if record.role == SessionRole::Publisher {
            return Err(Refusal::NotAViewer);
        }
        let (place, key) = (usize::from(record.shard.0), record.key);
        let (told, is_pending) = (shard_wish(&wish), record.pending.is_some());
        record.wish = wish;
        // One that waits for its answer has no shard yet: it is told then.
        if is_pending { Ok(()) } else { self.order(place, Command::Prefer { key, wish: told }) }
    }
}

impl Ledger {
    /// The names of the layers of what a session publishes or watches, in the publisher's order.
    pub(super) fn layers(&self, record: &Record) -> Vec<String> {
        let published = match record.role {
            SessionRole::Publisher => record.published.as_ref(),
            SessionRole::Viewer { publisher } => {
                self.find(publisher).and_then(|publisher| publisher.published.as_ref())
            }
        };
        let mut videos = published.iter().flat_map(|published| &published.tracks);
        videos.find(|track| track.codec.is_video()).map(layer_names).unwrap_or_default()
    }
}

/// A viewer gets another layer. `sizes` and `flowing` are of all `names`, by their places.
pub(super) fn changed(
    names: &[String],
    layer: Rid,
    size: FrameSize,
    sizes: [FrameSize; LAYERS_MAX],
    flowing: LayerSet,
) -> Notable {
    let (width, height) = pixels(size);
    let layers = states(names, sizes, flowing);
    let name = String::from_utf8_lossy(layer.as_bytes()).into_owned();
    Notable::Layer { layer: name, width, height, layers }
}

fn states(names: &[String], sizes: [FrameSize; LAYERS_MAX], flowing: LayerSet) -> Vec<LayerState> {
    let layers = names.iter().zip(sizes).enumerate().map(|(place, (name, size))| {
        let (width, height) = pixels(size);
        LayerState { layer: name.clone(), width, height, active: flowing.contains(place) }
    });
    layers.collect()
}

/// A viewer of a stream in layers is at another operating point. `sizes` and `flowing` are of the `points` that there are.
pub(super) fn point_changed(
    point: Point,
    size: FrameSize,
    points: [Option<Point>; LAYERS_MAX],
    sizes: [FrameSize; LAYERS_MAX],
    flowing: LayerSet,
) -> Notable {
    let names: Vec<_> = points.iter().flatten().map(|point| name_of(*point)).collect();
    let (width, height) = pixels(size);
    Notable::Layer { layer: name_of(point), width, height, layers: states(&names, sizes, flowing) }
}

fn name_of(point: Point) -> String {
    String::from_utf8_lossy(&point.name()).into_owned()
}

/// Somebody watches these of a publisher's layers.
pub(super) fn wanted(names: &[String], wanted: LayerSet) -> Notable {
    let named = names.iter().enumerate().filter(|(place, _)| wanted.contains(*place));
    Notable::LayersWanted { layers: named.map(|(_, name)| name.clone()).collect() }
}

fn pixels(size: FrameSize) -> (Option<u16>, Option<u16>) {
    if size.is_known() { (Some(size.width), Some(size.height)) } else { (None, None) }
}

/// A name too long to be one is no wish, as one that no layer has.
fn shard_wish(wish: &LayerWish) -> fanlight_shard::LayerWish {
    fanlight_shard::LayerWish {
        layer: wish.layer.as_ref().and_then(|name| Rid::new(name.as_bytes())),
        max_width: wish.max_width,
        max_height: wish.max_height,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        ["q", "h", "f"].map(str::to_owned).to_vec()
    }

    /// A shard tells places: a name put beside another's size would send a page's viewers to the wrong layer.
    #[test]
    fn layers_are_named_in_the_publishers_order() {
        let size = |width, height| FrameSize { width, height };
        let sizes = [size(320, 180), FrameSize::default(), size(1280, 720), FrameSize::default()];
        let rid = Rid::new(b"q").unwrap();
        let told = changed(&names(), rid, size(320, 180), sizes, [0, 2].into_iter().collect());
        let state = |layer: &str, width, height, active| LayerState {
            layer: layer.to_owned(),
            width,
            height,
            active,
        };
        let layers = vec![
            state("q", Some(320), Some(180), true),
            state("h", None, None, false),
            state("f", Some(1280), Some(720), true),
        ];
        let layer = "q".to_owned();
        assert_eq!(told, Notable::Layer { layer, width: Some(320), height: Some(180), layers });
    }

    /// A page stops to encode what is not named here.
    #[test]
    fn wanted_layers_are_named_and_others_are_not() {
        let of = |places: &[usize]| match wanted(&names(), places.iter().copied().collect()) {
            Notable::LayersWanted { layers } => layers,
            other => panic!("{other:?}"),
        };
        assert_eq!(of(&[0, 2]), ["q", "f"]);
        assert!(of(&[]).is_empty());
        assert_eq!(of(&[1, 3]), ["h"], "a place that no layer has is nobody's");
    }

    /// All that a viewer may say reaches its shard.
    #[test]
    fn a_wish_reaches_the_shard_whole() {
        let wish = LayerWish { layer: Some("S1T2".to_owned()), max_width: Some(640), max_height: None };
        let told = shard_wish(&wish);
        assert_eq!(told.layer, Rid::new(b"S1T2"));
        assert_eq!((told.max_width, told.max_height), (Some(640), None));
        assert_eq!(shard_wish(&LayerWish::default()), fanlight_shard::LayerWish::default());
    }
}
