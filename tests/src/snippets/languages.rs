//! What each language needs: how a program begins, how a call is written, how it is run.

use super::{Call, Part};

/// A language that calls are shown in.
pub struct Language {
    pub name: &'static str,
    /// Of code in Markdown.
    pub fence: &'static str,
    /// The file that the program is written into.
    pub file: &'static str,
    /// What `sh -c` runs in the file's folder.
    pub run: &'static str,
    /// The Debian package that has what runs it.
    pub package: &'static str,
    pub(crate) beginning: &'static str,
    pub(crate) indent: &'static str,
    pub(crate) line: fn(&Call) -> String,
    pub(crate) end: &'static str,
}

/// All of them.
pub const LANGUAGES: [Language; 6] = [
    Language {
        name: "curl",
        fence: "sh",
        file: "calls.sh",
        run: "sh calls.sh",
        package: "curl",
        beginning: CURL,
        indent: "",
        line: |call| command(call, |parts| quoted(parts, "\"", "$", "")),
        end: "",
    },
    Language {
        name: "Python",
        fence: "python",
        file: "calls.py",
        run: "python3 calls.py",
        package: "python3",
        beginning: PYTHON,
        indent: "",
        line: |call| function(call, |parts| prefixed("f", parts, "{", "}"), |body| format!("'{body}'"), ""),
        end: "",
    },
    Language {
        name: "Node",
        fence: "js",
        file: "calls.mjs",
        run: "node calls.mjs",
        package: "nodejs",
        beginning: NODE,
        indent: "",
        line: |call| {
            let written =
                function(call, |parts| quoted(parts, "`", "${", "}"), |body| format!("'{body}'"), ";");
            format!("await {written}")
        },
        end: "",
    },
    Language {
        name: "PHP",
        fence: "php",
        file: "calls.php",
        run: "php calls.php",
        package: "php-cli",
        beginning: PHP,
        indent: "",
        line: |call| function(call, |parts| quoted(parts, "\"", "{$", "}"), |body| format!("'{body}'"), ";"),
        end: "",
    },
    Language {
        name: "C#",
        fence: "csharp",
        file: "Calls.cs",
        run: "mcs -r:System.Net.Http Calls.cs && mono Calls.exe",
        package: "mono-mcs mono-runtime libmono-system-net-http4.0-cil",
        beginning: C_SHARP,
        indent: "        ",
        line: |call| {
            let body = |body: &str| format!("@\"{}\"", body.replace('"', "\"\""));
            capitalised(function(call, |parts| prefixed("$", parts, "{", "}"), body, ";"))
        },
        end: "    }\n}\n",
    },
    Language {
        name: "Java",
        fence: "java",
        file: "Calls.java",
        run: "java Calls.java",
        package: "default-jdk-headless",
        beginning: JAVA,
        indent: "        ",
        line: |call| {
            let body = |body: &str| format!("\"{}\"", body.replace('"', "\\\""));
            function(call, added, body, ";")
        },
        end: "    }\n}\n",
    },
];

/// A string that names its variables.
fn quoted(parts: &[Part], quote: &str, before: &str, behind: &str) -> String {
    let written = parts.iter().map(|part| match part {
        Part::Text(text) => (*text).to_owned(),
        Part::Variable(name) => format!("{before}{name}{behind}"),
    });
    format!("{quote}{}{quote}", written.collect::<String>())
}

/// The same where a string that has variables is marked.
fn prefixed(mark: &str, parts: &[Part], before: &str, behind: &str) -> String {
    let has_variables = parts.iter().any(|part| matches!(part, Part::Variable(_)));
    let mark = if has_variables { mark } else { "" };
    format!("{mark}{}", quoted(parts, "\"", before, behind))
}

/// A string and its variables, one after the other.
fn added(parts: &[Part]) -> String {
    let written = parts.iter().map(|part| match part {
        Part::Text(text) => format!("\"{text}\""),
        Part::Variable(name) => (*name).to_owned(),
    });
    written.collect::<Vec<_>>().join(" + ")
}

fn command(call: &Call, path: impl Fn(&[Part]) -> String) -> String {
    let body = call.body.map(|body| format!(" '{body}'")).unwrap_or_default();
    format!("call {} {}{body}", call.method, path(&call.parts()))
}

