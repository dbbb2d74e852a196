//! SRTP from a publisher: authenticated and decrypted in place.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use fanlight_srtp::Profile;

use crate::scene::keys;
use crate::scene::packets::{INDEX, write_header};
use crate::seal::SIZES;

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("open");
    group.throughput(Throughput::Elements(1));
    for profile in [Profile::AeadAes128Gcm, Profile::Aes128CmSha1_80] {
        let (sealer, opener) = keys::pair(profile);
        for size in SIZES {
            let mut sealed = vec![0; size];
            let header_len = write_header(&mut sealed);
            let payload_len = size - header_len - profile.rtp_overhead();
            sealer.seal_in_place(INDEX, &mut sealed, header_len, payload_len).unwrap();
            group.bench_function(BenchmarkId::new(profile.name(), size), |bencher| {
                let open = |packet: &mut Vec<u8>| opener.open(packet, header_len, INDEX).unwrap();
                bencher.iter_batched_ref(|| sealed.clone(), open, BatchSize::SmallInput);
            });
        }
    }
    group.finish();
}
