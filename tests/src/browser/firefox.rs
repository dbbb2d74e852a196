//! Headless Firefox, driven over Marionette.
//!
//! H.264 in a user's Firefox is a plugin that is fetched from its maker's host, which a test must not do. It is decoded here by
//! the system's FFmpeg instead, as Firefox does where it takes that for hardware: two preferences say so.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use super::marionette::Marionette;
use super::process::Process;
use super::{ANSWER_TIMEOUT, BrowserError, Engine, LOOK_INTERVAL, Make, WINDOW, text};
use crate::temporary::TemporaryFolder;

const PACKAGE: &str = "firefox-esr";
/// Firefox writes the port that it listens on into its profile.
const PORT_FILE: &str = "MarionetteActivePort";

/// Media plays and captures without a user and without a sound card, and loopback is a network like others. What Marionette does not turn off by
/// itself of the talk with its maker's hosts is turned off here.
const PREFERENCES: &str = r#"
user_pref("marionette.port", 0);
user_pref("media.navigator.permission.disabled", true);
user_pref("media.navigator.streams.fake", true);
user_pref("media.autoplay.default", 0);
user_pref("media.autoplay.blocking_policy", 0);
user_pref("media.autoplay.block-webaudio", false);
user_pref("media.block-autoplay-until-in-foreground", false);
user_pref("media.cubeb.force_mock_context", true);
user_pref("media.peerconnection.ice.loopback", true);
user_pref("media.peerconnection.ice.obfuscate_host_addresses", false);
user_pref("media.webrtc.hw.h264.enabled", true);
user_pref("gfx.blacklist.webrtc.hw.acceleration.h264", 1);
user_pref("media.gmp-manager.url", "");
user_pref("media.gmp-manager.updateEnabled", false);
user_pref("media.gmp-provider.enabled", false);
user_pref("dom.min_background_timeout_value", 4);
user_pref("dom.timeout.enable_budget_timer_throttling", false);
user_pref("widget.windows.window_occlusion_tracking.enabled", false);
user_pref("app.normandy.enabled", false);
user_pref("app.update.enabled", false);
user_pref("browser.newtabpage.enabled", false);
user_pref("browser.region.network.url", "");
user_pref("browser.search.update", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.startup.page", 0);
user_pref("datareporting.healthreport.uploadEnabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("dom.push.connection.enabled", false);
user_pref("extensions.systemAddon.update.enabled", false);
user_pref("extensions.update.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("network.dns.disablePrefetch", true);
user_pref("network.prefetch-next", false);
user_pref("network.trr.mode", 5);
user_pref("toolkit.telemetry.enabled", false);
user_pref("toolkit.telemetry.unified", false);
user_pref("trailhead.firstrun.didSeeAboutWelcome", true);
"#;

/// A window is named by Marionette's handle; commands go to the one that was switched to last.
pub(super) struct Firefox {
    marionette: Marionette,
    /// Switched to.
    current: String,
    /// The window that Firefox starts with: privileged scripts, too, need one that is there.
    first: String,
    _process: Process,
}

impl Firefox {
    pub(super) fn start(arguments: &[&str]) -> Result<Self, BrowserError> {
        let program = std::env::var("FANLIGHT_FIREFOX").unwrap_or_else(|_| PACKAGE.to_owned());
        let failed = |error| BrowserError::Start { program: program.clone(), package: PACKAGE, error };
        let profile = TemporaryFolder::new("firefox").map_err(failed)?;
        let folder = profile.path().to_owned();
        fs::write(folder.join("user.js"), PREFERENCES).map_err(failed)?;
        let mut command = Command::new(&program);
        // The console of the pages is read with the browser's own rights, which are asked for.
        command.args(["--headless", "--no-remote", "--marionette", "--remote-allow-system-access"]);
        command.arg("--profile").arg(&folder).args(arguments);
        command.env("HOME", &folder).env("MOZ_CRASHREPORTER_DISABLE", "1");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = Process::start(&mut command, PACKAGE, profile)?;
        let marionette = connect(&folder, &mut process)?;
        let (current, first) = (String::new(), String::new());
        let mut firefox = Self { marionette, current, first, _process: process };
        firefox.call("WebDriver:NewSession", &json!({}))?;
        firefox.first = text(&firefox.call("WebDriver:GetWindowHandle", &json!({}))?["value"]);
        firefox.current.clone_from(&firefox.first);
        let timeout_ms = ANSWER_TIMEOUT.as_secs() * 1000;
        firefox.call("WebDriver:SetTimeouts", &json!({"script": timeout_ms, "pageLoad": timeout_ms}))?;
        Ok(firefox)
    }

    fn call(&mut self, name: &str, parameters: &Value) -> Result<Value, BrowserError> {
        self.marionette.call(name, parameters)
    }

    fn switch(&mut self, window: &str) -> Result<(), BrowserError> {
        if self.current != window {
            self.call("WebDriver:SwitchToWindow", &json!({"handle": window, "focus": false}))?;
            window.clone_into(&mut self.current);
        }
        Ok(())
    }

    /// Runs a function body where the browser's own scripts run.
    fn privileged(&mut self, body: &str) -> Result<Value, BrowserError> {
        self.call("Marionette:SetContext", &json!({"value": "chrome"}))?;
        let result = self.call("WebDriver:ExecuteScript", &json!({"script": body, "args": []}));
        self.call("Marionette:SetContext", &json!({"value": "content"}))?;
        Ok(result?["value"].take())
    }
}

impl Engine for Firefox {
    fn version(&mut self) -> Result<String, BrowserError> {
        let version = self.privileged("return 'Firefox ' + Services.appinfo.version")?;
        Ok(text(&version))
    }

    fn open(&mut self) -> Result<String, BrowserError> {
        let window = self.call("WebDriver:NewWindow", &json!({"type": "window", "focus": false}))?;
        let handle = text(&window["handle"]);
        self.switch(&handle)?;
        let (width, height) = WINDOW;
        self.call("WebDriver:SetWindowRect", &json!({"width": width, "height": height}))?;
        Ok(handle)
    }

    fn navigate(&mut self, window: &str, url: &str) -> Result<(), BrowserError> {
        // A page that may not see a camera is kept to the address of the default route, which is not loopback (RFC 8828).
        self.privileged(&format!(
            "const page = Services.io.newURI({url:?});\
             const owner = Services.scriptSecurityManager.createContentPrincipal(page, {{}});\
             Services.perms.addFromPrincipal(owner, 'camera', Services.perms.ALLOW_ACTION);"
        ))?;
        self.switch(window)?;
        self.call("WebDriver:Navigate", &json!({"url": url})).map(drop)
    }

    fn evaluate(&mut self, window: &str, script: &str) -> Result<Value, BrowserError> {
        self.switch(window)?;
        let parameters = json!({"script": format!("return ({script})"), "args": []});
        match self.call("WebDriver:ExecuteScript", &parameters) {
            Ok(mut result) => Ok(result["value"].take()),
            Err(BrowserError::Protocol { error, .. }) => {
                Err(BrowserError::Script { script: script.to_owned(), error })
            }
            Err(other) => Err(other),
        }
    }

    fn screenshot(&mut self, window: &str) -> Result<String, BrowserError> {
        self.switch(window)?;
        let shot = self.call("WebDriver:TakeScreenshot", &json!({"full": false, "hash": false}))?;
        Ok(text(&shot["value"]))
    }

    fn console(&mut self, window: &str) -> Vec<String> {
        // The browser complains of itself in the same place: pages are told apart by where their scripts came from.
        let lines = self.switch(window).and_then(|()| {
            self.privileged(
                "const own = gBrowser.selectedBrowser.innerWindowID;\
                 return Services.console.getMessageArray()\
                 .filter((one) => one.innerWindowID === own && !(one.flags & 1)).map(String)",
            )
        });
        let lines = lines.as_ref().ok().and_then(Value::as_array);
        lines.into_iter().flatten().map(text).collect()
    }

    fn close(&mut self, window: &str) -> Result<(), BrowserError> {
        self.switch(window)?;
        self.call("WebDriver:CloseWindow", &json!({}))?;
        let first = self.first.clone();
        self.switch(&first)
    }

    fn crash(&mut self, _window: &str) -> Result<(), BrowserError> {
        Err(BrowserError::Unable(Make::Firefox, "let a page crash"))
    }
}

impl Drop for Firefox {
    fn drop(&mut self) {
        // One that does not hear this is ended with its process.
        let _ = self.call("Marionette:Quit", &json!({"flags": ["eForceQuit"]}));
    }
}

/// Waits until Firefox listens.
fn connect(profile: &Path, process: &mut Process) -> Result<Marionette, BrowserError> {
    let end = Instant::now() + ANSWER_TIMEOUT;
    loop {
        let port = fs::read_to_string(profile.join(PORT_FILE)).ok().and_then(|port| port.trim().parse().ok());
        if let Some(marionette) = port.and_then(|port| Marionette::connect(port).ok()) {
            return Ok(marionette);
        }
        if matches!(process.child.try_wait(), Ok(Some(_))) {
            return Err(BrowserError::Gone(process.last_words()));
        }
        if end <= Instant::now() {
            return Err(BrowserError::NoAnswer("the start".to_owned(), ANSWER_TIMEOUT));
        }
        thread::sleep(LOOK_INTERVAL);
    }
}