fn function(
    call: &Call,
    path: impl Fn(&[Part]) -> String,
    body: impl Fn(&str) -> String,
    end: &str,
) -> String {
    let body = call.body.map(|text| format!(", {}", body(text))).unwrap_or_default();
    format!("call(\"{}\", {}{body}){end}", call.method, path(&call.parts()))
}

fn capitalised(line: String) -> String {
    line.replacen("call(", "Call(", 1)
}

const CURL: &str = r#"stream=$STREAM session=$SESSION

call() {
    [ -z "${3:-}" ] || set -- "$1" "$2" --header "Content-Type: application/json" --data "$3"
    method=$1 path=$2
    shift 2
    curl --silent --show-error --request "$method" --header "Authorization: Bearer $FANLIGHT_TOKEN" \
        --write-out ' %{http_code}\n' "$@" "$FANLIGHT_API$path"
}

"#;

const PYTHON: &str = r#"import os
import urllib.error
import urllib.request

stream, session = os.environ["STREAM"], os.environ["SESSION"]


def call(method, path, body=None):
    headers = {"Authorization": "Bearer " + os.environ["FANLIGHT_TOKEN"]}
    if body is not None:
        headers["Content-Type"] = "application/json"
    request = urllib.request.Request(
        os.environ["FANLIGHT_API"] + path, body and body.encode(), headers, method=method
    )
    try:
        answer = urllib.request.urlopen(request, timeout=10)
    except urllib.error.HTTPError as refusal:
        answer = refusal
    with answer:
        print(answer.read().decode(), answer.status)


"#;

const NODE: &str = r#"const { FANLIGHT_API, FANLIGHT_TOKEN, STREAM: stream, SESSION: session } = process.env;

async function call(method, path, body) {
  const headers = { Authorization: `Bearer ${FANLIGHT_TOKEN}` };
  if (body) headers["Content-Type"] = "application/json";
  const answer = await fetch(FANLIGHT_API + path, { method, headers, body });
  console.log(await answer.text(), answer.status);
}

"#;

const PHP: &str = r#"<?php
[$stream, $session] = [getenv("STREAM"), getenv("SESSION")];

function call($method, $path, $body = "") {
    $headers = ["Authorization: Bearer " . getenv("FANLIGHT_TOKEN")];
    if ($body !== "") $headers[] = "Content-Type: application/json";
    $options = ["method" => $method, "header" => $headers, "content" => $body, "ignore_errors" => true, "timeout" => 10];
    $answer = file_get_contents(getenv("FANLIGHT_API") . $path, false, stream_context_create(["http" => $options]));
    echo $answer, " ", explode(" ", $http_response_header[0])[1], "\n";
}

"#;

const C_SHARP: &str = r#"using System;
using System.Net.Http;
using System.Text;

class Calls {
    static readonly HttpClient client = new HttpClient();

    static string Variable(string name) { return Environment.GetEnvironmentVariable(name); }

    static void Call(string method, string path, string body = null) {
        var request = new HttpRequestMessage(new HttpMethod(method), Variable("FANLIGHT_API") + path);
        request.Headers.Add("Authorization", "Bearer " + Variable("FANLIGHT_TOKEN"));
        if (body != null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        using (var answer = client.SendAsync(request).Result)
            Console.WriteLine("{0} {1}", answer.Content.ReadAsStringAsync().Result, (int)answer.StatusCode);
    }

    static void Main() {
        string stream = Variable("STREAM"), session = Variable("SESSION");
"#;

const JAVA: &str = r#"import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;

class Calls {
    static final HttpClient client = HttpClient.newHttpClient();

    static void call(String method, String path, String... body) throws Exception {
        var request = HttpRequest.newBuilder(URI.create(System.getenv("FANLIGHT_API") + path))
            .header("Authorization", "Bearer " + System.getenv("FANLIGHT_TOKEN"));
        if (body.length > 0) request.header("Content-Type", "application/json");
        request.method(method, body.length > 0 ? BodyPublishers.ofString(body[0]) : BodyPublishers.noBody());
        var answer = client.send(request.build(), BodyHandlers.ofString());
        System.out.println(answer.body() + " " + answer.statusCode());
    }

    public static void main(String[] arguments) throws Exception {
        String stream = System.getenv("STREAM"), session = System.getenv("SESSION");
"#;
