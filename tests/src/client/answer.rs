//! What an SDP answer promises, read apart from str0m, so that media can be held against it. RFC 8866, RFC 5576.

use std::collections::BTreeMap;
use std::net::SocketAddr;

/// One m-section in which media flows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnsweredTrack {
    /// `audio` or `video`.
    pub kind: String,
    pub mid: String,
    /// Encoding name of the only media format.
    pub codec: String,
    pub payload_type: u8,
    /// Format of retransmissions (RFC 4588).
    pub rtx_payload_type: Option<u8>,
    /// `a=ssrc`, when the server sends.
    pub ssrc: Option<u32>,
    /// Second of `a=ssrc-group:FID`.
    pub rtx_ssrc: Option<u32>,
}

/// An answer's tracks in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    pub tracks: Vec<AnsweredTrack>,
    /// Whether an `m=application` section was accepted.
    pub data_channel: bool,
    /// Where the server waits for TCP connections: the first such candidate. RFC 6544 §4.5.
    pub tcp_address: Option<SocketAddr>,
}

impl Answer {
    /// Reads what is promised. Lines that say nothing of interest here are passed over.
    #[must_use]
    pub fn parse(sdp: &str) -> Self {
        let tcp_address = sdp.lines().find_map(tcp_address);
        let mut answer = Self { tcp_address, ..Self::default() };
        let mut sections = sdp.split("\nm=");
        let _session = sections.next();
        for section in sections {
            let mut words = section.split([' ', '\r', '\n']);
            let (kind, port) = (words.next().unwrap_or_default(), words.next());
            match (kind, port) {
                // Refused; or kept open for the transport alone, as the section that a bundle is named after (RFC 9143 §7.3).
                (_, Some("0")) => {}
                _ if section.lines().any(|line| line.trim_end() == "a=inactive") => {}
                ("application", _) => answer.data_channel = true,
                _ => answer.tracks.push(track(kind, section)),
            }
        }
        answer
    }

    /// The track of a media identification.
    #[must_use]
    pub fn track(&self, mid: &str) -> Option<&AnsweredTrack> {
        self.tracks.iter().find(|track| track.mid == mid)
    }
}

/// `a=candidate:1 1 tcp 1518280447 192.0.2.1 8189 typ host tcptype passive`
fn tcp_address(line: &str) -> Option<SocketAddr> {
    let mut words = line.trim_end().strip_prefix("a=candidate:")?.split(' ').skip(2);
    if words.next()? != "tcp" || !line.contains("tcptype passive") {
        return None;
    }
    let (_priority, address, port) = (words.next()?, words.next()?, words.next()?);
    Some(SocketAddr::new(address.parse().ok()?, port.parse().ok()?))
}

fn track(kind: &str, section: &str) -> AnsweredTrack {
    let mut track = AnsweredTrack { kind: kind.to_owned(), ..AnsweredTrack::default() };
    let mut codecs = BTreeMap::new();
    let mut apt: Option<u8> = None;
    for line in section.lines() {
        let (name, value) = line.trim_end().split_once(':').unwrap_or((line, ""));
        let mut words = value.split([' ', '/', '=']);
        let first = words.next().unwrap_or_default();
        match name {
            "a=mid" => value.clone_into(&mut track.mid),
            "a=rtpmap" => {
                _ = codecs.insert(first.parse::<u8>().ok(), words.next().unwrap_or_default().to_owned())
            }
            "a=fmtp" if words.next() == Some("apt") => {
                apt = words.next().and_then(|format| format.parse().ok())
            }
            "a=ssrc" if track.ssrc.is_none() => track.ssrc = first.parse().ok(),
            "a=ssrc-group" if first == "FID" => {
                track.ssrc = words.next().and_then(|ssrc| ssrc.parse().ok());
                track.rtx_ssrc = words.next().and_then(|ssrc| ssrc.parse().ok());
            }
            _ => {}
        }
    }
    for (format, codec) in codecs {
        match format {
            Some(format) if codec.eq_ignore_ascii_case("rtx") && apt.is_some() => {
                track.rtx_payload_type = Some(format)
            }
            Some(format) => (track.payload_type, track.codec) = (format, codec),
            None => {}
        }
    }
    track
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Media is held against these numbers.
    #[test]
    fn the_promises_of_an_answer_are_read() {
        let sdp = "v=0\r\ns=-\r\nm=audio 0 UDP/TLS/RTP/SAVPF 111\r\na=mid:a\r\n\
                   m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=inactive\r\n\
                   m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n\
                   a=mid:1\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
                   a=candidate:1 1 udp 9 192.0.2.1 7000 typ host\r\n\
                   a=candidate:2 1 tcp 8 192.0.2.1 7001 typ host tcptype passive\r\n\
                   a=ssrc-group:FID 11 12\r\na=ssrc:11 cname:x\r\na=ssrc:12 cname:x\r\n\
                   m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\n";
        let video = AnsweredTrack {
            kind: "video".to_owned(),
            mid: "1".to_owned(),
            codec: "VP8".to_owned(),
            payload_type: 96,
            rtx_payload_type: Some(97),
            ssrc: Some(11),
            rtx_ssrc: Some(12),
        };
        let (answer, tcp_address) = (Answer::parse(sdp), "192.0.2.1:7001".parse().ok());
        assert_eq!(answer, Answer { tracks: vec![video.clone()], data_channel: true, tcp_address });
        assert_eq!(answer.track("1"), Some(&video));
    }
}
