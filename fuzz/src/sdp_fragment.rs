use fanlight_dataplane::sdp::Fragment;

/// Bytes that the work on one fragment may allocate: its ufrag and password, 256 bytes each, or a message of its fault.
const ALLOCATED_MAX: u64 = 16 * 1024;

/// Trickled candidates (RFC 8840 §9).
///
/// What is read is what the lines say: as many candidates as there are, the end if it is told, a ufrag and a password of the
/// lengths that they may have. Written anew the fragment is read as the same. Nothing is allocated for a candidate.
pub fn sdp_fragment(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut read = None;
    let allocated = allocation_counter::measure(|| read = Fragment::parse(&text).ok()).bytes_total;
    assert!(allocated <= ALLOCATED_MAX, "{allocated} bytes allocated for a fragment of {}", text.len());
    let Some(fragment) = read else { return };
    let lines = || text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    let candidates = || lines().filter_map(|line| line.strip_prefix("a=candidate:"));
    assert_eq!(fragment.candidates, candidates().filter(|candidate| !candidate.is_empty()).count());
    let is_end = |line: &str| {
        // A flag; but what follows a colon is not looked at, here as elsewhere.
        line == "a=end-of-candidates" || line.starts_with("a=end-of-candidates:") || is_empty_candidate(line)
    };
    assert_eq!(fragment.end_of_candidates, lines().any(is_end));
    assert!((4..=256).contains(&fragment.ice_ufrag.len()));
    assert!(fragment.ice_pwd.as_ref().is_none_or(|pwd| (22..=256).contains(&pwd.len())));
    assert!(text.contains(&fragment.ice_ufrag) && fragment.ice_pwd.as_ref().is_none_or(|pwd| text.contains(pwd)));

    let mut written = format!("a=ice-ufrag:{}\r\n", fragment.ice_ufrag);
    written.extend(fragment.ice_pwd.as_ref().map(|pwd| format!("a=ice-pwd:{pwd}\r\n")));
    written.extend(candidates().map(|candidate| format!("a=candidate:{candidate}\r\n")));
    written.extend(fragment.end_of_candidates.then_some("a=end-of-candidates\r\n"));
    if written.len() <= 64 * 1024 {
        assert_eq!(Fragment::parse(&written), Ok(fragment));
    }
}

/// The end of gathering, as browsers' objects write it.
fn is_empty_candidate(line: &str) -> bool {
    line == "a=candidate" || line == "a=candidate:"
}
