//! A load's distance from the floor.

use super::{FloorError, FloorOptions, Sink, Way, run};
use crate::plan::Plan;
use crate::report::{FloorRatio, Report};

/// Viewers beyond which the floor hardly changes.
const VIEWERS_MAX: usize = 1_000;

impl Report {
    /// Measures the floor for trains as long as this load's frames and for viewers that take them as this load's did, and sets
    /// this report's ratio to it. Takes one to three seconds; None where the server's cost is not known.
    ///
    /// # Errors
    /// [`FloorError`]: there is no floor here.
    pub fn measure_floor(&mut self, core: usize) -> Result<(), FloorError> {
        let Some(server) = &self.server else { return Ok(()) };
        let cost = server.dataplane.as_ref().unwrap_or(&server.all).cpu_ns_a_packet;
        let viewers = self.viewers.steady.clamp(1, VIEWERS_MAX);
        let sink = sink_of(&self.plan);
        let brief = FloorOptions::brief(Way::IoUring, viewers);
        let mut options = FloorOptions { sinks: vec![sink], core, ..brief };
        let mut way = Way::IoUring;
        let mut floor = run(&options, &mut |_| {})?;
        if floor.rows.is_empty() {
            // No io_uring on this machine.
            (way, options.ways) = (Way::Plain, vec![Way::Plain]);
            floor = run(&options, &mut |_| {})?;
        }
        let train = self.published.packets_a_frame.max(1.0);
        self.floor = floor.nearest(sink, way, train, viewers).map(|bound| FloorRatio {
            train_packets: train,
            floor_ns_a_packet: bound.ns_a_packet,
            ratio: cost / bound.ns_a_packet,
        });
        Ok(())
    }
}

fn sink_of(plan: &Plan) -> Sink {
    if plan.viewers.trains && fanlight_ring::cores() > 1 { Sink::Read } else { Sink::Full }
}
