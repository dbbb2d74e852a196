//! The header that a viewer gets, with three extension elements.

use std::hint::black_box;

use criterion::{Criterion, Throughput};

use crate::scene::packets::write_header;

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rewrite");
    group.throughput(Throughput::Elements(1));
    let mut slot = [0; 64];
    group.bench_function("header", |bencher| bencher.iter(|| write_header(black_box(&mut slot))));
    group.finish();
}
