//! Writing RTP headers. RFC 3550 §5.1, RFC 8285 §4.

use crate::extension::{ExtensionElement, Form};
use crate::sequence::Sequence;
use crate::types::{PayloadType, Ssrc, Timestamp};
use crate::writer::Writer;

/// What a header says, apart from its extension elements.
///
/// There are no CSRCs: who contributed upstream is not a viewer's affair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpFields {
    /// By the profile: the last packet of a video frame, the first of a talk spurt.
    pub marker: bool,
    /// Which codec, by the session's SDP.
    pub payload_type: PayloadType,
    /// One more a packet.
    pub sequence: Sequence,
    /// Sampling instant in ticks of the codec's clock.
    pub timestamp: Timestamp,
    /// Which stream.
    pub ssrc: Ssrc,
    /// Whether the caller ends the payload with padding and its count.
    pub padding: bool,
}

/// Writes a header to the front of `out` and returns its length.
///
/// The elements take the one-byte form if all of them have ids 1 to 14 and 1 to 16 bytes of data, else the
/// two-byte form (which the peer must have agreed to: `extmap-allow-mixed`, RFC 8285 §6); without elements
/// there is no extension block. `None` if the header does not fit or an element has id 0 or more than 255
/// bytes; what `out` then holds is unspecified.
#[must_use]
pub fn write_rtp_header<'e>(
    out: &mut [u8],
    fields: &RtpFields,
    extensions: impl Iterator<Item = ExtensionElement<'e>> + Clone,
) -> Option<usize> {
    let block = Block::measure(extensions.clone())?;
    let mut writer = Writer::new(out);
    let first = 0x80 | if fields.padding { 0x20 } else { 0 } | if block.is_some() { 0x10 } else { 0 };
    let second = if fields.marker { 0x80 } else { 0 } | fields.payload_type.value();
    let [q0, q1] = fields.sequence.0.to_be_bytes();
    let [t0, t1, t2, t3] = fields.timestamp.0.to_be_bytes();
    let [s0, s1, s2, s3] = fields.ssrc.0.to_be_bytes();
    // One step, since this is done once for every packet and viewer.
    writer.put(&[first, second, q0, q1, t0, t1, t2, t3, s0, s1, s2, s3])?;
    if let Some(block) = block {
        writer.u16(block.form.profile())?;
        writer.u16(block.words)?;
        for element in extensions {
            write_element(&mut writer, block.form, element)?;
        }
        writer.align()?;
    }
    Some(writer.len())
}

/// The shape of an extension block before it is written.
struct Block {
    form: Form,
    /// Length without the block's own four bytes, in 32-bit words.
    words: u16,
}

impl Block {
    /// `None` if an element is illegal or the block too long for its length field, `Some(None)` without elements.
    fn measure<'e>(elements: impl Iterator<Item = ExtensionElement<'e>>) -> Option<Option<Self>> {
        let (mut count, mut data_len, mut form) = (0_usize, 0_usize, Form::OneByte);
        for element in elements {
            if element.id == 0 || element.data.len() > 255 {
                return None;
            }
            if element.id > 14 || !(1..=16).contains(&element.data.len()) {
                form = Form::TwoByte;
            }
            count = count.checked_add(1)?;
            data_len = data_len.checked_add(element.data.len())?;
        }
        if count == 0 {
            return Some(None);
        }
        let head_len = match form {
            Form::OneByte => 1,
            Form::TwoByte => 2,
        };
        let len = count.checked_mul(head_len)?.checked_add(data_len)?;
        Some(Some(Self { form, words: u16::try_from(len.div_ceil(4)).ok()? }))
    }
}

/// One element, its legality in this form established before.
fn write_element(writer: &mut Writer<'_>, form: Form, element: ExtensionElement<'_>) -> Option<()> {
    let len = u8::try_from(element.data.len()).ok()?;
    match form {
        Form::OneByte => writer.u8(element.id << 4 | len.checked_sub(1)?)?,
        Form::TwoByte => writer.put(&[element.id, len])?,
    }
    writer.put(element.data)
}
