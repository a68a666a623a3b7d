//! What this program says on stdout: one JSON object a line. Events of routes and servers have the
//! shape that `bunbond client --json` gives them, and the client's index beside.

use rustbond::{ConnectionState, Route, Vni};
use serde_json::{Value, json};

/// Prints one line. A reader that is gone ends the program by the end of stdin, not here.
pub fn print(line: &Value) {
    println!("{line}");
}

/// The answer to one command.
pub fn print_answer(outcome: Result<(), String>) {
    print(&match outcome {
        Ok(()) => json!({ "event": "ok" }),
        Err(error) => json!({ "event": "error", "error": error }),
    });
}

pub fn route_event(event: &str, client: usize, vni: Vni, route: &Route) -> Value {
    let hop = &route.next_hop;
    json!({
        "event": event,
        "client": client,
        "vni": vni.0,
        "destination": route.destination.to_string(),
        "nextHop": {
            "address": hop.target_address.to_string(),
            "targetVni": hop.target_vni.unwrap_or(0),
            "type": hop.hop_type.to_string(),
            "natPortFrom": hop.nat_port_range_from,
            "natPortTo": hop.nat_port_range_to,
        },
    })
}

pub fn server_event(client: usize, server: &str, state: ConnectionState) -> Value {
    json!({
        "event": "server",
        "client": client,
        "server": server,
        "state": state.to_string().to_lowercase(),
    })
}
