use super::*;
use crate::capacity::Step;
use crate::report::example;

/// What was put into a report by others, in every place that takes words.
const HOSTILE: &str = "</pre></style><script>alert('x')</script>\" onload=\"x() &amp;";

/// Elements that were opened and not closed, or closed and not opened; those that have no end and comments are not used in
/// the body.
fn unbalanced(page: &str) -> Vec<String> {
    let (_, body) = page.split_once("<body>").unwrap();
    let (body, _) = body.rsplit_once("</body>").unwrap();
    let mut open = Vec::new();
    for tag in body.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap_or_else(|| panic!("a tag without an end: {tag:.80}"));
        let name = tag.split([' ', '/']).next().unwrap();
        if let Some(closed) = tag.strip_prefix('/') {
            if open.last().map(String::as_str) != Some(closed) {
                open.push(format!("/{closed}"));
                return open;
            }
            open.pop();
        } else if !tag.ends_with('/') {
            open.push(name.to_owned());
        }
    }
    open
}

/// Whoever opens a report must not run what a server or a plan put into it.
#[test]
fn words_of_others_stay_words() {
    let mut report = example::report();
    let hostile = || HOSTILE.to_owned();
    report.plan.name = hostile();
    report.plan.about = hostile();
    report.target = [hostile(), hostile()];
    report.machine.processor = hostile();
    report.machine.load = hostile();
    report.version = hostile();
    report.began = hostile();
    report.viewers.failures = vec![(hostile(), 1)];
    report.generator.limits = vec![hostile()];
    report.generator.faults = vec![hostile()];
    let comparison = Comparison::of(vec![(hostile(), report.clone()), (hostile(), example::report())]);
    for page in [render(&report), render_comparison(&comparison)] {
        assert!(!page.contains("<script"), "{page}");
        assert!(!page.contains("\" onload"), "{page}");
        assert!(
            page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot; onload=&quot;x() &amp;amp;")
        );
        assert_eq!(page.matches("</style>").count(), 1);
        assert_eq!(unbalanced(&page), Vec::<String>::new());
    }
}

/// A page that is sent by mail must be whole, and must tell nobody that it was opened.
#[test]
fn a_page_asks_for_nothing_from_outside() {
    let page = render(&example::report());
    for reference in ["src=", "href=", "url(", "@import", "<link", "<script", "<img", "<iframe"] {
        assert!(!page.contains(reference), "{reference}");
    }
}

/// What is not known is left out or said to be unknown; no number is invented, and none is no number.
#[test]
fn a_report_that_knows_little_makes_a_page_without_holes() {
    let page = render(&example::bare());
    assert!(!page.contains("NaN") && !page.contains("inf%"), "{page}");
    assert!(!page.contains("<svg class=\"plot\"") && !page.contains("<svg class=\"ranges\""));
    assert!(page.contains("--server-pid"), "it says how to know more");
    assert_eq!(unbalanced(&page), Vec::<String>::new());
}

/// All that was measured over time is drawn and in the table, and a moment without latency is a gap in both.
#[test]
fn a_report_that_knows_all_draws_it() {
    let page = render(&example::report());
    for title in [
        "Packets a second",
        "Latency over time",
        "Latency by share of packets",
        "How long joining took",
        "Packets missing",
        "The server’s cores",
        "The server’s memory",
        "Against what this machine allows",
        "Growth an hour",
        "The bad road (the harness’s own doing)",
        "Why viewers did not join",
    ] {
        assert!(page.contains(&format!(">{title}<")), "{title}");
    }
    assert_eq!(page.matches("<svg class=\"plot\"").count(), 6);
    let [p50, p99] = ["line s0", "line s1"].map(|class| {
        let lines = page.split("<path class=\"").filter(|path| path.starts_with(class));
        lines.map(|path| path.split('>').next().unwrap().matches('M').count()).max().unwrap()
    });
    assert_eq!((p50, p99), (1, 2), "p99 has a gap at 30 s");
    assert!(page.contains("<td>–</td>"));
    assert_eq!(unbalanced(&page), Vec::<String>::new());
}

/// A lone window of whatever length and content is drawn within its box: per cents are what places are in.
#[test]
fn no_place_is_outside_of_its_drawing() {
    let mut report = example::report();
    report.window_s = 3.0;
    for (moment, value) in
        report.moments.iter_mut().zip([f64::NAN, f64::INFINITY, -7.0, 1e300, 0.0].iter().cycle())
    {
        moment.packets_per_second = *value;
        moment.p50_ms = Some(*value);
        moment.server_cores = Some(*value);
    }
    let page = render(&report);
    let drawn = ["x", "x1", "x2", "y1", "y2", "cx", "width"];
    for name in drawn {
        for rest in page.split(&format!(" {name}=\"")).skip(1) {
            let (value, _) = rest.split_once('"').unwrap();
            let Some(place) = value.strip_suffix('%') else { continue };
            assert!((0.0..=100.0).contains(&place.parse::<f64>().unwrap()), "{name}={value}");
        }
    }
}

