//! A whole turn of a shard: a frame of ten packets comes, is opened, kept, and leaves to each viewer under its own key.

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};

use crate::scene::hall::{FRAME_PACKETS, Hall};

/// At the last the keys of all viewers no longer fit a core's cache.
const VIEWERS: [usize; 4] = [1, 100, 1_000, 5_000];

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("turn");
    // Turns of very different length take as much time as they need, not as many as a ramp has.
    group.sampling_mode(SamplingMode::Flat).sample_size(20);
    for viewers in VIEWERS {
        group.throughput(Throughput::Elements((viewers * FRAME_PACKETS) as u64));
        // Made only if it is asked for.
        let mut hall = None;
        group.bench_function(BenchmarkId::from_parameter(viewers), |bencher| {
            let hall = hall.get_or_insert_with(|| Hall::with_viewers(viewers));
            bencher.iter_custom(|turns| (0..turns).map(|_| timed_turn(hall)).sum());
        });
    }
    group.finish();
}

/// Without what the publisher does.
fn timed_turn(hall: &mut Hall) -> Duration {
    hall.prepare();
    let start = Instant::now();
    hall.turn();
    start.elapsed()
}
