//! The programs of docs/api-examples.md, run as they stand there, each against a stream and a viewer that are really there.

use std::fs;
use std::process::Command;

use fanlight_tests::client::{PublisherOptions, ViewerOptions};
use fanlight_tests::server::Settings;
use fanlight_tests::snippets::{CALLS, LANGUAGES, Language, program};
use fanlight_tests::{Failure, TemporaryFolder, TestResult, http};

use crate::scene::Scene;

const TOKEN: &str = "admin-0123456789abcdef0123456789abcdef";

/// The API on the public port; of the token its SHA-256.
const API: &str = "[api]\nport = 0\non_public = true\n[[api.tokens]]\nname = 'snippets'\nscopes = ['read', 'control', 'admin']\n\
                   sha256 = '8f0becd4e2d8bbda113b8b4dc9613712c3a3f6c7cdca39922a4e4ef529a414f1'";

fn scene_of(stream: &str) -> TestResult<Scene> {
    let mut scene = Scene::start(&Settings { more: API, ..Settings::default() })?;
    scene.publish(stream, PublisherOptions::default())?;
    scene.watch(stream, ViewerOptions::default())?;
    scene.run_until_packets(1)?;
    Ok(scene)
}

/// Handles of those who watch.
fn viewers(scene: &Scene) -> TestResult<Vec<String>> {
    let authorization = format!("Bearer {TOKEN}");
    let headers = [("Authorization", authorization.as_str())];
    let answer = http::request(scene.server.address(), "GET", "/api/v2/sessions?role=viewer", &headers, "")?;
    let list = answer.json()?;
    let handles = list["items"].as_array().into_iter().flatten();
    Ok(handles.filter_map(|session| session["handle"].as_str().map(str::to_owned)).collect())
}

/// What the program prints of each call: the answer's body, and its status.
fn run(language: &Language, scene: &Scene, session: &str) -> TestResult<Vec<(String, u16)>> {
    let folder = TemporaryFolder::new("snippets")?;
    fs::write(folder.path().join(language.file), program(language))?;
    let output = Command::new("sh")
        .args(["-c", language.run])
        .current_dir(folder.path())
        .env("FANLIGHT_API", scene.server.url())
        .env("FANLIGHT_TOKEN", TOKEN)
        .env("STREAM", "camera")
        .env("SESSION", session)
        .output()?;
    let (name, package) = (language.name, language.package);
    let said = String::from_utf8_lossy(&output.stderr);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{name} did not run; does it lack {package}? {said}{printed}");
    let read = |line: &str| {
        let (body, status) = line.rsplit_once(' ')?;
        Some((body.to_owned(), status.parse().ok()?))
    };
    let lines: Option<Vec<_>> = printed.lines().map(read).collect();
    lines.ok_or_else(|| Failure::new(format!("{name} printed {printed}{said}")))
}

fn works(name: &str) -> TestResult {
    let language = LANGUAGES.iter().find(|language| language.name == name);
    let language = language.ok_or_else(|| Failure::new(format!("{name} is none of the languages")))?;
    let mut scene = scene_of("camera")?;
    let watching = viewers(&scene)?;
    let [session] = &watching[..] else { return Err(Failure::new(format!("not one viewer: {watching:?}"))) };
    let answers = run(language, &scene, session)?;
    let expected: Vec<u16> = CALLS.iter().map(|call| call.status).collect();
    let statuses: Vec<u16> = answers.iter().map(|(_, status)| *status).collect();
    assert_eq!(statuses, expected, "{name}: {answers:?}");
    for (number, holds) in
        [(0, "\"live\""), (1, "\"camera\""), (2, "\"viewers\":1"), (3, session.as_str()), (5, "2099")]
    {
        let (body, _) = &answers[number];
        assert!(body.contains(holds), "{name}, {}: {body}", CALLS[number].title);
    }
    scene.run_until_server("the stream has ended", |server| {
        server.streams().is_ok_and(|streams| streams.is_empty())
    })?;
    assert_eq!(viewers(&scene)?, Vec::<String>::new());
    Ok(())
}

macro_rules! languages {
    ($($test:ident: $name:literal,)*) => {$(
        /// Whoever copies it from the docs must be able to run it.
        #[test]
        fn $test() -> TestResult {
            works($name)
        }
    )*};
}

languages! {
    the_calls_work_in_curl: "curl",
    the_calls_work_in_python: "Python",
    the_calls_work_in_node: "Node",
    the_calls_work_in_php: "PHP",
    the_calls_work_in_c_sharp: "C#",
    the_calls_work_in_java: "Java",
}
