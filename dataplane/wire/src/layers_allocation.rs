//! The video-layers-allocation extension, version 0: what a publisher sends of each of its layers. Of the RTP stream that a
//! packet belongs to, the size of the picture is read; the rest we measure.
//!
//! ```text
//!   stream:2 (streams − 1):2 layers:4     of all streams, or 0
//!   layers:4 of each stream               if they differ, two a byte
//!   (temporal layers − 1):2 of each layer, four a byte
//!   target bitrate, LEB128, of each temporal layer
//!   (width − 1):16 (height − 1):16 frames a second:8 of each layer, or nothing
//! ```

use crate::reader::Reader;

const STREAMS_MAX: usize = 4;

/// Width and height of the largest picture in the stream that carries the extension. None: it says nothing of that.
#[must_use]
pub fn allocated_frame_size(data: &[u8]) -> Option<(u16, u16)> {
    let mut reader = Reader::new(data);
    let first = reader.u8()?;
    let own = usize::from(first >> 6);
    let streams = usize::from(first >> 4 & 0x03) + 1;
    let layers = read_layers(&mut reader, first & 0x0f, streams)?;
    let count = |streams: &[u8]| streams.iter().map(|bits| bits.count_ones()).sum::<u32>();
    skip_bitrates(&mut reader, count(&layers))?;
    let before = count(layers.get(..own)?);
    let within = layers.get(own)?.count_ones().checked_sub(1)?;
    let mut size = None;
    for _ in 0..=before + within {
        let (width, height, _) = (reader.u16()?, reader.u16()?, reader.u8()?);
        size = width.checked_add(1).zip(height.checked_add(1));
    }
    size
}

/// Which spatial layers each stream has, as bits.
fn read_layers(reader: &mut Reader<'_>, shared: u8, streams: usize) -> Option<[u8; STREAMS_MAX]> {
    let mut layers = [0; STREAMS_MAX];
    for pair in layers.get_mut(..streams)?.chunks_mut(2) {
        let bits = if shared == 0 { reader.u8()? } else { shared << 4 | shared };
        for (layers, bits) in pair.iter_mut().zip([bits >> 4, bits & 0x0f]) {
            *layers = bits;
        }
    }
    Some(layers)
}

fn skip_bitrates(reader: &mut Reader<'_>, layers: u32) -> Option<()> {
    let mut bitrates = 0;
    let mut left = layers;
    while left > 0 {
        let counts = reader.u8()?;
        for shift in [6, 4, 2, 0].into_iter().take(usize::try_from(left).ok()?) {
            bitrates += u32::from(counts >> shift & 0x03) + 1;
        }
        left = left.saturating_sub(4);
    }
    for _ in 0..bitrates {
        while reader.u8()? & 0x80 != 0 {}
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three streams of one spatial and two temporal layers each, as Chromium sends of 1280 × 720 in three encodings.
    const SIMULCAST: [u8; 30] = [
        0x21,
        0b0101_0100, // stream 0 of 3, one layer each; two temporal layers each
        60,
        100,
        0xf4,
        0x03,
        0xf4,
        0x03,
        0xc4,
        0x13,
        0xc4,
        0x13, // 60, 100, 500, 500, 2500, 2500 kbit/s
        0x01,
        0x3f,
        0x00,
        0xb3,
        30, // 320 × 180
        0x02,
        0x7f,
        0x01,
        0x67,
        30, // 640 × 360
        0x04,
        0xff,
        0x02,
        0xcf,
        30, // 1280 × 720
        0,
        0,
        0,
    ];

    fn of_stream(stream: u8) -> [u8; 30] {
        let mut data = SIMULCAST;
        data[0] |= stream << 6;
        data
    }

    /// Each stream carries the sizes of all: its own is the one that counts.
    #[test]
    fn each_stream_finds_its_own_size() {
        assert_eq!(allocated_frame_size(&of_stream(0)), Some((320, 180)));
        assert_eq!(allocated_frame_size(&of_stream(1)), Some((640, 360)));
        assert_eq!(allocated_frame_size(&of_stream(2)), Some((1280, 720)));
    }

    /// A stream that is off has no layers; those of the others must not be taken for its own.
    #[test]
    fn a_stream_that_is_off_has_no_size() {
        let data = [0x90, 0x01, 0b0000_0000, 100, 0x01, 0x3f, 0x00, 0xb3, 30];
        assert_eq!(allocated_frame_size(&data), None, "stream 2 is past the two that there are");
        let data = [0x50, 0x10, 0b0000_0000, 100, 0x01, 0x3f, 0x00, 0xb3, 30];
        assert_eq!(allocated_frame_size(&data), None);
        let data = [0x10, 0x10, 0b0000_0000, 100, 0x01, 0x3f, 0x00, 0xb3, 30];
        assert_eq!(allocated_frame_size(&data), Some((320, 180)));
    }

    /// Of several spatial layers in one stream the last is the largest.
    #[test]
    fn a_stream_of_spatial_layers_is_as_large_as_the_last() {
        let data = [0x03, 0, 100, 0xf4, 0x03, 0x01, 0x3f, 0x00, 0xb3, 30, 0x02, 0x7f, 0x01, 0x67, 30];
        assert_eq!(allocated_frame_size(&data), Some((640, 360)));
    }

    /// Sizes are optional, and any bytes may come.
    #[test]
    fn what_is_cut_short_says_nothing() {
        assert_eq!(allocated_frame_size(&[0]), None, "nothing is sent");
        for len in 0..17 {
            assert_eq!(allocated_frame_size(&SIMULCAST[..len]), None, "{len} bytes");
        }
        assert_eq!(allocated_frame_size(&SIMULCAST[..17]), Some((320, 180)));
        for byte in 0..=255 {
            assert!(allocated_frame_size(&[byte; 255]).is_none_or(|(width, height)| width > 0 && height > 0));
        }
    }
}
