//! Client mode: one or many clients in one process.
//!
//! rustbond 0.1.3 fixes a client's keepalive interval (5 s, or the server's if that is less) and its
//! retry (5 to 10 s, but any withdraw or unsubscribe ends the wait at once).

use std::collections::HashMap;
use std::time::Duration;

use ipnet::IpNet;
use rustbond::{
    ConnectionState, Destination, MetalBondClient, NextHop, Route, RouteHandler, ServerId, Vni,
};

use crate::output::{print, print_answer, route_event, server_event};
use crate::{Lines, Outcome, parse};

/// rustbond has no event for a change of state, so it is looked up this often.
const STATE_POLL: Duration = Duration::from_millis(10);

/// Prints each change of one client's view.
struct Reporter {
    client: usize,
}

impl RouteHandler for Reporter {
    fn add_route(&self, vni: Vni, route: Route) {
        print(&route_event("add", self.client, vni, &route));
    }

    fn remove_route(&self, vni: Vni, route: Route) {
        print(&route_event("remove", self.client, vni, &route));
    }
}

struct Client {
    index: usize,
    bond: MetalBondClient<Reporter>,
    reported: HashMap<ServerId, ConnectionState>,
}

impl Client {
    fn connect(index: usize, servers: &[&str]) -> Self {
        let bond = MetalBondClient::connect(servers, Reporter { client: index });
        Client {
            index,
            bond,
            reported: HashMap::new(),
        }
    }

    fn report_states(&mut self) {
        for (id, state) in self.bond.server_states() {
            if self.reported.insert(id, state) != Some(state) {
                let address = self.bond.server_addr(id).unwrap_or_default();
                print(&server_event(self.index, address, state));
            }
        }
    }

    async fn execute(&self, command: Command) -> rustbond::Result<()> {
        match command {
            Command::Subscribe(vni) => self.bond.subscribe(vni).await,
            Command::Unsubscribe(vni) => self.bond.unsubscribe(vni).await,
            Command::Announce(vni, to, hop) => self.bond.announce(vni, to, hop).await,
            Command::Withdraw(vni, to, hop) => self.bond.withdraw(vni, to, hop).await,
        }
    }
}

enum Command {
    Subscribe(Vni),
    Unsubscribe(Vni),
    Announce(Vni, Destination, NextHop),
    Withdraw(Vni, Destination, NextHop),
}

impl std::str::FromStr for Command {
    type Err = String;

    fn from_str(line: &str) -> Outcome<Self> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["subscribe", vni] => Ok(Command::Subscribe(Vni(parse(vni)?))),
            ["unsubscribe", vni] => Ok(Command::Unsubscribe(Vni(parse(vni)?))),
            [
                verb @ ("announce" | "withdraw"),
                vni,
                prefix,
                hop,
                ref kind @ ..,
            ] => {
                let vni = Vni(parse(vni)?);
                let to = Destination::new(parse::<IpNet>(prefix)?);
                let address = parse(hop)?;
                let hop = match kind {
                    [] | ["std"] => NextHop::standard(address),
                    ["lb"] => NextHop::load_balancer(address),
                    ["nat", from, to] => NextHop::nat(address, parse(from)?, parse(to)?),
                    _ => return Err("unknown type of route".into()),
                };
                Ok(match verb {
                    "announce" => Command::Announce(vni, to, hop),
                    _ => Command::Withdraw(vni, to, hop),
                })
            }
            _ => Err("unknown command".into()),
        }
    }
}

/// Lets all clients do what the line says, or the one that it names.
async fn execute(clients: &[Client], line: &str) -> Outcome<()> {
    let (chosen, template) = match line.strip_prefix('@').and_then(|rest| rest.split_once(' ')) {
        Some((index, template)) => {
            let index: usize = parse(index)?;
            let client = clients.get(index).ok_or(format!("no client {index}"))?;
            (std::slice::from_ref(client), template)
        }
        None => (clients, line),
    };
    for client in chosen {
        let command: Command = parse(&template.replace("{n}", &client.index.to_string()))?;
        let outcome = client.execute(command).await;
        outcome.map_err(|error| format!("client {}: {error}", client.index))?;
    }
    Ok(())
}

pub async fn run(servers: &[String], count: usize, mut lines: Lines) -> Outcome<()> {
    let servers: Vec<&str> = servers.iter().map(String::as_str).collect();
    let mut clients: Vec<Client> = (0..count).map(|i| Client::connect(i, &servers)).collect();
    let mut poll = tokio::time::interval(STATE_POLL);
    loop {
        tokio::select! {
            line = lines.recv() => match line {
                Some(line) => print_answer(execute(&clients, &line).await),
                None => return Ok(()),
            },
            _ = poll.tick() => clients.iter_mut().for_each(Client::report_states),
        }
    }
}
