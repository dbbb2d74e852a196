//! Networks that lose packets, fall silent, and change a peer's port, between real kernels' sockets: network namespaces with
//! a router of nftables between server, publisher and viewer. Where such networks may not be made, each test says so.

mod browsers;
mod crossing;
mod narrow;
mod scene;
