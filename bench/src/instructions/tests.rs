use super::*;

fn figures(cases: &[(&str, f64)]) -> Figures {
    Figures {
        valgrind: "valgrind-3.19.0".to_owned(),
        rustc: "rustc 1.95.0".to_owned(),
        instructions_a_packet: cases.iter().map(|(case, figure)| ((*case).to_owned(), *figure)).collect(),
    }
}

fn verdict(committed: f64, counted: f64) -> Verdict {
    let comparison = figures(&[("turn_1", committed)]).compare(&figures(&[("turn_1", counted)]));
    comparison.rows[0].verdict()
}

/// The gate itself: 3 % more passes, any more fails, and what was gained is told without failing.
#[test]
fn a_count_fails_when_it_exceeds_its_figure_by_more_than_three_per_cent() {
    assert_eq!(verdict(1_000.0, 1_029.9), Verdict::Kept);
    assert_eq!(verdict(1_000.0, 1_030.1), Verdict::Above);
    assert_eq!(verdict(1_000.0, 970.1), Verdict::Kept);
    assert_eq!(verdict(1_000.0, 969.9), Verdict::Below);
    // A figure of nothing is a broken file, not a bar that everything passes.
    assert_eq!(verdict(0.0, 0.0), Verdict::Above);
    let kept = |counted| figures(&[("seal", 100.0)]).compare(&figures(&[("seal", counted)])).is_kept();
    assert_eq!([50.0, 102.0, 104.0].map(kept), [true, true, false]);
}

/// A case that nobody gave a figure would never fail; one that a short run leaves out must not.
#[test]
fn a_case_without_a_figure_fails_and_one_that_was_left_out_does_not() {
    let committed = figures(&[("seal", 100.0), ("turn_1000", 4_000.0)]);
    let short = committed.compare(&figures(&[("seal", 100.0)]));
    assert_eq!(short.rows.iter().map(Row::verdict).collect::<Vec<_>>(), [Verdict::Kept, Verdict::NotCounted]);
    assert!(short.is_kept());
    let new = committed.compare(&figures(&[("seal", 100.0), ("open", 100.0)]));
    assert_eq!(new.rows[0].verdict(), Verdict::NoFigure);
    assert!(!new.is_kept());
}

/// Another compiler moves every count: who sees them all change must see why.
#[test]
fn another_compiler_is_noted() {
    let committed = figures(&[("seal", 100.0)]);
    let newer = Figures { rustc: "rustc 1.96.0".to_owned(), ..committed.clone() };
    assert_eq!(committed.compare(&committed).notes, [""; 0]);
    let expected = "rustc 1.96.0 here, rustc 1.95.0 when the figures were committed";
    assert_eq!(committed.compare(&newer).notes, [expected]);
}

/// What is written is what is read, below the words that say what it is.
#[test]
fn a_written_file_can_be_read() {
    let counted = figures(&[("seal", 1_234.5), ("turn_1", 10.0)]);
    let written = counted.write().unwrap();
    assert!(written.starts_with("# Instructions a packet"), "{written}");
    assert_eq!(Figures::parse(&written).unwrap(), counted);
    assert!(Figures::parse("valgrind = 'x'").is_err());
}

/// Of the many numbers of a profile, one is the count.
#[test]
fn the_count_of_a_profile_is_its_total() {
    let profile = "version: 1\nevents: Ir\nsummary: 9\n\nfn=(1)\n12 345\ncalls=1 0\n\ntotals: 1809260\n";
    assert_eq!(collected(profile), Some(1_809_260));
    assert_eq!(collected("version: 1\nevents: Ir\n"), None, "valgrind was killed");
}

/// The table is all that somebody sees of a failed gate.
#[test]
fn the_table_says_what_became_dearer() {
    let committed = figures(&[("seal", 100.0), ("turn_1", 2_000.0)]);
    let table = committed.compare(&figures(&[("seal", 101.0), ("turn_1", 2_100.0)])).to_string();
    let lines: Vec<&str> = table.lines().skip(1).collect();
    assert_eq!(lines[0], "seal                100.0        101.0   +1.00 %");
    assert_eq!(lines[1], "turn_1             2000.0       2100.0   +5.00 %  TOO MANY");
}

/// The committed file must be one, or the gate fails for want of a bar.
#[test]
fn the_committed_figures_can_be_read() {
    let committed = Figures::parse(include_str!("../../instructions.toml")).unwrap();
    assert!(committed.instructions_a_packet.len() >= 6);
    assert!(committed.instructions_a_packet.values().all(|figure| *figure > 1.0));
}
