//! The router in the middle: what it loses, how fast its roads are, and under which ports it lets its two clients appear.

use std::cell::Cell;
use std::fs;

use super::{Leg, Namespace, Network, NetworkError};

/// Ports that the router gives its clients' UDP; after a rebinding the next range.
const PORTS_FIRST: u16 = 20_000;
const PORTS: u16 = 1_000;

/// What a narrow road lets through at once: some packets. tc-tbf(8).
const BURST_BYTES: u32 = 6_000;
/// What waits before a narrow road, as before the uplink of a home: beyond that packets are lost.
const QUEUE_MS: u32 = 400;

/// One direction of a leg as the router counts it: UDP packets that came to it, and of these the lost ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Road {
    pub packets: u64,
    pub lost: u64,
}

/// What happens in the router.
#[derive(Debug, Clone, Copy, Default)]
struct Weather {
    /// In the order of [`Leg::ALL`].
    lost_per_mille: [u16; Leg::ALL.len()],
    rebindings: u16,
}

/// See the file's head.
pub struct Router {
    namespace: Namespace,
    weather: Cell<Weather>,
}

impl Router {
    pub(super) fn new(namespace: Namespace) -> Self {
        Self { namespace, weather: Cell::default() }
    }

    pub(super) fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    pub(super) fn start(&self) -> Result<(), NetworkError> {
        self.namespace
            .enter(|| fs::write("/proc/sys/net/ipv4/ip_forward", "1"))?
            .map_err(|error| NetworkError::NotAllowed(format!("ip_forward: {error}")))?;
        let legs = Leg::ALL.map(Leg::name);
        let counter = |what: &str, leg: &str| {
            format!("add counter inet road {leg}_up_{what}\nadd counter inet road {leg}_down_{what}\n")
        };
        let counters: String =
            legs.iter().map(|leg| counter("packets", leg) + &counter("lost", leg)).collect();
        self.rules(&format!(
            "add table inet road\n{counters}\
             add chain inet road forward {{ type filter hook forward priority 0; }}\n\
             add chain inet road input {{ type filter hook input priority 0; }}\n\
             add chain inet road output {{ type filter hook output priority 0; }}\n\
             add table ip outside\n\
             add chain ip outside coming {{ type nat hook prerouting priority -100; }}\n\
             add chain ip outside leaving {{ type nat hook postrouting priority 100; }}\n"
        ))?;
        self.apply()
    }

    /// From now on so many of a thousand UDP packets are lost on a leg, each way; 1,000 is an outage. What is lost on the
    /// server's leg is lost to publisher and viewer alike.
    ///
    /// # Errors
    /// nftables says no.
    pub fn lose(&self, leg: Leg, per_mille: u16) -> Result<(), NetworkError> {
        let mut weather = self.weather.get();
        for (lost, _) in weather.lost_per_mille.iter_mut().zip(Leg::ALL).filter(|(_, each)| *each == leg) {
            *lost = per_mille;
        }
        self.weather.set(weather);
        self.apply()
    }

    /// From now on the road down to that leg's end carries no more bits a second than this; None: as many as come. What does
    /// not fit waits, and is lost when the queue is full.
    ///
    /// # Errors
    /// [`NetworkError::NotAllowed`] where the kernel has no token buckets.
    pub fn limit(&self, leg: Leg, bits_a_second: Option<u32>) -> Result<(), NetworkError> {
        let road = leg.name();
        let command = match bits_a_second {
            Some(rate) => format!(
                "qdisc replace dev {road} root tbf rate {rate}bit burst {BURST_BYTES} latency {QUEUE_MS}ms\n"
            ),
            None => format!("qdisc delete dev {road} root\n"),
        };
        match self.namespace.run("tc", &["-batch", "-"], &command) {
            Err(NetworkError::Refused { error, .. }) if error.contains("qdisc kind is unknown") => {
                Err(NetworkError::NotAllowed(format!("tbf: {error}")))
            }
            other => other.map(drop),
        }
    }

    /// The router forgets its clients' ports and gives them others. What the server sends to an old one is for nobody.
    ///
    /// # Errors
    /// nftables or conntrack says no.
    pub fn rebind(&self) -> Result<(), NetworkError> {
        let mut weather = self.weather.get();
        weather.rebindings += 1;
        self.weather.set(weather);
        self.apply()?;
        self.namespace.run("conntrack", &["-D", "-p", "udp"], "").map(drop)
    }

    /// UDP of the clients goes to a port of the router itself.
    pub(super) fn redirect_to(&self, port: u16) -> Result<(), NetworkError> {
        let rule = |leg: Leg| {
            format!("add rule ip outside coming iifname {} ip protocol udp redirect to :{port}\n", leg.name())
        };
        self.rules(&[Leg::Publisher, Leg::Viewer].map(rule).concat())
    }

    /// What the router has counted on a leg since the start: up to the server, down from it.
    ///
    /// # Errors
    /// nftables says no.
    pub fn counted(&self, leg: Leg) -> Result<(Road, Road), NetworkError> {
        let text = self.namespace.run("nft", &["-j", "list", "counters", "table", "inet", "road"], "")?;
        let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let packets = |direction: &str, what: &str| {
            let name = format!("{}_{direction}_{what}", leg.name());
            let objects = json["nftables"].as_array().into_iter().flatten();
            let counter = objects.map(|object| &object["counter"]).find(|counter| counter["name"] == *name);
            counter.and_then(|counter| counter["packets"].as_u64()).unwrap_or_default()
        };
        let road =
            |direction| Road { packets: packets(direction, "packets"), lost: packets(direction, "lost") };
        Ok((road("up"), road("down")))
    }

    fn apply(&self) -> Result<(), NetworkError> {
        let weather = self.weather.get();
        let first = PORTS_FIRST + weather.rebindings * PORTS;
        let (last, outside) = (first + PORTS - 1, Leg::Server.address(1));
        let mut rules = String::from("flush table inet road\nflush chain ip outside leaving\n");
        for (leg, per_mille) in Leg::ALL.into_iter().zip(weather.lost_per_mille) {
            let (upwards, downwards) =
                if leg == Leg::Server { ("oifname", "iifname") } else { ("iifname", "oifname") };
            for (side, direction) in [(upwards, "up"), (downwards, "down")] {
                // What is delayed goes in and out instead of through.
                let aside = if side == "iifname" { "input" } else { "output" };
                let leg = leg.name();
                let which = match per_mille {
                    1000.. => String::new(),
                    _ => format!("numgen random mod 1000 < {per_mille}"),
                };
                for chain in ["forward", aside] {
                    let road = format!("add rule inet road {chain} {side} {leg} meta l4proto udp");
                    rules += &format!("{road} counter name {leg}_{direction}_packets\n");
                    rules += &format!("{road} {which} counter name {leg}_{direction}_lost drop\n");
                }
            }
        }
        let masquerade = "add rule ip outside leaving oifname server";
        rules += &format!("{masquerade} ip protocol udp snat to {outside}:{first}-{last}\n");
        rules += &format!("{masquerade} snat to {outside}\n");
        self.rules(&rules)
    }

    fn rules(&self, rules: &str) -> Result<(), NetworkError> {
        self.namespace.run("nft", &["-f", "-"], rules).map(drop)
    }
}

const _: () = assert!(matches!(Network::SERVER, std::net::IpAddr::V4(_)), "the rules are for IPv4");
