use super::*;
use crate::page;
use crate::report::example;

fn comparison(change: impl FnOnce(&mut Report)) -> Comparison {
    let mut other = example::report();
    change(&mut other);
    Comparison::of(vec![("before".to_owned(), example::report()), ("after".to_owned(), other)])
}

fn row<'a>(comparison: &'a Comparison, figure: &str) -> &'a Row {
    comparison.rows.iter().find(|row| row.figure == figure).unwrap()
}

/// A wrong ratio is worse than none.
#[test]
fn ratios_are_to_the_first_report() {
    let comparison = comparison(|report| {
        report.server.as_mut().unwrap().all.cpu_ns_a_packet = 420.0;
        report.server.as_mut().unwrap().resident_bytes_a_viewer = -5.0;
        report.latency = None;
    });
    let cpu = row(&comparison, "CPU a packet, all processes");
    assert_eq!((cpu.ratio(0), cpu.ratio(1), cpu.ratio(2)), (Some(1.0), Some(0.5), None));
    assert_eq!(row(&comparison, "latency p99").ratio(1), None, "not measured");
    assert_eq!(row(&comparison, "memory a viewer").ratio(1), None, "it shrank");
    let text = comparison.to_string();
    let line = text.lines().find(|line| line.starts_with("CPU a packet, all")).unwrap();
    assert!(line.contains("840 ns") && line.ends_with("420 ns   ×0.50"), "{line}");
    assert!(text.lines().any(|line| line.starts_with("latency p99 ") && line.ends_with(" none")), "{text}");
}

/// Columns that do not stand below each other are read wrongly.
#[test]
fn the_table_has_its_columns_below_each_other() {
    let long = "a/very/long/path/to/some/folder/of/reports/monday.json";
    let reports = [long, "b", "c"].map(|name| (name.to_owned(), example::report()));
    let comparison = Comparison::of(reports.to_vec());
    assert_eq!(comparison.warnings, []);
    let text = comparison.to_string();
    // Where the value ends in each column: seven before the ratio's end.
    let ends = |line: &str| -> Vec<_> {
        let ratios = line.char_indices().filter(|(_, character)| *character == '×').map(|(at, _)| at);
        ratios
            .map(|at| line[..at].chars().count() + line[at..].split(' ').next().unwrap().chars().count())
            .collect()
    };
    let lines: Vec<_> = text.lines().skip(1).map(ends).filter(|ends| !ends.is_empty()).collect();
    assert!(lines.len() > 10 && lines.iter().all(|ends| ends == &lines[0] && ends.len() == 2), "{text}");
    assert!(text.lines().next().unwrap().contains("…") && text.contains("of/reports/monday.json"), "{text}");
}

/// Figures of two loads or two machines are not of two servers: it must say which keys differ, and only those.
#[test]
fn what_differs_is_named() {
    let differing = comparison(|report| {
        report.plan.viewers.per_publisher = 7;
        report.machine.kernel = "6.1".to_owned();
        report.version = "0.2.0".to_owned();
        // None of these changes the load.
        report.plan.name = "mine".to_owned();
        report.plan.limits.p99_ms = 1.0;
        report.plan.ramp.factor = 3.0;
        report.machine.load = "9.5".to_owned();
    });
    let differs = |key: &str, values: [&str; 2]| Warning::Differs {
        key: key.to_owned(),
        values: values.map(str::to_owned).to_vec(),
    };
    let expected = [
        differs("fanlight-bench", ["0.1.0", "0.2.0"]),
        differs("machine.kernel", ["\"\"", "\"6.1\""]),
        differs("plan.viewers.per_publisher", ["50", "7"]),
    ];
    assert_eq!(differing.warnings, expected);
    let page = page::render_comparison(&differing);
    assert!(page.contains("plan.viewers.per_publisher differs: 50 | 7"));
    assert!(differing.to_string().starts_with("BEWARE  fanlight-bench differs"));
}

/// A slow generator looks like a slow server.
#[test]
fn a_report_that_cannot_be_trusted_is_named() {
    let limited = comparison(|report| {
        report.generator.limits = vec!["it is slow".to_owned()];
        report.server = None;
    });
    let expected = [
        Warning::Limited { name: "after".to_owned(), causes: vec!["it is slow".to_owned()] },
        Warning::Unmeasured { name: "after".to_owned() },
    ];
    assert_eq!(limited.warnings, expected);
}

/// A line and a bar for each, of those that are known, in one order and colour.
#[test]
fn the_page_draws_bars_and_curves_over_each_other() {
    let page = page::render_comparison(&comparison(|report| report.server = None));
    let (_, bars) = page.split_once("<section class=\"bars\">").unwrap();
    let (bars, rest) = bars.split_once("</section>").unwrap();
    assert_eq!(bars.matches("<figure>").count(), 6);
    assert_eq!(bars.matches("class=\"stroke s0\"").count(), 6);
    assert_eq!(bars.matches("class=\"stroke s1\"").count(), 6);
    assert_eq!(bars.matches("not measured").count(), 2);
    assert_eq!(rest.matches("<path class=\"line s").count(), 2);
    assert!(page.contains("after has 1.00 times the latency at p99."), "{page}");
}

/// Two equal reports must show no difference, and bars of the same length.
#[test]
fn a_report_beside_itself_differs_in_nothing() {
    let same = comparison(|_| {});
    assert_eq!(same.warnings, []);
    let ratios = same.rows.iter().filter_map(|row| row.ratio(1));
    assert!(ratios.into_iter().all(|ratio| ratio == 1.0));
    let page = page::render_comparison(&same);
    assert_eq!(page.matches("width:100.00%").count(), 12);
}
