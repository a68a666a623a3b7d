//! Server mode.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use rustbond::{Error, MetalBondServer, ServerConfig};
use serde_json::json;

use crate::output::{print, print_answer};
use crate::{Lines, Outcome};

const PORT_ATTEMPTS: usize = 10;

pub async fn run(listen: SocketAddr, keepalive_seconds: u32, mut lines: Lines) -> Outcome<()> {
    let (address, server) = start(listen, keepalive_seconds).await?;
    print(&json!({ "event": "listening", "address": address.to_string() }));
    while let Some(line) = lines.recv().await {
        match line.as_str() {
            "stats" => print(&json!({
                "event": "stats",
                "peers": server.peer_count().await,
                "routes": server.route_count().await,
            })),
            _ => print_answer(Err(format!("unknown command {line}"))),
        }
    }
    Ok(())
}

/// rustbond does not tell which port the kernel gave it, so for port 0 a free one is looked up
/// first. Somebody else may take it in between: then another one is tried.
async fn start(
    listen: SocketAddr,
    keepalive_seconds: u32,
) -> Outcome<(SocketAddr, MetalBondServer)> {
    for attempt in 1.. {
        let address = match listen.port() {
            0 => free_address(listen).map_err(|error| format!("{listen}: {error}"))?,
            _ => listen,
        };
        let config = ServerConfig {
            keepalive_interval: keepalive_seconds,
        };
        match MetalBondServer::start(address.to_string(), config).await {
            Ok(server) => return Ok((address, server)),
            Err(Error::Connection(error))
                if error.kind() == ErrorKind::AddrInUse
                    && listen.port() == 0
                    && attempt < PORT_ATTEMPTS => {}
            Err(error) => return Err(format!("{address}: {error}")),
        }
    }
    unreachable!("the last attempt returns")
}

fn free_address(listen: SocketAddr) -> std::io::Result<SocketAddr> {
    TcpListener::bind(listen)?.local_addr()
}