/// The first line is what most readers read.
#[test]
fn the_headline_says_who_saw_it_and_what_was_lost() {
    let mut report = example::report();
    assert_eq!(
        words::headline(&report),
        "98 of 100 viewers joined, and 0.0500\u{a0}% of the packets were lost"
    );
    report.viewers.joined = 100;
    report.delivery.packets_delivered = report.delivery.packets_expected;
    assert_eq!(words::headline(&report), "All 100 viewers joined, and no packet was lost");
    report.delivery.packets_delivered -= 1;
    report.delivery.loss_percent = 0.000_001;
    let headline = words::headline(&report);
    assert!(headline.ends_with("under\u{a0}0.0001\u{a0}% of the packets were lost"), "{headline}");
    report.viewers.joined = 0;
    assert_eq!(words::headline(&report), "No viewer joined");
}

/// A generator that could not keep up makes every other number doubtful: above them all.
#[test]
fn a_generator_that_was_the_limit_is_told_before_the_figures() {
    let mut report = example::report();
    assert!(!render(&report).contains("The generator was the limit"));
    report.generator.limits = vec!["its threads are busy 97 % of the time".to_owned()];
    let page = render(&report);
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}"));
    assert!(at("The generator was the limit") < at("its threads are busy 97 %"));
    assert!(at("its threads are busy 97 %") < at("class=\"key-figures\""));
}

/// The command is there to be pasted: only what differs from the program's own plan, each a word of the shell.
#[test]
fn the_command_repeats_the_load() {
    let mut report = example::bare();
    report.plan = crate::plan::Plan::load("webinar", &["viewers.per_publisher=7".to_owned()]).unwrap();
    let (command, is_built_in) = repeat::command("load", &report);
    assert!(is_built_in);
    assert!(command.contains("--plan webinar \\\n  --set viewers.per_publisher=7 \\\n  --whip"), "{command}");
    assert!(command.contains("--whip 'http://h/whip/{stream}'"), "{command}");
    assert_eq!(command.matches("--set").count(), 1, "{command}");
    report.target[0] = "http://h/it's; rm -rf".to_owned();
    assert!(repeat::command("load", &report).0.contains(r"--whip 'http://h/it'\''s; rm -rf'"));
    // A plan of one's own is not to be found by its name, and no file is read because a report says so.
    report.plan.name = "/etc/passwd".to_owned();
    let (command, is_built_in) = repeat::command("load", &report);
    assert!(!is_built_in && command.contains("--plan plan.toml"), "{command}");
    let page = render(&report);
    assert!(page.contains("per_publisher = 7") && page.contains("name = &quot;/etc/passwd&quot;"));
}

/// What broke is the answer to why it is not more.
#[test]
fn a_ramp_says_what_held_and_what_broke() {
    let step = |viewers, report, broken: &[&str]| Step {
        viewers,
        report,
        broken: broken.iter().map(|text| (*text).to_owned()).collect(),
    };
    let mut ramp = Capacity {
        steps: vec![
            step(100, Some(example::report()), &[]),
            step(200, Some(example::bare()), &["loss <b>2 %"]),
            step(150, None, &["gone"]),
        ],
        sustained_viewers: Some(100),
        knee_viewers: None,
        generator_is_the_limit: true,
    };
    let page = render_capacity(&ramp);
    assert!(page.contains("<h1>100 viewers are served well</h1>"));
    assert!(page.contains("With 150 a limit broke: gone."), "the fewest that broke, not the first tried");
    assert!(page.contains("loss &lt;b&gt;2 %") && page.contains("The generator may have been the limit"));
    assert!(page.contains("fanlight-bench capacity"));
    assert_eq!(unbalanced(&page), Vec::<String>::new());
    ramp.sustained_viewers = None;
    assert_eq!(capacity::headline(&ramp), "Not even 100 viewers are served well");
    ramp.steps.clear();
    assert!(render_capacity(&ramp).contains("Nothing was measured"));
}

/// Who measures on a machine that builds something else must not take the figures for the server's.
#[test]
fn a_machine_that_was_busy_is_told() {
    let mut report = example::report();
    let told = |report: &Report| {
        render(report).contains("The machine was busy before it began (load 4.64 on 2 cores)")
    };
    for (load, is_told) in [("4.64", true), ("1.9", false), ("", false)] {
        report.machine.load = load.to_owned();
        assert_eq!(told(&report), is_told, "{load}");
    }
}
