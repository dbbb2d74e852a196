//! The dataplane's configuration, made of ours. The only file of this crate that names it.

use fanlight::Config;

use super::Fault;

#[cfg(feature = "dataplane")]
pub(super) fn run(config: &Config) -> Result<(), Fault> {
    let socket = fanlight::socket::path(config).map_err(Fault::start)?;
    // A dataplane takes over the path of one that died; of one that lives it would take control away.
    if std::os::unix::net::UnixStream::connect(&socket).is_ok() {
        let socket = socket.display();
        return Err(Fault::Start(format!(
            "another dataplane serves {socket}; end it, or set control.socket to another path"
        )));
    }
    fanlight_dataplane::run(mapped(config, socket)).map_err(Fault::start)
}

#[cfg(feature = "dataplane")]
fn mapped(config: &Config, socket: std::path::PathBuf) -> fanlight_dataplane::Config {
    use fanlight::config::IoChoice;
    use fanlight_dataplane::{Backend, Limits, Tcp, TrainConfig};
    let media = &config.media;
    fanlight_dataplane::Config {
        socket,
        shards: media.shards,
        pin: media.pin,
        bind: media.bind,
        port_base: media.port_base,
        tcp: media.tcp.then_some(Tcp { port: media.tcp_port, connections_max: media.tcp_connections_max }),
        public_addresses: media.public_addresses.clone(),
        backend: match media.io {
            IoChoice::Auto => Backend::Auto,
            IoChoice::IoUring => Backend::IoUring,
            IoChoice::Plain => Backend::Plain,
        },
        key_frame_interval: (media.key_frame_interval_s > 0)
            .then(|| std::time::Duration::from_secs(media.key_frame_interval_s.into())),
        catch_up_speed: media.catch_up_speed,
        trains: TrainConfig {
            hold_max: std::time::Duration::from_micros(media.train_hold_us_max.into()),
            padding_bytes_max: media.train_padding_bytes_max,
            ..TrainConfig::default()
        },
        limits: Limits {
            sessions_max: config.limits.sessions_max,
            viewers_per_stream_max: config.limits.viewers_per_stream_max,
            connect_timeout: std::time::Duration::from_secs(media.connect_timeout_s.into()),
            retry_after_s: config.limits.retry_after_s,
        },
    }
}

#[cfg(not(feature = "dataplane"))]
pub(super) fn run(_config: &Config) -> Result<(), Fault> {
    Err(Fault::Start(
        "this binary was built without the dataplane; build it with its default features".to_owned(),
    ))
}
