//! SRTP to a viewer: out of place, from a payload that all viewers share into the send slot.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use fanlight_srtp::Profile;

use crate::scene::keys;
use crate::scene::packets::{INDEX, write_header};

/// Bytes of a sealed packet: of video and of sound.
pub(crate) const SIZES: [usize; 2] = [1_200, 100];

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("seal");
    group.throughput(Throughput::Elements(1));
    for profile in [Profile::AeadAes128Gcm, Profile::Aes128CmSha1_80] {
        let (sealer, _) = keys::pair(profile);
        for size in SIZES {
            let mut slot = vec![0; size];
            let header_len = write_header(&mut slot);
            let payload = vec![0x5a; size - header_len - profile.rtp_overhead()];
            group.bench_function(BenchmarkId::new(profile.name(), size), |bencher| {
                bencher.iter(|| sealer.seal(INDEX, black_box(&mut slot), header_len, &payload).unwrap());
            });
        }
    }
    group.finish();
}
